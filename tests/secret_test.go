//go:build privileged

package tests

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// find looks for text in a process's memory, as root.
func find(t *testing.T, pid, text string) (where []string) {
	t.Helper()
	maps, err := os.ReadFile("/proc/" + pid + "/maps")
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open("/proc/" + pid + "/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	read := 0
	for line := range strings.Lines(string(maps)) {
		var from, to uint64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil {
			t.Fatal(err)
		}
		if mode[0] != 'r' || from > 1<<62 {
			continue
		}
		buf := make([]byte, min(to-from, 128<<20))
		n, err := mem.ReadAt(buf, int64(from))
		if n == 0 && err != nil && err != io.EOF {
			continue // vvar and the like cannot be read
		}
		read += n
		if bytes.Contains(buf[:n], []byte(text)) {
			where = append(where, strings.TrimSpace(line))
		}
	}
	if read < 1<<20 {
		t.Fatalf("read %d bytes of process %s only", read, pid)
	}
	return where
}

func TestThePasswordIsNowhereAfterAuthentication(t *testing.T) {
	const secret = "XyzzySecretPlugh17"
	account(t, "keeper", "-s", "/bin/sh")
	setPassword(t, "keeper", secret)
	stack(t, "auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_unix.so\n")
	t.Run("by standard input", func(t *testing.T) {
		c := call{args: []string{"keeper"}, stdin: secret + "\n"}
		s := beginWith(t, c, "read -r line; exec sleep 600")
		check(t, s, secret)
	})
	t.Run("on a terminal", func(t *testing.T) {
		x := onTerminal(t, "alpha", program+" keeper -c 'echo pid $$; exec sleep 600'")
		x.await("Password: ")
		x.typed(secret + "\n")
		x.await("pid ")
		x.await("\n")
		monitor := strings.Fields(must(t, "sh", "-c", "ps -C capsu -o ruser=,ppid=,pid= | grep ^capsu"))
		for _, pid := range monitor[1:] {
			if where := find(t, pid, secret); where != nil {
				t.Errorf("in process %s: %q", pid, where)
			}
		}
		x.typed("\x03")
		x.end()
	})
	t.Run("the search finds what is there", func(t *testing.T) {
		if where := find(t, fmt.Sprint(os.Getpid()), secret); where == nil {
			t.Error("not even in this process")
		}
	})
}

// The conversation's buffer was wiped after the PAM call, which includes the delay.
func TestThePasswordIsNowhereDuringTheFailDelay(t *testing.T) {
	const secret = "XyzzyWrongPlugh18"
	// long enough for any test on any machine
	stack(t, "auth optional pam_faildelay.so delay=60000000\n"+service)
	search := func(t *testing.T, monitor string) {
		t.Cleanup(func() { exec.Command("kill", "-KILL", monitor).Run() }) // ends the delay
		eventually(t, "the delay", func() bool {
			where, _ := os.ReadFile("/proc/" + monitor + "/wchan")
			return strings.Contains(string(where), "nanosleep")
		})
		front := strings.TrimSpace(must(t, "ps", "-o", "ppid=", "-p", monitor))
		for _, pid := range []string{front, monitor} {
			if where := find(t, pid, secret); where != nil {
				t.Errorf("in process %s: %q", pid, where)
			}
		}
	}
	t.Run("by standard input", func(t *testing.T) {
		cmd := call{args: words("ghost", "-c", "true"), stdin: secret + "\n"}.command(t.Context())
		cmd.Stdin = strings.NewReader(secret + "\n")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Wait() })
		search(t, monitorOf(t, cmd.Process.Pid))
	})
	t.Run("on a terminal", func(t *testing.T) {
		x := onTerminal(t, "alpha", program+" ghost -c true")
		x.await("Password: ")
		t.Cleanup(func() { x.end() })
		monitor := must(t, "sh", "-c", "ps -C capsu -o ruser=,pid= | grep ^capsu")
		x.typed(secret + "\n")
		search(t, strings.Fields(monitor)[1])
	})
}

func check(t *testing.T, s started, secret string) {
	t.Helper()
	front := fmt.Sprint(s.cmd.Process.Pid)
	monitor := monitorOf(t, s.cmd.Process.Pid)
	for _, pid := range []string{front, monitor, fmt.Sprint(s.pid)} {
		if where := find(t, pid, secret); where != nil {
			t.Errorf("in process %s: %q", pid, where)
		}
		for _, name := range []string{"environ", "cmdline"} {
			if text, err := os.ReadFile("/proc/" + pid + "/" + name); err != nil || bytes.Contains(text, []byte(secret)) {
				t.Errorf("in %s of %s (%v)", name, pid, err)
			}
		}
	}
	s.cmd.Process.Signal(os.Interrupt)
	s.wait(t)
}
