//go:build privileged

package tests

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// twice is a service with two questions, and a gate between them.
const twice = `auth required pam_unix.so
auth required /opt/wait.so ` + gates + `
auth required /opt/ask.so off ANSWER=yes
account required pam_permit.so
session required pam_permit.so
session optional pam_exec.so quiet type=open_session /opt/record
session optional pam_exec.so quiet type=close_session /opt/record
`

func askTwice(t *testing.T) {
	t.Helper()
	compile(t, "/opt/wait.so", "-shared", "-fPIC", "modules/wait.c", "-lpam")
	compile(t, "/opt/ask.so", "-shared", "-fPIC", "../pamconv/testdata/ask.c", "-lpam")
	makeGates(t)
	stack(t, twice)
}

// Whatever ends the front at a prompt, the terminal's modes are as before, and no program reads
// the half of a password.
func TestSignalsAtEachPromptLeaveTheTerminalWhole(t *testing.T) {
	askTwice(t)
	for _, prompt := range []string{"first", "second"} {
		for _, sig := range []string{"INT", "QUIT", "TERM", "HUP", "ALRM", "PIPE", "USR1", "KILL"} {
			t.Run(prompt+" "+sig, func(t *testing.T) {
				x := onTerminal(t, "alpha", `stty -g; `+program+` ghost; echo "status $?"; `+
					`while [ $(pgrep -r D,R,S,T -c -x capsu) != 0 ]; do sleep 0.1; done; `+
					`read -t 0.3 line; echo "left: $line"; stty -g`)
				x.await("Password: ")
				if prompt == "second" {
					x.typed(password + "\n")
					x.await("secret? ")
				}
				x.typed("half a pass")
				must(t, "kill", "-"+sig, front(t))
				x.await("status ")
				x.await("left: \n")
				x.end()
				x.expectModes()
				if got := x.screen(); strings.Contains(got, "half") || strings.Contains(got, "status 0\n") {
					t.Errorf("the screen: %q", got)
				}
			})
		}
	}
}

func TestAnotherSizeAtThePromptIsNoMatter(t *testing.T) {
	x := onTerminal(t, "alpha", program+" ghost -c 'stty size'")
	x.await("Password: ")
	x.typed(password[:4])
	if err := pty.Setsize(x.master, &pty.Winsize{Rows: 19, Cols: 67}); err != nil {
		t.Fatal(err)
	}
	must(t, "kill", "-WINCH", front(t))
	x.typed(password[4:] + "\n")
	x.await("19 67\n")
	x.end()
}

func TestStoppedPromptGoesOnWithoutEcho(t *testing.T) {
	for name, c := range map[string]struct{ shell, end string }{
		"bash": {"bash", ""}, "dash": {"dash", ""}, "zsh": {"zsh", ""},
		"kill -TSTP": {"bash", "TSTP"}, "kill -STOP": {"bash", "STOP"},
	} {
		t.Run(name, func(t *testing.T) {
			sessions := recorded(t)
			x := onTerminal(t, "alpha", "export PS1='now> '; exec "+shells[c.shell])
			x.await("now> ")
			x.typed(program + " ghost -c 'echo in the session'\n")
			x.await("Password: ")
			for range 2 {
				inForeground(t, "capsu")
				switch c.end {
				case "":
					x.typed("half\x1a")
				case "TSTP":
					x.typed("half")
					fallthrough
				default: // SIGSTOP leaves no time to discard what was typed
					must(t, "kill", "-"+c.end, front(t))
				}
				x.echoes()
				x.await("now> ")
				x.typed("fg\n")
				x.await("Password: ")
			}
			inForeground(t, "capsu")
			x.typed(password + "\n")
			x.await("in the session\n")
			expectClosed(t, sessions)
			x.typed("exit\n")
			x.end()
			if got := x.screen(); strings.Contains(got, "half") || strings.Contains(got, password) {
				t.Errorf("the screen: %q", got)
			}
		})
	}
}

func TestPromptInTheBackgroundWaitsForTheForeground(t *testing.T) {
	for _, shell := range []string{"bash", "dash", "zsh"} {
		t.Run(shell, func(t *testing.T) {
			x := onTerminal(t, "alpha", "export PS1='now> '; exec "+shells[shell])
			x.await("now> ")
			x.typed(program + " ghost -c 'echo in the session' &\n")
			x.await("now> ")
			x.awaitStop()
			x.typed("fg\n")
			x.await("Password: ")
			inForeground(t, "capsu")
			x.typed(password + "\n")
			x.await("in the session\n")
			x.await("now> ")
			x.typed("exit\n")
			x.end()
		})
	}
}

// Between prompts the keys do nothing, and they are not kept for the next prompt.
func TestKeysBetweenPromptsAreNoKeys(t *testing.T) {
	askTwice(t)
	gate := gates + "/auth"
	x := jobs(t)
	file(t, gate, "", 0o666)
	x.typed(program + " ghost -c 'echo in the session'\n")
	x.await("Password: ")
	x.typed(password + "\n")
	awaitFile(t, gate+".reached")
	x.typed("\x03\x1a\x1c")
	x.await("^\\")
	os.Remove(gate)
	x.await("secret? ")
	time.Sleep(6 * time.Second) // longer than the front waits for a deaf monitor (front.c)
	x.typed("yes\n")
	x.await("in the session\n")
	x.await("now> ")
	x.typed("exit\n")
	x.end()
}

// If no shell could continue the job, it is not stopped: the kernel has the same rule.
func TestWithoutAShellCtrlZStopsNothing(t *testing.T) {
	x := onTerminal(t, "alpha", "exec "+program+" beta")
	x.await("Password: ")
	x.typed("half\x1a")
	x.await("Password: ")
	x.typed(password + "\n")
	x.await("beta@")
	x.typed("suspend\n")
	x.typed("echo goes on $((40+2))\n")
	x.await("goes on 42\n")
	x.typed("exit 7\n")
	if got := x.end(); got != 7 {
		t.Errorf("status %d", got)
	}
}

func TestAPipelineStopsAsAWhole(t *testing.T) {
	sessions := recorded(t)
	x := jobs(t)
	x.typed(program + " ghost -c 'echo begun; sleep 600' | tee /dev/null\n")
	x.await("Password: ")
	x.typed(password + "\n")
	x.await("begun\n")
	inForeground(t, "tee")
	x.typed("\x1a")
	x.await("now> ")
	eventually(t, "the stop of tee", func() bool {
		return stateOf(strings.TrimSpace(must(t, "pgrep", "-x", "tee"))) == "T"
	})
	x.typed("fg\n")
	inForeground(t, "tee")
	x.typed("\x03")
	x.await("now> ")
	expectClosed(t, sessions)
	x.typed("exit\n")
	x.end()
}

// A job in the background runs until it wants the terminal.
func TestBackgroundJobStopsWhenItWantsTheTerminal(t *testing.T) {
	stack(t, strings.Replace(service, "pam_unix.so nullok", "pam_permit.so", 1))
	for name, c := range map[string]struct{ before, command, after string }{
		"input":             {"", "echo runs $((40+2)); read -r line; echo got $line", "some words"},
		"modes":             {"", "echo runs $((40+2)); stty -echo; stty echo; read -r line; echo got $line", "some words"},
		"output by tostop":  {"stty tostop; ", "sleep 0.2; echo out; read -r line; echo got $line", "some words"},
		"a stopped command": {"", "echo runs $((40+2)); kill -STOP $$; read -r line; echo got $line", "some words"},
	} {
		t.Run(name, func(t *testing.T) {
			sessions := recorded(t)
			x := jobs(t)
			x.typed(c.before + program + " --pty ghost -c '" + c.command + "' &\n")
			if c.before == "" {
				x.await("runs 42")
			}
			x.awaitStop()
			x.typed("fg\n")
			inForeground(t, "capsu")
			x.typed(c.after + "\n")
			x.await("got " + c.after)
			expectClosed(t, sessions)
			x.typed("exit\n")
			x.end()
		})
	}
}

func TestCallerWhoLogsOutEndsAStoppedSession(t *testing.T) {
	for _, options := range []string{"-P", "-T"} {
		t.Run(options, func(t *testing.T) {
			sessions := recorded(t)
			x := jobs(t)
			x.typed(program + " " + options + " ghost -c 'echo begun; exec sleep 600'\n")
			x.await("Password: ")
			x.typed(password + "\n")
			x.await("begun\n")
			inForeground(t, "capsu")
			x.typed("\x1a")
			x.await("now> ")
			x.typed("exit\n")
			x.await("stopped jobs")
			x.typed("exit\n")
			expectClosed(t, sessions)
			x.end()
		})
	}
}
