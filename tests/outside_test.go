//go:build privileged

package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// attack is what another user's process can try against a process; it runs in
// a copy of this test binary, and prints a line for each attempt that succeeds.
func attack(target string) {
	pid, err := strconv.Atoi(target)
	if err != nil {
		fmt.Println("not a pid:", target)
		return
	}
	try := func(what string, err error) {
		if err == nil {
			fmt.Println(what)
		}
	}
	signals := []unix.Signal{0, unix.SIGHUP, unix.SIGINT, unix.SIGTSTP, unix.SIGUSR1, unix.SIGURG, 33, unix.SIGQUIT, unix.SIGTERM, unix.SIGSTOP, unix.SIGKILL}
	tasks, _ := filepath.Glob("/proc/" + target + "/task/*")
	if len(tasks) == 0 {
		fmt.Println("no threads to attack")
	}
	for _, name := range []string{"mem", "environ", "maps", "smaps", "auxv", "stack", "syscall", "io", "pagemap", "timers", "personality"} {
		f, err := os.Open("/proc/" + target + "/" + name)
		if err != nil {
			continue
		}
		n, err := f.Read(make([]byte, 1))
		if err == nil && n == 1 {
			try("read "+name, nil)
		}
		f.Close()
	}
	for _, name := range []string{"mem", "oom_score_adj", "clear_refs", "coredump_filter", "comm"} {
		f, err := os.OpenFile("/proc/"+target+"/"+name, os.O_WRONLY, 0)
		if err == nil {
			f.Close()
		}
		try("write "+name, err)
	}
	for _, name := range []string{"fd", "map_files", "fdinfo"} {
		entries, err := os.ReadDir("/proc/" + target + "/" + name)
		if err == nil && len(entries) > 0 {
			try("list "+name, nil)
		}
	}
	for _, name := range []string{"exe", "cwd", "root", "fd/0", "ns/mnt"} {
		_, err := os.Readlink("/proc/" + target + "/" + name)
		try("readlink "+name, err)
	}
	local := make([]byte, 8)
	_, err = unix.ProcessVMReadv(pid, []unix.Iovec{{Base: &local[0], Len: 8}}, []unix.RemoteIovec{{Base: 0x400000, Len: 8}}, 0)
	if err != unix.EPERM {
		fmt.Println("process_vm_readv:", err)
	}
	for _, task := range tasks {
		tid, _ := strconv.Atoi(filepath.Base(task))
		try(fmt.Sprint("ptrace attach ", tid), unix.PtraceAttach(tid))
		try(fmt.Sprint("ptrace seize ", tid), unix.PtraceSeize(tid))
	}
	for r := range 16 {
		var old unix.Rlimit
		try(fmt.Sprint("prlimit get ", r), unix.Prlimit(pid, r, nil, &old))
		try(fmt.Sprint("prlimit set ", r), unix.Prlimit(pid, r, &unix.Rlimit{}, nil))
	}
	for _, sig := range signals {
		try(fmt.Sprint("kill ", sig), unix.Kill(pid, sig))
		for _, task := range tasks {
			tid, _ := strconv.Atoi(filepath.Base(task))
			try(fmt.Sprint("tgkill ", tid, sig), unix.Tgkill(pid, tid, sig))
		}
		if fd, err := unix.PidfdOpen(pid, 0); err == nil {
			try(fmt.Sprint("pidfd_send_signal ", sig), unix.PidfdSendSignal(fd, sig, nil, 0))
			_, err := unix.PidfdGetfd(fd, 0, 0)
			try("pidfd_getfd", err)
			unix.Close(fd)
		}
	}
}

// attackBy runs attack as a user, and returns what succeeded.
func attackBy(t *testing.T, user, pid string) string {
	t.Helper()
	cmd := exec.Command("setpriv", "--reuid", user, "--regid", user, "--init-groups", "/opt/attacker")
	cmd.Env = []string{"CAPSU_ATTACK=" + pid, "CAPSU_WORLD=."}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("attacker: %v: %s", err, out)
	}
	return string(out)
}

func TestTheAttackWouldSucceedAgainstAnOwnProcess(t *testing.T) {
	cmd := exec.Command("setpriv", "--reuid", "alpha", "--regid", "alpha", "--init-groups", "sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the victim", func() bool {
		exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", cmd.Process.Pid))
		return strings.HasSuffix(exe, "/sleep")
	})
	got := attackBy(t, "alpha", fmt.Sprint(cmd.Process.Pid))
	cmd.Wait()
	for _, what := range []string{"kill terminated", "tgkill", "pidfd_send_signal", "ptrace", "prlimit set", "read environ", "list fd"} {
		if !strings.Contains(got, what) {
			t.Errorf("%q is missing in %q", what, got)
		}
	}
}

func TestNobodyButRootReachesTheMonitorAtAnyStage(t *testing.T) {
	for _, st := range stages {
		t.Run(st.name, func(t *testing.T) {
			h := hold(t, st)
			for _, who := range []string{"alpha", "ghost", "beta"} {
				if got := attackBy(t, who, h.monitor); got != "" {
					t.Errorf("%s against the monitor: %s", who, got)
				}
			}
			if st.name == "fail delay" {
				return
			}
			h.release()
			if got := h.status(); got != 3 && st.name != "prompt" {
				t.Errorf("status %d after the attack", got)
			}
		})
	}
}

// closedRecord is what a session of ghost's leaves when PAM was closed.
const closedRecord = "close_session capsu ghost alpha\n"

func expectClosed(t *testing.T, sessions func() string) {
	t.Helper()
	eventually(t, "the monitor's end", func() bool { return len(processes()) == 0 })
	if got := sessions(); !strings.HasSuffix(got, closedRecord) || strings.Count(got, closedRecord) != 1 {
		t.Errorf("records %q", got)
	}
}

// jobs is an interactive bash of alpha's with job control, on a terminal.
func jobs(t *testing.T) *terminal {
	t.Helper()
	x := onTerminal(t, "alpha", "exec bash --norc -i")
	x.typed("PS1='now> '\n")
	x.expect("\nnow> ")
	return x
}

const sleeper = program + ` ghost -c 'echo "it runs"; exec sleep 600' <<<'` + password + `'`

func TestTheFrontObeysItsOwner(t *testing.T) {
	const status = "; echo status $?\n"
	for name, c := range map[string]struct {
		background bool
		then       func(x *terminal)
		shown      string // by the shell at the end
	}{
		"kill %1":   {true, func(x *terminal) { x.typed("kill %1; wait %1" + status) }, "status 143"},
		"kill -9":   {true, func(x *terminal) { x.typed("kill -9 $!; wait %1" + status) }, "status 137"},
		"kill -HUP": {true, func(x *terminal) { x.typed("kill -HUP $!; wait %1" + status) }, "status 129"},
		"SIGSTOP and fg": {true, func(x *terminal) {
			x.typed("kill -STOP $!; sleep 0.3; jobs\n")
			x.expect("Stopped")
			x.typed("fg\n")
			inForeground(t, "capsu")
			x.typed("\x03")
			x.expect("^C")
			x.typed("echo status $?\n")
		}, "status 130"},
		"Ctrl-C": {false, func(x *terminal) {
			x.typed("\x03")
			x.typed("echo status $?\n")
		}, "status 130"},
		"kill while stopped": {true, func(x *terminal) {
			x.typed("kill -STOP $!; sleep 0.3; jobs\n")
			x.expect("Stopped")
			x.typed("kill %1; kill -CONT $!\n")
			eventually(t, "the monitor's end", func() bool { return len(processes()) == 0 })
			x.typed("wait $!" + status) // of a job that bash takes for stopped it would not return
		}, "status 143"},
	} {
		t.Run(name, func(t *testing.T) {
			sessions := recorded(t)
			x := jobs(t)
			line := sleeper
			if c.background {
				line += " &"
			}
			x.typed(line + "\n")
			x.expect("it runs\n")
			c.then(x)
			x.expect(c.shown)
			expectClosed(t, sessions)
			x.typed("exit\n")
			x.end()
		})
	}
}

func TestClosingTheTerminalEndsTheSession(t *testing.T) {
	for name, c := range map[string]struct{ line, then string }{
		"in the foreground": {sleeper, ""},
		"in the background": {sleeper + " &", ""},
		"while stopped":     {sleeper + " &", "kill -STOP $!; sleep 0.3; jobs\n"},
	} {
		t.Run(name, func(t *testing.T) {
			sessions := recorded(t)
			x := jobs(t)
			x.typed(c.line + "\n")
			x.expect("it runs\n")
			if c.then != "" {
				x.typed(c.then)
				x.expect("Stopped")
			}
			x.master.Close()
			expectClosed(t, sessions)
		})
	}
}

func TestRootsKillOfTheMonitorLeavesTheTerminalWhole(t *testing.T) {
	x := onTerminal(t, "alpha", `stty -g; `+program+` ghost; echo "status $?"; stty -g`)
	x.expect("Password: ")
	monitor := strings.Fields(must(t, "sh", "-c", "ps -C capsu -o user=,pid= | grep ^capsu"))[1]
	pid, err := strconv.Atoi(monitor)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	x.end()
	x.expect("capsu: monitor: ended by signal 9\ncapsu: hint: the system log may tell an administrator why\nstatus 1\n")
	x.expectModes()
}
