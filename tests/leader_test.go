//go:build privileged

package tests

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// unread starts a session, and waits for its first line. Nothing reads its output until the
// test reads from reader.
func unread(t *testing.T, c call) (cmd *exec.Cmd, reader *os.File) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), lifetime)
	t.Cleanup(cancel)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close() })
	cmd = c.command(ctx)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(password+"\n"), writer, writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	return cmd, reader
}

// full waits until a pipe takes no more: for a while nothing has been added.
func full(t *testing.T, pipe *os.File) {
	t.Helper()
	last, since := -1, time.Now()
	eventually(t, "a full pipe", func() bool {
		now, err := inPipe(pipe)
		if err != nil {
			t.Fatal(err)
		}
		if now != last {
			last, since = now, time.Now()
		}
		return last > 32<<10 && time.Since(since) > 300*time.Millisecond
	})
}

// A monitor that waits for the reader of its output hears no signal. It did so: it wrote again
// without asking whether there is room. And if there is room, another writer to the same pipe
// may fill it first.
func TestAReaderThatDoesNotReadKeepsNothingFromEnding(t *testing.T) {
	for name, command := range map[string]string{
		"output":                    "yes",
		"standard error beside it":  "yes >&2 & yes",
		"a session that is stopped": "(sleep 0.5; kill -STOP $$) & yes & wait",
	} {
		t.Run(name, func(t *testing.T) {
			sessions := recorded(t)
			cmd, reader := unread(t, call{args: []string{"-P", "ghost", "-c", command}})
			if name == "standard error beside it" { // both write as soon as there is room
				for text := make([]byte, 4096); ; {
					n, err := reader.Read(text)
					if err != nil || n == 0 {
						t.Fatal(err)
					}
					if time.Sleep(time.Millisecond); strings.Contains(string(text[:n]), "y\r\n") {
						break
					}
				}
			}
			full(t, reader)
			cmd.Process.Signal(syscall.SIGTERM)
			cmd.Wait()
			if got := shellStatus(cmd.ProcessState); got != 143 {
				t.Errorf("status %d", got)
			}
			expectClosed(t, sessions)
			exec.Command("pkill", "-KILL", "-u", "ghost").Run()
		})
	}
}

// A write to a terminal other than the caller's own cannot be told not to wait.
func TestAnotherTerminalThatNobodyReadsKeepsNothingFromEnding(t *testing.T) {
	sessions := recorded(t)
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := slave.Chmod(0o666); err != nil {
		t.Fatal(err)
	}
	cmd, _ := unread(t, call{wrapper: []string{"setsid", "sh", "-c", `exec "$@" >` + slave.Name(), "-"},
		args: []string{"-P", "ghost", "-c", "printf 'one\\ttwo\\n'; yes"}})
	text := make([]byte, 16)
	if _, err := io.ReadFull(master, text); err != nil ||
		!strings.HasPrefix(strings.ReplaceAll(string(text), "\r", ""), "one\ttwo\ny\n") {
		t.Errorf("%q, %v", text, err)
	}
	eventually(t, "a full terminal", func() bool {
		before, err := os.ReadFile("/proc/" + monitorOf(t, cmd.Process.Pid) + "/io")
		time.Sleep(300 * time.Millisecond)
		after, e := os.ReadFile("/proc/" + monitorOf(t, cmd.Process.Pid) + "/io")
		return err == nil && e == nil && string(before) == string(after)
	})
	cmd.Process.Signal(syscall.SIGTERM)
	cmd.Wait()
	if got := shellStatus(cmd.ProcessState); got != 143 {
		t.Errorf("status %d", got)
	}
	slave.Close()
	expectClosed(t, sessions)
}

// The foreground of a master's terminal says nothing about the reader of the master. capsu
// asked for it, and never read such input.
func TestAMasterAsInputIsRead(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer slave.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out strings.Builder
	cmd := call{caller: "root", args: []string{"-P", "ghost", "-c", "read line; echo got $line"}}.command(ctx)
	cmd.Stdin, cmd.Stdout = master, &out
	if _, err := slave.WriteString("a line\n"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Run(); err != nil || !strings.Contains(out.String(), "got a line") {
		t.Errorf("%v: %q", err, out.String())
	}
}

// A session may stop itself where no shell could continue the caller's job. The monitor
// continues it at once. Each time cost 10 kB of memory.
func TestASessionThatStopsWithoutEndCostsNoMemory(t *testing.T) {
	compile(t, "/opt/stops", "programs/stops.c")
	for name, c := range map[string]call{
		"a command":               {args: []string{"-T", "ghost", "-c", "exec /opt/stops >/dev/null"}},
		"a command of root's":     {caller: "root", args: []string{"-T", "ghost", "-c", "exec /opt/stops >/dev/null"}},
		"in the caller's session": {args: []string{"-T", "ghost", "--session-command", "exec /opt/stops >/dev/null"}},
		"in root's session": {caller: "root",
			args: []string{"-T", "ghost", "--session-command", "exec /opt/stops >/dev/null"}},
		"with a terminal of its own": {args: []string{"-P", "ghost", "-c", "exec /opt/stops >/dev/null"}},
		"on a terminal":              {},
	} {
		t.Run(name, func(t *testing.T) {
			front := 0
			if name == "on a terminal" { // the front leads the session: no shell could continue it
				x := onTerminal(t, "alpha", "exec "+program+" ghost -c 'exec /opt/stops >/dev/null'")
				x.await("Password: ")
				x.typed(password + "\n")
				front = x.cmd.Process.Pid
			} else {
				c.wrapper = []string{"setsid"}
				front = unreadPid(t, c)
			}
			monitor := monitorOf(t, front)
			eventually(t, "the session", func() bool {
				return exec.Command("pgrep", "-x", "-u", "ghost", "stops").Run() == nil
			})
			size := func() (kb int) {
				fmt.Sscan(must(t, "ps", "-o", "rss=", "-p", monitor), &kb)
				return kb
			}
			time.Sleep(300 * time.Millisecond)
			before := size()
			time.Sleep(2 * time.Second)
			if after := size(); after > before+512 {
				t.Errorf("the monitor grew from %d to %d kB", before, after)
			}
			syscall.Kill(front, syscall.SIGTERM)
			awaitNoProcess(t)
			exec.Command("pkill", "-KILL", "-u", "ghost").Run()
		})
	}
}

func unreadPid(t *testing.T, c call) int {
	t.Helper()
	cmd, _ := unread(t, c)
	go cmd.Wait()
	return cmd.Process.Pid
}

// The leader reports each stop. While the monitor waited for a reader, their socket filled up,
// and the last report of all was lost.
func TestTheEndIsHeardAfterMoreStopsThanCanBeTold(t *testing.T) {
	compile(t, "/opt/stops", "programs/stops.c")
	sessions := recorded(t)
	cmd, reader := unread(t,
		call{wrapper: []string{"setsid"}, args: []string{"-P", "ghost", "-c", "exec /opt/stops 3000"}})
	go func() { // a slow reader
		for text := make([]byte, 1); ; time.Sleep(100 * time.Millisecond) {
			if _, err := reader.Read(text); err != nil {
				return
			}
		}
	}()
	cmd.Wait()
	if got := shellStatus(cmd.ProcessState); got != 137 {
		t.Errorf("status %d", got)
	}
	expectClosed(t, sessions)
	exec.Command("pkill", "-KILL", "-u", "ghost").Run()
}

// The first process of a session may leave its process group. A signal to the group then
// reached no process, and there was no error.
func TestAFirstProcessThatLeavesItsGroupIsEnded(t *testing.T) {
	compile(t, "/opt/stops", "programs/stops.c")
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		sessions := recorded(t)
		cmd, reader := unread(t, call{args: []string{"-P", "ghost", "-c", "exec /opt/stops leave"}})
		for lines := bufio.NewScanner(reader); lines.Scan() && !strings.HasSuffix(lines.Text(), "moved"); {
		}
		first := must(t, "pgrep", "-o", "-x", "-u", "ghost", "stops")
		eventually(t, "the first process at rest", func() bool { return stateOf(strings.TrimSpace(first)) == "S" })
		cmd.Process.Signal(signal)
		cmd.Wait()
		if got := shellStatus(cmd.ProcessState); got != 128+int(signal) {
			t.Errorf("status %d", got)
		}
		expectClosed(t, sessions)
		eventually(t, "the end of the first process", func() bool {
			state := stateOf(strings.TrimSpace(first))
			return state == "" || state == "Z"
		})
		exec.Command("pkill", "-KILL", "-u", "ghost").Run()
	}
}

// The leader has the target's uid and a copy of the monitor's memory. A module that ran in the
// child, at the end of its copy of the transaction, made that memory readable. With
// fs.suid_dumpable=1 any change of identity does.
func TestTheTargetCanEndTheLeaderAndNotReadIt(t *testing.T) {
	compile(t, "/opt/leave.so", "-shared", "-fPIC", "modules/leave.c", "-lpam")
	stack(t, service+"session required /opt/leave.so dumpable\n")
	sessions := recorded(t)
	s := begin(t, call{args: []string{"-P", "ghost"}}, "exec sleep 600")
	leader := sessionLeaderOf(t, s.cmd.Process.Pid)
	status, err := os.ReadFile("/proc/" + leader + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
		"CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Threads:\t1\n"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("%q is missing in %s", want, status)
		}
	}
	if got := beyondOwners(attackBy(t, "ghost", leader)); got != "" {
		t.Errorf("against the leader: %s", got)
	}
	if got := s.wait(t); got < 128 {
		t.Errorf("status %d", got)
	}
	expectClosed(t, sessions)
	eventually(t, "the session's end", func() bool { return gone(s.pid) })
}

func TestALeaderThatTheTargetStopsKeepsNobody(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGKILL} {
		sessions := recorded(t)
		s := begin(t, call{args: []string{"-P", "ghost"}}, "kill -STOP $PPID; trap '' HUP TERM; while :; do sleep 0.1; done")
		leader := sessionLeaderOf(t, s.cmd.Process.Pid)
		eventually(t, "the leader's stop", func() bool { return stateOf(leader) == "T" })
		s.cmd.Process.Signal(signal)
		s.wait(t)
		expectClosed(t, sessions)
		eventually(t, "the session's end", func() bool { return gone(s.pid) })
	}
}

// inPipe is how many bytes a pipe holds.
func inPipe(pipe *os.File) (int, error) {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return 0, err
	}
	n := 0
	if e := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) }); e != nil {
		return 0, e
	}
	return n, err
}
