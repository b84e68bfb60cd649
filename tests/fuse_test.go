//go:build privileged

package tests

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hanging is a file system of programs/hang_fs.c. Its one file never answers.
type hanging struct {
	file   string
	mu     sync.Mutex
	events string // what the server has told: a line for each call it does not answer
}

// mountHanging mounts such a file system, open to all users. At the end of the test it is gone,
// and with it each process that waited for it.
func mountHanging(t *testing.T, what string) *hanging {
	t.Helper()
	compile(t, "/opt/hang_fs", "-Wextra", "programs/hang_fs.c", "-I/usr/include/fuse3", "-lfuse3")
	dir := t.TempDir()
	for d := dir; d != "/tmp"; d = filepath.Dir(d) {
		must(t, "chmod", "755", d)
	}
	server := exec.Command("/opt/hang_fs", what, dir)
	life, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	h := &hanging{file: dir + "/file"}
	server.Stdout = h
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		life.Close()
		if err := server.Wait(); err != nil {
			t.Errorf("the file system: %v", err)
		}
		eventually(t, "the end of all that waited for the file system", func() bool { return len(processes()) == 0 })
	})
	h.await(t, "mounted", 1)
	return h
}

func (h *hanging) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events += string(p)
	return len(p), nil
}

// await waits until the server has told of an event n times.
func (h *hanging) await(t *testing.T, event string, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s of the file system, %d times", event, n), func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return strings.Count(h.events, event+"\n") >= n
	})
}

// open opens the file as the caller's shell would.
func (h *hanging) open(t *testing.T, flags int) *os.File {
	t.Helper()
	fd, err := unix.Open(h.file, flags|unix.O_CLOEXEC, 0) // not os.OpenFile: the runtime's poller would ask it
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), h.file)
	t.Cleanup(func() { f.Close() })
	return f
}

// ended waits for a front alone, and not for other processes that have its descriptors.
func ended(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	state, err := cmd.Process.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return shellStatus(state)
}

const failed = "FAILED SU (to ghost) alpha on none: "

// The monitor itself read the answer. 30 of 30 monitors outlived their fronts, in a read that
// no signal interrupts.
func TestAFileThatNeverAnswersKeepsNoMonitor(t *testing.T) {
	const times = 10 // at once, for each signal
	for _, what := range []string{"read", "poll", "deaf"} {
		t.Run(what, func(t *testing.T) {
			h := mountHanging(t, what)
			log := logged(t)
			for n, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGHUP} {
				var calls [times]*exec.Cmd
				for i := range calls {
					calls[i] = call{args: []string{"ghost", "-c", "exit 3"}}.command(t.Context())
					calls[i].Stdin = h.open(t, unix.O_RDONLY)
					if err := calls[i].Start(); err != nil {
						t.Fatal(err)
					}
				}
				h.await(t, "read", (n+1)*times)
				for _, cmd := range calls {
					cmd.Process.Signal(sig)
				}
				for _, cmd := range calls {
					if status := ended(t, cmd); status == 0 || status == 3 {
						t.Errorf("%v: status %d", sig, status)
					}
				}
				eventually(t, "the monitors' ends", func() bool { return len(privileged(t)) == 0 })
				eventually(t, "the records", func() bool { return strings.Count(log(), failed) == (n+1)*times })
			}
		})
	}
}

// Output decides nothing, also if it is never taken.
func TestAFileThatNeverTakesOutputKeepsNoAttempt(t *testing.T) {
	for _, what := range []string{"write", "deaf"} {
		for _, c := range []struct {
			name     string
			out, err bool
			answer   string
		}{
			{"standard error", false, true, password}, {"output and error", true, true, password},
			{"standard error, wrong password", false, true, "wrong"},
		} {
			t.Run(what+", "+c.name, func(t *testing.T) {
				h := mountHanging(t, what)
				sessions := recorded(t)
				log := logged(t)
				cmd := call{args: []string{"ghost", "-c", "exit 3"}}.command(t.Context())
				cmd.Stdin = strings.NewReader(c.answer + "\n")
				if c.err {
					cmd.Stderr = h.open(t, unix.O_WRONLY)
				}
				if c.out {
					cmd.Stdout = h.open(t, unix.O_WRONLY)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				h.await(t, "write", 1) // of the prompt
				want := 3
				if c.answer != password {
					want = 1
				}
				if status := ended(t, cmd); status != want {
					t.Errorf("status %d, want %d", status, want)
				}
				eventually(t, "the monitor's end", func() bool { return len(privileged(t)) == 0 })
				if got := log(); strings.Contains(got, failed) != (want == 1) {
					t.Errorf("the log has %q", got)
				}
				if got := strings.Count(sessions(), closedRecord); got != 0 != (want == 3) {
					t.Errorf("sessions %q", sessions())
				}
			})
		}
	}
}

// The front is killed while the prompt cannot be written and the answer has not come.
func TestAPromptThatCannotBeShownObeysAKill(t *testing.T) {
	h := mountHanging(t, "write")
	log := logged(t)
	cmd := call{args: []string{"ghost"}}.command(t.Context())
	cmd.Stderr = h.open(t, unix.O_WRONLY)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	h.await(t, "write", 1)
	cmd.Process.Kill()
	ended(t, cmd)
	eventually(t, "the monitor's end", func() bool { return len(privileged(t)) == 0 })
	if got := log(); strings.Count(got, failed) != 1 {
		t.Errorf("the log has %q", got)
	}
}

// An ordinary file is read up to the newline: its offset is the session's.
func TestOrdinaryFilesGiveTheAnswerAndTakeTheWords(t *testing.T) {
	dir := t.TempDir()
	run := func(t *testing.T, input, script string) (status int, out, errs string) {
		t.Helper()
		var files [3]*os.File
		for i, name := range []string{"in", "out", "err"} {
			f, err := os.Create(dir + "/" + name)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			files[i] = f
		}
		io.WriteString(files[0], input)
		files[0].Seek(0, io.SeekStart)
		cmd := call{args: []string{"ghost", "-c", script}}.command(t.Context())
		cmd.Stdin, cmd.Stdout, cmd.Stderr = files[0], files[1], files[2]
		cmd.Run()
		text := func(name string) string { b, _ := os.ReadFile(dir + "/" + name); return string(b) }
		if left := processes(); len(left) != 0 {
			t.Errorf("left: %q", left)
		}
		return shellStatus(cmd.ProcessState), text("out"), text("err")
	}
	for name, c := range map[string]struct {
		input, script, out, err string
		status                  int
	}{
		"the rest":   {password + "\nthe rest\nof it", "cat; exit 3", "the rest\nof it", "Password: ", 3},
		"no newline": {password, "cat; exit 3", "", "Password: ", 3},
		"order":      {password + "\n", "echo out; echo err >&2; exit 3", "out\n", "Password: err\n", 3},
		"wrong":      {"wrong\n", "true", "", "Password: capsu: Authentication failure\n", 1},
		"nothing": {"", "true", "", "Password: capsu: prompt: end of input\n" +
			"capsu: hint: the stack asks for a password; give it on a terminal, or as the first line of standard input\n", 1},
		"too long": {strings.Repeat("x", 512) + "\n", "true", "",
			"Password: capsu: prompt: answer of 512 bytes or more\n", 1},
		"a NUL": {"a\x00b\n", "true", "", "Password: capsu: prompt: answer with a NUL byte\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			status, out, errs := run(t, c.input, c.script)
			if status != c.status || out != c.out || errs != c.err {
				t.Errorf("status %d, output %q, error %q; want %d, %q, %q", status, out, errs, c.status, c.out, c.err)
			}
		})
	}
	t.Run("two prompts", func(t *testing.T) {
		askTwice(t)
		os.RemoveAll(gates)
		status, out, errs := run(t, password+"\nyes\nthe rest", "cat; exit 3")
		if status != 3 || out != "the rest" || errs != "Password: secret? " {
			t.Errorf("status %d, output %q, error %q", status, out, errs)
		}
	})
}

// Another reader of the same pipe is faster: poll(2) has reported input, and then there is
// none. The prompt must go on waiting, and must still obey signals.
func TestAnotherReaderOfThePipeKeepsNoMonitor(t *testing.T) {
	for _, kind := range []string{"FIFO", "pipe"} {
		t.Run(kind, func(t *testing.T) {
			in, out := sharedPipe(t, kind)
			log := logged(t)
			for range 4 {
				thief := exec.Command("sh", "-c", "while read -r line; do :; done")
				thief.Stdin = in
				if err := thief.Start(); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { thief.Process.Kill(); thief.Wait() })
			}
			for n, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGHUP} {
				var errs lockedBuffer
				cmd := call{args: []string{"ghost", "-c", "exit 3"}}.command(t.Context())
				cmd.Stdin, cmd.Stderr = in, &errs
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				eventually(t, "the prompt", func() bool { return strings.Contains(errs.String(), "Password: ") })
				for range 500 { // less than an answer may have, if capsu took all
					io.WriteString(out, "x")
					time.Sleep(100 * time.Microsecond)
				}
				if len(privileged(t)) == 0 {
					t.Errorf("the prompt has ended: %q", errs.String())
				}
				cmd.Process.Signal(sig)
				ended(t, cmd)
				awaitNoProcess(t)
				if got := log(); strings.Count(got, failed) != n+1 {
					t.Errorf("the log has %q", got)
				}
			}
		})
	}
}

// sharedPipe returns both ends of a pipe, or of a FIFO.
func sharedPipe(t *testing.T, kind string) (in, out *os.File) {
	t.Helper()
	var err error
	if kind == "pipe" {
		in, out, err = os.Pipe()
	} else {
		name := t.TempDir() + "/fifo"
		if err := unix.Mkfifo(name, 0o666); err != nil {
			t.Fatal(err)
		}
		if out, err = os.OpenFile(name, os.O_RDWR, 0); err == nil {
			in, err = os.OpenFile(name, os.O_RDONLY, 0)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); out.Close() })
	return in, out
}
