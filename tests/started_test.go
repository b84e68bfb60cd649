//go:build privileged

package tests

import (
	"bytes"
	"context"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// started is a running session, for the tests that send signals.
type started struct {
	cmd  *exec.Cmd
	errs *bytes.Buffer
	pid  int // of the session's shell
}

// begin runs script in a session, and returns when it has written its pid.
func begin(t *testing.T, c call, script string) started {
	t.Helper()
	c.stdin = password + "\n"
	return beginWith(t, c, script)
}

// beginWith is begin with another password.
func beginWith(t *testing.T, c call, script string) started {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	trap := "" // is set before anybody knows the pid
	if at := strings.Index(script, "while "); at > 0 && strings.HasPrefix(script, "trap ") {
		trap, script = script[:at], script[at:]
	}
	c.args = append(c.args, "-c", trap+"echo $$; "+script)
	cmd := c.command(ctx)
	s := started{cmd: cmd, errs: &bytes.Buffer{}}
	cmd.Stdin, cmd.Stderr = strings.NewReader(c.stdin), s.errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var line [32]byte
	n, err := out.Read(line[:])
	if err != nil {
		t.Fatalf("%v: %s", err, s.errs)
	}
	if s.pid, err = strconv.Atoi(strings.TrimSpace(string(line[:n]))); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s started) wait(t *testing.T) int {
	t.Helper()
	s.cmd.Wait()
	return shellStatus(s.cmd.ProcessState)
}
