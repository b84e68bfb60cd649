//go:build privileged

package tests

import (
	"os"
	"strings"
	"testing"
	"time"
)

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
			x.await("Password: ")
			x.typed(c.keys)
			x.await(c.want)
			x.await("status 1\n")
			x.await("left: \n")
			x.end()
			x.expectModes()
			if strings.Contains(x.screen(), "in the session") {
				t.Errorf("the screen: %q", x.shown())
			}
		})
	}
}

func TestTermAtThePromptLeavesTheTerminalWhole(t *testing.T) {
	x := onTerminal(t, "alpha", `stty -g; `+program+` ghost; echo "status $?"; stty -g`)
	x.await("Password: ")
	must(t, "pkill", "-TERM", "-x", "-o", "capsu")
	x.end()
	x.await("capsu: prompt: interrupted by SIGTERM")
	x.await("status 1\n")
	x.expectModes()
}

func TestKillOfTheFrontAtThePromptLeavesTheTerminalWhole(t *testing.T) {
	x := onTerminal(t, "alpha", `stty -g; `+program+
		` ghost; echo "status $?"; while [ $(pgrep -r D,R,S,T -c -x capsu) != 0 ]; do sleep 0.1; done; stty -g`)
	x.await("Password: ")
	must(t, "pkill", "-KILL", "-x", "-o", "capsu")
	x.end()
	x.await("status 137\n")
	x.expectModes()
}

func TestHangupAtThePromptEndsTheAttempt(t *testing.T) {
	x := onTerminal(t, "alpha", program+" ghost -c 'echo in >/opt/hangup'")
	x.await("Password: ")
	x.master.Close()
	x.cmd.Wait()
	awaitNoProcess(t)
	if _, err := os.Stat("/opt/hangup"); err == nil {
		t.Error("a session ran")
	}
}

func TestInteractiveShellOnTheTerminal(t *testing.T) {
	sessions := recorded(t)
	x := onTerminal(t, "alpha", `stty -g; `+program+` beta; echo "status $?"; stty -g`)
	x.await("Password: ")
	x.typed(password + "\n")
	x.await("beta@")
	x.typed("set -o | grep monitor; id -un; sleep 100\n")
	x.await("monitor        \ton\nbeta\n") // job control works
	inForeground(t, "sleep")
	x.typed("\x03")
	x.typed("echo interrupted $?\n")
	x.await("interrupted 130\n")
	x.typed("exit 9\n")
	x.await("status 9\n")
	x.end()
	x.expectModes()
	if got := sessions(); !strings.HasSuffix(got, "close_session capsu beta alpha\n") {
		t.Errorf("records %q", got)
	}
}

func TestHangupInASessionEndsIt(t *testing.T) {
	sessions := recorded(t)
	x := onTerminal(t, "alpha", "exec "+program+" beta")
	x.await("Password: ")
	x.typed(password + "\n")
	x.await("beta@")
	x.master.Close()
	x.cmd.Wait()
	awaitNoProcess(t)
	if got := sessions(); !strings.HasSuffix(got, "close_session capsu beta alpha\n") {
		t.Errorf("records %q", got)
	}
}

func TestExpiredPasswordIsChangedInTheConversation(t *testing.T) {
	account(t, "oldpw", "-s", "/bin/sh")
	setPassword(t, "oldpw", password)
	must(t, "chage", "-d", "0", "oldpw")
	x := onTerminal(t, "alpha", `stty -g; `+program+` oldpw -c 'echo changed'; echo "status $?"; stty -g`)
	x.await("Password: ")
	x.typed(password + "\n")
	x.await("Current password: ")
	x.typed(password + "\n")
	x.await("New password: ")
	x.typed("Wq7!hhTfe2-zz\n")
	x.await("Retype new password: ")
	x.typed("Wq7!hhTfe2-zz\n")
	x.end()
	x.await("changed\nstatus 0\n")
	x.expectModes()
	expectRun(t, call{args: []string{"oldpw", "-c", "echo again"}, stdin: "Wq7!hhTfe2-zz\n"}.run(t), "again\n")
}

func TestTheFailDelayIsSleptInFull(t *testing.T) {
	// Keys that send signals neither shorten the delay nor stop the monitor.
	x := onTerminal(t, "alpha", program+` ghost; echo "status $?"`)
	x.await("Password: ")
	began := time.Now()
	x.typed("wrong\n")
	for range 8 {
		time.Sleep(50 * time.Millisecond)
		x.typed("\x03\x1a\x1c")
	}
	x.await("status 1\n")
	x.end()
	if took := time.Since(began); took < time.Second {
		t.Errorf("the delay took %v", took)
	}
}
