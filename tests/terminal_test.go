//go:build privileged

package tests

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// terminal is a real pseudo-terminal with a command of alpha's on it, as
// session leader with the terminal as its own.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	mu     sync.Mutex
	text   strings.Builder
	done   chan struct{} // closed when there is nothing more to read
	seen   int           // how far await has come
}

// onTerminal starts a shell script of a caller's, with more variables.
func onTerminal(t *testing.T, caller, script string, env ...string) *terminal {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	// What the session's leader wrote last can be lost when it ends, so it waits.
	const whole = "\036"
	script = `trap 's=$?; printf "\036"; read -r <&3; exit $s' EXIT; trap : INT QUIT; ` + script
	cmd := call{caller: caller, wrapper: []string{"bash", "-c", script}, program: "-"}.command(ctx)
	cmd.Env = append(cmd.Env, env...)
	waits, read, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{waits}
	master, err := pty.Start(cmd)
	waits.Close()
	if err != nil {
		t.Fatal(err)
	}
	// pty leaves it blocking, and a blocked reader would keep it from closing
	fd, err := syscall.Dup(int(master.Fd()))
	if err == nil {
		syscall.CloseOnExec(fd)
		err = syscall.SetNonblock(fd, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	master.Close()
	master = os.NewFile(uintptr(fd), "terminal")
	term := &terminal{t: t, cmd: cmd, master: master, done: make(chan struct{})}
	t.Cleanup(func() {
		master.Close()
		cancel()
		cmd.Wait() // else a zombie with its name stays for other tests to find
	})
	go func() {
		defer close(term.done)
		for buf := make([]byte, 4096); ; {
			n, err := master.Read(buf)
			text, rest, end := strings.Cut(string(buf[:n]), whole)
			term.mu.Lock()
			term.text.WriteString(text + rest)
			term.mu.Unlock()
			if err != nil || end {
				read.Close()
			}
			if err != nil {
				return
			}
		}
	}()
	return term
}

func (x *terminal) screen() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return strings.ReplaceAll(x.text.String(), "\r\n", "\n")
}

// expect waits until text has been written.
func (x *terminal) expect(text string) {
	x.t.Helper()
	for end := time.Now().Add(patience); !strings.Contains(x.screen(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			x.t.Fatalf("%q does not come; the screen: %q", text, x.screen())
		}
	}
}

// await waits until text has been written after what was awaited before.
func (x *terminal) await(text string) {
	x.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		began := time.Now()
		screen := x.screen()
		if at := strings.Index(screen[min(x.seen, len(screen)):], text); at >= 0 {
			x.seen += at + len(text)
			return
		}
		time.Sleep(4 * time.Since(began)) // looking at megabytes must not keep them from coming
		if time.Now().After(end) {
			x.t.Fatalf("%q does not come after %q; the screen: %q", text, screen[:min(x.seen, len(screen))], screen[min(x.seen, len(screen)):])
		}
	}
}

func (x *terminal) typed(keys string) {
	x.t.Helper()
	if _, err := x.master.WriteString(keys); err != nil {
		x.t.Fatal(err)
	}
}

// inForeground waits until a program of this name runs in the foreground of
// its terminal: a key that sends a signal then reaches it and nothing else.
func inForeground(t *testing.T, name string) {
	t.Helper()
	eventually(t, name+" in the foreground", func() bool {
		stats, _ := filepath.Glob("/proc/[0-9]*/stat")
		for _, stat := range stats {
			text, _ := os.ReadFile(stat) // proc(5): pid (comm) state ppid pgrp session tty_nr tpgid
			_, rest, found := strings.Cut(string(text), "("+name+") ")
			f := strings.Fields(rest)
			if found && len(f) > 5 && f[0] != "T" && f[0] != "Z" && f[2] == f[5] {
				return true
			}
		}
		return false
	})
}

// end waits for the command, and returns its status.
func (x *terminal) end() int {
	x.t.Helper()
	x.cmd.Wait()
	select {
	case <-x.done:
	case <-time.After(patience):
		x.t.Fatalf("a process still has the terminal; the screen: %q", x.screen())
	}
	return shellStatus(x.cmd.ProcessState)
}

// around shows the terminal's modes before and after, and capsu's status.
const around = `stty -g; ` + program + ` "$@" ghost -c 'echo in the session; tty'; echo "status $?"; stty -g`

// expectModes checks that the first and the last line, stty's, are the same.
func (x *terminal) expectModes() {
	x.t.Helper()
	lines := strings.Split(strings.TrimSpace(x.screen()), "\n")
	first, last := lines[0], lines[len(lines)-1]
	if strings.Count(first, ":") < 20 || first != last {
		x.t.Errorf("modes before %q, after %q; the screen: %q", first, last, x.screen())
	}
}

func TestPasswordIsAskedOnTheTerminalWithoutEcho(t *testing.T) {
	x := onTerminal(t, "alpha", around)
	x.expect("Password: ")
	x.typed(password + "\n")
	x.end()
	x.expect("in the session\n/dev/pts/")
	x.expect("status 0\n")
	if strings.Contains(x.screen(), password) {
		t.Errorf("the password is on the screen: %q", x.screen())
	}
	x.expectModes()
}

func TestWaysOutOfThePromptLeaveTheTerminalWhole(t *testing.T) {
	for name, c := range map[string]struct{ keys, want string }{
		"Ctrl-C":                  {"\x03", "capsu: prompt: interrupted by SIGINT"},
		"Ctrl-C after some":       {"open \x03", "capsu: prompt: interrupted by SIGINT"},
		"Ctrl-\\":                 {"\x1c", "capsu: prompt: interrupted by SIGQUIT"},
		"Ctrl-D":                  {"\x04", "capsu: prompt: end of input"},
		"too long":                {strings.Repeat("x", 600) + "\n", "capsu: prompt: answer of 512 bytes or more"},
		"wrong":                   {"wrong\n", strings.TrimSpace(neutral)},
		"more than the password":  {"wrong\necho injected\n", strings.TrimSpace(neutral)},
		"erased and wrong":        {"open\x7f\x7f\n", strings.TrimSpace(neutral)},
		"Ctrl-D after some, once": {"open\x04", strings.TrimSpace(neutral)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := onTerminal(t, "alpha", around+"; read -t 0.3 line; echo \"left: $line\"; stty -g")
			x.expect("Password: ")
			x.typed(c.keys)
			x.expect("left: ")
			x.end()
			x.expect(c.want)
			x.expect("status 1\n")
			x.expect("left: \n")
			x.expectModes()
			if strings.Contains(x.screen(), "in the session") {
				t.Errorf("the screen: %q", x.screen())
			}
		})
	}
}

func TestTermAtThePromptLeavesTheTerminalWhole(t *testing.T) {
	x := onTerminal(t, "alpha", `stty -g; `+program+` ghost; echo "status $?"; stty -g`)
	x.expect("Password: ")
	must(t, "pkill", "-TERM", "-x", "-o", "capsu")
	x.end()
	x.expect("capsu: prompt: interrupted by SIGTERM")
	x.expect("status 1\n")
	x.expectModes()
}

func TestKillOfTheFrontAtThePromptLeavesTheTerminalWhole(t *testing.T) {
	x := onTerminal(t, "alpha", `stty -g; `+program+` ghost; echo "status $?"; while [ $(pgrep -r D,R,S,T -c -x capsu) != 0 ]; do sleep 0.1; done; stty -g`)
	x.expect("Password: ")
	must(t, "pkill", "-KILL", "-x", "-o", "capsu")
	x.end()
	x.expect("status 137\n")
	x.expectModes()
}

func TestHangupAtThePromptEndsTheAttempt(t *testing.T) {
	x := onTerminal(t, "alpha", program+" ghost -c 'echo in >/opt/hangup'")
	x.expect("Password: ")
	x.master.Close()
	x.cmd.Wait()
	eventually(t, "the monitor's end", func() bool { return len(processes()) == 0 })
	if _, err := os.Stat("/opt/hangup"); err == nil {
		t.Error("a session ran")
	}
}

func TestInteractiveShellOnTheTerminal(t *testing.T) {
	sessions := recorded(t)
	x := onTerminal(t, "alpha", `stty -g; `+program+` beta; echo "status $?"; stty -g`)
	x.expect("Password: ")
	x.typed(password + "\n")
	x.expect("beta@")
	x.typed("set -o | grep monitor; id -un; sleep 100\n")
	x.expect("monitor        \ton\nbeta\n") // job control works
	inForeground(t, "sleep")
	x.typed("\x03")
	x.typed("echo interrupted $?\n")
	x.expect("interrupted 130\n")
	x.typed("exit 9\n")
	x.expect("status 9\n")
	x.end()
	x.expectModes()
	if got := sessions(); !strings.HasSuffix(got, "close_session capsu beta alpha\n") {
		t.Errorf("records %q", got)
	}
}

func TestHangupInASessionEndsIt(t *testing.T) {
	sessions := recorded(t)
	x := onTerminal(t, "alpha", "exec "+program+" beta")
	x.expect("Password: ")
	x.typed(password + "\n")
	x.expect("beta@")
	x.master.Close()
	x.cmd.Wait()
	eventually(t, "the monitor's end", func() bool { return len(processes()) == 0 })
	if got := sessions(); !strings.HasSuffix(got, "close_session capsu beta alpha\n") {
		t.Errorf("records %q", got)
	}
}

func TestExpiredPasswordIsChangedInTheConversation(t *testing.T) {
	account(t, "oldpw", "-s", "/bin/sh")
	setPassword(t, "oldpw", password)
	must(t, "chage", "-d", "0", "oldpw")
	x := onTerminal(t, "alpha", `stty -g; `+program+` oldpw -c 'echo changed'; echo "status $?"; stty -g`)
	x.expect("Password: ")
	x.typed(password + "\n")
	x.expect("Current password: ")
	x.typed(password + "\n")
	x.expect("New password: ")
	x.typed("Wq7!hhTfe2-zz\n")
	x.expect("Retype new password: ")
	x.typed("Wq7!hhTfe2-zz\n")
	x.end()
	x.expect("changed\nstatus 0\n")
	x.expectModes()
	expectRun(t, call{args: []string{"oldpw", "-c", "echo again"}, stdin: "Wq7!hhTfe2-zz\n"}.run(t), "again\n")
}

func TestTheFailDelayIsSleptInFull(t *testing.T) {
	// Ctrl-C while the delay is slept neither shortens it nor stops the monitor.
	x := onTerminal(t, "alpha", program+` ghost; echo "status $?"`)
	x.expect("Password: ")
	began := time.Now()
	x.typed("wrong\n")
	for range 8 {
		time.Sleep(50 * time.Millisecond)
		x.typed("\x03\x1a\x1c")
	}
	x.expect("status 1\n")
	x.end()
	if took := time.Since(began); took < time.Second {
		t.Errorf("the delay took %v", took)
	}
}
