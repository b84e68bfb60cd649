//go:build privileged

package tests

import (
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A process that a module starts is the same as under setuid su: it has the caller's real uid,
// and no capability beyond capsu's own.

// asUnderSu takes what a helper reports under su, and returns what it must report under capsu.
func asUnderSu(t *testing.T, theirs string) string {
	t.Helper()
	want := ""
	for line := range strings.Lines(theirs) {
		name, value, _ := strings.Cut(line, ":")
		phase, field, _ := strings.Cut(name, " ")
		if slices.Contains([]string{"CapPrm", "CapEff", "CapBnd"}, field) {
			bits, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			line = fmt.Sprintf("%s:\t%s\n", name, hex(bits&helperMay(t, phase)))
		}
		want += line
	}
	return want
}

// notBounded leaves out the bounding set of what the session's own process starts. It may be
// the session's, or cut to capsu's: neither adds a capability.
func notBounded(text string) (rest string) {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "child CapBnd:") {
			rest += line
		}
	}
	return rest
}

// otherWays are the ways of modules/helper.c to start a process other than fork(3).
var otherWays = []string{"vfork", "_Fork", "syscall", "spawn", "system", "popen"}

// A helper had the guard's uid, and could signal every other session's monitor.
func TestAHelperOfAModulesIsWhatItIsUnderSu(t *testing.T) {
	compile(t, "/opt/helper.so", "-shared", "-fPIC", "modules/helper.c", "-lpam")
	compile(t, "/opt/tell", "programs/tell.c")
	for _, orders := range []string{"SHED=none", "SHED=module", "SHED=caller", "SHED=target"} {
		t.Run(orders, func(t *testing.T) {
			want := notBounded(asUnderSu(t, helperReports(t, su, "RUN=/opt/tell "+orders)))
			got := notBounded(helperReports(t, program, "RUN=/opt/tell "+orders))
			if got != want {
				t.Errorf("not as under su:\n%s", differing(want, got))
			}
			for _, phase := range append(pamPhases, "child") {
				if strings.Count("\n"+want, "\n"+phase+" Uid:") != 1 {
					t.Errorf("%s: su's helper says nothing, or too much", phase)
				}
			}
		})
	}
}

// A helper that is started in another way than by fork(3) is not the guard either, and has no
// capability that capsu does not have.
func TestAHelperThatIsStartedInAnotherWayIsNotTheGuard(t *testing.T) {
	compile(t, "/opt/helper.so", "-shared", "-fPIC", "modules/helper.c", "-lpam")
	compile(t, "/opt/tell", "programs/tell.c")
	guard := id(t, "-u", "capsu")
	for _, way := range otherWays {
		for _, shed := range []string{"none", "module"} {
			t.Run(way+" "+shed, func(t *testing.T) {
				ours := helperReports(t, program, "RUN=/opt/tell WAY="+way+" SHED="+shed)
				for line := range strings.Lines(ours) {
					name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
					phase, field, _ := strings.Cut(name, " ")
					bits, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
					switch field {
					case "Uid":
						if slices.Contains(strings.Fields(value), guard) {
							t.Errorf("it is the guard: %s", line)
						}
					case "CapPrm", "CapEff", "CapInh", "CapAmb":
						if err != nil || bits&^helperMay(t, phase) != 0 {
							t.Errorf("it has more than capsu: %s", line)
						}
					}
				}
				if strings.Count(ours, " Uid:") != len(pamPhases)+1 {
					t.Errorf("it was not started in each phase: %q", ours)
				}
			})
		}
	}
}

// A helper in alpha's session attacks the session of another caller with the same target. As
// the guard it would succeed.
func TestAHelperOfAModulesReachesNoOtherSession(t *testing.T) {
	compile(t, "/opt/helper.so", "-shared", "-fPIC", "modules/helper.c", "-lpam")
	orders := []string{"SHED=caller", "SHED=target", "SHED=module", "WAY=spawn", "WAY=system", "WAY=popen"}
	for _, way := range otherWays {
		orders = append(orders, "WAY="+way+" SHED=module")
	}
	for _, path := range []string{su, program} {
		for _, orders := range orders {
			t.Run(path+" "+orders, func(t *testing.T) {
				s := begin(t, call{program: path, caller: "beta", args: []string{"ghost"}}, "exec sleep 600")
				victim := fmt.Sprint(s.cmd.Process.Pid)
				if path != su {
					victim = monitorOf(t, s.cmd.Process.Pid)
				}
				text := helperReports(t, path, "RUN=/opt/attacker ATTACK="+victim+" "+orders)
				if got := without(text, everybodys(t, "alpha")); got != "" {
					t.Errorf("it can: %s", shortly(got))
				}
				if !strings.Contains(text, "read status\n") {
					t.Errorf("it did not try: %q", text)
				}
				exec.Command("kill", "-KILL", fmt.Sprint(s.pid)).Run()
				if status := s.wait(t); status != 137 {
					t.Errorf("the other session: status %d, %s", status, s.errs)
				}
			})
		}
	}
}

// Scripts of modules have trusted the caller's environment (CVE-2010-3853). capsu shows them
// the caller's own home, root's search path, and a few variables that help to talk to a person.
func TestAHelperOfAModulesHasNoVariableOfTheCallersChoiceButItsTerminalAndItsWords(t *testing.T) {
	compile(t, "/opt/helper.so", "-shared", "-fPIC", "modules/helper.c", "-lpam")
	file(t, "/opt/variables", "#!/bin/sh\n/usr/bin/env | sort | grep -vE '^(PWD|OLDPWD|_)='\n", 0o755)
	file(t, "/etc/pam.d/capsu", helping("RUN=/opt/variables"), 0o644)
	file(t, helperSays, "", 0o666)
	c := call{program: "/usr/bin/env",
		args: []string{"-i", "HOME=/tmp/evil", "PATH=/tmp/evil", "ENV=/tmp/evil", "BASH_ENV=/tmp/evil",
			"IFS=e", "PYTHONPATH=/tmp/evil", "LD_PRELOAD=/tmp/evil", "XDG_SEAT=seat0", "TMPDIR=/tmp/evil",
			"TERM=dumb", "LANG=C", program, "ghost", "-c", "echo in"}}
	expectRun(t, c.run(t), "in\n")
	want := "HOME=/home/alpha\nLANG=C\nPATH=" + debianRoot + "\nTERM=dumb\n"
	if got := must(t, "cat", helperSays); got != strings.Repeat(want, len(pamPhases)+1) {
		t.Errorf("helpers had\n%s", got)
	}
}
