//go:build privileged

package tests

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// kind is a way to start a session on a terminal.
type kind struct {
	name    string
	options string
	shell   bool // interactive: the job is started in the target's shell
	login   bool
}

var kinds = []kind{
	{"login", "-", true, true}, {"interactive", "", true, false},
	{"-c", "-c /opt/job", false, false}, {"--session-command", "--session-command /opt/job", false, false},
}

// jobSession is a session of beta's, started by alpha from an interactive shell
// with job control, and in it /opt/job in the foreground.
type jobSession struct {
	*terminal
	kind     kind
	pty      bool
	front    string // its pid
	sessions func() string
}

func startJob(t *testing.T, shell string, k kind, withPty bool) *jobSession {
	t.Helper()
	file(t, "/opt/job.log", "", 0o666)
	j := &jobSession{terminal: onTerminal(t, "alpha", "export PS1='now> '; exec "+shells[shell]), kind: k,
		pty: withPty, sessions: recorded(t)}
	j.await("now> ")
	option := " -T "
	if withPty {
		option = " -P "
	}
	j.typed(program + option + k.options + " beta\n")
	j.await("Password: ")
	j.typed(password + "\n")
	if k.shell {
		j.await("beta@")
		j.typed("/opt/job\n")
	}
	j.await("job: ready\n")
	inForeground(t, j.receiver())
	// two processes have the name; the front is the caller's
	j.front = front(t)
	return j
}

// key types a key that sends a signal, to the job in the foreground.
func (j *jobSession) key(k string) {
	j.t.Helper()
	inForeground(j.t, j.receiver())
	j.typed(k)
}

// receiver is the name of the process that gets a key's signal: the job, or the front of a job
// without a terminal.
func (j *jobSession) receiver() string {
	if j.kind.name == "-c" && !j.pty {
		return "capsu"
	}
	return "job"
}

// end ends the job, the session and the caller's shell.
func (j *jobSession) end(status int) {
	j.t.Helper()
	if status == 0 {
		must(j.t, "pkill", "-TERM", "-x", "job")
		status = 43
		if j.kind.shell {
			j.await("beta@")
			j.typed("exit 9\n")
			status = 9
		}
	}
	j.await("now> ")
	j.typed("echo status $?\n")
	j.await(fmt.Sprintf("status %d\n", status))
	service := "capsu"
	if j.kind.login {
		service = "capsu-l"
	}
	want := "close_session " + service + " beta alpha\n"
	eventually(j.t, "the monitor's end", func() bool { return len(processes()) == 0 })
	if got := j.sessions(); !strings.HasSuffix(got, want) || strings.Count(got, want) != 1 {
		j.t.Errorf("records %q", got)
	}
	// without a pseudo-terminal the job has stayed on the caller's terminal
	exec.Command("pkill", "-KILL", "-x", "job").Run()
	j.typed("stty -a; exit\n")
	j.await(" icanon ")
	j.terminal.end()
}

// outerStop stops the whole session from within: by the key, or by the shell's suspend.
func (j *jobSession) outerStop() {
	j.t.Helper()
	j.key("\x1a")
	if j.kind.shell { // the key has stopped a job of the inner shell
		j.await("Stopped")
		j.await("beta@")
		j.typed("suspend -f\n")
	}
	j.await("now> ")
	eventually(j.t, "the front's stop", func() bool { return stateOf(j.front) == "T" })
}

// jobCases are what happens to a session, and the result.
var jobCases = []struct {
	name string
	do   func(j *jobSession)
}{
	{"INT", func(j *jobSession) { j.key("\x03"); j.await("job: SIGINT\n"); j.end(0) }},
	{"QUIT", func(j *jobSession) { j.key("\x1c"); j.await("job: SIGQUIT\n"); j.end(0) }},
	{"TSTP and fg", func(j *jobSession) {
		for range 2 {
			j.outerStop()
			j.typed("fg\n")
			if j.kind.shell {
				j.await("beta@")
				j.typed("fg\n")
			}
			j.await("job: SIGCONT\n")
			j.key("\x03")
			j.await("job: SIGINT\n")
		}
		j.end(0)
	}},
	{"TSTP and bg", func(j *jobSession) {
		j.outerStop()
		j.typed("bg\n")
		if j.kind.shell {
			// After suspend and bg, the inner shell takes its terminal. If that is the caller's
			// own, two shells read it from now on, as under su.
			j.await("beta@")
			if !j.pty {
				must(j.t, "kill", "-HUP", j.front)
				eventually(j.t, "the monitor's end", func() bool { return len(processes()) == 0 })
				return
			}
			j.typed("fg\n")
			inForeground(j.t, "capsu")
			j.typed("fg\n")
			j.await("job: SIGCONT\n")
		} else {
			j.await("job: SIGCONT")
			j.typed("echo the shell $((40+2))\n")
			j.await("the shell 42\n")
			j.typed("fg\n")
		}
		j.key("\x03")
		j.await("job: SIGINT\n")
		j.end(0)
	}},
	{"TERM", func(j *jobSession) { must(j.t, "kill", "-TERM", j.front); j.end(143) }},
	{"HUP", func(j *jobSession) {
		must(j.t, "kill", "-HUP", j.front)
		if !j.kind.shell {
			j.await("job: SIGHUP\n")
		}
		j.end(129)
	}},
	{"WINCH", func(j *jobSession) {
		if err := pty.Setsize(j.master, &pty.Winsize{Rows: 33, Cols: 99}); err != nil {
			j.t.Fatal(err)
		}
		// without a controlling terminal it is not told
		if j.kind.name != "-c" || j.pty {
			j.await("job: 33 rows\n")
		}
		j.end(0)
	}},
	{"exit", func(j *jobSession) { j.end(0) }},
}

func TestJobControl(t *testing.T) {
	compile(t, "/opt/job", "programs/job.c", "-D_GNU_SOURCE")
	for _, k := range kinds {
		for _, withPty := range []bool{true, false} {
			for _, c := range jobCases {
				t.Run(k.name+" pty="+strconv.FormatBool(withPty)+" "+c.name, func(t *testing.T) {
					c.do(startJob(t, "bash", k, withPty))
				})
			}
		}
	}
}

func TestJobControlFromOtherShells(t *testing.T) {
	compile(t, "/opt/job", "programs/job.c", "-D_GNU_SOURCE")
	for _, shell := range []string{"dash", "zsh"} {
		for _, k := range kinds[1:3] {
			for _, withPty := range []bool{true, false} {
				for _, c := range jobCases[2:4] {
					t.Run(shell+" "+k.name+" pty="+strconv.FormatBool(withPty)+" "+c.name, func(t *testing.T) {
						c.do(startJob(t, shell, k, withPty))
					})
				}
			}
		}
	}
}
