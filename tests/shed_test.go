//go:build privileged

package tests

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// A module that gives up privilege really has given it up: as under su, the target gets no file
// of root's by tricking a module.

// ofRoot makes a file of root's, and the target's link to it.
func ofRoot(t *testing.T) {
	t.Helper()
	file(t, secret, "of root's\n", 0o600)
	must(t, "ln", "-sfn", secret, theLink)
	must(t, "chown", "-h", "ghost:ghost", theLink)
	t.Cleanup(func() { os.Remove(theLink) })
}

func expectOfRoot(t *testing.T) {
	t.Helper()
	info, err := os.Stat(secret)
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != 0 || info.Mode().Perm() != 0o600 {
		t.Errorf("a file of root's is now uid %d's, mode %v", owner, info.Mode())
		must(t, "chown", "root:root", secret)
	}
}

// shedReports runs a session with a program, and returns what the module says.
func shedReports(t *testing.T, path, how string) string {
	t.Helper()
	suAndCapsu(t, shedding(how))
	file(t, shedSays, "", 0o666)
	c := call{program: path, args: []string{"ghost", "-c", "echo in"}}
	if r := c.run(t); r.status != 0 || r.stdout != "in\n" {
		t.Errorf("%s: status %d, %q, %q", path, r.status, r.stdout, r.stderr)
	}
	expectOfRoot(t)
	return must(t, "cat", shedSays)
}

var waysToShed = []string{"seteuid", "setfsuid", "setresuid", "drop_priv"}

// A module that had become the target gave root's file to the target, through the target's
// link, and opened it: CAP_CHOWN and CAP_DAC_OVERRIDE were effective without uid 0.
func TestAModuleThatShedsItsPrivilegeReachesNoFileOfRoots(t *testing.T) {
	compile(t, "/opt/shed.so", "-shared", "-fPIC", "modules/shed.c", "-lpam")
	ofRoot(t)
	for _, how := range waysToShed {
		t.Run(how, func(t *testing.T) {
			theirs, ours := shedReports(t, su, how), shedReports(t, program, how)
			if ours != theirs {
				t.Errorf("not as under su:\n%s", differing(theirs, ours))
			}
			expectShed(t, ours)
		})
	}
}

// expectShed checks that in each phase the module could do no more than the target.
func expectShed(t *testing.T, report string) {
	t.Helper()
	for line := range strings.Lines(report) {
		if !strings.Contains(line, " chown EPERM, open EACCES; ") {
			t.Errorf("not refused: %s", line)
		}
	}
	for _, phase := range append(pamPhases, "child") {
		if strings.Count("\n"+report, "\n"+phase+" ") != 1 {
			t.Errorf("%s: not once in %q", phase, report)
		}
	}
}

// While a prompt waits the monitor is the guard, without a capability. Then the module gets
// back what it had, and what it had shed stays shed.
func TestAModuleThatAsksWithItsPrivilegeShedHasItShedAfterwards(t *testing.T) {
	compile(t, "/opt/shed.so", "-shared", "-fPIC", "modules/shed.c", "-lpam")
	ofRoot(t)
	guard := id(t, "-u", "capsu")
	for _, how := range waysToShed {
		t.Run(how, func(t *testing.T) {
			reports := map[string]string{}
			for _, path := range []string{su, program} {
				suAndCapsu(t, shedding("ASK "+how))
				file(t, shedSays, "", 0o666)
				cmd := call{program: path, args: []string{"ghost", "-c", "echo in"}}.command(t.Context())
				in, _ := pipes(t, cmd)
				var said lockedBuffer
				cmd.Stderr = &said
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				eventually(t, "the question", func() bool { return strings.Contains(said.String(), "Code: ") })
				if path == program {
					status := statusOf(t, "/proc/"+monitorOf(t, cmd.Process.Pid))
					if status["Uid"] != four(guard) || status["CapEff"] != hex(0) {
						t.Errorf("it asks as %s, effective %s", status["Uid"], status["CapEff"])
					}
				}
				fmt.Fprintf(in, "1234\n%s\n", password)
				if cmd.Wait(); shellStatus(cmd.ProcessState) != 0 {
					t.Errorf("%s: status %d, %s", path, shellStatus(cmd.ProcessState), said.String())
				}
				expectOfRoot(t)
				reports[path] = must(t, "cat", shedSays)
			}
			if reports[program] != reports[su] {
				t.Errorf("not as under su:\n%s", differing(reports[su], reports[program]))
			}
			expectShed(t, reports[program])
		})
	}
}

// The same with locked securebits of the caller under which leaving uid 0 sheds nothing. su
// does not work at all under them.
func TestLockedSecurebitsLetNoModuleKeepWhatItSheds(t *testing.T) {
	compile(t, "/opt/shed.so", "-shared", "-fPIC", "modules/shed.c", "-lpam")
	compile(t, "/opt/odd", "programs/odd.c")
	ofRoot(t)
	for _, how := range waysToShed {
		t.Run(how, func(t *testing.T) {
			stack(t, shedding(how))
			file(t, shedSays, "", 0o666)
			const pure1e = "securebits=15" // NOROOT and NO_SETUID_FIXUP, locked
			r := call{caller: "root", program: "/opt/odd", args: []string{id(t, "-u", "alpha"), id(t, "-g", "alpha"),
				pure1e, "env=PATH=/bin", "--", program, "ghost", "-c", "id -un"}, stdin: password + "\n"}.run(t)
			expectRun(t, r, "ghost\n")
			expectOfRoot(t)
			expectShed(t, must(t, "cat", shedSays))
		})
	}
}

// raced runs f while a process of ghost's replaces each new file in a directory like /tmp by a
// link to root's file.
func raced(t *testing.T, dir string, f func()) {
	t.Helper()
	must(t, "install", "-d", "-m", "1777", dir)
	t.Cleanup(func() { os.RemoveAll(dir) })
	cmd := exec.Command("setpriv", "--reuid", "ghost", "--regid", "ghost", "--init-groups", "/opt/swap", dir, secret)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	f()
}

const triesOfTheRace = "300"

// A module made a file for the target in /tmp, and gave it to the target by its name, as
// pam_krb5 does. The file was the target's from the beginning, so the target could replace it
// by a link to a file of root's.
func TestATargetCannotSwapTheFileThatAModuleMakesForIt(t *testing.T) {
	compile(t, "/opt/cache.so", "-shared", "-fPIC", "modules/cache.c", "-lpam")
	compile(t, "/opt/swap", "programs/swap.c")
	ofRoot(t)
	const dir = "/opt/like-tmp"
	const line = "auth optional /opt/cache.so " + dir + " " + triesOfTheRace + " ghost\n"
	suAndCapsu(t, strings.Replace(service, "account required", line+"account required", 1))
	for _, path := range []string{su, program} {
		t.Run(path, func(t *testing.T) {
			raced(t, dir, func() {
				r := call{program: path, args: []string{"ghost", "-c", "echo in"}}.run(t)
				expectRun(t, r, "in\n")
			})
			expectOfRoot(t)
		})
	}
}

// This shows that the race can be won: against a process that is the target and may use chown.
func TestTheSwapWouldSucceedAgainstAProcessThatIsTheTarget(t *testing.T) {
	compile(t, "/opt/cache", "modules/cache.c")
	compile(t, "/opt/swap", "programs/swap.c")
	ofRoot(t)
	const dir = "/opt/like-tmp"
	raced(t, dir, func() {
		exec.Command("setpriv", "--reuid", "ghost", "--regid", "ghost", "--clear-groups", "--inh-caps", "+chown",
			"--ambient-caps", "+chown", "/opt/cache", dir, triesOfTheRace, "ghost").Run()
	})
	info, err := os.Stat(secret)
	if err != nil {
		t.Fatal(err)
	}
	if info.Sys().(*syscall.Stat_t).Uid == 0 {
		t.Error("it did not")
	}
}
