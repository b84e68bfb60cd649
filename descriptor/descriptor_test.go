package descriptor

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

func open(t *testing.T, name string, flags int) int {
	t.Helper()
	fd, err := unix.Open(name, flags|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func pipe(t *testing.T) (in, out int) {
	t.Helper()
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(ends[0]); unix.Close(ends[1]) })
	return ends[0], ends[1]
}

func TestKindsOfDescriptors(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close(); slave.Close() })
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(pair[0]); unix.Close(pair[1]) })
	fifo := t.TempDir() + "/fifo"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	in, out := pipe(t)
	for name, c := range map[string]struct {
		fd   int
		want Kind
	}{
		"file":         {open(t, "/etc/passwd", unix.O_RDONLY), Other},
		"directory":    {open(t, "/", unix.O_RDONLY), Other},
		"/dev/null":    {open(t, "/dev/null", unix.O_RDONLY), Null},
		"/dev/zero":    {open(t, "/dev/zero", unix.O_RDONLY), Other},
		"/proc":        {open(t, "/proc/self/status", unix.O_RDONLY), Other},
		"terminal":     {int(slave.Fd()), Terminal},
		"pipe to read": {in, Stream}, "pipe to write": {out, Stream},
		"pipe with a name": {open(t, fifo, unix.O_RDWR), Stream},
		"socket":           {pair[0], Stream},
		"closed":           {1 << 20, Other},
	} {
		if got := Of(c.fd); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Show writes to a descriptor on which no call can hang, and lends the rest, each byte once.
func TestShowLendsWhatItMayNotWrite(t *testing.T) {
	var lent string
	lend := func(rest string, until time.Time) { lent += rest }
	name := t.TempDir() + "/file"
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	file := open(t, name, unix.O_WRONLY)
	Show(file, "to a file", lend)
	if text, err := os.ReadFile(name); err != nil || lent != "to a file" || len(text) != 0 {
		t.Errorf("lent %q, written %q, %v", lent, text, err)
	}
	Show(file, "to a file", nil)
	if text, err := os.ReadFile(name); err != nil || string(text) != "to a file" {
		t.Errorf("written %q, %v", text, err)
	}

	lent = ""
	in, out := pipe(t)
	Show(out, "to a pipe", lend)
	Show(open(t, "/dev/null", unix.O_WRONLY), "to nobody", lend)
	buf := make([]byte, 64)
	n := 0
	if lent == "" {
		n, _ = unix.Read(in, buf)
	} // otherwise the kernel cannot write a pipe without waiting
	if got := string(buf[:n]) + lent; got != "to a pipe" {
		t.Errorf("written and lent: %q", got)
	}
}

func TestShowWaitsASecondForAReaderAndNoMore(t *testing.T) {
	_, out := pipe(t)
	began := time.Now()
	Show(out, strings.Repeat("x", 1<<20), nil)
	if took := time.Since(began); took < Patience {
		t.Errorf("has taken %v", took)
	}
}

func TestAProcessThatHasEndedIsReadable(t *testing.T) {
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if over, err := Readable(fd); over || err != nil {
		t.Errorf("it runs: %v, %v", over, err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if over, err := Readable(fd); !over || err != nil {
		t.Errorf("it has ended: %v, %v", over, err)
	}
}
