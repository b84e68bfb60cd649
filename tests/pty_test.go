//go:build privileged

package tests

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

func TestTheSessionsTerminalIsTheTargets(t *testing.T) {
	x := inSession(t, "")
	if err := pty.Setsize(x.master, &pty.Winsize{Rows: 41, Cols: 117}); err != nil {
		t.Fatal(err)
	}
	// the size takes a moment to arrive
	x.typed(`stat -c '%U %G %a' "$(tty)"; while [ "$(stty size)" != "41 117" ]; do sleep 0.1; done; echo sized; ` +
		`ls -l /proc/self/fd | grep -c /dev/pts/` + "\n")
	x.await("beta tty 620\n")
	x.await("sized\n2\n") // and the pipe
	x.leave()
	for _, options := range []string{"-T beta -c tty", "-T - beta -c tty", "--session-command tty beta"} {
		x := onTerminal(t, "root", `[ "$(`+program+" "+options+` <$(tty))" = "$(tty)" ] && echo shared`)
		x.end()
		x.await("shared\n")
	}
}

// A kernel with dev.tty.legacy_tiocsti lets the target type into a terminal that it shares. It
// must not reach the caller's, neither while the session runs nor after it.
func TestTheTargetCannotTypeIntoTheCallersShell(t *testing.T) {
	compile(t, "/opt/push", "programs/push.c")
	if text, err := os.ReadFile("/proc/sys/dev/tty/legacy_tiocsti"); err == nil &&
		strings.TrimSpace(string(text)) != "1" {
		t.Fatal("dev.tty.legacy_tiocsti is off: this test shows nothing")
	}
	const begun = "until [ -s /opt/push.log ]; do sleep 0.05; done"
	for name, c := range map[string]struct {
		line  string
		reach bool
	}{
		"a command":           {" beta -c /opt/push", false},
		"a login":             {" - beta -c /opt/push", false},
		"without a terminal":  {" -T beta -c /opt/push", false},
		"a descendant":        {" beta -c '/opt/push /opt/push.go & " + begun + "'", false},
		"one without session": {" beta -c 'setsid /opt/push /opt/push.go & " + begun + "'", false},
		"one of -T -c":        {" -T beta -c '/opt/push /opt/push.go & " + begun + "'", false},
		// this attempt succeeds: it shows that the others could
		"who shares it": {" -T beta --session-command /opt/push", true},
	} {
		t.Run(name, func(t *testing.T) {
			os.Remove("/opt/push.go")
			file(t, "/opt/push.log", "", 0o666)
			x := jobs(t)
			x.typed(program + c.line + "\n")
			x.await("Password: ")
			x.typed(password + "\n")
			if c.reach {
				x.await("pushed-42\n")
			} else {
				x.await("now> ")
			}
			file(t, "/opt/push.go", "", 0o644)
			eventually(t, "the attempt", func() bool {
				log, _ := os.ReadFile("/opt/push.log")
				return bytes.Contains(log, []byte("done"))
			})
			x.typed("echo the end $((40+3))\n")
			x.await("the end 43\n")
			if log, _ := os.ReadFile("/opt/push.log"); strings.Contains(x.screen(), "pushed-42") != c.reach {
				t.Errorf("%s; the screen: %q", log, x.screen())
			}
			x.typed("exit\n")
			x.end()
		})
	}
}

// expectIdle checks that the monitor of a session does not spin: in half a second it uses next
// to no processor time.
func expectIdle(t *testing.T, when string) {
	t.Helper()
	before := computed(t)
	time.Sleep(500 * time.Millisecond)
	if used := computed(t) - before; used > 15 {
		t.Errorf("%s: %d hundredths of a second of half a second", when, used)
	}
}

func TestNothingSpinsWhileItWaits(t *testing.T) {
	x := inSession(t, "")
	expectIdle(t, "in the foreground")
	x.typed("suspend\n")
	x.await("now> ")
	expectIdle(t, "stopped")
	x.typed("bg\n")
	x.await("beta@")
	x.typed("true\n")
	expectIdle(t, "in the background")
	x.typed("fg\n")
	x.await("\n" + program) // as bash names the job
	inForeground(t, "capsu")
	x.typed("exit\n")
	x.await("now> ")
	x.typed("exit\n")
	x.end()
	s := begin(t, call{args: []string{"-P", "ghost"}}, "exec sleep 600")
	expectIdle(t, "after the end of standard input")
	s.cmd.Process.Signal(os.Interrupt)
	s.wait(t)
}

func TestPtyBetweenPipes(t *testing.T) {
	for name, c := range map[string]struct{ command, input, want string }{
		"lines":                 {"cat", "one\ntwo\n", "one\r\ntwo\r\n"},
		"no newline at the end": {"cat", "one", "one"},
		"nothing":               {"cat; echo end", "", "end\r\n"},
		"more than a line":      {"wc -c", strings.Repeat(strings.Repeat("x", 999)+"\n", 300), "300000\r\n"},
		"its own terminal": {`tty | grep -c /dev/pts/
			[ "$(ps -o sid= -p $$)" != "$(ps -o sid= -p $PPID)" ] || echo a leader`, "", "1\r\na leader\r\n"},
		"status": {"exit 42", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := call{args: []string{"-P", "ghost", "-c", c.command}, stdin: password + "\n" + c.input}.run(t)
			if r.stdout != c.want || (r.status != 0) != (name == "status") {
				t.Errorf("status %d, stdout %q, want %q; stderr %q", r.status, r.stdout, c.want, r.stderr)
			}
		})
	}
	t.Run("standard error elsewhere", func(t *testing.T) {
		r := call{args: []string{"-P", "ghost", "-c", "echo out; echo err >&2"}}.run(t)
		if r.stdout != "out\r\n" || !strings.HasSuffix(r.stderr, "err\n") {
			t.Errorf("stdout %q, stderr %q", r.stdout, r.stderr)
		}
	})
	t.Run("a reader that goes", func(t *testing.T) {
		sessions := recorded(t)
		x := onTerminal(t, "alpha", program+" -P ghost -c yes | head -1; echo ${PIPESTATUS[1]}")
		x.await("Password: ")
		x.typed(password + "\n")
		x.await("y\n0\n")
		x.end()
		expectClosed(t, sessions)
	})
}

func TestPtyIsBinaryCleanAndDrained(t *testing.T) {
	data := make([]byte, 3<<20)
	if _, err := rand.Read(data); err != nil {
		t.Fatal(err)
	}
	file(t, "/opt/data", string(data), 0o644)
	r := call{args: []string{"-P", "ghost", "-c", "stty raw; cat /opt/data"}}.run(t)
	if !bytes.Equal([]byte(r.stdout), data) {
		t.Errorf("out: %d bytes of %d, or others", len(r.stdout), len(data))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := call{args: []string{"-P", "ghost", "-c",
		fmt.Sprintf("stty raw; echo go; head -c %d | sha256sum", len(data))}}.command(ctx)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	io.WriteString(in, password+"\n")
	ready := make([]byte, 3)
	if _, err := io.ReadFull(out, ready); err != nil {
		t.Fatal(err)
	}
	in.Write(data)
	text, _ := io.ReadAll(out)
	in.Close()
	cmd.Wait()
	if want := fmt.Sprintf("%x", sha256.Sum256(data)); !strings.HasPrefix(string(text), want) {
		t.Errorf("in: %q, want %s", text, want)
	}
}

func TestALongOutputArrivesWhole(t *testing.T) {
	x := inSession(t, "")
	x.typed("seq 1 1500000; echo the $((40+2))\n") // 10 MB
	x.await("the 42\n")
	if got := x.screen(); !strings.Contains(got, "\n1\n2\n3\n") ||
		!strings.HasSuffix(got[:x.seen], "\n1499999\n1500000\nthe 42\n") {
		t.Errorf("%d bytes", len(got))
	}
	x.leave()
}

// Processes that a session leaves behind keep neither capsu nor its terminal open, and can no
// longer write to the caller's terminal.
func TestDescendantsHoldNothing(t *testing.T) {
	sessions := recorded(t)
	x := jobs(t)
	file(t, "/opt/armed", "", 0o666)
	x.typed(program + ` ghost -c '(trap "" HUP; sleep 600 & echo yes >/opt/armed; while [ ! -e /opt/late ]; ` +
		`do sleep 0.05; done; echo late; echo over >/opt/late) & until [ -s /opt/armed ]; do sleep 0.05; done; ` +
		`echo here'` + "\n")
	x.await("Password: ")
	x.typed(password + "\n")
	x.await("here\n")
	x.await("now> ")
	expectClosed(t, sessions)
	file(t, "/opt/late", "", 0o666)
	eventually(t, "the late one", func() bool { text, _ := os.ReadFile("/opt/late"); return string(text) == "over\n" })
	x.typed("echo the end $((40+3))\n")
	x.await("the end 43\n")
	if strings.Contains(x.screen(), "late\n") {
		t.Errorf("the screen: %q", x.shown())
	}
	must(t, "pkill", "-KILL", "-u", "ghost")
	x.typed("exit\n")
	x.end()
}

func TestManySessionsLeaveNothing(t *testing.T) {
	file(t, "/run/utmp", "", 0o664)
	file(t, "/var/log/wtmp", "", 0o664)
	must(t, "chgrp", "utmp", "/run/utmp", "/var/log/wtmp")
	terminals := func() int { list, _ := filepath.Glob("/dev/pts/*"); return len(list) }
	began := terminals()
	x := onTerminal(t, "root", "for n in $(seq 200); do "+program+
		" -P - ghost <<<exit >/dev/null || echo bad $?; echo session $n; done; ls /proc/self/fd | wc -l")
	for n := range 200 {
		x.await(fmt.Sprintf("session %d\n", n+1))
	}
	x.end()
	x.master.Close()
	if strings.Contains(x.screen(), "bad") {
		t.Errorf("the screen: %q", x.shown())
	}
	eventually(t, "the end of all terminals", func() bool { return terminals() <= began })
	if left := processes(); len(left) > 0 {
		t.Errorf("processes %q", left)
	}
	if left := must(t, "who", "/run/utmp"); left != "" {
		t.Errorf("utmp has %q", left)
	}
	logins := 0
	for _, e := range entries(t, "/var/log/wtmp") {
		if e.user == "ghost" && e.kind == 7 { // USER_PROCESS
			logins++
		}
	}
	if logins != 200 {
		t.Errorf("%d logins in wtmp", logins)
	}
}
