//go:build privileged

// Package tests drives the installed capsu in a world of its own (tests/world):
// real file capabilities, the distribution's own PAM modules, real users.
// ./tests/run builds and starts it; nothing in it is ever skipped.
package tests

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	program    = "/opt/bin/capsu"
	controller = "/opt/bin/capsuctl"
	policyFile = "/etc/security/capability.conf"
	password   = "open sesame"
	// debianPolicy is capability.conf as libpam-cap installs it.
	debianPolicy = "/opt/capability.debian"
	// patience is when a command counts as hanging. Nothing is measured by it.
	patience = 60 * time.Second
)

// service is the stack most tests use: the password by the host's pam_unix and
// a record of each opening and closing. root needs no password.
const service = `auth sufficient pam_rootok.so
auth required pam_unix.so nullok
account required pam_unix.so
password required pam_unix.so
session required pam_unix.so
session optional pam_exec.so quiet type=open_session /opt/record
session optional pam_exec.so quiet type=close_session /opt/record
`

// records is what /opt/record, run by pam_exec as guard or target, writes.
const records = "/opt/records"

func TestMain(m *testing.M) {
	if pid := os.Getenv("CAPSU_ATTACK"); pid != "" {
		attack(pid)
		os.Exit(0)
	}
	if os.Getenv("CAPSU_WORLD") == "" {
		fmt.Fprintln(os.Stderr, "tests: run ./tests/run")
		os.Exit(1)
	}
	// Whoever starts the tests may ignore signals (nohup, the & of a script); the
	// callers they play must not. What is caught here has its default after exec.
	for sig := syscall.Signal(1); sig < 32; sig++ {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
	if underTest.name != "capsu" { // the other tests are of capsu alone
		flag.Parse()
		flag.Set("test.skip", "^Test([^B]|B[^e]|Be[^h])")
	}
	if err := makeWorld(); err != nil {
		fmt.Fprintln(os.Stderr, "tests: world:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func makeWorld() error {
	script := `set -eu
useradd -m -s /bin/sh alpha
useradd -m -s /bin/sh ghost
useradd -m -s /bin/bash beta
groupadd -g 7000 team
usermod -a -G team beta
for n in $(seq 1 60); do echo "many$n:x:$((8000 + n)):alpha" >>/etc/group; echo "many$n:!::alpha" >>/etc/gshadow; done
for u in alpha ghost beta; do echo "$u:` + password + `"; done | chpasswd
printf '#!/bin/sh\necho "$PAM_TYPE $PAM_SERVICE $PAM_USER $PAM_RUSER" >>` + records + `\n' >/opt/record
chmod 755 /opt/record
install -m 755 /proc/` + strconv.Itoa(os.Getpid()) + `/exe /opt/attacker
touch ` + records + ` && chmod 666 ` + records + `
mv ` + policyFile + ` ` + debianPolicy + `
chmod 755 /home/alpha /home/ghost /home/beta # Debian 13 closes them
`
	out, err := exec.Command("sh", "-c", script).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	for _, name := range []string{"capsu", "capsu-l"} {
		if err := os.WriteFile("/etc/pam.d/"+name, []byte(service), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// must runs a command as root.
func must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// file writes a file for the time of a test.
func file(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	old, err := os.ReadFile(path)
	existed := err == nil
	info, _ := os.Stat(path)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !existed {
			os.RemoveAll(path)
			return
		}
		err := os.WriteFile(path, old, info.Mode())
		if err = errors.Join(err, os.Chmod(path, info.Mode()), os.Chown(path, 0, 0)); err != nil {
			t.Error(err)
		}
	})
}

func policy(t *testing.T, text string) { t.Helper(); file(t, policyFile, text, 0o644) }

// stack replaces the PAM service capsu for the time of a test.
func stack(t *testing.T, text string) { t.Helper(); file(t, "/etc/pam.d/capsu", text, 0o644) }

// call is one command line of capsu, run by somebody.
type call struct {
	caller  string   // default alpha
	setpriv []string // more options for setpriv
	wrapper []string // a command that runs the rest, as the caller
	program string   // default the installed one
	args    []string
	stdin   string   // default the password and a newline
	env     []string // default PATH, HOME and TERM
	empty   bool     // really no stdin
}

type result struct {
	stdout, stderr string
	status         int
	took           time.Duration
}

// homeOf is the home that an account of the world has.
func homeOf(name string) string {
	if name == "root" {
		return "/root"
	}
	return "/home/" + name
}

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

// shellStatus is what a shell would show in $?.
func shellStatus(s *os.ProcessState) int {
	if w := s.Sys().(syscall.WaitStatus); w.Signaled() {
		return 128 + int(w.Signal())
	}
	return s.ExitCode()
}

// capsu runs the program as alpha, with the password ready.
func capsu(t *testing.T, args ...string) result {
	t.Helper()
	return call{args: args}.run(t)
}

// expectRefusal checks for one clear line (and perhaps a hint), status 1, no
// session, and nothing of the Go runtime's.
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

// expectRun checks that a session ran as asked and nothing was said but the prompt.
func expectRun(t *testing.T, r result, stdout string) {
	t.Helper()
	if r.status != 0 || r.stdout != stdout {
		t.Errorf("status %d, stdout %q, want 0 and %q; stderr %q", r.status, r.stdout, stdout, r.stderr)
	}
	if rest := strings.ReplaceAll(r.stderr, "Password: ", ""); rest != "" {
		t.Errorf("stderr: %q", rest)
	}
}

// recorded returns the records of PAM sessions since the test began.
func recorded(t *testing.T) func() string {
	t.Helper()
	if err := os.Truncate(records, 0); err != nil {
		t.Fatal(err)
	}
	return func() string {
		text, err := os.ReadFile(records)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

// processes returns the pids whose executable is capsu's, zombies apart.
func processes() (pids []string) {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && strings.HasPrefix(to, program) {
			pids = append(pids, filepath.Base(filepath.Dir(link)))
		}
	}
	return pids
}

// monitorOf waits for the monitor of a front, and returns its pid. The front's
// other children help it to read and write.
func monitorOf(t *testing.T, front int) (pid string) {
	t.Helper()
	eventually(t, "the monitor", func() bool {
		out, _ := exec.Command("ps", "-o", "pid=,comm=", "--ppid", fmt.Sprint(front)).Output()
		for line := range strings.Lines(string(out)) {
			if f := strings.Fields(line); len(f) == 2 && f[1] == "capsu" {
				pid = f[0]
			}
		}
		return pid != ""
	})
	return pid
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: does not come", what)
		}
	}
}
