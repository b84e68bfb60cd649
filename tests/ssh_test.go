//go:build privileged

package tests

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

func TestTheRecipeOfTheReadmeIsTheOneTested(t *testing.T) {
	text := must(t, "sh", "-c", "sed 's/^    //' ../README.md")
	for _, part := range []string{keysSite,
		fmt.Sprintf(keysLine, "/usr/local/bin/capsu", recipe+"deploy", "ssh-ed25519 "),
		"groupadd " + keysTarget + "\n"} {
		if !strings.Contains(text, part) {
			t.Errorf("the README has no %q", part)
		}
	}
}

func TestSSHForcedCommand(t *testing.T) {
	policy(t, "^cap_net_raw,cap_kill ghost\n")
	s := startSSH(t, map[string]string{
		"key":      recipe + "ghost",
		"small":    "-C cap_kill --drop cap_net_raw --no-new-privs " + recipe + "ghost",
		"bash":     recipe + "beta",
		"gone":     recipe + "gone",
		"other":    recipe + "alpha",
		"asks":     "ghost", // as the service capsu does
		"unlisted": "--service capsu-l ghost",
	})
	for name, f := range map[string]func(*testing.T, *sshd){
		"statuses": sshStatuses, "streams": sshStreams, "hostile": sshHostile, "tuple": sshTuple,
		"environment": sshEnvironment, "rsync": sshRsync, "git": sshGit, "sftp": sshSFTP, "terminal": sshTerminal,
		"many": sshMany, "descriptors": sshDescriptors, "client killed": sshClientKilled,
		"end of input": sshEndOfInput, "no permission": sshNoPermission, "PAM speaks": sshPAMSpeaks,
	} {
		t.Run(name, func(t *testing.T) { f(t, &sshd{t, s.dir, s.port}) })
	}
}

func sshStatuses(t *testing.T, s *sshd) {
	for command, want := range map[string]int{
		"true": 0, "exit 1": 1, "exit 42": 42, "/etc/passwd 2>/dev/null": 126, "/no/such/command 2>/dev/null": 127,
		"kill -TERM $$": 143, "kill -KILL $$": 137,
	} {
		expectExactly(t, command, s.run("key", "", command), "", "", want)
	}
	must(t, "useradd", "-M", "-s", "/no/such/shell", "-G", keysTarget, "gone")
	t.Cleanup(func() { must(t, "userdel", "gone") })
	expectExactly(t, "a shell that is missing", s.run("gone", "", "true"), "",
		"capsu: /no/such/shell: no such file or directory\n", 127)
	must(t, "usermod", "-s", "/etc/passwd", "gone")
	expectExactly(t, "a shell that cannot be run", s.run("gone", "", "true"), "",
		"capsu: /etc/passwd: permission denied\n", 126)
	expectExactly(t, "no command and no terminal", s.run("key", ""),
		"", "capsu: --forced-command: the ssh client sent no command and has no terminal for a login\n", 1)
	expectExactly(t, "a service that is not listed", s.run("unlisted", "", "id"), "",
		"capsu: --service capsu-l: may not be named\ncapsu: hint: Services in /etc/capsu.conf says which may be named\n", 1)
}

func sshStreams(t *testing.T, s *sshd) {
	expectExactly(t, "both", s.run("key", "in\n", "cat; echo err >&2; id -un; pwd"), "in\nghost\n/home/ghost\n",
		"err\n", 0)
	file(t, siteFile, keysSite+"Pty on\n", 0o644) // never without a terminal
	expectExactly(t, "Pty on", s.run("key", "\x04\x03a\r\n", "cat; tty; readlink /proc/$$/fd/0 | sed 's/:.*//'"),
		"\x04\x03a\r\nnot a tty\npipe\n", "", 0)

	const size = 100_000_000
	must(t, "sh", "-c", fmt.Sprintf("head -c %d /dev/urandom >%s/data", size, s.dir))
	in, err := os.Open(s.dir + "/data")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
	defer cancel()
	sum := sha256.New()
	cmd := s.ssh(ctx, "key", "cat")
	cmd.Stdin, cmd.Stdout = in, sum
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	want, _, _ := strings.Cut(must(t, "sha256sum", s.dir+"/data"), " ")
	if got := fmt.Sprintf("%x", sum.Sum(nil)); got != want {
		t.Errorf("of %d bytes in and out again the sum is %s, want %s", size, got, want)
	}
}

// The words of the key's holder are one command for the target's shell, and nothing more. The
// shell alone would do the same with each.
func sshHostile(t *testing.T, s *sshd) {
	path := "PATH=" + strings.TrimSpace(s.run("key", "", `echo "$PATH"`).stdout)
	for _, command := range []string{
		`echo "a  b" 'c"d' \$HOME \\ $((1+1)) *.none; echo "$0" "$#"`,
		"echo one\necho two\n\n",
		"echo '", "-x", "-c id", "--", "--help", "-C ^cap_net_raw,cap_kill root", "--service capsu -l root", "- root",
		"ghost -c id", "; id -un", "$(id -un)", "`id -un`", "echo \x01\x1b[31m\xff", " id -un", "internal-sftp;id -un",
		"'internal-sftp'",
	} {
		cmd := exec.Command("runuser", "-u", "ghost", "--", "sh", "-c", command)
		cmd.Dir, cmd.Env = "/home/ghost", []string{path, "HOME=/home/ghost"}
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		cmd.Run()
		expectExactly(t, command, s.run("key", "", command), out.String(), errs.String(), shellStatus(cmd.ProcessState))
	}
	long := "echo " + strings.Repeat("x", 131_050-len("echo ")) // with its name the most that a variable may be
	expectExactly(t, "131050 bytes", s.run("key", "", long), long[len("echo "):]+"\n", "", 0)
}

// sets are the capability sets that a session shows.
func sets(text string) string {
	var all []string
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 2 && (strings.HasPrefix(f[0], "Cap") || f[0] == "NoNewPrivs:") {
			all = append(all, f[0]+f[1])
		}
	}
	return strings.Join(all, " ")
}

func sshTuple(t *testing.T, s *sshd) {
	const show = "cat /proc/self/status"
	if got := sets(s.run("key", "", show).stdout); !strings.Contains(got, "CapInh:0000000000002020 ") ||
		!strings.Contains(got, "CapAmb:0000000000002000 NoNewPrivs:0") {
		t.Errorf("the grant: %s", got)
	}
	const small, none = "CapInh:0000000000000020 CapPrm:0000000000000000 ", "CapAmb:0000000000000000 NoNewPrivs:1"
	for _, command := range []string{
		show, "exec " + show, "true -C ^cap_net_raw,cap_kill ghost; " + show, "true --capabilities=all\n" + show,
		"SSH_ORIGINAL_COMMAND= " + show,
		// capsu in the session is called by ghost, who has no such key
		program + " --forced-command " + recipe + "ghost 2>/dev/null;" + show,
	} {
		if got := sets(s.run("small", "", command).stdout); !strings.Contains(got, small) || !strings.Contains(got, none) {
			t.Errorf("%s: %s", command, got)
		}
	}
}

func sshEnvironment(t *testing.T, s *sshd) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var all []string
	for _, o := range []string{"SendEnv=LC_TEST", "SendEnv=LANG", "SendEnv=EVIL"} {
		all = append(all, "-o", o)
	}
	cmd := s.ssh(ctx, "key", "env")
	cmd.Args = append(append(cmd.Args[:1:1], all...), cmd.Args[1:]...)
	cmd.Env = append(cmd.Env, "LC_TEST=-C all", "EVIL=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		got[name] = value
	}
	if !strings.HasPrefix(got["SSH_CONNECTION"], "127.0.0.1 ") || !strings.HasPrefix(got["SSH_CLIENT"], "127.0.0.1 ") {
		t.Errorf("of the connection: %q", got)
	}
	for name, want := range map[string]string{"HOME": "/home/ghost", "USER": "ghost", "LOGNAME": "ghost",
		"SHELL": "/bin/sh", "LC_TEST": "-C all"} {
		if got[name] != want {
			t.Errorf("%s=%q, want %q", name, got[name], want)
		}
	}
	for _, name := range []string{"SSH_ORIGINAL_COMMAND", "EVIL", "MAIL", "SSH_AUTH_SOCK", "XDG_SESSION_ID"} {
		if value, there := got[name]; there {
			t.Errorf("%s=%q", name, value)
		}
	}
}

func sshMany(t *testing.T, s *sshd) {
	const many = 50
	ready, together := make(chan error, many), make(chan struct{})
	var wg sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	for n := range many {
		wg.Go(func() {
			cmd := s.ssh(ctx, "key", "echo ready; cat; exit "+fmt.Sprint(n))
			var errs bytes.Buffer
			cmd.Stderr = &errs
			in, e1 := cmd.StdinPipe()
			out, e2 := cmd.StdoutPipe()
			if err := errors.Join(e1, e2, cmd.Start()); err != nil {
				ready <- err
				return
			}
			buf := make([]byte, 64)
			k, err := out.Read(buf)
			if string(buf[:k]) != "ready\n" {
				err = errors.Join(err, fmt.Errorf("%d: %q, %s", n, buf[:k], errs.String()))
			}
			ready <- err
			<-together
			fmt.Fprintf(in, "%d\n", n)
			in.Close()
			k, _ = out.Read(buf)
			cmd.Wait()
			if string(buf[:k]) != fmt.Sprintf("%d\n", n) || cmd.ProcessState.ExitCode() != n {
				t.Errorf("%d: %q, status %d", n, buf[:k], cmd.ProcessState.ExitCode())
			}
		})
	}
	for range many {
		if err := <-ready; err != nil {
			t.Error(err)
		}
	}
	close(together)
	wg.Wait()
}
