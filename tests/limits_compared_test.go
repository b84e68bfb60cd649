//go:build privileged

package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The session gets the limits that modules set, as under su. The monitor records them and does
// not obey them.

// everyLimit shows what the session has.
const everyLimit = `while read -r line; do echo $line; done </proc/self/limits`

// A limit that equalled the monitor's own, or one that capsu had lifted, counted as set by no
// module.
func TestLimitsOfPamLimitsAreAsUnderSu(t *testing.T) {
	nproc := strings.TrimSpace(must(t, "prlimit", "--raw", "--noheadings", "--output", "HARD", "--nproc"))
	sigpending := strings.TrimSpace(must(t, "prlimit", "--raw", "--noheadings", "--output", "HARD", "--sigpending"))
	suAndCapsu(t, limiting())
	policy(t, "")
	must(t, "install", "-D", "-m", "755", program, measured)
	t.Cleanup(func() { os.RemoveAll("/opt/m") })
	must(t, "setcap", setcapText(bounded()), measured) // su has all of them
	for name, c := range map[string]struct {
		rules   string
		wrapper []string
	}{
		"no rule":                     {"", nil},
		"no rule, lower soft":         {"", words("prlimit", "--nofile=256:", "--core=0:", "--fsize=4096000:")},
		"no rule, lower hard":         {"", words("prlimit", "--nofile=500:600", "--core=0:0", "--memlock=1000:2000")},
		"open files as they were":     {"* - nofile 4096\n", words("prlimit", "--nofile=4096:4096")},
		"open files at soft 4096":     {"* - nofile 4096\n", words("prlimit", "--nofile=4096:")},
		"open files as su sets them":  {"* soft nofile 1024\n", nil},
		"soft stack unlimited":        {"* soft stack unlimited\n", nil},
		"hard stack and a lower soft": {"* hard stack 16384\n* soft stack 4096\n", nil},
		"processes as they were":      {"ghost - nproc " + nproc + "\n", nil},
		"soft processes":              {"ghost soft nproc 3000\n", nil},
		"soft cpu unlimited":          {"ghost soft cpu unlimited\n", words("prlimit", "--cpu=5000:")},
		"soft data unlimited":         {"ghost soft data unlimited\n", words("prlimit", "--data=500000000:")},
		"pending signals":             {"ghost soft sigpending 1234\n", nil},
		"pending signals as before":   {"ghost - sigpending " + sigpending + "\n", nil},
		"pending signals, few":        {"ghost hard sigpending 3\n", nil},
		"no pending signals":          {"ghost - sigpending 0\n", nil},
		"core files":                  {"* soft core 0\n", words("prlimit", "--core=unlimited:")},
		"core files, of another user": {"beta soft core 0\n", words("prlimit", "--core=unlimited:")},
		"file size":                   {"ghost - fsize 4096\n", nil},
		"address space":               {"ghost - as 4000000\n", nil},
		"address space, soft of less": {"ghost soft as 4000000\n", words("prlimit", "--as=8000000000:")},
		"priorities":                  {"ghost - nice -5\nghost - rtprio 10\nghost priority 5\n", nil},
		"locked memory":               {"ghost - memlock 100\n", nil},
		"a group's":                   {"@ghost soft nofile 300\n", nil},
		"another group's":             {"@team soft nofile 300\n", nil},
		"all lower than the caller's": {"ghost - nofile 100\nghost - nproc 200\nghost - core 1\nghost - stack 4096\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			file(t, "/etc/security/limits.conf", c.rules, 0o644)
			outcomes := map[string]result{}
			for _, path := range []string{su, measured} {
				c := call{program: path, wrapper: c.wrapper, args: []string{"ghost", "-c", everyLimit + "; nice"}}
				outcomes[path] = c.run(t)
			}
			theirs, ours := outcomes[su], outcomes[measured]
			if theirs.stdout != ours.stdout || theirs.status != ours.status {
				t.Errorf("status %d, under su %d:\n%s%s", ours.status, theirs.status,
					differing(theirs.stdout, ours.stdout), ours.stderr)
			}
			if theirs.status != 0 || !strings.Contains(theirs.stdout, "Max pending signals") {
				t.Errorf("su shows nothing: %+v", theirs)
			}
		})
	}
}

// limitsOfNothing are tried with programs/still.c as the shell.
var limitsOfNothing = []string{"nproc 0", "nofile 3", "nofile 0", "sigpending 0", "data 0", "fsize 0", "stack 0",
	"memlock 0", "cpu 0", "as 1000", "as 0", "locks 0", "msgqueue 0", "core 0"}

// A limit holds for the session, or the refusal names it. A session is refused only if su
// cannot start it either. The monitor keeps its own limits, so that it can end the session and
// close PAM.
func TestLimitsOfTheSessionAreNotTheMonitors(t *testing.T) {
	compile(t, "/opt/still", "-nostdlib", "-static", "-ffreestanding", "-fno-stack-protector", "programs/still.c")
	compile(t, "/opt/note.so", "-shared", "-fPIC", "modules/note.c", "-lpam")
	suAndCapsu(t, limiting())
	stack(t, limiting()+"session required /opt/note.so /opt/noted\n")
	file(t, "/etc/shells", must(t, "cat", "/etc/shells")+"/opt/still\n", 0o644)
	file(t, "/opt/noted", "", 0o666)
	before := monitorsLimits(t)
	if before == "" {
		t.Fatal("no session without a limit")
	}
	for _, limit := range limitsOfNothing {
		t.Run(limit, func(t *testing.T) {
			file(t, "/etc/security/limits.conf", "ghost hard "+limit+"\n", 0o644)
			file(t, "/opt/noted", "", 0o666)
			args := []string{"-s", "/opt/still", "ghost", "-c", "x"}
			theirs, ours := call{program: su, args: args}.run(t), capsu(t, args...)
			crashText(t, ours)
			name, _, _ := strings.Cut(limit, " ")
			inWords := ours.status == 1 && clearly(ours) == "" && strings.Contains(strings.ToLower(ours.stderr), name)
			switch {
			case ours.stdout == "in\n" && ours.status == 3 && theirs.stdout == "in\n":
				if during := monitorsLimits(t); during != before {
					t.Errorf("the monitor's limits:\n%s", differing(before, during))
				}
			case ours.stdout == "" && theirs.stdout == "" && ours.status == theirs.status &&
				strings.Contains(strings.ToLower(ours.stderr), name):
				// the kernel executes the shell under neither program
			case ours.stdout != "" || !inWords:
				t.Errorf("capsu: %+v\nsu: %+v", ours, theirs)
			}
			awaitNoProcess(t)
			noted := must(t, "cat", "/opt/noted")
			if strings.Count(noted, "open\n") != strings.Count(noted, "close\n") {
				t.Errorf("PAM was not closed: %q", noted)
			}
		})
	}
}

// monitorsLimits runs a session until a signal ends it. It returns the limits of the monitor
// and of each of its threads.
func monitorsLimits(t *testing.T) string {
	t.Helper()
	cmd := call{args: []string{"-s", "/opt/still", "ghost", "-c", "x"}}.command(t.Context())
	in, out := pipes(t, cmd)
	var errs lockedBuffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(in, password)
	line := make([]byte, 3)
	if n, _ := out.Read(line); string(line[:n]) != "in\n" {
		cmd.Process.Kill()
		cmd.Wait()
		t.Fatalf("no session: %s", errs.String())
	}
	limits := must(t, "cat", "/proc/"+monitorOf(t, cmd.Process.Pid)+"/limits")
	tasks, _ := filepath.Glob("/proc/" + monitorOf(t, cmd.Process.Pid) + "/task/*/limits")
	for _, task := range tasks {
		if other, err := os.ReadFile(task); err == nil && string(other) != limits {
			t.Errorf("threads have different limits:\n%s", differing(limits, string(other)))
		}
	}
	cmd.Process.Signal(syscall.SIGTERM)
	cmd.Wait()
	if status := shellStatus(cmd.ProcessState); status != 128+int(syscall.SIGTERM) {
		t.Errorf("status %d: %s", status, errs.String())
	}
	return limits
}
