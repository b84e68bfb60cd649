//go:build privileged

package tests

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestSystemLogHasTheLinesOfSuWithTheTuple(t *testing.T) {
	for name, c := range map[string]struct {
		rules string
		args  []string
		stdin string
		want  string
	}{
		"a tuple": {"^cap_net_raw,cap_kill,!cap_chown ghost", nil, "",
			"(to ghost) alpha on none iab=!cap_chown,cap_kill,^cap_net_raw\n"},
		"no rule": {"", nil, "", "(to ghost) alpha on none iab=\n"},
		"all":     {"all ghost", nil, "", "(to ghost) alpha on none iab=cap_chown,cap_kill\n"},
		"less": {"^cap_net_raw,cap_kill ghost", []string{"--drop", "cap_net_raw"}, "",
			"(to ghost) alpha on none iab=cap_kill\n"},
		"wrong password": {"", nil, "wrong\n",
			"FAILED SU (to ghost) alpha on none: pam_authenticate: Authentication failure\n"},
		"more": {"", []string{"-C", "cap_kill"}, "",
			"FAILED SU (to ghost) alpha on none: Inheritable cap_kill: more than the grant\n"},
	} {
		t.Run(name, func(t *testing.T) {
			log := logged(t)
			policy(t, c.rules+"\n")
			call{setpriv: fullInheritable, stdin: c.stdin, args: append(c.args, "ghost", "-c", "true")}.run(t)
			if got := log(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	t.Run("unknown user with a name that is no text", func(t *testing.T) {
		log := logged(t)
		call{args: []string{"gh\x1b[2J\nost", "-c", "true"}}.run(t)
		if got := log(); !strings.HasPrefix(got, `FAILED SU (to gh\x1b[2J\nost) alpha on none: pam_authenticate: `) ||
			strings.Count(got, "\n") != 1 {
			t.Errorf("%q", got)
		}
	})
	t.Run("on a terminal", func(t *testing.T) {
		log := logged(t)
		x := onTerminal(t, "alpha", program+" ghost -c true")
		x.await("Password: ")
		x.typed(password + "\n")
		x.end()
		if got := log(); !strings.HasPrefix(got, "(to ghost) alpha on pts/") || !strings.HasSuffix(got, " iab=\n") {
			t.Errorf("%q", got)
		}
	})
}

// A wrong password is recorded before its delay is slept: the record is there also if the
// monitor is killed while it sleeps.
func TestFailedAttemptIsInBtmpBeforeItsDelay(t *testing.T) {
	logins(t)
	log := logged(t)
	h := hold(t, stage{name: "fail delay"}) // types a wrong password, and waits for the sleep
	h.release()                             // kills the monitor: nothing of it runs after the sleep
	if got := entries(t, "/var/log/btmp"); len(got) != 1 || got[0].user != "ghost" || got[0].line != "" ||
		got[0].kind != 6 {
		t.Errorf("btmp: %+v", got)
	}
	if got := log(); !strings.HasPrefix(got, "FAILED SU (to ghost) alpha") || strings.Count(got, "\n") != 1 {
		t.Errorf("the log has %q", got)
	}
	// a wrong password whose delay ends is recorded once, too
	stack(t, service)
	call{args: []string{"ghost", "-c", "true"}, stdin: "wrong\n"}.run(t)
	if got := entries(t, "/var/log/btmp"); len(got) != 2 || got[1].user != "ghost" {
		t.Errorf("btmp: %+v", got)
	}
	eventually(t, "the second line in the log", func() bool { return strings.Count(log(), "\n") >= 2 })
	if got := log(); strings.Count(got, "\n") != 2 {
		t.Errorf("the log has %q", got)
	}
	// a name that is no user's may be a password, and is not written there
	call{args: []string{"open sesame", "-c", "true"}}.run(t)
	if got := entries(t, "/var/log/btmp"); len(got) != 3 || got[2].user != "(unknown)" {
		t.Errorf("%+v", got)
	}
	// neither a session nor a refusal after authentication is a failed login
	capsu(t, "ghost", "-c", "true")
	capsu(t, "-C", "cap_kill", "ghost", "-c", "true")
	if got := entries(t, "/var/log/btmp"); len(got) != 3 {
		t.Errorf("%+v", got)
	}
	account(t, "expired", "-s", "/bin/sh", "-e", "2001-01-01")
	setPassword(t, "expired", password)
	capsu(t, "expired", "-c", "true")
	if got := entries(t, "/var/log/btmp"); len(got) != 4 || got[3].user != "expired" {
		t.Errorf("%+v", got)
	}
}

func TestLoginSessionIsInUtmpAndWtmpWhileItLasts(t *testing.T) {
	logins(t)
	for _, caller := range []string{"alpha", "root"} {
		x := onTerminal(t, caller, program+" -l ghost -c 'echo begun; read -r line'")
		if caller != "root" {
			x.await("Password: ")
			x.typed(password + "\n")
		}
		x.await("begun\n")
		got := entries(t, "/run/utmp")
		if len(got) == 0 || got[len(got)-1].user != "ghost" || got[len(got)-1].kind != 7 ||
			!strings.HasPrefix(got[len(got)-1].line, "pts/") {
			t.Errorf("%s calls: %+v", caller, got)
		}
		x.typed("\n")
		x.end()
		if got := entries(t, "/run/utmp"); len(got) == 0 || got[len(got)-1].user != "" || got[len(got)-1].kind != 8 {
			t.Errorf("%s calls, after: %+v", caller, got)
		}
	}
	if got := entries(t, "/var/log/wtmp"); len(got) != 4 || got[0].user != "ghost" || got[1].kind != 8 ||
		got[2].user != "ghost" {
		t.Errorf("wtmp: %+v", got)
	}
	x := onTerminal(t, "alpha", program+" ghost -c true")
	x.await("Password: ")
	x.typed(password + "\n")
	x.end()
	if got := entries(t, "/var/log/wtmp"); len(got) != 4 {
		t.Errorf("a session that is no login: %+v", got)
	}
}

// The kernel keeps records only if audit is switched on, so the test traces the call that sends
// one.
func TestKernelGetsAnAuditRecord(t *testing.T) {
	policy(t, "^cap_net_raw ghost\n")
	const text = `op=su acct="ghost" caller="alpha" iab="%s" exe="` + program + `" hostname=? addr=? terminal=? res=%s`
	for name, c := range map[string]struct{ stdin, want string }{
		"a session": {password + "\n", fmt.Sprintf(text, "^cap_net_raw", "success")},
		"a failure": {"wrong\n", fmt.Sprintf(text, "", "failed")},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("strace", "-f", "-u", "alpha", "-e", "trace=sendto", "-xx", "-s", "1000", "-o",
				"/opt/audit.trace", program, "ghost", "-c", "true")
			cmd.Stdin = strings.NewReader(c.stdin)
			t.Cleanup(func() { os.Remove("/opt/audit.trace") })
			out, _ := cmd.CombinedOutput()
			trace := must(t, "cat", "/opt/audit.trace")
			var want strings.Builder
			for _, b := range []byte(c.want) {
				fmt.Fprintf(&want, `\x%02x`, b)
			}
			for line := range strings.Lines(trace) {
				if strings.Contains(line, want.String()) && strings.Contains(line, "nlmsg_type=0x8fc") &&
					strings.HasSuffix(line, fmt.Sprintf(" = %d\n", 16+len(c.want)+1)) {
					return
				}
			}
			t.Errorf("%s\n%s", out, trace)
		})
	}
}
