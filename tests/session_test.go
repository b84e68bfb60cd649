//go:build privileged

package tests

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestCommandRunsInASessionOfItsOwn(t *testing.T) {
	sessions := recorded(t)
	expectRun(t, capsu(t, "ghost", "-c", `[ "$(ps -o sid= -p $$)" -eq $$ ] && echo own`), "own\n")
	if got, want := sessions(), "open_session capsu ghost alpha\nclose_session capsu ghost alpha\n"; got != want {
		t.Errorf("records %q, want %q", got, want)
	}
}

func TestExitStatusIsTheSessions(t *testing.T) {
	for command, want := range map[string]int{
		"exit 0": 0, "exit 1": 1, "exit 42": 42, "exit 255": 255,
		"kill -TERM $$": 143, "kill -KILL $$": 137, "kill -SEGV $$": 139, "no-such-command-anywhere": 127,
	} {
		if r := capsu(t, "ghost", "-c", command); r.status != want {
			t.Errorf("%s: status %d, want %d; stderr %q", command, r.status, want, r.stderr)
		}
	}
}

func TestArgumentsReachTheShell(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"ghost", "-c", `echo "$0 $*"`, "zero", "one", "two"}, "zero one two\n"},
		{[]string{"-c", `echo "$0 $*"`, "ghost", "zero", "--", "-x"}, "zero -x\n"},
		{[]string{"ghost", "--", "-c", "echo plain"}, "plain\n"},
		{[]string{"--com=echo abbreviated", "ghost"}, "abbreviated\n"},
		{[]string{"-lc", "echo $0", "ghost"}, "-sh\n"},
		{[]string{"-", "ghost", "-c", "echo $0; pwd"}, "-sh\n/home/ghost\n"},
		{[]string{"ghost", "-c", "echo $0; pwd"}, "sh\n/\n"},
		{[]string{"-s", "/bin/bash", "ghost", "-c", "echo $0 $SHELL"}, "bash /bin/bash\n"},
	} {
		expectRun(t, capsu(t, c.args...), c.want)
	}
}

func TestEnvironmentIsAsUnderSu(t *testing.T) {
	env := []string{
		"PATH=/usr/bin:/bin", "HOME=/home/alpha", "TERM=dumb", "USER=alpha", "KEPT=yes", "no equals sign", "=nameless",
		"XDG_RUNTIME_DIR=/run/user/1", "DBUS_SESSION_BUS_ADDRESS=x", "GODEBUG=inittrace=1", "GOGC=1", "GOMAXPROCS=3", "GOTRACEBACK=crash",
	}
	names := `env | cut -d= -f1 | grep -vE '^(_|PWD|OLDPWD|SHLVL)$' | sort | tr '\n' ' '; echo $HOME $USER $LOGNAME $SHELL`
	r := call{env: env, args: []string{"ghost", "-c", names}}.run(t)
	expectRun(t, r, "HOME KEPT LOGNAME PATH SHELL TERM USER /home/ghost ghost ghost /bin/sh\n")
	r = call{env: env, args: []string{"-l", "ghost", "-c", names}}.run(t)
	expectRun(t, r, "HOME LOGNAME PATH SHELL TERM USER /home/ghost ghost ghost /bin/sh\n")
	r = call{env: env, args: []string{"ghost", "-c", "tr '\\0' '\\n' </proc/$$/environ | grep -c GO"}}.run(t)
	if r.stdout != "0\n" {
		t.Errorf("variables of the Go runtime: %q", r.stdout)
	}
}

func TestNoEnvironmentAndNoArgumentsWork(t *testing.T) {
	// The kernel makes one empty string of an argv without even a name.
	gcc := exec.Command("gcc", "-x", "c", "-o", "/opt/bare", "-")
	gcc.Stdin = strings.NewReader(`#include <unistd.h>
int main(int argc, char **argv) { char *none[] = {0}; (void)argc; execve(argv[1], none, none); return 99; }`)
	if out, err := gcc.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command("setpriv", "--reuid", "alpha", "--regid", "alpha", "--init-groups", "/opt/bare", program)
	cmd.Env = []string{}
	out, _ := cmd.CombinedOutput()
	expectRefusal(t, result{stderr: string(out), status: shellStatus(cmd.ProcessState)}, "root: uid 0 is not a target")
}

func TestShellsThatCannotRun(t *testing.T) {
	file(t, "/opt/plain", "not executable", 0o644)
	for shell, want := range map[string]int{"/opt/no-such-shell": 127, "/opt/plain": 126, "/opt": 126} {
		sessions := recorded(t)
		r := capsu(t, "-s", shell, "ghost", "-c", "echo in")
		if r.status != want || r.stdout != "" || !strings.Contains(r.stderr, "capsu: "+shell+": ") {
			t.Errorf("%s: status %d, want %d; %q %q", shell, r.status, want, r.stdout, r.stderr)
		}
		if got := sessions(); !strings.Contains(got, "close_session") {
			t.Errorf("%s: PAM was not closed: %q", shell, got)
		}
	}
}

func TestShellAndHomeOfTheAccount(t *testing.T) {
	t.Run("empty shell field", func(t *testing.T) {
		account(t, "shellless", "-s", "")
		must(t, "sed", "-i", "s#^\\(shellless:.*\\):[^:]*$#\\1:#", "/etc/passwd")
		setPassword(t, "shellless", password)
		expectRun(t, capsu(t, "shellless", "-c", "echo $SHELL"), "/bin/sh\n")
	})
	t.Run("missing shell", func(t *testing.T) {
		account(t, "badshell", "-s", "/bin/no-such-shell")
		setPassword(t, "badshell", password)
		if r := capsu(t, "badshell", "-c", "echo in"); r.status != 127 {
			t.Errorf("status %d, stderr %q", r.status, r.stderr)
		}
	})
	t.Run("restricted shell", func(t *testing.T) {
		file(t, "/opt/restricted", "#!/bin/sh\necho restricted\n", 0o755)
		account(t, "kept", "-s", "/opt/restricted")
		setPassword(t, "kept", password)
		r := capsu(t, "-s", "/bin/sh", "kept", "-c", "echo free")
		if r.stdout != "restricted\n" || !strings.Contains(r.stderr, "capsu: warning: --shell /bin/sh: ignored") {
			t.Errorf("stdout %q, stderr %q", r.stdout, r.stderr)
		}
		expectRun(t, call{caller: "root", args: []string{"-s", "/bin/sh", "kept", "-c", "echo free"}}.run(t), "free\n")
	})
	t.Run("missing home", func(t *testing.T) {
		account(t, "homeless", "-s", "/bin/sh", "-d", "/home/nowhere")
		setPassword(t, "homeless", password)
		r := capsu(t, "-", "homeless", "-c", "pwd")
		if r.stdout != "/\n" || !strings.Contains(r.stderr, "capsu: warning: home directory /home/nowhere: no such file") || r.status != 0 {
			t.Errorf("stdout %q, stderr %q", r.stdout, r.stderr)
		}
		expectRun(t, capsu(t, "homeless", "-c", "pwd"), "/\n")
	})
	t.Run("home that only root may enter", func(t *testing.T) {
		must(t, "install", "-d", "-m", "700", "-o", "root", "/home/closed")
		t.Cleanup(func() { os.RemoveAll("/home/closed") })
		account(t, "shut", "-s", "/bin/sh", "-d", "/home/closed")
		setPassword(t, "shut", password)
		if r := capsu(t, "-", "shut", "-c", "pwd"); r.stdout != "/\n" {
			t.Errorf("stdout %q: entered with capsu's rights", r.stdout)
		}
	})
}

func TestClosedDescriptorsAreDevNull(t *testing.T) {
	stack(t, strings.Replace(service, "auth required pam_unix.so", "auth required pam_permit.so", 1))
	list := `l=$(for n in 0 1 2; do readlink /proc/$$/fd/$n; done); echo "$l" >/opt/fds; echo to stdout && read -r line || [ $? = 1 ]`
	file(t, "/opt/fds", "", 0o666)
	for _, closing := range []string{"<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"} {
		cmd := call{wrapper: []string{"sh", "-c", `exec "$@" ` + closing, "sh"}, args: []string{"ghost", "-c", list}}
		if r := cmd.run(t); r.status != 0 {
			t.Fatalf("%s: status %d, %q", closing, r.status, r.stderr)
		}
		got, err := os.ReadFile("/opt/fds")
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(got), "/dev/null"); n != strings.Count(closing, "-") {
			t.Errorf("%s: %q", closing, got)
		}
	}
}

func TestExtraDescriptorsStayOutside(t *testing.T) {
	r := call{wrapper: []string{"sh", "-c", `exec "$@" 3</etc/passwd 9</`, "sh"}, args: []string{"ghost", "-c", "ls /proc/self/fd | tr '\\n' ' '"}}.run(t)
	expectRun(t, r, "0 1 2 3 ") // 3 is the directory that ls reads
	// neither front nor monitor has them, nor what modules start
	s := begin(t, call{wrapper: []string{"sh", "-c", `exec "$@" 3</etc/passwd 9</`, "sh"}, args: []string{"ghost"}}, "exec sleep 600")
	front := strconv.Itoa(s.cmd.Process.Pid)
	for _, pid := range []string{front, monitorOf(t, s.cmd.Process.Pid)} {
		if list := must(t, "ls", "-l", "/proc/"+pid+"/fd"); strings.Contains(list, "-> /etc/passwd\n") || strings.Contains(list, "-> /\n") {
			t.Errorf("process %s has %s", pid, list)
		}
	}
	s.cmd.Process.Signal(os.Interrupt)
	s.wait(t)
}

func TestWhatModulesLeaveOpenIsNotTheSessions(t *testing.T) {
	compile(t, "/opt/leave.so", "-shared", "-fPIC", "modules/leave.c", "-lpam")
	stack(t, service+"session required /opt/leave.so descriptor\n")
	expectRun(t, capsu(t, "ghost", "-c", "ls /proc/self/fd | tr '\\n' ' '"), "0 1 2 3 ")
}

// The end of the report is exec's, or that of a child which somebody killed.
func TestAChildThatIsKilledBeforeExecIsNoSession(t *testing.T) {
	compile(t, "/opt/leave.so", "-shared", "-fPIC", "modules/leave.c", "-lpam")
	stack(t, service+"session required /opt/leave.so death\n")
	sessions, log := recorded(t), logged(t)
	expectRefusal(t, capsu(t, "ghost", "-c", "echo in"), "the child ended before it was the session")
	if got := sessions(); !strings.HasSuffix(got, closedRecord) {
		t.Errorf("records %q", got)
	}
	if got := log(); !strings.HasPrefix(got, "FAILED SU (to ghost) alpha on none: the child ended") {
		t.Errorf("the log has %q", got)
	}
}

func TestInputAfterThePasswordIsTheSessions(t *testing.T) {
	r := call{stdin: password + "\nfirst\nsecond\n", args: []string{"ghost", "-c", "cat"}}.run(t)
	expectRun(t, r, "first\nsecond\n")
}

func TestAnswersThatAreNone(t *testing.T) {
	for name, c := range map[string]struct{ stdin, want string }{
		"end of input": {"", "prompt: end of input"},
		"NUL":          {"open\x00sesame\n", "prompt: answer with a NUL byte"},
		"too long":     {strings.Repeat("x", 512) + "\n", "prompt: answer of 512 bytes or more"},
		"64 KB":        {strings.Repeat("x", 65536) + "\n", "prompt: answer of 512 bytes or more"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expectRefusal(t, call{stdin: c.stdin, empty: true, args: []string{"ghost", "-c", "echo in"}}.run(t), c.want)
		})
	}
	// the longest that fits is asked of the stack
	long := strings.Repeat("y", 511)
	account(t, "longpw", "-s", "/bin/sh")
	setPassword(t, "longpw", long)
	expectRun(t, call{stdin: long + "\n", args: []string{"longpw", "-c", "echo in"}}.run(t), "in\n")
	// a last line without its newline is a line
	expectRun(t, call{stdin: password, args: []string{"ghost", "-c", "echo in"}}.run(t), "in\n")
}

func TestFourSessionsAtOnce(t *testing.T) {
	sessions := recorded(t)
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			r := capsu(t, "ghost", "-c", fmt.Sprintf("sleep 0.5; exit %d", n+10))
			if r.status != n+10 {
				t.Errorf("session %d: status %d, %q", n, r.status, r.stderr)
			}
		})
	}
	all.Wait()
	if got := strings.Count(sessions(), "close_session"); got != 4 {
		t.Errorf("%d of 4 sessions were closed", got)
	}
	if left := processes(); len(left) != 0 {
		t.Errorf("processes left: %v", left)
	}
}

func TestSignalsToTheFrontEndTheSessionAndClosePAM(t *testing.T) {
	for name, c := range map[string]struct {
		signal syscall.Signal
		script string
		status int
	}{
		"TERM":                    {syscall.SIGTERM, "sleep 600", 143},
		"HUP":                     {syscall.SIGHUP, "sleep 600", 129},
		"TERM that is ignored":    {syscall.SIGTERM, "trap '' TERM HUP; while :; do sleep 0.1; done", 143},
		"INT reaches the session": {syscall.SIGINT, "trap 'exit 7' INT; while :; do sleep 0.1; done", 7},
		"QUIT that kills it":      {syscall.SIGQUIT, "ulimit -c 0; sleep 600", 131},
		"KILL of the front":       {syscall.SIGKILL, "sleep 600", 137},
	} {
		t.Run(name, func(t *testing.T) {
			sessions := recorded(t)
			s := begin(t, call{args: []string{"ghost"}}, c.script)
			// setpriv and sh have become capsu: the child of this test is the front
			if err := syscall.Kill(s.cmd.Process.Pid, c.signal); err != nil {
				t.Fatal(err)
			}
			if got := s.wait(t); got != c.status {
				t.Errorf("status %d, want %d; stderr %q", got, c.status, s.errs)
			}
			eventually(t, "the session's end", func() bool { return gone(s.pid) })
			eventually(t, "the monitor's end", func() bool { return len(processes()) == 0 })
			if got := sessions(); !strings.HasSuffix(got, "close_session capsu ghost alpha\n") {
				t.Errorf("records %q", got)
			}
		})
	}
}

func TestNohupStaysNohup(t *testing.T) {
	s := begin(t, call{wrapper: []string{"sh", "-c", `trap '' HUP; exec "$@"`, "sh"}, args: []string{"ghost"}}, "sleep 1; exit 5")
	if err := syscall.Kill(s.cmd.Process.Pid, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if got := s.wait(t); got != 5 {
		t.Errorf("status %d, want 5", got)
	}
}

func TestRootsKillOfTheMonitorHangsUpTheSession(t *testing.T) {
	s := begin(t, call{args: []string{"ghost"}}, "trap 'echo hangup >/opt/hangup; exit' HUP; while :; do sleep 0.1; done")
	file(t, "/opt/hangup", "", 0o666)
	monitor := strings.TrimSpace(must(t, "ps", "-o", "ppid=", "-p", strconv.Itoa(s.pid)))
	must(t, "kill", "-KILL", monitor)
	if got := s.wait(t); got != 1 || !strings.Contains(s.errs.String(), "capsu: monitor: ended by signal 9") {
		t.Errorf("status %d, stderr %q", got, s.errs)
	}
	eventually(t, "the session's end", func() bool { return gone(s.pid) })
	if got := must(t, "cat", "/opt/hangup"); got != "hangup\n" {
		t.Errorf("the session got no SIGHUP: %q", got)
	}
}

func TestMonitorIsNotTheCallersToReach(t *testing.T) {
	s := begin(t, call{args: []string{"ghost"}}, "exec sleep 600")
	monitor := strings.TrimSpace(must(t, "ps", "-o", "ppid=", "-p", strconv.Itoa(s.pid)))
	if uids := strings.Fields(must(t, "ps", "-o", "ruser=,euser=,suser=", "-p", monitor)); strings.Join(uids, " ") != "capsu ghost capsu" {
		t.Errorf("the monitor's uids are %v", uids)
	}
	for _, who := range []string{"alpha", "ghost"} {
		for _, attempt := range []string{"kill -TERM " + monitor, "kill -KILL " + monitor, "kill -STOP " + monitor,
			"prlimit --fsize=0 --pid " + monitor, "head -c 1 /proc/" + monitor + "/mem", "cat /proc/" + monitor + "/environ",
			"ls /proc/" + monitor + "/fd", "cat /proc/" + monitor + "/maps"} {
			out, err := exec.Command("setpriv", "--reuid", who, "--regid", who, "--init-groups", "sh", "-c", attempt).CombinedOutput()
			if err == nil {
				t.Errorf("%s by %s succeeded: %s", attempt, who, out)
			}
		}
	}
	if out, err := exec.Command("setpriv", "--reuid", "ghost", "--regid", "ghost", "--init-groups", "kill", "-KILL", strconv.Itoa(s.pid)).CombinedOutput(); err != nil {
		t.Errorf("the session is not its owner's: %s", out)
	}
	if got := s.wait(t); got != 137 {
		t.Errorf("status %d", got)
	}
}

func TestRestOfTheCallersState(t *testing.T) {
	r := call{wrapper: []string{"sh", "-c", `umask 027; ulimit -n 100; exec nice -n 3 "$@"`, "sh"}, args: []string{"ghost", "-c", "umask; nice; ulimit -n"}}.run(t)
	expectRun(t, r, "0027\n3\n100\n")
}

func TestLimitsOfPamLimitsHoldForTheSession(t *testing.T) {
	stack(t, strings.Replace(service, "session required", "session required pam_limits.so\nsession required", 1))
	file(t, "/etc/security/limits.conf", "ghost hard nofile 77\nghost soft nofile 66\nghost hard sigpending 100\nghost soft core 0\n", 0o644)
	expectRun(t, capsu(t, "ghost", "-c", "ulimit -n; ulimit -H -n"), "66\n77\n")
	file(t, "/etc/security/limits.conf", "ghost hard sigpending 10\n", 0o644)
	expectRun(t, capsu(t, "ghost", "-c", "grep -o 'pending.*' /proc/self/limits | tr -s ' '"), "pending signals 10 10 signals \n")
	file(t, "/etc/security/limits.conf", "ghost hard nofile 3\n", 0o644)
	expectRefusal(t, capsu(t, "ghost", "-c", "echo in"), "limit nofile (RLIMIT_NOFILE): below 4", "hint: ")
}

func TestGroupsThatModulesAddArrive(t *testing.T) {
	stack(t, "auth required pam_unix.so\nauth optional pam_group.so\naccount required pam_unix.so\nsession required pam_unix.so\n")
	file(t, "/etc/security/group.conf", "*;*;ghost;Al0000-2400;team\n", 0o644)
	expectRun(t, capsu(t, "ghost", "-c", "id -nG"), "ghost team\n")
}

// The services that are installed, with the distribution's modules.
func TestTheServicesAsInstalled(t *testing.T) {
	policy(t, "^cap_net_raw,!cap_chown ghost\n")
	for _, name := range []string{"capsu", "capsu-l"} {
		text := must(t, "cat", "../pam.d/"+name)
		file(t, "/etc/pam.d/"+name, text, 0o644)
	}
	for _, caller := range []string{"alpha", "root"} {
		for _, option := range []string{"--login", "--"} {
			t.Run(caller+" "+option, func(t *testing.T) {
				c := call{caller: caller, args: []string{option, "ghost"}}
				if option == "--" {
					c.args = []string{"ghost"}
				}
				s := inspect(t, c)
				expectTuple(t, s, tuple{netRaw, netRaw, netRaw, chown})
				expectUser(t, s, "ghost")
				if option == "--login" {
					c.args = append(c.args, "-c", "cat /proc/keys")
					if r := c.run(t); r.status != 0 || !strings.Contains(r.stdout, "keyring   _ses") || strings.Contains(r.stderr, "thread") {
						t.Errorf("no session keyring: %d, %q, %q", r.status, r.stdout, r.stderr)
					}
				}
			})
		}
	}
}
