//go:build privileged

package tests

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// What root may do, as programs/attempts.c writes it.
const everyAbility = " port mount signal file chown chroot.\n"

// rootCase is one of the four combinations of CapabilitiesRootRevoke and RootTarget.
type rootCase struct {
	revoke, target bool
}

func (c rootCase) text() string {
	word := map[bool]string{true: "on", false: "off"}
	return "CapabilitiesRootRevoke " + word[c.revoke] + "\nRootTarget " + word[c.target]
}

// The four combinations, by what a session with uid 0 and a root caller's monitor can do.
// Root's files stay writable, as the documents say.
func TestRootRevokeAndRootTargetByWhatCanBeDone(t *testing.T) {
	compile(t, "/opt/attempts", "programs/attempts.c")
	compile(t, "/opt/attempts.so", "-shared", "-fPIC", "programs/attempts.c")
	sleeper := exec.Command("setpriv", "--reuid", "beta", "--regid", "beta", "--clear-groups", "sleep", "1000")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sleeper.Process.Kill(); sleeper.Wait() })
	pid := strconv.Itoa(sleeper.Process.Pid)
	eventually(t, "the sleeper", func() bool {
		return strings.Contains(must(t, "ps", "-o", "user=,args=", "-p", pid), "beta sleep") ||
			strings.Contains(must(t, "ps", "-o", "user=,args=", "-p", pid), "beta     sleep")
	})
	file(t, "/opt/roots-file", "", 0o600)
	file(t, "/etc/shadow", must(t, "cat", "/etc/shadow"), 0o640)
	setPassword(t, "root", password)
	policy(t, "")
	stack(t, above(service, "session required /opt/attempts.so /opt/attempted /opt/roots-file "+pid))
	guard := id(t, "-u", "capsu")
	try := "/opt/attempts /opt/roots-file " + pid
	for _, c := range []rootCase{{true, true}, {true, false}, {false, true}, {false, false}} {
		site(t, c.text())
		inSession := everyAbility
		if c.revoke {
			inSession = " file.\n"
		}
		t.Run(fmt.Sprintf("%+v, alpha calls for root", c), func(t *testing.T) {
			file(t, "/opt/attempted", "", 0o666)
			r := capsu(t, "root", "-c", try)
			if !c.target {
				expectRefusal(t, r, "root: uid 0 is not a target")
				return
			}
			if r.status != 0 || r.stdout != inSession {
				t.Errorf("the session can: %+v", r)
			}
		})
		t.Run(fmt.Sprintf("%+v, root calls for root", c), func(t *testing.T) {
			file(t, "/opt/attempted", "", 0o666)
			r := call{caller: "root", args: []string{"root", "-c", try}}.run(t)
			if r.status != 0 || r.stdout != inSession {
				t.Errorf("the session can: %+v", r)
			}
			// The modules open as root. To close they have the closing set and uid 0.
			want := "open:" + everyAbility + "close: signal file chown.\n"
			if got := must(t, "cat", "/opt/attempted"); got != want {
				t.Errorf("the monitor can:\n%swant\n%s", got, want)
			}
		})
		t.Run(fmt.Sprintf("%+v, the monitor while a root caller's session runs", c), func(t *testing.T) {
			file(t, "/opt/attempted", "", 0o666)
			uid := map[bool]string{true: strings.Join([]string{guard, "0", guard, "0"}, " "), false: four("0")}[c.revoke]
			bits := func(shell string) map[string]string {
				if c.revoke {
					return map[string]string{"CapPrm": hex(0), "CapEff": hex(0)}
				}
				return map[string]string{"CapPrm": hex(ownBounding(t)), "CapEff": hex(ownBounding(t))}
			}
			r := during(t, call{caller: "root", args: []string{"root"}}, func(shell, monitor string) {
				leaderIs(t, monitor, map[string]string{"Uid": uid, "CapPrm": hex(closingSet), "CapEff": hex(0), "NoNewPrivs": "0"})
				leaderIs(t, shell, bits(shell))
				for _, by := range []string{"alpha", "ghost", "beta"} {
					if got := attackBy(t, by, monitor); got != "" {
						t.Errorf("%s can: %s", by, got)
					}
				}
				// a session with uid 0 and no capability cannot signal the monitor either
				if err := exec.Command("setpriv", "--securebits", "+noroot", "--bounding-set", "-all", "kill", "-0",
					monitor).Run(); c.revoke && err == nil {
					t.Error("uid 0 without capabilities can signal the monitor")
				}
			})
			if r.status != 0 || strings.Contains(r.stderr, "capsu:") {
				t.Errorf("%+v", r)
			}
		})
		// for other callers than root nothing changes
		t.Run(fmt.Sprintf("%+v, alpha calls for ghost", c), func(t *testing.T) {
			file(t, "/opt/attempted", "", 0o666)
			expectTuple(t, inspect(t, call{args: []string{"ghost"}}), tuple{})
		})
	}
}

// While a root caller's session runs, the monitor is the guard. If the guard did not exist, it
// would be another user, who could signal it.
func TestGuardIsNeededWhenRootCallsUnlessRootRevokeIsOff(t *testing.T) {
	passwd := must(t, "cat", "/etc/passwd")
	var line string
	for l := range strings.Lines(passwd) {
		if strings.HasPrefix(l, "capsu:") {
			line = l
		}
	}
	root := func(args ...string) result { return call{caller: "root", args: args}.run(t) }
	site(t, "")
	expectRefusal(t, root("capsu", "-s", "/bin/sh", "-c", "echo in"), "capsu: the guard is not a target")
	for want, replacement := range map[string]string{
		"guard user capsu: does not exist":    "",
		"guard user capsu: its uid is root's": strings.Replace(line, ":"+strings.Split(line, ":")[2]+":", ":0:", 1),
	} {
		t.Run(want, func(t *testing.T) {
			file(t, "/etc/passwd", strings.Replace(passwd, line, replacement, 1), 0o644)
			site(t, "")
			expectRefusal(t, root("ghost", "-c", "echo in"), want, "hint: ")
			site(t, "CapabilitiesRootRevoke off")
			expectRun(t, root("ghost", "-c", "echo in"), "in\n")
		})
	}
}

func TestLessCannotBeHadOfAllThatRootHas(t *testing.T) {
	site(t, "CapabilitiesRootRevoke off")
	for _, args := range [][]string{{"-C", ""}, {"--drop", "cap_kill"}} {
		r := call{caller: "root", args: append(args, "root", "-c", "echo in")}.run(t)
		expectRefusal(t, r,
			"-C and --drop: a session with uid 0 has every capability as long as CapabilitiesRootRevoke is off",
			"hint: ")
	}
	site(t, "")
	expectRun(t, call{caller: "root", args: []string{"--drop", "cap_kill", "root", "-c", "echo in"}}.run(t), "in\n")
}

// If root calls capsu and then cannot even mount, root must not have to guess why.
func TestRootWithoutCapabilitiesIsToldSoOnATerminal(t *testing.T) {
	const note = "capsu: note: uid 0 without capabilities: CapabilitiesRootRevoke is on"
	for name, c := range map[string]struct {
		conf, rules, args string
		times             int
	}{
		"no rule":                  {"", "", "-c 'echo in'", 1},
		"without a terminal of it": {"", "", "-T -c 'echo in'", 1},
		"no Ambient capability":    {"", "cap_net_raw,!cap_chown root", "-c 'echo in'", 1},
		"an Ambient capability":    {"", "^cap_net_raw root", "-c 'echo in'", 0},
		"all dropped":              {"", "^cap_net_raw root", "--drop all -c 'echo in'", 1},
		"not revoked":              {"CapabilitiesRootRevoke off", "", "-c 'echo in'", 0},
		"not uid 0":                {"", "", "ghost -c 'echo in'", 0},
		"elsewhere":                {"", "", "-c 'echo in' 2>/opt/said; cat /opt/said", 0},
		"a key":                    {"", "", "--forced-command root", 0},
	} {
		t.Run(name, func(t *testing.T) {
			site(t, c.conf)
			policy(t, c.rules+"\n")
			t.Cleanup(func() { os.Remove("/opt/said") })
			x := onTerminal(t, "root", program+" "+c.args, "SSH_ORIGINAL_COMMAND=echo in")
			x.end()
			if got := x.screen(); strings.Count(got, note+"\n") != c.times || !strings.Contains(got, "in\n") {
				t.Errorf("%q, want the note %d times", got, c.times)
			}
		})
	}
}
