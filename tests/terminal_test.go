//go:build privileged

package tests

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestPasswordIsAskedOnTheTerminalWithoutEcho(t *testing.T) {
	x := onTerminal(t, "alpha", around)
	x.expect("Password: ")
	x.typed(password + "\n")
	x.end()
	x.expect("in the session\n/dev/pts/")
	x.expect("status 0\n")
	if strings.Contains(x.screen(), password) {
		t.Errorf("the password is on the screen: %q", x.screen())
	}
	x.expectModes()
}

func TestWaysOutOfThePromptLeaveTheTerminalWhole(t *testing.T) {
	for name, c := range map[string]struct{ keys, want string }{
		"Ctrl-C":                  {"\x03", "capsu: prompt: interrupted by SIGINT"},
		"Ctrl-C after some":       {"open \x03", "capsu: prompt: interrupted by SIGINT"},
		"Ctrl-\\":                 {"\x1c", "capsu: prompt: interrupted by SIGQUIT"},
		"Ctrl-D":                  {"\x04", "capsu: prompt: end of input"},
		"too long":                {strings.Repeat("x", 600) + "\n", "capsu: prompt: answer of 512 bytes or more"},
		"wrong":                   {"wrong\n", strings.TrimSpace(neutral)},
		"more than the password":  {"wrong\necho injected\n", strings.TrimSpace(neutral)},
		"erased and wrong":        {"open\x7f\x7f\n", strings.TrimSpace(neutral)},
		"Ctrl-D after some, once": {"open\x04", strings.TrimSpace(neutral)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := onTerminal(t, "alpha", around+"; read -t 0.3 line; echo \"left: $line\"; stty -g")
			x.expect("Password: ")
			x.typed(c.keys)
			x.expect("left: ")
			x.end()
			x.expect(c.want)
			x.expect("status 1\n")
			x.expect("left: \n")
			x.expectModes()
			if strings.Contains(x.screen(), "in the session") {
				t.Errorf("the screen: %q", x.screen())
			}
		})
	}
}

func TestTermAtThePromptLeavesTheTerminalWhole(t *testing.T) {
	x := onTerminal(t, "alpha", `stty -g; `+program+` ghost; echo "status $?"; stty -g`)
	x.expect("Password: ")
	must(t, "pkill", "-TERM", "-x", "-o", "capsu")
	x.end()
	x.expect("capsu: prompt: interrupted by SIGTERM")
	x.expect("status 1\n")
	x.expectModes()
}

func TestKillOfTheFrontAtThePromptLeavesTheTerminalWhole(t *testing.T) {
	x := onTerminal(t, "alpha", `stty -g; `+program+` ghost; echo "status $?"; while [ $(pgrep -r D,R,S,T -c -x capsu) != 0 ]; do sleep 0.1; done; stty -g`)
	x.expect("Password: ")
	must(t, "pkill", "-KILL", "-x", "-o", "capsu")
	x.end()
	x.expect("status 137\n")
	x.expectModes()
}

func TestHangupAtThePromptEndsTheAttempt(t *testing.T) {
	x := onTerminal(t, "alpha", program+" ghost -c 'echo in >/opt/hangup'")
	x.expect("Password: ")
	x.master.Close()
	x.cmd.Wait()
	eventually(t, "the monitor's end", func() bool { return len(processes()) == 0 })
	if _, err := os.Stat("/opt/hangup"); err == nil {
		t.Error("a session ran")
	}
}

func TestInteractiveShellOnTheTerminal(t *testing.T) {
	sessions := recorded(t)
	x := onTerminal(t, "alpha", `stty -g; `+program+` beta; echo "status $?"; stty -g`)
	x.expect("Password: ")
	x.typed(password + "\n")
	x.expect("beta@")
	x.typed("set -o | grep monitor; id -un; sleep 100\n")
	x.expect("monitor        \ton\nbeta\n") // job control works
	inForeground(t, "sleep")
	x.typed("\x03")
	x.typed("echo interrupted $?\n")
	x.expect("interrupted 130\n")
	x.typed("exit 9\n")
	x.expect("status 9\n")
	x.end()
	x.expectModes()
	if got := sessions(); !strings.HasSuffix(got, "close_session capsu beta alpha\n") {
		t.Errorf("records %q", got)
	}
}

func TestHangupInASessionEndsIt(t *testing.T) {
	sessions := recorded(t)
	x := onTerminal(t, "alpha", "exec "+program+" beta")
	x.expect("Password: ")
	x.typed(password + "\n")
	x.expect("beta@")
	x.master.Close()
	x.cmd.Wait()
	eventually(t, "the monitor's end", func() bool { return len(processes()) == 0 })
	if got := sessions(); !strings.HasSuffix(got, "close_session capsu beta alpha\n") {
		t.Errorf("records %q", got)
	}
}

func TestExpiredPasswordIsChangedInTheConversation(t *testing.T) {
	account(t, "oldpw", "-s", "/bin/sh")
	setPassword(t, "oldpw", password)
	must(t, "chage", "-d", "0", "oldpw")
	x := onTerminal(t, "alpha", `stty -g; `+program+` oldpw -c 'echo changed'; echo "status $?"; stty -g`)
	x.expect("Password: ")
	x.typed(password + "\n")
	x.expect("Current password: ")
	x.typed(password + "\n")
	x.expect("New password: ")
	x.typed("Wq7!hhTfe2-zz\n")
	x.expect("Retype new password: ")
	x.typed("Wq7!hhTfe2-zz\n")
	x.end()
	x.expect("changed\nstatus 0\n")
	x.expectModes()
	expectRun(t, call{args: []string{"oldpw", "-c", "echo again"}, stdin: "Wq7!hhTfe2-zz\n"}.run(t), "again\n")
}

func TestTheFailDelayIsSleptInFull(t *testing.T) {
	// Ctrl-C while the delay is slept neither shortens it nor stops the monitor.
	x := onTerminal(t, "alpha", program+` ghost; echo "status $?"`)
	x.expect("Password: ")
	began := time.Now()
	x.typed("wrong\n")
	for range 8 {
		time.Sleep(50 * time.Millisecond)
		x.typed("\x03\x1a\x1c")
	}
	x.expect("status 1\n")
	x.end()
	if took := time.Since(began); took < time.Second {
		t.Errorf("the delay took %v", took)
	}
}
