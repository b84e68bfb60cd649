//go:build privileged

package tests

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Attacks of one user on the processes of another.

// attack tries everything that another user's process can do to a process and to each of its
// threads. It runs in a copy of this test binary, and prints a line for each kind of attempt
// that succeeds. The attempts that may end the victim come last.
func attack(target string) {
	pid, err := strconv.Atoi(target)
	if err != nil {
		fmt.Println("not a pid:", target)
		return
	}
	said := map[string]bool{}
	try := func(what string, err error) {
		if err == nil && !said[what] {
			said[what] = true
			fmt.Println(what)
		}
	}
	var threads []int
	tasks, _ := filepath.Glob("/proc/" + target + "/task/*")
	for _, task := range tasks {
		tid, _ := strconv.Atoi(filepath.Base(task))
		threads = append(threads, tid)
	}
	if len(threads) == 0 {
		fmt.Println("no threads to attack")
		return
	}
	attackFiles("/proc/"+target, "", try)
	for _, task := range tasks {
		attackFiles(task, "task/", try)
	}
	attackMemory(pid, try)
	for _, tid := range append(threads, pid) {
		attackScheduling(tid, try)
	}
	for _, tid := range threads {
		try("ptrace attach", unix.PtraceAttach(tid))
		try("ptrace seize", unix.PtraceSeize(tid))
	}
	for _, id := range append(threads, pid) {
		for r := range 16 {
			var old unix.Rlimit
			try("prlimit get", unix.Prlimit(id, r, nil, &old))
			try("prlimit set", unix.Prlimit(id, r, &unix.Rlimit{}, nil))
		}
	}
	attackBySignals(pid, threads, try)
}

// attackFiles opens, reads and writes all that a directory below /proc has.
func attackFiles(dir, where string, try func(string, error)) {
	entries, err := os.ReadDir(dir)
	if len(entries) > 0 {
		try("list "+strings.TrimSuffix(where, "/"), err)
	}
	for _, entry := range entries {
		path, name := filepath.Join(dir, entry.Name()), where+entry.Name()
		switch {
		case entry.Name() == "task" || entry.Name() == "net": // net is its namespace's
		case entry.IsDir():
			attackFiles(path, name+"/", try)
		case entry.Type()&os.ModeSymlink != 0:
			_, err := os.Readlink(path)
			try("readlink "+name, err)
		default:
			attackFile(path, name, try)
		}
	}
}

// attackFile opens, reads and writes one file.
func attackFile(path, name string, try func(string, error)) {
	if f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0); err == nil {
		try("open "+name, nil)
		if _, err := f.Read(make([]byte, 1)); err == nil || err == io.EOF { // some are empty
			try("read "+name, nil)
		}
		f.Close()
	}
	if f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
		try("open "+name+" to write", nil)
		_, err := f.WriteString("0")
		try("write "+name, err)
		f.Close()
	}
}

// attackMemory tries what needs the right to trace. An address that is not mapped is enough:
// without the right the kernel says EPERM before it looks at the address.
func attackMemory(pid int, try func(string, error)) {
	may := func(what string, err error) {
		if err != unix.EPERM && err != unix.EACCES && err != unix.ENOSYS {
			try(what, nil)
		}
	}
	local := make([]byte, 8)
	mine := []unix.Iovec{{Base: &local[0], Len: 8}}
	theirs := []unix.RemoteIovec{{Base: 0x1000, Len: 8}}
	_, err := unix.ProcessVMReadv(pid, mine, theirs, 0)
	may("process_vm_readv", err)
	_, err = unix.ProcessVMWritev(pid, mine, theirs, 0)
	may("process_vm_writev", err)
	for kind, what := range []string{"file", "vm", "files", "fs", "sighand", "io", "sysvsem"} {
		_, _, e := syscall.Syscall6(unix.SYS_KCMP, uintptr(os.Getpid()), uintptr(pid), uintptr(kind), 0, 0, 0)
		may("kcmp "+what, errorOf(e))
	}
	_, _, e := syscall.Syscall6(unix.SYS_MOVE_PAGES, uintptr(pid), 0, 0, 0, 0, 0)
	may("move_pages", errorOf(e))
	var head, size uintptr
	_, _, e = syscall.Syscall(unix.SYS_GET_ROBUST_LIST, uintptr(pid), uintptr(unsafe.Pointer(&head)),
		uintptr(unsafe.Pointer(&size)))
	may("get_robust_list", errorOf(e))
	if fd, err := unix.PidfdOpen(pid, 0); err == nil {
		for n := range 16 {
			got, err := unix.PidfdGetfd(fd, n, 0)
			may("pidfd_getfd", err)
			if err == nil {
				unix.Close(got)
			}
		}
		unix.Close(fd)
	}
}

// errorOf is the result of a raw system call as an error.
func errorOf(e syscall.Errno) error {
	if e == 0 {
		return nil
	}
	return e
}

// attackScheduling sets what a thread has already. Only its owner may do that.
func attackScheduling(tid int, try func(string, error)) {
	if nice, err := unix.Getpriority(unix.PRIO_PROCESS, tid); err == nil {
		try("setpriority", unix.Setpriority(unix.PRIO_PROCESS, tid, 20-nice)) // the kernel counts from 40 down
	}
	var set unix.CPUSet
	if unix.SchedGetaffinity(tid, &set) == nil {
		try("sched_setaffinity", unix.SchedSetaffinity(tid, &set))
	}
	if attr, err := unix.SchedGetAttr(tid, 0); err == nil {
		try("sched_setattr", unix.SchedSetAttr(tid, attr, 0))
		priority := int32(attr.Priority)
		_, _, e := syscall.Syscall(unix.SYS_SCHED_SETSCHEDULER, uintptr(tid), uintptr(attr.Policy),
			uintptr(unsafe.Pointer(&priority)))
		try("sched_setscheduler", errorOf(e))
		_, _, e = syscall.Syscall(unix.SYS_SCHED_SETPARAM, uintptr(tid), uintptr(unsafe.Pointer(&priority)), 0)
		try("sched_setparam", errorOf(e))
	}
	const process = 1
	_, _, e := syscall.Syscall(unix.SYS_IOPRIO_SET, process, uintptr(tid), 0)
	try("ioprio_set", errorOf(e))
}

// attackBySignals sends all kinds of signals by all kinds of calls, the
// deadly ones last.
func attackBySignals(pid int, threads []int, try func(string, error)) {
	for _, sig := range []unix.Signal{0, unix.SIGURG, unix.SIGUSR1, unix.SIGHUP, unix.SIGINT, unix.SIGTSTP, 33,
		unix.SIGQUIT, unix.SIGTERM, unix.SIGSTOP, unix.SIGKILL} {
		queued := [16]uint64{uint64(sig), uint64(0xffffffff)} // si_code is SI_QUEUE
		_, _, e := syscall.Syscall(unix.SYS_RT_SIGQUEUEINFO, uintptr(pid), uintptr(sig),
			uintptr(unsafe.Pointer(&queued)))
		try(fmt.Sprint("rt_sigqueueinfo ", sig), errorOf(e))
		for _, tid := range threads {
			_, _, e := syscall.Syscall6(unix.SYS_RT_TGSIGQUEUEINFO, uintptr(pid), uintptr(tid), uintptr(sig),
				uintptr(unsafe.Pointer(&queued)), 0, 0)
			try(fmt.Sprint("rt_tgsigqueueinfo ", sig), errorOf(e))
			try(fmt.Sprint("tgkill ", sig), unix.Tgkill(pid, tid, sig))
			_, _, e = syscall.Syscall(unix.SYS_TKILL, uintptr(tid), uintptr(sig), 0)
			try(fmt.Sprint("tkill ", sig), errorOf(e))
		}
		if fd, err := unix.PidfdOpen(pid, 0); err == nil {
			try(fmt.Sprint("pidfd_send_signal ", sig), unix.PidfdSendSignal(fd, sig, nil, 0))
			unix.Close(fd)
		}
		try(fmt.Sprint("kill ", sig), unix.Kill(pid, sig))
	}
}

// ownersRights are the kinds of attempt that any process allows its own user:
// they end it or slow it down, and take nothing from it.
var ownersRights = []string{"kill", "tgkill", "tkill", "pidfd_send_signal", "rt_sigqueueinfo", "rt_tgsigqueueinfo",
	"prlimit", "setpriority", "sched_setaffinity", "sched_setattr", "sched_setscheduler", "sched_setparam", "ioprio_set"}

// beyondOwners returns the lines of an attack that are more than ownersRights.
func beyondOwners(lines string) (more string) {
	for line := range strings.Lines(lines) {
		if kind, _, _ := strings.Cut(strings.TrimSpace(line), " "); !slices.Contains(ownersRights, kind) {
			more += line
		}
	}
	return more
}

// rawAttack runs attack as a user, and returns what succeeded.
func rawAttack(t *testing.T, user, pid string) string {
	t.Helper()
	cmd := exec.Command("setpriv", "--reuid", user, "--regid", user, "--init-groups", "/opt/attacker")
	cmd.Env = []string{"CAPSU_ATTACK=" + pid, "CAPSU_WORLD=."}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("attacker: %v: %s", err, out)
	}
	return string(out)
}

// openToEverybody has, by user, what that user can do to any process of root's, such as reading
// its state. It differs between kernels, so it is measured here.
var openToEverybody struct {
	sync.Mutex
	of map[string]string
}

// everybodys returns what a user can do to any process of root's.
func everybodys(t *testing.T, user string) string {
	t.Helper()
	openToEverybody.Lock()
	defer openToEverybody.Unlock()
	if text, known := openToEverybody.of[user]; known {
		return text
	}
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	eventually(t, "root's process", func() bool { return running(cmd.Process.Pid, "sleep") })
	text := rawAttack(t, user, fmt.Sprint(cmd.Process.Pid))
	if errors.Is(syscall.Kill(cmd.Process.Pid, 0), syscall.ESRCH) || strings.Contains(text, "kill") {
		t.Fatalf("%s reaches root's processes: %s", user, text)
	}
	if openToEverybody.of == nil {
		openToEverybody.of = map[string]string{}
	}
	openToEverybody.of[user] = text
	return text
}

// attackBy runs attack as a user. It returns what succeeded, without what would also succeed
// against a process of root's.
func attackBy(t *testing.T, user, pid string) string {
	t.Helper()
	return without(rawAttack(t, user, pid), everybodys(t, user))
}
