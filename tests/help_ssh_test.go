//go:build privileged

package tests

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ssh: a daemon whose keys have capsu as their forced command, and its clients.

// sshd is the distribution's daemon on a port of 127.0.0.1. Its user "keys" has keys with
// forced commands, as the README's recipe makes them.
type sshd struct {
	t    *testing.T
	dir  string
	port string
}

// The recipe of the README.
const (
	keysTarget = "capsu-ssh-target"
	keysSite   = "<Caller keys>\nServices capsu-ssh\n</Caller>\n"
	keysLine   = "restrict,pty,command=\"%s --forced-command %s\" %s"
	recipe     = "--service capsu-ssh " // and the target
)

// startSSH starts sshd. keys has, by a key's name, the rest of the capsu command line in
// authorized_keys. The service of the recipe writes records.
func startSSH(t *testing.T, keys map[string]string) *sshd {
	t.Helper()
	s := &sshd{t: t, dir: t.TempDir()}
	if err := os.Chmod(filepath.Dir(s.dir), 0o755); err != nil {
		t.Fatal(err)
	}
	must(t, "groupadd", keysTarget)
	t.Cleanup(func() { must(t, "groupdel", keysTarget) })
	must(t, "useradd", "-m", "-s", "/bin/sh", "keys")
	t.Cleanup(func() { // a connection may have left processes, which keep the user
		exec.Command("pkill", "-KILL", "-u", "keys").Run()
		must(t, "userdel", "-f", "-r", "keys")
	})
	for _, target := range []string{"ghost", "beta"} {
		must(t, "usermod", "-a", "-G", keysTarget, target)
	}
	file(t, siteFile, keysSite, 0o644)
	example := must(t, "cat", "/opt/share/capsu/examples/capsu-ssh")
	file(t, "/etc/pam.d/capsu-ssh", example+recording, 0o644)
	must(t, "mkdir", "-p", "/run/sshd")

	must(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", s.dir+"/host")
	var lines strings.Builder
	for name, rest := range keys {
		must(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", s.dir+"/"+name)
		fmt.Fprintf(&lines, keysLine, program, rest, must(t, "cat", s.dir+"/"+name+".pub"))
	}
	file(t, s.dir+"/authorized", lines.String(), 0o644)
	s.listen()
	return s
}

// listen starts sshd on a port that is free. If another process takes the port first, it tries
// again.
func (s *sshd) listen() {
	s.t.Helper()
	for range 5 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			s.t.Fatal(err)
		}
		_, s.port, _ = net.SplitHostPort(l.Addr().String())
		l.Close()
		file(s.t, s.dir+"/config", `ListenAddress 127.0.0.1
Port `+s.port+`
HostKey `+s.dir+`/host
PidFile none
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
AuthorizedKeysFile `+s.dir+`/authorized
AcceptEnv LANG LC_*
MaxStartups 200
Subsystem sftp /usr/lib/openssh/sftp-server
Subsystem inner internal-sftp
`, 0o644)
		file(s.t, s.dir+"/known", "[127.0.0.1]:"+s.port+" "+must(s.t, "cat", s.dir+"/host.pub"), 0o644)
		cmd := exec.Command("/usr/sbin/sshd", "-D", "-f", s.dir+"/config", "-E", s.dir+"/log")
		if err := cmd.Start(); err != nil {
			s.t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { cmd.Wait(); close(ended) }()
		s.t.Cleanup(func() { cmd.Process.Kill(); <-ended })
		taken := false
		eventually(s.t, "sshd", func() bool {
			text, _ := os.ReadFile(s.dir + "/log")
			select {
			case <-ended:
				taken = true
			default:
			}
			return taken || strings.Contains(string(text), "Server listening on 127.0.0.1 port "+s.port)
		})
		if !taken {
			return
		}
	}
	s.t.Fatalf("sshd does not start: %s", must(s.t, "cat", s.dir+"/log"))
}

// options are those of ssh, scp and sftp, with the cheapest key exchange.
func (s *sshd) options(key string) []string {
	var all []string
	for _, o := range []string{"Port=" + s.port, "IdentityFile=" + s.dir + "/" + key, "IdentitiesOnly=yes",
		"UserKnownHostsFile=" + s.dir + "/known",
		"StrictHostKeyChecking=yes", "BatchMode=yes", "LogLevel=ERROR", "KexAlgorithms=curve25519-sha256"} {
		all = append(all, "-o", o)
	}
	return append(all, "-F", "none")
}

// host is what clients connect to.
const host = "keys@127.0.0.1"

// ssh is a client with a key and a command.
func (s *sshd) ssh(ctx context.Context, key string, words ...string) *exec.Cmd {
	args := append(s.options(key), "--", host)
	cmd := exec.CommandContext(ctx, "ssh", append(args, words...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C"}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// run runs a client to its end.
func (s *sshd) run(key, stdin string, words ...string) result {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := s.ssh(ctx, key, words...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	began := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if ctx.Err() != nil || err != nil && !errors.As(err, &exit) {
		s.t.Fatalf("%q: %v, %s; sshd: %s", words, err, errs.String(), must(s.t, "cat", s.dir+"/log"))
	}
	return result{out.String(), errs.String(), shellStatus(cmd.ProcessState), time.Since(began)}
}

// tool runs rsync, git or sftp, which run ssh with a key.
func (s *sshd) tool(command *exec.Cmd) string {
	s.t.Helper()
	words := "ssh " + strings.Join(s.options("key"), " ")
	command.Env = append(os.Environ(), "GIT_SSH_COMMAND="+words, "RSYNC_RSH="+words, "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
	out, err := command.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%q: %v: %s", command.Args, err, out)
	}
	return string(out)
}

// started starts a client, and returns when its command has written "started".
func (s *sshd) started(command string) (cmd *exec.Cmd, in io.WriteCloser, out *bufio.Reader) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	s.t.Cleanup(cancel)
	cmd = s.ssh(ctx, "key", command)
	in, e1 := cmd.StdinPipe()
	from, e2 := cmd.StdoutPipe()
	if e1 != nil || e2 != nil || cmd.Start() != nil {
		s.t.Fatal(e1, e2)
	}
	out = bufio.NewReader(from)
	if line, err := out.ReadString('\n'); line != "started\n" {
		s.t.Fatalf("%q: %q, %v; sshd: %s", command, line, err, must(s.t, "cat", s.dir+"/log"))
	}
	return cmd, in, out
}

// bothEnds makes a pipe, or a pair of sockets.
func bothEnds(t *testing.T, socket bool) (both [2]*os.File) {
	t.Helper()
	if !socket {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		return [2]*os.File{r, w}
	}
	fds, err := socketpair()
	if err != nil {
		t.Fatal(err)
	}
	for i, fd := range fds {
		both[i] = os.NewFile(uintptr(fd), fmt.Sprint("socket ", i))
	}
	return both
}

// expectLine reads one line, and nothing after it.
func expectLine(t *testing.T, from io.Reader, want string) {
	t.Helper()
	var got bytes.Buffer
	for b := make([]byte, 1); !strings.HasSuffix(got.String(), "\n"); {
		n, err := from.Read(b)
		got.Write(b[:n])
		if err != nil {
			break
		}
	}
	if got.String() != want {
		t.Fatalf("%q, want %q", got.String(), want)
	}
}

// socketpair makes a pair of connected sockets.
func socketpair() ([2]int, error) {
	return syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
}
