//go:build privileged

package tests

import (
	"strings"
	"testing"
)

func TestSessionHasExactlyTheTupleOfItsRule(t *testing.T) {
	for name, c := range map[string]struct {
		rules  string
		target string
		caller call
		want   tuple
	}{
		"no rule":                         {"", "ghost", call{}, tuple{}},
		"no rule, caller has inheritable": {"", "ghost", call{setpriv: fullInheritable}, tuple{}},
		"ambient, inheritable, blocked": {"^cap_net_raw,cap_kill,!cap_chown ghost", "ghost", call{},
			tuple{netRaw | kill, netRaw, netRaw, chown}},
		"none, caller has inheritable": {"none ghost", "ghost", call{setpriv: fullInheritable}, tuple{}},
		"all, caller has inheritable":  {"all ghost", "ghost", call{setpriv: fullInheritable}, tuple{i: chown | kill}},
		"set, caller has inheritable": {"cap_net_raw ghost", "ghost", call{setpriv: fullInheritable},
			tuple{i: netRaw}},
		"ambient and blocked, both": {"!^cap_net_raw,!%cap_kill ghost", "ghost", call{},
			tuple{netRaw | kill, netRaw, netRaw, netRaw | kill}},
		"blocked only": {"!cap_chown ghost", "ghost", call{}, tuple{blocked: chown}},
		"ambient by group": {"^cap_net_bind_service @team", "beta", call{},
			tuple{netBind, netBind, netBind, nothing}},
		"group of others": {"^cap_net_bind_service @team", "ghost", call{}, tuple{}},
		"wildcard after another's rule": {"all alpha\n^cap_net_raw *", "ghost", call{},
			tuple{netRaw, netRaw, netRaw, nothing}},
		"first match wins": {"cap_kill ghost\n^cap_net_raw ghost", "ghost", call{}, tuple{i: kill}},
		"root calls": {"^cap_net_raw,!cap_chown ghost", "ghost", call{caller: "root"},
			tuple{netRaw, netRaw, netRaw, chown}},
		"root calls, no rule": {"", "ghost", call{caller: "root"}, tuple{}},
		"root calls, all, has inheritable": {"all ghost", "ghost", call{caller: "root", setpriv: fullInheritable},
			tuple{i: chown | kill}},
		"root calls, beyond the file's set": {"^cap_sys_admin ghost", "ghost", call{caller: "root"},
			tuple{1 << 21, 1 << 21, 1 << 21, nothing}},
	} {
		for _, option := range []string{"-T", "-P"} {
			t.Run(name+" "+option, func(t *testing.T) {
				policy(t, c.rules+"\n")
				c.caller.args = []string{option, c.target}
				s := inspect(t, c.caller)
				expectTuple(t, s, c.want)
				expectUser(t, s, c.target)
			})
		}
	}
}

// The leader of a session on a pseudo-terminal has the target's uid and no capability. Its
// memory is a copy of the monitor's, and no user may read it.
func TestTheLeaderOfASessionHasNothing(t *testing.T) {
	policy(t, "^cap_net_raw ghost\n")
	ghost := id(t, "-u", "ghost")
	during(t, call{args: []string{"-P", "ghost"}}, func(_, leader string) {
		s := readProc(t, leader)
		for field, want := range map[string]string{
			"Uid": four(ghost), "Threads": "1", "NoNewPrivs": "1",
			"CapInh": hex(0), "CapPrm": hex(0), "CapEff": hex(0), "CapAmb": hex(0),
		} {
			if s.status[field] != want {
				t.Errorf("%s is %q, want %q", field, s.status[field], want)
			}
		}
		for _, to := range s.fds {
			if !strings.HasPrefix(to, "/dev/pts/") && !strings.HasPrefix(to, "socket:") &&
				!strings.HasPrefix(to, "anon_inode:") && !strings.HasPrefix(to, "pipe:") {
				t.Errorf("it has %s open", to)
			}
		}
		// the target may end it, and no more
		if got := beyondOwners(attackBy(t, "ghost", leader)); got != "" {
			t.Errorf("the target can: %s", got)
		}
	})
}

func TestCallerInManyGroupsLeaksNone(t *testing.T) {
	out := must(t, "id", "-G", "alpha")
	if n := len(strings.Fields(out)); n < allGroups {
		t.Fatalf("alpha is in %d groups only", n)
	}
	s := inspect(t, call{args: []string{"ghost"}})
	expectUser(t, s, "ghost")
	if s := inspect(t, call{args: []string{"beta"}}); !strings.Contains(s.status["Groups"], teamNumber) {
		t.Errorf("beta's groups are %s", s.status["Groups"])
	}
}

func TestRootAsTargetHasItsTupleAndNoMore(t *testing.T) {
	policy(t, "^cap_net_raw root\n")
	s := inspect(t, call{caller: "root", args: []string{"root"}})
	expectTuple(t, s, tuple{netRaw, netRaw, netRaw, nothing})
	if s.securebits != "03" { // NOROOT, locked
		t.Errorf("securebits %s, want 03", s.securebits)
	}
}

func TestRealPamCapInTheStack(t *testing.T) {
	file(t, other, "^cap_net_raw,cap_kill,!cap_chown *\n", 0o644)
	ofOther := tuple{netRaw | kill, netRaw, netRaw, chown}
	for name, c := range map[string]struct {
		args  string
		rules string
		want  tuple
	}{
		"deferred, no rule of capsu's own": {"keepcaps defer", "", ofOther},
		"not deferred, no rule":            {"", "", ofOther},
		"keepcaps, not deferred, no rule":  {"keepcaps", "", ofOther},
		"deferred, another rule decides": {"keepcaps defer", "^cap_net_bind_service ghost",
			tuple{netBind, netBind, netBind, chown}},
		"not deferred, another rule decides":   {"", "cap_net_bind_service ghost", tuple{i: netBind, blocked: chown}},
		"deferred, Ambient taken back":         {"keepcaps defer", "cap_net_raw ghost", tuple{i: netRaw, blocked: chown}},
		"not deferred, Ambient taken back":     {"", "cap_net_raw ghost", tuple{i: netRaw, blocked: chown}},
		"deferred, none decides":               {"keepcaps defer", "none ghost", tuple{blocked: chown}},
		"not deferred, all lets it through":    {"", "all ghost", ofOther},
		"deferred, blocked bits of both count": {"keepcaps defer", "!cap_kill ghost", tuple{blocked: chown | kill}},
	} {
		for _, caller := range []string{"alpha", "root"} {
			t.Run(name+", "+caller+" calls", func(t *testing.T) {
				policy(t, c.rules+"\n")
				stack(t, withModule(caller, c.args))
				s := inspect(t, call{caller: caller, args: []string{"ghost"}})
				expectTuple(t, s, c.want)
				expectUser(t, s, "ghost")
			})
		}
	}
}
