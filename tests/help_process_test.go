//go:build privileged

package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Processes: finding the front, the monitor and the leader of a session, and reading
// them in /proc.

// processes returns the pids of all processes of the installed capsu, without zombies.
func processes() (pids []string) {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && strings.HasPrefix(to, program) {
			pids = append(pids, filepath.Base(filepath.Dir(link)))
		}
	}
	return pids
}

// front waits until alpha has exactly one front, and returns its pid.
func front(t *testing.T) (pid string) {
	t.Helper()
	eventually(t, "one front", func() bool {
		out, _ := exec.Command("pgrep", "-x", "-u", "alpha", "capsu").Output()
		alive := slices.DeleteFunc(strings.Fields(string(out)), func(pid string) bool { return stateOf(pid) == "Z" })
		if len(alive) == 1 {
			pid = alive[0]
		}
		return pid != ""
	}, func() string { return allProcesses(t) })
	return pid
}

// monitorOf waits for the monitor of a front, and returns its pid. The front may have other
// children, which read and write for it.
func monitorOf(t *testing.T, front int) (pid string) {
	t.Helper()
	eventually(t, "the monitor", func() bool {
		out, _ := exec.Command("ps", "-o", "pid=,comm=", "--ppid", fmt.Sprint(front)).Output()
		for line := range strings.Lines(string(out)) {
			if f := strings.Fields(line); len(f) == 2 && f[1] == "capsu" {
				pid = f[0]
			}
		}
		return pid != ""
	})
	return pid
}

// sessionLeaderOf is the session leader, the monitor's child.
func sessionLeaderOf(t *testing.T, front int) string {
	return monitorOf(t, atoi(t, monitorOf(t, front)))
}

// stateOf is the letter of a process's state: see proc(5).
func stateOf(pid string) string {
	text, _ := os.ReadFile("/proc/" + pid + "/stat")
	_, rest, _ := strings.Cut(string(text), ") ")
	state, _, _ := strings.Cut(rest, " ")
	return state
}

// running says whether a process runs a program already.
func running(pid int, name string) bool {
	exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return filepath.Base(exe) == name
}

// gone tells whether a process is no more.
func gone(pid int) bool { return syscall.Kill(pid, 0) == syscall.ESRCH }

// privileged returns the pids of capsu's processes that have more than the caller: another uid,
// or a capability.
func privileged(t *testing.T) (pids []string) {
	t.Helper()
	uid := id(t, "-u", "alpha")
	own := "Uid:\t" + strings.Join([]string{uid, uid, uid, uid}, "\t") + "\n"
	return slices.DeleteFunc(processes(), func(pid string) bool {
		status, err := os.ReadFile("/proc/" + pid + "/status")
		return err != nil || strings.Contains(string(status), own) &&
			strings.Contains(string(status), "CapPrm:\t0000000000000000\n")
	})
}

// computed returns the processor time of capsu's processes so far, in clock ticks.
func computed(t *testing.T) (ticks int) {
	t.Helper()
	for _, pid := range processes() {
		text, _ := os.ReadFile("/proc/" + pid + "/stat")
		_, rest, _ := strings.Cut(string(text), ") ")
		if f := strings.Fields(rest); len(f) > 12 {
			var user, system int
			fmt.Sscan(f[11], &user)
			fmt.Sscan(f[12], &system)
			ticks += user + system
		}
	}
	return ticks
}

// allProcesses shows the processes of the world.
func allProcesses(t *testing.T) string {
	t.Helper()
	return must(t, "ps", "-eo", "pid,ppid,pgid,sid,tpgid,stat,wchan:20,user,args")
}

// session is what /proc says of a session's shell.
type session struct {
	status     map[string]string
	fds        map[string]string
	securebits string
}

// readProc reads a process, or one of its threads as PID/task/TID.
func readProc(t *testing.T, pid string) session {
	t.Helper()
	if _, err := strconv.Atoi(filepath.Base(pid)); err != nil {
		t.Fatalf("not a pid: %q", pid)
	}
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		t.Fatal(err)
	}
	s := session{status: map[string]string{}, fds: map[string]string{}}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		s.status[name] = strings.Join(strings.Fields(value), " ")
	}
	fds, _ := filepath.Glob("/proc/" + pid + "/fd/*")
	for _, fd := range fds {
		s.fds[filepath.Base(fd)], _ = os.Readlink(fd)
	}
	return s
}

// statusOf is /proc/PID/status of a process, or of a thread as PID/task/TID.
func statusOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	return readProc(t, strings.TrimPrefix(dir, "/proc/")).status
}

// leaderIs waits until the leader of a process has these fields in its /proc status, with
// single blanks, and every other thread is without a capability.
func leaderIs(t *testing.T, pid string, want map[string]string) {
	t.Helper()
	wrong := ""
	eventually(t, "the leader as it should be", func() bool {
		tasks, _ := filepath.Glob("/proc/" + pid + "/task/*")
		wrong = fmt.Sprintf("%d threads\n", len(tasks))
		right := len(tasks) > 0
		for _, task := range tasks {
			expected := want
			if filepath.Base(task) != pid {
				expected = map[string]string{"CapPrm": hex(0), "CapEff": hex(0), "CapInh": hex(0), "CapAmb": hex(0)}
			}
			status, _ := os.ReadFile(task + "/status")
			for line := range strings.Lines(string(status)) {
				name, value, _ := strings.Cut(line, ":")
				if w, asked := expected[name]; asked && strings.Join(strings.Fields(value), " ") != w {
					wrong += fmt.Sprintf("%s: %s is %q, want %q\n", task, name, strings.TrimSpace(value), w)
					right = false
				}
			}
		}
		return right
	}, func() string { return wrong })
}

// expectPowerless checks that a thread has no power: no capability and no group; real and saved
// uid are the guard's. The effective uid may be 0, which is worth nothing by itself.
func expectPowerless(t *testing.T, task string) {
	t.Helper()
	status := statusOf(t, task)
	guard, guardGroup := id(t, "-u", "capsu"), id(t, "-g", "capsu")
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapAmb"} {
		if status[set] != hex(0) {
			t.Errorf("%s: %s is %s", task, set, status[set])
		}
	}
	uids := strings.Fields(status["Uid"])
	alone, root := []string{guard, guard, guard, guard}, []string{guard, "0", guard, "0"}
	if !slices.Equal(uids, alone) && !slices.Equal(uids, root) {
		t.Errorf("%s: its uids are %v", task, uids)
	}
	if status["Gid"] != four(guardGroup) || status["Groups"] != "" {
		t.Errorf("%s: gids %s, groups %q", task, status["Gid"], status["Groups"])
	}
}

// waits tells whether a monitor has done the last things after the shell's start: it has
// written its records and lowered its capabilities, and it polls.
func waits(monitor string) bool {
	where, _ := os.ReadFile("/proc/" + monitor + "/wchan")
	status, _ := os.ReadFile("/proc/" + monitor + "/status")
	return strings.Contains(string(where), "poll") &&
		strings.Contains(string(status), fmt.Sprintf("CapPrm:\t%016x\nCapEff:\t%016x\n", closingSet, 0))
}

// four is one id in all four places of a line of /proc's status: real, effective, saved and
// file system.
func four(id string) string { return strings.Join([]string{id, id, id, id}, " ") }

// nicer is the nice value of a process that nice -n N starts here. The tests themselves may run
// at any value.
func nicer(n int) string {
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0) // the kernel counts from 40 down
	if err != nil {
		panic(err)
	}
	return strconv.Itoa(min(20-raw+n, 19))
}

// atoi reads a number.
func atoi(t *testing.T, text string) (n int) {
	t.Helper()
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatal(err)
	}
	return n
}
