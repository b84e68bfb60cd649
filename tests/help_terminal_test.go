//go:build privileged

package tests

import (
	"context"
	"fmt"
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

// Terminals: a shell on a pseudo-terminal, the keys typed there, and the text shown.

// terminal is a pseudo-terminal. Its command is a session leader of its own, with this terminal
// as its controlling terminal.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	mu     sync.Mutex
	text   strings.Builder
	done   chan struct{} // closed when there is nothing more to read
	seen   int           // await has found its texts up to here
	looked int           // from seen to here, await has looked for its text in vain
}

// flood is the number of bytes after which nothing more is read from a terminal:
// a program that writes without end must fill neither the memory nor the log.
const flood = 64 << 20

// onTerminal runs a shell script as a caller on a new terminal. env are more variables.
func onTerminal(t *testing.T, caller, script string, env ...string) *terminal {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), lifetime)
	// The last output of a session leader can be lost when it ends. So the script ends with
	// this byte, and waits until it has been read.
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
	// the descriptor is blocking, and a blocked read would keep Close waiting
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
		cmd.Wait() // other tests must not find it as a zombie
	})
	go func() {
		defer close(term.done)
		returned := "" // a carriage return that may belong to a newline
		for buf := make([]byte, 4096); ; {
			n, err := master.Read(buf)
			text, rest, end := strings.Cut(string(buf[:n]), whole)
			text, returned = returned+text+rest, ""
			if err == nil {
				if before, ends := strings.CutSuffix(text, "\r"); ends {
					text, returned = before, "\r"
				}
			}
			term.mu.Lock()
			term.text.WriteString(strings.ReplaceAll(text, "\r\n", "\n"))
			size := term.text.Len()
			if size > flood {
				term.text.WriteString("\n[too much: the rest is not read]\n")
			}
			term.mu.Unlock()
			if err != nil || end || size > flood {
				read.Close()
			}
			if size > flood {
				master.Close()
			}
			if err != nil || size > flood {
				return
			}
		}
	}()
	return term
}

// screen is all that has been written, with "\n" at the end of each line.
func (x *terminal) screen() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text.String()
}

// shown is the end of the screen, for a failure: what await has found, and what
// came after it.
func (x *terminal) shown() string {
	const most = 4 << 10
	screen := x.screen()
	found, after := screen[:x.seen], screen[x.seen:]
	return found[max(0, len(found)-most):] + "|" + after[max(0, len(after)-most):]
}

// await waits until text comes after the text that the last await has found.
func (x *terminal) await(text string) {
	x.t.Helper()
	x.looked = x.seen
	eventually(x.t, fmt.Sprintf("%q", text), func() bool {
		screen := x.screen()
		if at := strings.Index(screen[x.looked:], text); at >= 0 {
			x.seen = x.looked + at + len(text)
			return true
		}
		x.looked = max(x.seen, len(screen)-len(text))
		return false
	}, func() string { return fmt.Sprintf("the screen: %q", x.shown()) })
}

// typed types keys.
func (x *terminal) typed(keys string) {
	x.t.Helper()
	if _, err := x.master.WriteString(keys); err != nil {
		x.t.Fatal(err)
	}
}

// end waits for the command, and returns its status.
func (x *terminal) end() int {
	x.t.Helper()
	hangs := time.AfterFunc(patience, func() { x.cmd.Process.Kill() })
	x.cmd.Wait()
	hangs.Stop()
	select {
	case <-x.done:
	case <-time.After(patience):
		x.t.Fatalf("a process still has the terminal; the screen: %q", x.shown())
	}
	return shellStatus(x.cmd.ProcessState)
}

// inForeground waits until a program of this name runs in the foreground of its terminal. Then
// a key that sends a signal reaches this program only. A child of another of the name does not
// count: capsu's session leader has a terminal of its own.
func inForeground(t *testing.T, name string) {
	t.Helper()
	eventually(t, name+" in the foreground", func() bool {
		stats, _ := filepath.Glob("/proc/[0-9]*/stat")
		for _, stat := range stats {
			text, _ := os.ReadFile(stat) // proc(5): pid (comm) state ppid pgrp session tty_nr tpgid
			_, rest, found := strings.Cut(string(text), "("+name+") ")
			f := strings.Fields(rest)
			if found && len(f) > 5 && f[0] != "T" && f[0] != "Z" && f[2] == f[5] {
				parent, _ := os.ReadFile("/proc/" + f[1] + "/comm")
				if strings.TrimSpace(string(parent)) != name {
					return true
				}
			}
		}
		return false
	})
}

// awaitStop waits until the front is stopped.
func (x *terminal) awaitStop() {
	x.t.Helper()
	pid := front(x.t)
	eventually(x.t, "the front's stop", func() bool { return stateOf(pid) == "T" },
		func() string { return fmt.Sprintf("the screen: %q; processes:\n%s", x.shown(), allProcesses(x.t)) })
}

// around shows the terminal's modes before and after a call of capsu, and its status.
const around = `stty -g; ` + program + ` "$@" ghost -c 'echo in the session; tty'; echo "status $?"; stty -g`

// expectModes checks that the first and the last line of the screen, stty's, are the same.
func (x *terminal) expectModes() {
	x.t.Helper()
	lines := strings.Split(strings.TrimSpace(x.screen()), "\n")
	first, last := lines[0], lines[len(lines)-1]
	if strings.Count(first, ":") < 20 || first != last {
		x.t.Errorf("modes before %q, after %q; the screen: %q", first, last, x.shown())
	}
}

// shells are the shells from which callers start capsu.
var shells = map[string]string{"bash": "bash --norc -i", "dash": "dash -i", "zsh": "zsh -f -i"}

// jobs starts an interactive bash of alpha's with job control, and returns at its prompt.
func jobs(t *testing.T) *terminal { t.Helper(); return jobsOf(t, "alpha") }

// jobsOf is jobs for another caller.
func jobsOf(t *testing.T, caller string) *terminal {
	t.Helper()
	x := onTerminal(t, caller, "exec bash --norc -i")
	x.typed("PS1='now> '\n")
	x.await("\nnow> ")
	return x
}

// inSession starts a session of beta's from jobs, and returns at its prompt.
func inSession(t *testing.T, options string) *terminal {
	t.Helper()
	x := jobs(t)
	x.typed(program + " " + options + " beta\n")
	x.await("Password: ")
	x.typed(password + "\n")
	x.await("beta@")
	return x
}

// leave ends an interactive session and the caller's shell.
func (x *terminal) leave() {
	x.t.Helper()
	x.typed("exit\n")
	x.await("now> ")
	x.typed("exit\n")
	x.end()
}

// echoes checks that the caller's shell has its terminal back, with echo.
func (x *terminal) echoes() {
	x.t.Helper()
	x.await("now> ")
	x.typed("stty -a | grep -o ' echo '; echo alive $((40+2))\n")
	x.await(" echo \nalive 42\n")
}
