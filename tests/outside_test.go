//go:build privileged

package tests

import (
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestNobodyButRootReachesTheMonitorAtAnyStage(t *testing.T) {
	for _, st := range stages {
		t.Run(st.name, func(t *testing.T) {
			h := hold(t, st)
			for _, who := range []string{"alpha", "ghost", "beta"} {
				if got := attackBy(t, who, h.monitor); got != "" {
					t.Errorf("%s against the monitor: %s", who, got)
				}
			}
			if st.name == "fail delay" {
				return
			}
			h.release()
			if got := h.status(); got != 3 && st.name != "prompt" {
				t.Errorf("status %d after the attack", got)
			}
		})
	}
}

// The session's first process belongs to the target before it executes anything: the target may
// end it or slow it down. It has a copy of the monitor's memory and capabilities, and the
// target must not get any of that. Other users reach nothing.
func TestNobodyReachesIntoTheSessionsProcessBeforeItsProgram(t *testing.T) {
	for _, who := range []string{"alpha", "beta", "ghost"} {
		t.Run(who, func(t *testing.T) {
			h := hold(t, stage{"child", "child"})
			if h.waiting == h.monitor || statusOf(t, "/proc/"+h.waiting)["PPid"] != h.monitor {
				t.Fatalf("%s is not the monitor's child", h.waiting)
			}
			got := attackBy(t, who, h.waiting)
			if who == "ghost" {
				got = beyondOwners(got)
			}
			if got != "" {
				t.Errorf("%s can: %s", who, got)
			}
			h.release()
			if status := h.status(); status != 3 && who != "ghost" {
				t.Errorf("status %d after the attack", status)
			}
		})
	}
}

// A module that sheds its privilege has another user's effective uid meanwhile. Neither that
// user nor the caller reaches more of the monitor for it.
func TestNobodyReachesAMonitorWhoseModuleHasShedItsPrivilege(t *testing.T) {
	alpha, ghost := id(t, "-u", "alpha"), id(t, "-u", "ghost")
	for gate, effective := range map[string]string{"as-target": ghost, "as-caller": alpha, "swapped": alpha} {
		t.Run(gate, func(t *testing.T) {
			h := hold(t, stage{gate, gate})
			uids := strings.Fields(statusOf(t, "/proc/"+h.monitor)["Uid"])
			if uids[1] != effective || uids[0] == alpha || uids[2] == alpha || uids[0] == ghost || uids[2] == ghost {
				t.Errorf("the leader's uids are %v", uids)
			}
			for _, who := range []string{"alpha", "ghost", "beta"} {
				if got := attackBy(t, who, h.monitor); got != "" {
					t.Errorf("%s can: %s", who, got)
				}
			}
			h.release()
			if status := h.status(); status != 3 {
				t.Errorf("status %d after the attack", status)
			}
		})
	}
}

// A program that a module starts is protected as under su: there too it has the caller's real
// uid and uid 0 as effective and saved one.
func TestAModulesHelperIsReachedByNobodyWhoDoesNotReachSus(t *testing.T) {
	for _, who := range []string{"alpha", "ghost", "beta"} {
		got := map[string]string{}
		for _, path := range []string{su, program} {
			t.Run(who+" against "+path, func(t *testing.T) {
				h := holdOf(t, path, stage{"helper", "helper"})
				got[path] = attackBy(t, who, h.waiting)
			})
		}
		if more := without(got[program], got[su]); more != "" {
			t.Errorf("%s can, and could not under su: %s", who, shortly(more))
		}
	}
}

const sleeper = program + ` ghost -c 'echo "it runs"; exec sleep 600' <<<'` + password + `'`

// stopped stops the job in the background, and shows it when the shell has noticed.
const stopped = "kill -STOP $!; until jobs | grep -q Stopp[e]d; do sleep 0.1; done; jobs\n"

func TestTheFrontObeysItsOwner(t *testing.T) {
	const status = "; echo status $?\n"
	for name, c := range map[string]struct {
		background bool
		then       func(x *terminal)
		shown      string // by the shell at the end
	}{
		"kill %1":   {true, func(x *terminal) { x.typed("kill %1; wait %1" + status) }, "status 143"},
		"kill -9":   {true, func(x *terminal) { x.typed("kill -9 $!; wait %1" + status) }, "status 137"},
		"kill -HUP": {true, func(x *terminal) { x.typed("kill -HUP $!; wait %1" + status) }, "status 129"},
		"SIGSTOP and fg": {true, func(x *terminal) {
			x.typed(stopped)
			x.await("Stopped")
			x.typed("fg\n")
			inForeground(t, "capsu")
			x.typed("\x03")
			x.await("^C")
			x.typed("echo status $?\n")
		}, "status 130"},
		"Ctrl-C": {false, func(x *terminal) {
			x.typed("\x03")
			x.typed("echo status $?\n")
		}, "status 130"},
		"kill while stopped": {true, func(x *terminal) {
			x.typed(stopped)
			x.await("Stopped")
			x.typed("kill %1; kill -CONT $!\n")
			awaitNoProcess(t)
			x.typed("wait $!" + status) // of a job that bash takes for stopped it would not return
		}, "status 143"},
	} {
		t.Run(name, func(t *testing.T) {
			sessions := recorded(t)
			x := jobs(t)
			line := sleeper
			if c.background {
				line += " &"
			}
			x.typed(line + "\n")
			x.await("it runs\n")
			c.then(x)
			x.await(c.shown)
			expectClosed(t, sessions)
			x.typed("exit\n")
			x.end()
		})
	}
}

func TestClosingTheTerminalEndsTheSession(t *testing.T) {
	for name, c := range map[string]struct{ line, then string }{
		"in the foreground": {sleeper, ""},
		"in the background": {sleeper + " &", ""},
		"while stopped":     {sleeper + " &", stopped},
	} {
		t.Run(name, func(t *testing.T) {
			sessions := recorded(t)
			x := jobs(t)
			x.typed(c.line + "\n")
			x.await("it runs\n")
			if c.then != "" {
				x.typed(c.then)
				x.await("Stopped")
			}
			x.master.Close()
			expectClosed(t, sessions)
		})
	}
}

func TestRootsKillOfTheMonitorLeavesTheTerminalWhole(t *testing.T) {
	x := onTerminal(t, "alpha", `stty -g; `+program+` ghost; echo "status $?"; stty -g`)
	x.await("Password: ")
	monitor := strings.Fields(must(t, "sh", "-c", "ps -C capsu -o user=,pid= | grep ^capsu"))[1]
	pid, err := strconv.Atoi(monitor)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	x.end()
	x.await("capsu: monitor: ended by signal 9\ncapsu: hint: the system log may tell an administrator why\nstatus 1\n")
	x.expectModes()
}
