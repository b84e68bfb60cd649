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

func TestClosedDescriptorsAreDevNull(t *testing.T) {
	stack(t, strings.Replace(service, "auth required pam_unix.so", "auth required pam_permit.so", 1))
	list := `l=$(for n in 0 1 2; do readlink /proc/$$/fd/$n; done); echo "$l" >/opt/fds; ` +
		`echo to stdout && read -r line || [ $? = 1 ]`
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
	r := call{wrapper: []string{"sh", "-c", `exec "$@" 3</etc/passwd 9</`, "sh"},
		args: []string{"ghost", "-c", "ls /proc/self/fd | tr '\\n' ' '"}}.run(t)
	expectRun(t, r, "0 1 2 3 ") // 3 is the directory that ls reads
	// neither the front nor the monitor nor what modules start has them
	s := begin(t, call{wrapper: []string{"sh", "-c", `exec "$@" 3</etc/passwd 9</`, "sh"}, args: []string{"ghost"}},
		"exec sleep 600")
	front := strconv.Itoa(s.cmd.Process.Pid)
	for _, pid := range []string{front, monitorOf(t, s.cmd.Process.Pid)} {
		if list := must(t, "ls", "-l", "/proc/"+pid+"/fd"); strings.Contains(list, "-> /etc/passwd\n") ||
			strings.Contains(list, "-> /\n") {
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

// The report ends at exec, or because the child was killed.
func TestAChildThatIsKilledBeforeExecIsNoSession(t *testing.T) {
	compile(t, "/opt/leave.so", "-shared", "-fPIC", "modules/leave.c", "-lpam")
	stack(t, service+"session required /opt/leave.so death\n")
	sessions, log := recorded(t), logged(t)
	expectRefusal(t, capsu(t, "ghost", "-c", "echo in"), "the child ended before the session began")
	if got := sessions(); !strings.HasSuffix(got, closedRecord) {
		t.Errorf("records %q", got)
	}
	if got := log(); !strings.HasPrefix(got, "FAILED SU (to ghost) alpha on none: the child ended") {
		t.Errorf("the log has %q", got)
	}
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
	// the longest answer that fits goes to the modules
	long := strings.Repeat("y", 511)
	account(t, "longpw", "-s", "/bin/sh")
	setPassword(t, "longpw", long)
	expectRun(t, call{stdin: long + "\n", args: []string{"longpw", "-c", "echo in"}}.run(t), "in\n")
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
			awaitNoProcess(t)
			if got := sessions(); !strings.HasSuffix(got, "close_session capsu ghost alpha\n") {
				t.Errorf("records %q", got)
			}
		})
	}
}

func TestNohupStaysNohup(t *testing.T) {
	s := begin(t, call{wrapper: []string{"sh", "-c", `trap '' HUP; exec "$@"`, "sh"}, args: []string{"ghost"}},
		"sleep 1; exit 5")
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
	if uids := strings.Fields(must(t, "ps", "-o", "ruser=,euser=,suser=", "-p", monitor)); strings.Join(uids,
		" ") != "capsu ghost capsu" {
		t.Errorf("the monitor's uids are %v", uids)
	}
	for _, who := range []string{"alpha", "ghost"} {
		for _, attempt := range []string{"kill -TERM " + monitor, "kill -KILL " + monitor, "kill -STOP " + monitor,
			"prlimit --fsize=0 --pid " + monitor, "head -c 1 /proc/" + monitor + "/mem", "cat /proc/" + monitor + "/environ",
			"ls /proc/" + monitor + "/fd", "cat /proc/" + monitor + "/maps"} {
			out, err := exec.Command("setpriv", "--reuid", who, "--regid", who, "--init-groups", "sh", "-c",
				attempt).CombinedOutput()
			if err == nil {
				t.Errorf("%s by %s succeeded: %s", attempt, who, out)
			}
		}
	}
	if out, err := exec.Command("setpriv", "--reuid", "ghost", "--regid", "ghost", "--init-groups", "kill", "-KILL",
		strconv.Itoa(s.pid)).CombinedOutput(); err != nil {
		t.Errorf("the session is not its owner's: %s", out)
	}
	if got := s.wait(t); got != 137 {
		t.Errorf("status %d", got)
	}
}

func TestLimitsOfPamLimitsHoldForTheSession(t *testing.T) {
	stack(t, limiting())
	file(t, "/etc/security/limits.conf",
		"ghost hard nofile 77\nghost soft nofile 66\nghost hard sigpending 100\nghost soft core 0\n", 0o644)
	expectRun(t, capsu(t, "ghost", "-c", "ulimit -n; ulimit -H -n"), "66\n77\n")
	file(t, "/etc/security/limits.conf", "ghost hard sigpending 10\n", 0o644)
	expectRun(t, capsu(t, "ghost", "-c", "grep -o 'pending.*' /proc/self/limits | tr -s ' '"),
		"pending signals 10 10 signals \n")
	file(t, "/etc/security/limits.conf", "ghost hard nofile 3\n", 0o644)
	expectRefusal(t, capsu(t, "ghost", "-c", "echo in"), "limit nofile (RLIMIT_NOFILE): below 4", "hint: ")
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
					if r := c.run(t); r.status != 0 || !strings.Contains(r.stdout, "keyring   _ses") ||
						strings.Contains(r.stderr, "thread") {
						t.Errorf("no session keyring: %d, %q, %q", r.status, r.stdout, r.stderr)
					}
				}
			})
		}
	}
}
