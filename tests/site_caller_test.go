//go:build privileged

package tests

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestRootTargetLetsOthersBecomeRootByItsPassword(t *testing.T) {
	shadow := must(t, "cat", "/etc/shadow")
	file(t, "/etc/shadow", shadow, 0o640)
	setPassword(t, "root", password)
	site(t, "") // the default: off
	expectRefusal(t, capsu(t, "-c", "id -u"), "root: uid 0 is not a target", "RootTarget on in "+siteFile)
	site(t, "RootTarget on")
	expectRun(t, capsu(t, "-c", "id -u"), "0\n")
	expectRefusal(t, call{args: []string{"-c", "id -u"}, stdin: "wrong\n"}.run(t), "Authentication failure")
	site(t, "<Caller @team>", "RootTarget on", "</Caller>") // beta is in it, alpha not
	expectRefusal(t, capsu(t, "root", "-c", "id -u"), "root: uid 0 is not a target")
	expectRun(t, call{caller: "beta", args: []string{"root", "-c", "id -u"}}.run(t), "0\n")
	if e, status := explain(t, "--caller", "alpha", "root"); status != 1 ||
		!strings.Contains(e.Error, "root: uid 0 is not a target") {
		t.Errorf("explain: %+v", e)
	}
	// the monitor's effective uid is 0 then: its target cannot reach it
	site(t, "RootTarget on")
	guard := id(t, "-u", "capsu")
	during(t, call{args: []string{"root"}}, func(_, monitor string) {
		leaderIs(t, monitor,
			map[string]string{"Uid": guard + " 0 " + guard + " 0", "CapPrm": hex(closingSet), "CapEff": hex(0)})
		cmd := exec.Command("setpriv", "--securebits", "+noroot,+noroot_locked", "--bounding-set", "-all",
			"--inh-caps", "-all", "/opt/attacker")
		cmd.Env = []string{"CAPSU_ATTACK=" + monitor, "CAPSU_WORLD=."}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("attacker: %v: %s", err, out)
		}
		// The files below its /proc directory are root's to open, but not to look into. Threads
		// without a capability can be scheduled. That is all.
		harmless := regexp.MustCompile(`^(open|read|write|list|setpriority$|sched_set)`)
		secret := regexp.MustCompile(`^(read|write|readlink) (task/)?(mem|environ|maps|smaps|auxv|stack|syscall|` +
			`pagemap|io|timers|personality|exe|cwd|root|fd/|ns/|map_files)\b`)
		for line := range strings.Lines(string(out)) {
			if what := strings.TrimSpace(line); !harmless.MatchString(what) || secret.MatchString(what) {
				t.Errorf("a session with uid 0 can: %s", what)
			}
		}
	})
}

// AuthIdentity is accepted as in version 0.1, and has no effect: modules see the caller in any
// case.
func TestAuthIdentityHasNoEffectAndIsAFinding(t *testing.T) {
	stack(t, "auth required pam_succeed_if.so quiet use_uid user = alpha\n"+service)
	for text, line := range map[string]string{
		"AuthIdentity guard":  "1",
		"authidentity CALLER": "1",
		"# x\n<Caller alpha>\nAuthIdentity guard\n</Caller>": "3",
	} {
		site(t, text)
		expectRun(t, capsu(t, "ghost", "-c", "echo in"), "in\n")
		for _, other := range []string{"beta", "root"} {
			if r := (call{caller: other, args: []string{"ghost", "-c", "echo in"}}).run(t); r.status != 1 {
				t.Errorf("%q: %s is taken for alpha: %+v", text, other, r)
			}
		}
		const finding = ": AuthIdentity: has no effect any more: modules see the caller; take the line away\n"
		out, errs, status := ctl("check")
		if status != 1 || !strings.Contains(out, siteFile+":"+line+finding) {
			t.Errorf("%q: check: %d %q %q", text, status, out, errs)
		}
		out, errs, status = ctl("explain", "--site", "--caller", "alpha", "ghost")
		if status != 0 || strings.Contains(out, "AuthIdentity") {
			t.Errorf("%q: explain: %d %q %q", text, status, out, errs)
		}
	}
}

func TestSessionGraceIsTheTimeBetweenTermAndKill(t *testing.T) {
	const stubborn = `trap '' TERM HUP; echo $$ $PPID >/opt/stubborn; while :; do sleep 0.1; done`
	const slow = `trap 'echo got >/opt/got; while [ ! -e /opt/go ]; do sleep 0.1; done; echo cleaned >/opt/got; ` +
		`exit 5' TERM; echo $$ $PPID >/opt/stubborn; while :; do sleep 0.1; done`
	begin := func(t *testing.T, script string) (front string, wait func() int) {
		t.Helper()
		file(t, "/opt/stubborn", "", 0o666)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		t.Cleanup(cancel)
		cmd := call{args: []string{"ghost", "-c", script}}.command(ctx)
		cmd.Stdin = strings.NewReader(password + "\n")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the session", func() bool {
			text, _ := os.ReadFile("/opt/stubborn")
			return strings.HasSuffix(string(text), "\n")
		})
		return fmt.Sprint(cmd.Process.Pid), func() int { cmd.Wait(); return shellStatus(cmd.ProcessState) }
	}
	for _, text := range []string{"SessionGrace 0", "SessionGrace 1", ""} {
		site(t, text)
		front, wait := begin(t, stubborn)
		began := time.Now()
		must(t, "kill", front)
		if status := wait(); status != 143 {
			t.Errorf("%q: status %d", text, status)
		}
		if least := map[string]time.Duration{"": 2 * time.Second,
			"SessionGrace 1": time.Second}[text]; time.Since(began) < least {
			t.Errorf("%q: killed before its time", text)
		}
	}
	// the grace is longer than the default, so the session can end on its own
	file(t, "/opt/got", "", 0o666)
	site(t, "SessionGrace 3600")
	front, wait := begin(t, slow)
	must(t, "kill", front)
	eventually(t, "the session's notice", func() bool {
		text, _ := os.ReadFile("/opt/got")
		return string(text) == "got\n"
	})
	time.Sleep(3 * time.Second) // by default it would be gone
	file(t, "/opt/go", "", 0o644)
	wait()
	if text, _ := os.ReadFile("/opt/got"); string(text) != "cleaned\n" {
		t.Errorf("the session was cut short: %q", text)
	}
}
