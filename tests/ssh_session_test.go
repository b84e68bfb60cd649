//go:build privileged

package tests

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// tree makes a directory with odd names, contents and modes.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir() + "/tree"
	must(t, "sh", "-c",
		`mkdir -p "$0/sub dir" && cd "$0" && head -c 300000 /dev/urandom >data && : >'sub dir/a "quoted" name' &&
		printf 'x\r\n\0' >'sub dir/$HOME' && chmod 750 'sub dir' && ln -s data link`, dir)
	return dir
}

func sshRsync(t *testing.T, s *sshd) {
	t.Cleanup(func() { must(t, "rm", "-rf", "/home/ghost/there") })
	dir, back := tree(t), t.TempDir()
	s.tool(exec.Command("rsync", "-a", "--no-owner", "--no-group", dir+"/", host+":there/"))
	must(t, "diff", "-r", "--no-dereference", dir, "/home/ghost/there")
	if owner := must(t, "stat", "-c", "%U", "/home/ghost/there/data"); owner != "ghost\n" {
		t.Errorf("the owner is %s", owner)
	}
	s.tool(exec.Command("rsync", "-a", "--no-owner", "--no-group", host+":there/", back))
	must(t, "diff", "-r", "--no-dereference", dir, back)
}

func sshGit(t *testing.T, s *sshd) {
	t.Cleanup(func() { must(t, "rm", "-rf", "/home/ghost/project.git") })
	expectExactly(t, "git init", s.run("key", "", "git init -q --bare -b main project.git"), "", "", 0)
	dir := t.TempDir()
	git := func(args ...string) string { return s.tool(exec.Command("git", args...)) }
	commit := func(where, name string) {
		must(t, "sh", "-c", `head -c 100000 /dev/urandom >"$0/$1"`, where, name)
		git("-C", where, "add", name)
		git("-C", where, "commit", "-q", "-m", name)
	}
	git("clone", "-q", host+":project.git", dir+"/one")
	git("-C", dir+"/one", "checkout", "-q", "-B", "main")
	commit(dir+"/one", "first")
	git("-C", dir+"/one", "push", "-q", "origin", "main")
	git("clone", "-q", host+":project.git", dir+"/two")
	commit(dir+"/two", "second")
	git("-C", dir+"/two", "push", "-q", "origin", "main")
	git("-C", dir+"/one", "fetch", "-q")
	one, two := git("-C", dir+"/one", "rev-parse", "origin/main"), git("-C", dir+"/two", "rev-parse", "main")
	if one != two {
		t.Errorf("fetched %s, pushed %s", one, two)
	}
}

func sshSFTP(t *testing.T, s *sshd) {
	dir := tree(t)
	for _, subsystem := range []string{"sftp", "inner", "/usr/lib/openssh/sftp-server", "internal-sftp -l QUIET"} {
		args := append(s.options("key"), "-q", "-s", subsystem, "-b", "-", host)
		if strings.Contains(subsystem, " ") { // no name of a subsystem: what a client may say itself
			wrapper := dir + "/../ssh"
			file(t, wrapper, `#!/bin/sh
for a; do shift; [ "$a" = -s ] || [ "$a" = sftp ] || set -- "$@" "$a"; done
exec ssh "$@" '`+subsystem+"'\n", 0o755)
			args = append(s.options("key"), "-q", "-S", wrapper, "-b", "-", host)
		}
		cmd := exec.Command("sftp", args...)
		cmd.Stdin = strings.NewReader("pwd\nput " + dir + "/data up\nget up " + dir + "/down\nrm up\n")
		if got := s.tool(cmd); !strings.Contains(got, "Remote working directory: /home/ghost\n") {
			t.Errorf("%s: %q", subsystem, got)
		}
		must(t, "cmp", dir+"/data", dir+"/down")
		must(t, "rm", dir+"/down")
	}
}

func sshTerminal(t *testing.T, s *sshd) {
	command := "ssh -t " + strings.Join(s.options("bash"), " ") + " " + host
	x := onTerminal(t, "root", command+`; echo "status $?"`)
	x.await("beta@")
	x.typed("tty; echo \"$SSH_TTY\"; id -un; echo $0\n")
	x.await("beta\n-bash\n")
	if err := pty.Setsize(x.master, &pty.Winsize{Rows: 41, Cols: 97}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the size of the window", func() bool {
		x.typed("stty size\n")
		time.Sleep(50 * time.Millisecond)
		return strings.Contains(x.screen(), "\n41 97\n")
	})
	x.typed("sleep 100\n")
	inForeground(t, "sleep")
	x.typed("\x03")
	x.typed("echo interrupted $?\n")
	x.await("interrupted 130\n")
	x.typed("sleep 101\n")
	inForeground(t, "sleep")
	x.typed("\x1a")
	x.await("Stopped ")
	x.typed("bg; kill %1; wait %1; echo ended $?\n")
	x.await("ended 143\n")
	x.typed("exit 9\n")
	x.await("status 9\n")
	x.end()

	// a command on a terminal, and Pty as everywhere
	for conf, tty := range map[string]string{"": "pts/", "Pty off\n": "not a tty"} {
		file(t, siteFile, keysSite+conf, 0o644)
		x := onTerminal(t, "root", command+` 'ps -o tty= $$; tty </dev/tty || echo not a tty; exit 7'; echo "status $?"`)
		x.end()
		if got := x.screen(); !strings.HasSuffix(got, "status 7\n") || !strings.Contains(got, tty) {
			t.Errorf("%q: the screen: %q", conf, got)
		}
	}
}

// The session has the pipes that sshd made. capsu stands not between.
func sshDescriptors(t *testing.T, s *sshd) {
	cmd, in, _ := s.started("echo started; exec cat")
	var session string
	eventually(t, "cat", func() bool {
		out, _ := exec.Command("pgrep", "-u", "ghost", "-x", "cat").Output()
		session = strings.TrimSpace(string(out))
		return session != ""
	})
	for fd := range 3 {
		want := must(t, "readlink", fmt.Sprintf("/proc/%s/fd/%d", session, fd))
		if !strings.HasPrefix(want, "pipe:") {
			t.Errorf("descriptor %d is %s", fd, want)
		}
		for _, pid := range processes() {
			if got := must(t, "readlink", fmt.Sprintf("/proc/%s/fd/%d", pid, fd)); got != want {
				t.Errorf("descriptor %d of the session is %s, of capsu %s", fd, want, got)
			}
		}
	}
	in.Close()
	cmd.Wait()
}

func sshClientKilled(t *testing.T, s *sshd) {
	for _, command := range []string{
		"echo started; exec sleep 1000",
		"trap '' HUP TERM PIPE; echo started; while :; do sleep 1000; done", // SessionGrace, then KILL
		"echo started; sleep 1000 <&- >&- 2>&- & cat; wait",
		"echo started; yes",
		"echo started; exec cat >/dev/null",
	} {
		sessions := recorded(t)
		cmd, _, _ := s.started(command)
		cmd.Process.Kill()
		cmd.Wait()
		eventually(t, command+": the monitor's end", func() bool { return len(processes()) == 0 })
		if out, err := exec.Command("pgrep", "-u", "ghost").CombinedOutput(); err == nil {
			t.Errorf("%s: of the session are left: %s", command, out)
		}
		if got := sessions(); got != "open_session capsu-ssh ghost keys\nclose_session capsu-ssh ghost keys\n" {
			t.Errorf("%s: records %q", command, got)
		}
	}
	// sshd is gone, as if the network were
	sessions := recorded(t)
	x := onTerminal(t, "root", "exec ssh -t "+strings.Join(s.options("key"), " ")+" "+host)
	x.await("$ ")
	x.typed("sleep 1000\n")
	inForeground(t, "sleep")
	x.cmd.Process.Kill()
	x.cmd.Wait()
	eventually(t, "the end of the monitor with a terminal", func() bool { return len(processes()) == 0 })
	if got := sessions(); !strings.HasSuffix(got, "close_session capsu-ssh ghost keys\n") {
		t.Errorf("with a terminal: records %q", got)
	}
	cmd, _, _ := s.started("echo started; exec sleep 1000")
	must(t, "pkill", "-KILL", "-u", "keys", "-x", "sshd(-session)?")
	cmd.Wait()
	awaitNoProcess(t)
}

// The end of standard input does not mean that the client is gone. The session sees it, and may
// go on. capsu uses no processor time meanwhile.
func sshEndOfInput(t *testing.T, s *sshd) {
	cmd, in, out := s.started("echo started; cat; for n in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done; echo on; cat; " +
		"read go </opt/ssh-go; echo end; exit 5")
	must(t, "mkfifo", "-m", "666", "/opt/ssh-go")
	t.Cleanup(func() { os.Remove("/opt/ssh-go") })
	before, began := computed(t), time.Now()
	in.Close()
	if line, err := out.ReadString('\n'); line != "on\n" {
		t.Fatalf("%q, %v", line, err)
	}
	ticks := computed(t) - before
	if wall := time.Since(began).Milliseconds() / 10; int64(ticks) > wall/2 {
		t.Errorf("%d ticks computed in %d", ticks, wall)
	}
	if err := os.WriteFile("/opt/ssh-go", []byte("go\n"), 0); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(out)
	cmd.Wait()
	if string(rest) != "end\n" || cmd.ProcessState.ExitCode() != 5 {
		t.Errorf("%q, status %d", rest, cmd.ProcessState.ExitCode())
	}
}

// Whatever the reason of a refusal, the key's holder sees one sentence, after the delay of a
// failed attempt. The system log says why.
func sshNoPermission(t *testing.T, s *sshd) {
	refused := func(key, reason string) {
		t.Helper()
		log := logged(t)
		r := s.run(key, "data", "echo in the session")
		expectExactly(t, key, r, "", "capsu: Authentication failure\n", 1)
		if r.took < time.Second { // a delay is 1.5 s at least
			t.Errorf("%s: refused after %v", reason, r.took)
		}
		if got := log(); !strings.HasPrefix(got, "FAILED SU (to ") || !strings.Contains(got, ") keys on none: "+reason) {
			t.Errorf("the system log has %q, want %q", got, reason)
		}
		must(t, "rm", "-f", "/dev/log")
	}
	refused("other", "pam_authenticate: Authentication failure") // a target who is none
	refused("asks", `prompt: "Password: " cannot be asked: prompts are off`)
	file(t, "/etc/pam.d/capsu-ssh",
		"auth required pam_permit.so\naccount required pam_deny.so\nsession required pam_permit.so\n", 0o644)
	refused("key", "pam_acct_mgmt: ")
	file(t, "/etc/pam.d/capsu-ssh", must(t, "cat", "../pam.d/capsu-ssh"), 0o644)
	file(t, siteFile, "Services capsu-ssh\n", 0o644) // all callers may name it
	r := call{args: []string{"-n", "--service", "capsu-ssh", "ghost", "-c", "echo in the session"}}.run(t)
	expectExactly(t, "a caller who is none", r, "", "capsu: Authentication failure\n", 1)
}

// Messages of modules and of capsu go to the system log, not into the session's data.
func sshPAMSpeaks(t *testing.T, s *sshd) {
	file(t, "/etc/pam.d/capsu-ssh", "auth optional pam_echo.so from auth\n"+
		"auth required pam_permit.so\naccount required pam_permit.so\nsession optional pam_echo.so from session\n"+
		"session required pam_permit.so\n", 0o644)
	must(t, "mv", "/home/ghost", "/home/ghost.away")
	t.Cleanup(func() { must(t, "mv", "/home/ghost.away", "/home/ghost") })
	log := logged(t)
	expectExactly(t, "a command", s.run("key", "in", "cat; pwd; kill -TERM $$"), "in/\n", "", 143)
	var got string
	eventually(t, "the log", func() bool { got = log(); return strings.Contains(got, "Terminated") })
	for _, want := range []string{"PAM: from auth\n",
		"warning: home directory /home/ghost: no such file or directory\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in %q", want, got)
		}
	}
}

// -n in a script, without a forced command.
func TestNonInteractiveAsksNobodyAndReadsNothing(t *testing.T) {
	asked := "capsu: prompt: \"Password: \" cannot be asked: prompts are off\n" +
		"capsu: hint: -n needs a PAM service that asks nothing; --service names another one\n"
	for _, option := range []string{"-n", "--non-interactive"} {
		r := call{args: []string{option, "ghost", "-c", "echo in the session"},
			wrapper: []string{"sh", "-c", `"$@"; echo "status $?"; cat`, "sh"}}.run(t)
		if want := "status 1\n" + password + "\n"; r.stdout != want || r.stderr != asked {
			t.Errorf("%s: stdout %q, stderr %q, want %q, %q", option, r.stdout, r.stderr, want, asked)
		}
	}
	stack(t, permitting)
	expectRun(t, call{args: []string{"-n", "ghost", "-c", "cat"}}.run(t), password+"\n")
}

func TestServicesThatMayBeNamed(t *testing.T) {
	file(t, "/etc/pam.d/open-door", permitting, 0o644)
	use := func(caller, service string) result {
		return call{caller: caller, args: []string{"--service", service, "ghost", "-c", "id -un"}, empty: true}.run(t)
	}
	expectRefusal(t, use("alpha", "open-door"), "capsu: --service open-door: may not be named", "hint: ")
	file(t, siteFile, "<Caller alpha>\nServices open-door no-file\n</Caller>\n", 0o644)
	expectRun(t, use("alpha", "open-door"), "ghost\n")
	expectRefusal(t, use("beta", "open-door"), "capsu: --service open-door: may not be named")
	expectRefusal(t, use("alpha", "capsu"), "capsu: --service capsu: may not be named")
	expectRefusal(t, use("alpha", "no-file"), "PAM service no-file: no file of that name")
	expectRefusal(t, use("alpha", "../pam.d/open-door"), "may not be named")
	// Services does not restrict a call that names no service
	expectRun(t, capsu(t, "ghost", "-c", "id -un"), "ghost\n")
}

// Standard output and standard error may have different readers. If one of them leaves, the
// session goes on, and capsu uses no processor time for it.
func TestTheReaderOfOneOutputMayLeave(t *testing.T) {
	file(t, "/etc/pam.d/open-door", permitting, 0o644)
	file(t, siteFile, "Services open-door\n", 0o644)
	for _, sockets := range []bool{false, true} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		script := `printf 'started\n'; for n in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done; echo on >&2; exec sleep 1000`
		c := call{args: []string{"--forced-command", "--service", "open-door", "ghost"},
			env: []string{"PATH=/bin:/usr/bin", "SSH_ORIGINAL_COMMAND=" + script}}
		cmd := c.command(ctx)
		out, errs := bothEnds(t, sockets), bothEnds(t, sockets)
		cmd.Stdout, cmd.Stderr = out[1], errs[1]
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		out[1].Close()
		errs[1].Close()
		expectLine(t, out[0], "started\n")
		before, began := computed(t), time.Now()
		out[0].Close()
		expectLine(t, errs[0], "on\n")
		ticks := computed(t) - before
		if wall := time.Since(began).Milliseconds() / 10; int64(ticks) > wall/2 {
			t.Errorf("%d ticks computed in %d", ticks, wall)
		}
		errs[0].Close()
		cmd.Wait()
		if got := shellStatus(cmd.ProcessState); got != 129 {
			t.Errorf("sockets %v: status %d, want that of a hangup", sockets, got)
		}
	}
}
