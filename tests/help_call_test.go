//go:build privileged

package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Calls of capsu: one command line, run to its end, and what is expected of it.

// words makes a list of its arguments.
func words(args ...string) []string { return args }

// with is a caller's usual environment and more variables.
func with(env ...string) []string {
	return append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/home/alpha", "TERM=dumb"}, env...)
}

// call is one command line of capsu, or of another program, and its caller.
type call struct {
	caller  string   // default alpha
	setpriv []string // more options for setpriv
	wrapper []string // a command that runs the rest, as the caller
	program string   // default the installed one
	args    []string
	stdin   string   // default the password and a newline
	env     []string // default PATH, HOME and TERM
	empty   bool     // stdin is empty, without even the password
}

// homeOf is the home directory of an account of the world.
func homeOf(name string) string {
	if name == "root" {
		return "/root"
	}
	return "/home/" + name
}

// command is the call as a command, with the ids and groups of its caller.
func (c call) command(ctx context.Context) *exec.Cmd {
	if c.caller == "" {
		c.caller = "alpha"
	}
	if c.program == "" {
		c.program = program
	}
	if c.env == nil {
		c.env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + homeOf(c.caller), "TERM=dumb"}
	}
	argv := append([]string{"setpriv", "--reuid", c.caller, "--regid", c.caller, "--init-groups"}, c.setpriv...)
	argv = append(argv, c.wrapper...)
	argv = append(argv, "sh", "-c", `exec "$0" "$@"`, c.program)
	cmd := exec.CommandContext(ctx, argv[0], append(argv[1:], c.args...)...)
	cmd.Env = c.env
	cmd.WaitDelay = 5 * time.Second // what a session leaves behind must not hold a test
	cmd.Dir = "/"
	return cmd
}

// run makes the call, and waits for its end.
func (c call) run(t *testing.T) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := c.command(ctx)
	if c.stdin == "" && !c.empty {
		c.stdin = password + "\n"
	}
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(c.stdin), &out, &errs
	began := time.Now()
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%q: hangs\n%s", c.args, errs.String())
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%q: %v", c.args, err)
	}
	return result{out.String(), errs.String(), shellStatus(cmd.ProcessState), time.Since(began)}
}

// capsu runs the program as alpha, with the password on standard input.
func capsu(t *testing.T, args ...string) result {
	t.Helper()
	return call{args: args}.run(t)
}

// result is what a call wrote, its status, and how long it took.
type result struct {
	stdout, stderr string
	status         int
	took           time.Duration
}

// shellStatus is the status that a shell would show in $?.
func shellStatus(s *os.ProcessState) int {
	if w := s.Sys().(syscall.WaitStatus); w.Signaled() {
		return 128 + int(w.Signal())
	}
	return s.ExitCode()
}

// expectRun checks that a session ran and wrote stdout, and that nothing was said but the
// prompt.
func expectRun(t *testing.T, r result, stdout string) {
	t.Helper()
	if r.status != 0 || r.stdout != stdout {
		t.Errorf("status %d, stdout %q, want 0 and %q; stderr %q", r.status, r.stdout, stdout, r.stderr)
	}
	if rest := strings.ReplaceAll(r.stderr, "Password: ", ""); rest != "" {
		t.Errorf("stderr: %q", rest)
	}
}

// expectRefusal checks that a call was refused: status 1, no session, words on standard error,
// and no crash text of the Go runtime.
func expectRefusal(t *testing.T, r result, words ...string) {
	t.Helper()
	if r.status != 1 {
		t.Errorf("status %d, want 1", r.status)
	}
	if r.stdout != "" {
		t.Errorf("a session wrote %q", r.stdout)
	}
	for _, word := range append(words, "capsu: ") {
		if !strings.Contains(r.stderr, word) {
			t.Errorf("%q is missing in %q", word, r.stderr)
		}
	}
	for _, word := range []string{"goroutine", "panic", "fatal error", "SIG: "} {
		if strings.Contains(r.stderr, word) {
			t.Errorf("crash text: %s", r.stderr)
		}
	}
}

// expectExactly checks standard output, standard error and status of a command.
func expectExactly(t *testing.T, what string, got result, stdout, stderr string, status int) {
	t.Helper()
	if got.stdout != stdout || got.stderr != stderr || got.status != status {
		t.Errorf("%s: status %d, stdout %q, stderr %q, want %d, %q, %q", what, got.status, shortened(got.stdout),
			shortened(got.stderr), status, shortened(stdout), shortened(stderr))
	}
}

// shortened is a text of which a failure shows the beginning only.
func shortened(s string) string {
	if len(s) > 300 {
		return s[:300] + "..."
	}
	return s
}

// clearly returns what is wrong with the words of a refusal. They must be one line, and hints.
// If the monitor had to end itself, it may say why in a line of its own.
func clearly(r result) string {
	lines, most := 0, 1
	if strings.Contains(r.stderr, "capsu: monitor: ended ") {
		most = 2
	}
	for line := range strings.Lines(strings.TrimPrefix(r.stderr, "Password: ")) {
		if !strings.HasPrefix(line, "capsu: ") {
			return fmt.Sprintf("not capsu's words: %q", line)
		}
		if !strings.HasPrefix(line, "capsu: hint: ") {
			lines++
		}
	}
	if lines < 1 || lines > most {
		return fmt.Sprintf("%d lines: %q", lines, r.stderr)
	}
	return ""
}

// crashText checks that nothing on standard error comes from a crash.
func crashText(t *testing.T, r result) {
	t.Helper()
	for _, word := range []string{"goroutine", "panic", "fatal error", "runtime", "SIGSEGV", "SIGABRT", "PC="} {
		if strings.Contains(r.stderr, word) {
			t.Errorf("crash text: %s", r.stderr)
			return
		}
	}
}

// pipes connects a command's standard input and output to the test.
func pipes(t *testing.T, cmd *exec.Cmd) (in io.WriteCloser, out io.Reader) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err = cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	return in, out
}
