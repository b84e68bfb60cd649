//go:build privileged

package tests

import (
	"os"
	"strings"
	"testing"
)

// The options -C and --drop: a caller may take less than the grant, never more. Only the child
// knows what the grant is.
func TestTakingLessThanTheGrant(t *testing.T) {
	const rule = "^cap_net_raw,cap_kill,!cap_chown ghost"
	for name, c := range map[string]struct {
		rules string
		args  []string
		want  tuple
		nnp   string
	}{
		"no Ambient": {rule, []string{"-C", "cap_net_raw,!cap_chown"},
			tuple{i: netRaw, blocked: chown}, "0"},
		"the whole grant": {rule, []string{"-C", "^cap_net_raw,cap_kill,!cap_chown"},
			tuple{netRaw | kill, netRaw, netRaw, chown}, "0"},
		"nothing but what is blocked": {rule, []string{"-C", "!cap_chown"}, tuple{blocked: chown}, "0"},
		"in any case, by number": {rule, []string{"--capabilities=^CAP_NET_RAW,!0"},
			tuple{netRaw, netRaw, netRaw, chown}, "0"},
		"blocking more": {rule, []string{"-C", "^cap_net_raw,!cap_chown,!cap_kill"},
			tuple{netRaw, netRaw, netRaw, chown | kill}, "1"},
		"drop one": {rule, []string{"--drop", "cap_net_raw"}, tuple{i: kill, blocked: chown}, "0"},
		"drop one that is not granted": {rule, []string{"--drop", "cap_sys_admin"},
			tuple{netRaw | kill, netRaw, netRaw, chown}, "0"},
		"drop all":            {rule, []string{"--drop", "cap_net_raw,cap_kill"}, tuple{blocked: chown}, "0"},
		"none":                {rule, []string{"-C", "none"}, tuple{blocked: chown}, "0"},
		"an empty word":       {rule, []string{"-C", ""}, tuple{blocked: chown}, "0"},
		"all":                 {rule, []string{"-C", "all"}, tuple{netRaw | kill, netRaw, netRaw, chown}, "0"},
		"drop the set of all": {rule, []string{"--drop", "all"}, tuple{blocked: chown}, "0"},
		"the last of several": {rule, []string{"-C", "none", "-C", "cap_kill,!cap_chown"},
			tuple{i: kill, blocked: chown}, "0"},
		"none as the last of several": {rule, []string{"-C", "cap_net_raw", "-C", "none"}, tuple{blocked: chown}, "0"},
		"all, and drop": {rule, []string{"-C", "all", "--drop", "cap_net_raw"},
			tuple{i: kill, blocked: chown}, "0"},
		"both": {rule,
			[]string{"-C", "^cap_net_raw,cap_kill,!cap_chown", "--drop", "cap_net_raw"},
			tuple{i: kill, blocked: chown}, "0"},
		"no_new_privs": {rule, []string{"--no-new-privs"},
			tuple{netRaw | kill, netRaw, netRaw, chown}, "1"},
		"of none":                       {"none ghost", []string{"-C", ""}, tuple{}, "0"},
		"of no rule":                    {"", []string{"-C", ""}, tuple{}, "0"},
		"of no rule, blocking":          {"", []string{"-C", "!cap_chown"}, tuple{blocked: chown}, "1"},
		"of all":                        {"all ghost", []string{"-C", "cap_kill"}, tuple{i: kill}, "0"},
		"none of all":                   {"all ghost", []string{"-C", "none"}, tuple{}, "0"},
		"all of all":                    {"all ghost", []string{"-C", "all"}, tuple{i: chown | kill}, "0"},
		"none of a deferred pam_cap.so": {"module", []string{"-C", "none"}, tuple{blocked: chown}, "0"},
		"of all, drop":                  {"all ghost", []string{"--drop", "cap_kill"}, tuple{i: chown}, "0"},
		"of a deferred pam_cap.so": {"module", []string{"-C", "^cap_net_raw"},
			tuple{netRaw, netRaw, netRaw, chown}, "0"},
		"of a deferred pam_cap.so, drop": {"module", []string{"--drop", "cap_net_raw"},
			tuple{i: kill, blocked: chown}, "0"},
		"of a pam_cap.so that is not": {"at once", []string{"-C", "cap_kill"}, tuple{i: kill, blocked: chown}, "0"},
		"of a deferred pam_cap.so and rule": {"module\ncap_kill ghost", []string{"-C", "cap_kill"},
			tuple{i: kill, blocked: chown}, "0"},
	} {
		t.Run(name, func(t *testing.T) {
			modules(t, &c.rules)
			policy(t, c.rules+"\n")
			s := inspect(t, call{setpriv: fullInheritable, args: append(c.args, "ghost")})
			if s.status["NoNewPrivs"] != c.nnp {
				t.Errorf("no_new_privs is %s, want %s", s.status["NoNewPrivs"], c.nnp)
			}
			s.status["NoNewPrivs"] = "0"
			expectTuple(t, s, c.want)
			expectUser(t, s, "ghost")
		})
	}
}

// modules adds a real pam_cap.so to the service if the rules begin with "module" (deferred) or
// "at once".
func modules(t *testing.T, rules *string) {
	t.Helper()
	for word, args := range map[string]string{"module": "keepcaps defer", "at once": ""} {
		if rest, found := strings.CutPrefix(*rules, word); found {
			file(t, other, "^cap_net_raw,cap_kill,!cap_chown *\n", 0o644)
			stack(t, withModule("alpha", args))
			*rules = rest
		}
	}
}

func TestTakingMoreThanTheGrantIsRefused(t *testing.T) {
	const rule = "^cap_net_raw,cap_kill,!cap_chown ghost"
	for name, c := range map[string]struct{ rules, asked, want string }{
		"Inheritable": {rule, "cap_sys_admin,!cap_chown", "Inheritable cap_sys_admin: more than the grant"},
		"two": {rule, "cap_sys_admin,cap_setuid,!cap_chown",
			"Inheritable cap_setuid,cap_sys_admin: more"},
		"Ambient":                  {rule, "^cap_kill,!cap_chown", "Ambient cap_kill: more than the grant"},
		"blocked less":             {rule, "^cap_net_raw", "Bounding cap_chown: more than the grant"},
		"of none":                  {"none ghost", "cap_kill", "Inheritable cap_kill: more"},
		"of no rule":               {"", "cap_kill", "Inheritable cap_kill: more"},
		"of all":                   {"all ghost", "cap_net_raw", "Inheritable cap_net_raw: more"},
		"of a deferred pam_cap.so": {"module", "^cap_kill", "Ambient cap_kill: more"},
		"of one that is not":       {"at once", "cap_setuid", "Inheritable cap_setuid: more"},
		"what capsu itself has":    {"", "^cap_setuid", "Inheritable cap_setuid: more"},
	} {
		t.Run(name, func(t *testing.T) {
			modules(t, &c.rules)
			policy(t, c.rules+"\n")
			r := call{setpriv: fullInheritable, args: []string{"-C", c.asked, "ghost", "-c", "echo in"}}.run(t)
			expectRefusal(t, r, c.want, "hint: -C can only take less")
		})
	}
}

// A set-uid program that runs without cap_setuid cannot give up root. If a rule takes it away,
// that is so, and check warns of it. If the caller takes it away, set-uid programs must have no
// power at all.
func TestSetuidProgramIsNotFooledByANarrowedBoundingSet(t *testing.T) {
	compile(t, "/opt/drop", "programs/drop.c")
	must(t, "chown", "root:root", "/opt/drop")
	must(t, "chmod", "4755", "/opt/drop")
	run := func(rules string, args ...string) string {
		t.Helper()
		policy(t, rules+"\n")
		r := capsu(t, append(args, "ghost", "-c", "/opt/drop")...)
		if r.status != 0 {
			t.Errorf("%q: status %d, %q", args, r.status, r.stderr)
		}
		return r.stdout
	}
	if got := run("", "-C", ""); got != "dropped\n" {
		t.Errorf("nothing narrowed: %q", got)
	}
	if got := run("!cap_setuid ghost"); got != "still root\n" {
		t.Errorf("the rule narrows: %q; then this test shows nothing", got)
	}
	for _, args := range [][]string{{"-C", "!cap_setuid"}, {"-C", "!7,!cap_setpcap"}, {"--no-new-privs"}} {
		if got := run("", args...); got != "never privileged\n" {
			t.Errorf("%q: %q", args, got)
		}
	}
	if got := run("!cap_chown ghost", "-C", "!cap_chown,!cap_setuid"); got != "never privileged\n" {
		t.Errorf("beside a rule's: %q", got)
	}
	if got := run("", "--drop", "cap_setuid"); got != "dropped\n" {
		t.Errorf("--drop leaves Bounding: %q", got)
	}
}

// The decision holds, whatever the file says a moment later.
func TestPolicyIsReadOnceForTheWholeSession(t *testing.T) {
	compile(t, "/opt/wait.so", "-shared", "-fPIC", "modules/wait.c", "-lpam")
	stack(t, waiting)
	makeGates(t)
	gate := gates + "/setcred"
	file(t, gate, "", 0o666)
	policy(t, "^cap_net_raw ghost\n")
	ended := make(chan result, 1)
	go func() { ended <- call{args: []string{"ghost", "-c", "grep CapAmb /proc/self/status"}}.run(t) }()
	awaitFile(t, gate+".reached")
	if err := os.WriteFile(policyFile, []byte("nonsense ghost\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	os.Remove(gate)
	expectRun(t, <-ended, "CapAmb:\t0000000000002000\n")
}
