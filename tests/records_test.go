//go:build privileged

package tests

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// listen stands in for the log daemon until it is stopped: it gives each
// message to heard.
func listen(t *testing.T, heard func(line string)) (stop func()) {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: "/dev/log", Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod("/dev/log", 0o666); err != nil {
		t.Fatal(err)
	}
	go func() {
		for buf := make([]byte, 64<<10); ; {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			heard(string(buf[:n]))
		}
	}()
	return func() { conn.Close(); os.Remove("/dev/log") }
}

// logged stands in for the log daemon for the time of a test. What it returns
// gives capsu's own lines, without time and pid, once one has come.
func logged(t *testing.T) func() string {
	t.Helper()
	var mu sync.Mutex
	var text strings.Builder
	t.Cleanup(listen(t, func(line string) {
		// <85>Nov 24 16:34:16 capsu[123]: text
		if at := strings.Index(line, " "+underTest.name+"["); at >= 0 && strings.HasPrefix(line, underTest.priority) {
			if _, own, found := strings.Cut(line[at:], "]: "); found {
				mu.Lock()
				text.WriteString(own + "\n")
				mu.Unlock()
			}
		}
	}))
	return func() string {
		t.Helper()
		var got string
		eventually(t, "a line in the system log", func() bool {
			time.Sleep(20 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			var own []string
			for line := range strings.Lines(text.String()) {
				if strings.Contains(line, "(to ") || strings.Contains(line, "left by its caller") {
					own = append(own, line)
				}
			}
			got = strings.Join(own, "")
			return got != ""
		})
		return got
	}
}

func TestSystemLogHasTheLinesOfSuWithTheTuple(t *testing.T) {
	for name, c := range map[string]struct {
		rules string
		args  []string
		stdin string
		want  string
	}{
		"a tuple":        {"^cap_net_raw,cap_kill,!cap_chown ghost", nil, "", "(to ghost) alpha on none iab=!cap_chown,cap_kill,^cap_net_raw\n"},
		"no rule":        {"", nil, "", "(to ghost) alpha on none iab=\n"},
		"all":            {"all ghost", nil, "", "(to ghost) alpha on none iab=cap_chown,cap_kill\n"},
		"less":           {"^cap_net_raw,cap_kill ghost", []string{"--drop", "cap_net_raw"}, "", "(to ghost) alpha on none iab=cap_kill\n"},
		"wrong password": {"", nil, "wrong\n", "FAILED SU (to ghost) alpha on none: pam_authenticate: Authentication failure\n"},
		"more":           {"", []string{"-C", "cap_kill"}, "", "FAILED SU (to ghost) alpha on none: Inheritable cap_kill: more than the grant\n"},
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
		if got := log(); !strings.HasPrefix(got, `FAILED SU (to gh\x1b[2J\nost) alpha on none: pam_authenticate: `) || strings.Count(got, "\n") != 1 {
			t.Errorf("%q", got)
		}
	})
	t.Run("on a terminal", func(t *testing.T) {
		log := logged(t)
		x := onTerminal(t, "alpha", program+" ghost -c true")
		x.expect("Password: ")
		x.typed(password + "\n")
		x.end()
		if got := log(); !strings.HasPrefix(got, "(to ghost) alpha on pts/") || !strings.HasSuffix(got, " iab=\n") {
			t.Errorf("%q", got)
		}
	})
}

// entry is what a test looks at in an entry of utmp(5).
type entry struct {
	kind       int16
	pid        int32
	line, user string
}

func entries(t *testing.T, path string) (all []entry) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const size = 384
	text := func(b []byte) string { return strings.TrimRight(string(b), "\x00") }
	for ; len(raw) >= size; raw = raw[size:] {
		all = append(all, entry{
			int16(binary.NativeEndian.Uint16(raw)), int32(binary.NativeEndian.Uint32(raw[4:])), text(raw[8:40]), text(raw[44:76]),
		})
	}
	return all
}

// logins makes the files of logins as the distribution has them.
func logins(t *testing.T) {
	t.Helper()
	for _, path := range []string{"/var/log/btmp", "/var/log/wtmp", "/run/utmp"} {
		file(t, path, "", 0o660)
		must(t, "chgrp", "utmp", path)
	}
}

func TestFailedAttemptIsInBtmpBeforeItsDelay(t *testing.T) {
	logins(t)
	log := logged(t)
	ended := make(chan result, 1)
	go func() { ended <- call{args: []string{"ghost", "-c", "true"}, stdin: "wrong\n"}.run(t) }()
	eventually(t, "an entry in btmp", func() bool { return len(entries(t, "/var/log/btmp")) > 0 })
	if got := log(); !strings.HasPrefix(got, "FAILED SU (to ghost) alpha") {
		t.Errorf("the log has %q", got)
	}
	select {
	case r := <-ended:
		t.Errorf("the delay was over by then: %+v", r)
	default:
	}
	<-ended
	if got := entries(t, "/var/log/btmp"); len(got) != 1 || got[0].user != "ghost" || got[0].line != "" || got[0].kind != 6 {
		t.Errorf("%+v", got)
	}
	if got := strings.Count(log(), "\n"); got != 1 {
		t.Errorf("%d lines in the log", got)
	}
	// what is no user's name may be a password, and is not written there
	call{args: []string{"open sesame", "-c", "true"}}.run(t)
	if got := entries(t, "/var/log/btmp"); len(got) != 2 || got[1].user != "(unknown)" {
		t.Errorf("%+v", got)
	}
	// a session, and a refusal that is not the stack's, are no failed logins
	capsu(t, "ghost", "-c", "true")
	capsu(t, "-C", "cap_kill", "ghost", "-c", "true")
	if got := entries(t, "/var/log/btmp"); len(got) != 2 {
		t.Errorf("%+v", got)
	}
	account(t, "expired", "-s", "/bin/sh", "-e", "2001-01-01")
	setPassword(t, "expired", password)
	capsu(t, "expired", "-c", "true")
	if got := entries(t, "/var/log/btmp"); len(got) != 3 || got[2].user != "expired" {
		t.Errorf("%+v", got)
	}
}

func TestLoginSessionIsInUtmpAndWtmpWhileItLasts(t *testing.T) {
	logins(t)
	for _, caller := range []string{"alpha", "root"} {
		x := onTerminal(t, caller, program+" -l ghost -c 'echo begun; read -r line'")
		if caller != "root" {
			x.expect("Password: ")
			x.typed(password + "\n")
		}
		x.expect("begun\n")
		got := entries(t, "/run/utmp")
		if len(got) == 0 || got[len(got)-1].user != "ghost" || got[len(got)-1].kind != 7 || !strings.HasPrefix(got[len(got)-1].line, "pts/") {
			t.Errorf("%s calls: %+v", caller, got)
		}
		x.typed("\n")
		x.end()
		if got := entries(t, "/run/utmp"); len(got) == 0 || got[len(got)-1].user != "" || got[len(got)-1].kind != 8 {
			t.Errorf("%s calls, after: %+v", caller, got)
		}
	}
	if got := entries(t, "/var/log/wtmp"); len(got) != 4 || got[0].user != "ghost" || got[1].kind != 8 || got[2].user != "ghost" {
		t.Errorf("wtmp: %+v", got)
	}
	x := onTerminal(t, "alpha", program+" ghost -c true")
	x.expect("Password: ")
	x.typed(password + "\n")
	x.end()
	if got := entries(t, "/var/log/wtmp"); len(got) != 4 {
		t.Errorf("a session that is no login: %+v", got)
	}
}

// The kernel keeps records only where audit is switched on; what is sent to it
// is seen by who traces the calls.
func TestKernelGetsAnAuditRecord(t *testing.T) {
	policy(t, "^cap_net_raw ghost\n")
	const text = `op=su acct="ghost" caller="alpha" iab="%s" exe="` + program + `" hostname=? addr=? terminal=? res=%s`
	for name, c := range map[string]struct{ stdin, want string }{
		"a session": {password + "\n", fmt.Sprintf(text, "^cap_net_raw", "success")},
		"a failure": {"wrong\n", fmt.Sprintf(text, "", "failed")},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("strace", "-f", "-u", "alpha", "-e", "trace=sendto", "-xx", "-s", "1000", "-o", "/opt/audit.trace", program, "ghost", "-c", "true")
			cmd.Stdin = strings.NewReader(c.stdin)
			t.Cleanup(func() { os.Remove("/opt/audit.trace") })
			out, _ := cmd.CombinedOutput()
			trace := must(t, "cat", "/opt/audit.trace")
			var want strings.Builder
			for _, b := range []byte(c.want) {
				fmt.Fprintf(&want, `\x%02x`, b)
			}
			for line := range strings.Lines(trace) {
				if strings.Contains(line, want.String()) && strings.Contains(line, "nlmsg_type=0x8fc") && strings.HasSuffix(line, fmt.Sprintf(" = %d\n", 16+len(c.want)+1)) {
					return
				}
			}
			t.Errorf("%s\n%s", out, trace)
		})
	}
}
