//go:build privileged

package tests

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Faults that were found. Each test begins with what went wrong.

// A session module that read the target's files read root's through a link: it kept its
// capabilities when it became the target.
func TestSessionModulesReadTheTargetsFilesWithTheTargetsRights(t *testing.T) {
	stack(t, above(service, "session required pam_env.so user_readenv=1"))
	file(t, "/opt/secret.conf", "SECRET DEFAULT=of-roots\n", 0o600)
	link := "/home/ghost/.pam_environment"
	for _, caller := range []string{"alpha", "root"} {
		must(t, "ln", "-sf", "/opt/secret.conf", link)
		r := call{caller: caller, args: []string{"ghost", "-c", "echo \"$SECRET\""}}.run(t)
		os.Remove(link)
		if strings.Contains(r.stdout, "of-roots") {
			t.Errorf("%s calls: a file of root's was read", caller)
		}
	}
}

// With the front gone, a second prompt span for ever.
func TestASecondPromptAfterTheFrontIsGoneEndsTheAttempt(t *testing.T) {
	stack(t, "auth optional pam_unix.so\nauth required pam_unix.so\naccount required pam_unix.so\n"+
		"session required pam_unix.so\n")
	x := onTerminal(t, "alpha", program+" ghost")
	x.await("Password: ")
	must(t, "pkill", "-KILL", "-x", "-o", "capsu")
	awaitNoProcess(t)
}

// A reader of standard error that did not read held the monitor, with all its capabilities,
// beside a running session.
func TestAFullStandardErrorHoldsUpNothing(t *testing.T) {
	account(t, "homeless", "-s", "/bin/sh", "-d", "/home/nowhere")
	setPassword(t, "homeless", password)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fd := int(w.Fd())
	if err := syscall.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = syscall.Write(fd, make([]byte, 4096))
	}
	if err := syscall.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := call{args: []string{"-", "homeless", "-c", "exit 4"}}.command(ctx)
	cmd.Stdin, cmd.Stderr = strings.NewReader(password+"\n"), w
	cmd.Run()
	w.Close()
	if got := shellStatus(cmd.ProcessState); got != 4 {
		t.Errorf("status %d", got)
	}
}

// Signals to the front made the monitor grow without bound, and a flood of them delayed SIGKILL
// for ever.
func TestAFloodOfSignalsCostsNothing(t *testing.T) {
	s := begin(t, call{args: []string{"ghost"}}, "trap '' INT TERM; while :; do sleep 0.2; done")
	monitor := monitorOf(t, s.cmd.Process.Pid)
	size := func() (kb int) {
		fmt.Sscan(must(t, "ps", "-o", "rss=", "-p", monitor), &kb)
		return kb
	}
	before := size()
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
		s.cmd.Process.Signal(os.Interrupt)
	}
	if after := size(); after > before+1024 {
		t.Errorf("the monitor grew from %d to %d kB", before, after)
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				s.cmd.Process.Signal(os.Interrupt)
			}
		}
	}()
	if got := s.wait(t); got != 143 {
		t.Errorf("status %d", got)
	}
}

// A soft limit of 0 for core files counted as the monitor's own.
func TestSoftLimitsOfModulesThatEqualTheMonitorsHold(t *testing.T) {
	stack(t, limiting())
	file(t, "/etc/security/limits.conf", "* soft core 0\n", 0o644)
	r := call{wrapper: []string{"prlimit", "--core=unlimited"}, args: []string{"ghost", "-c", "ulimit -c"}}.run(t)
	expectRun(t, r, "0\n")
}

// With SIGCHLD ignored the status of every child was lost.
func TestIgnoredChildSignalKeepsTheStatus(t *testing.T) {
	compile(t, "/opt/odd", "programs/odd.c")
	cmd := exec.Command("/opt/odd", id(t, "-u", "alpha"), id(t, "-g", "alpha"), "ignore=17", "--", program, "ghost",
		"-c", "exit 3")
	cmd.Stdin = strings.NewReader(password + "\n")
	out, _ := cmd.CombinedOutput()
	if got := shellStatus(cmd.ProcessState); got != 3 {
		t.Errorf("status %d: %s", got, out)
	}
}
