//go:build privileged

package tests

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Sessions that run while a test looks at them.

// started is a session that runs. Its command is the front.
type started struct {
	cmd  *exec.Cmd
	errs *bytes.Buffer
	pid  int // of the session's shell
}

// begin runs a script in a session with the usual password. It returns when the session has
// written its pid.
func begin(t *testing.T, c call, script string) started {
	t.Helper()
	c.stdin = password + "\n"
	return beginWith(t, c, script)
}

// beginWith is begin with the password of c.stdin.
func beginWith(t *testing.T, c call, script string) started {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), lifetime)
	t.Cleanup(cancel)
	trap := "" // is set before the pid is written
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

// wait returns the status once the front has ended.
func (s started) wait(t *testing.T) int {
	t.Helper()
	hangs := time.AfterFunc(patience, func() { s.cmd.Process.Kill() })
	s.cmd.Wait()
	hangs.Stop()
	return shellStatus(s.cmd.ProcessState)
}

// during opens a session and calls f while it waits, with the pids of its shell and of the
// monitor. It gives the password unless root calls or c.empty is set.
func during(t *testing.T, c call, f func(shell, monitor string)) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c.args = append(c.args, "-c", "echo $$ $PPID; read -r line")
	cmd := c.command(ctx)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs lockedBuffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if c.caller != "root" && !c.empty {
		fmt.Fprintln(in, password)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if pids := strings.Fields(line); len(pids) == 2 {
		f(pids[0], pids[1])
	} else {
		defer t.Errorf("no session: %q", errs.String())
	}
	fmt.Fprintln(in, "go on")
	in.Close()
	io.Copy(io.Discard, out)
	cmd.Wait()
	if ctx.Err() != nil {
		t.Fatalf("hangs: %q", errs.String())
	}
	return result{stderr: errs.String(), status: shellStatus(cmd.ProcessState)}
}

// inspect opens a session and reads its shell's /proc while it waits.
func inspect(t *testing.T, c call) session {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c.args = append(c.args, "-c", `/usr/sbin/capsh --print | grep Securebits; echo $$; read -r line`)
	cmd := c.command(ctx)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if c.caller != "root" {
		fmt.Fprintln(stdin, password)
	}
	lines := bufio.NewScanner(stdout)
	var s session
	securebits := ""
	for lines.Scan() {
		if _, bits, ok := strings.Cut(lines.Text(), "Securebits: "); ok {
			securebits, _, _ = strings.Cut(bits, "/")
			continue
		}
		s = readProc(t, lines.Text())
		s.securebits = securebits
		fmt.Fprintln(stdin, "go on")
	}
	if err := cmd.Wait(); err != nil || len(s.status) == 0 {
		t.Fatalf("session: %v, stderr %q", err, errs.String())
	}
	return s
}

// expectUser checks that a session has the ids and groups of a user, no open descriptor above
// 2, and no securebits.
func expectUser(t *testing.T, s session, name string) {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := u.GroupIds()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(s.status["Groups"])
	slices.Sort(groups)
	slices.Sort(got)
	if !slices.Equal(groups, got) {
		t.Errorf("groups %v, want %v", got, groups)
	}
	for field, id := range map[string]string{"Uid": u.Uid, "Gid": u.Gid} {
		if want := four(id); s.status[field] != want {
			t.Errorf("%s is %s, want %s", field, s.status[field], want)
		}
	}
	for fd, to := range s.fds {
		if fd != "0" && fd != "1" && fd != "2" {
			t.Errorf("descriptor %s is open: %s", fd, to)
		}
	}
	if s.securebits != "00" {
		t.Errorf("securebits %s, want 00", s.securebits)
	}
}
