//go:build privileged

package tests

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// seedExample is the example of pam_cap's own documentation, comment by comment.
const seedExample = `# only root gets to keep what it had
all root

# this should fire for user beta only, who will have
# cap_chown dropped from their bounding set.
!cap_chown beta

# the next one should snag the members of the 'three' group
# granting them cap_setuid and cap_chown
cap_setuid,cap_chown @three

# this would apply to beta and gamma, but beta is already
# granted a lack of cap_chown above. Further, if gamma is
# in the 'three' group, it would not reach this line.
cap_chown beta gamma

# members of the 'one' group are granted the cap_setuid Inheritable
# capability, but cap_chown is dropped from their bounding set.
!cap_chown,cap_setuid @one

# user alpha gets an ambient capability (unless it is also
# a member of the groups 'one' or 'three').
^cap_setuid alpha

# user delta (if not a member of groups 'one' and 'three') will get
# cap_chown and cap_setgid Ambient capabilities, but have cap_setuid
# dropped from its bounding set.
^cap_chown,^cap_setgid,!cap_setuid delta

# any remaining members of group 'four' will get the cap_setuid
# Inheritable capability.
cap_setuid @four
`

// seedUsers makes the users and groups that the example speaks of; alpha and
// beta are there.
func seedUsers(t *testing.T) {
	t.Helper()
	for _, g := range []string{"one", "three", "four"} {
		must(t, "groupadd", g)
		t.Cleanup(func() { must(t, "groupdel", g) })
	}
	for user, groups := range map[string]string{"gamma": "four", "delta": "four", "inone": "one", "inthree": "three",
		"infour": "four", "inall": "four,three,one", "plain": ""} {
		account(t, user, "-G", groups)
	}
}

func TestExplainAnswersForTheModulesOwnExample(t *testing.T) {
	seedUsers(t)
	policy(t, seedExample)
	for user, want := range map[string]explained{
		"root":  {Line: 2, Match: "root", Action: "all", Authenticate: "success"},
		"beta":  {Line: 6, Match: "beta", Action: "set", IAB: "!cap_chown", Authenticate: "success"},
		"gamma": {Line: 15, Match: "gamma", Action: "set", IAB: "cap_chown", Authenticate: "success"},
		"alpha": {Line: 23, Match: "alpha", Action: "set", IAB: "^cap_setuid", Authenticate: "success"},
		"delta": {Line: 28, Match: "delta", Action: "set", IAB: "^cap_chown,^cap_setgid,!cap_setuid",
			Authenticate: "success"},
		"inone":   {Line: 19, Match: "@one", Action: "set", IAB: "!cap_chown,cap_setuid", Authenticate: "success"},
		"inthree": {Line: 10, Match: "@three", Action: "set", IAB: "cap_chown,cap_setuid", Authenticate: "success"},
		"infour":  {Line: 32, Match: "@four", Action: "set", IAB: "cap_setuid", Authenticate: "success"},
		"inall":   {Line: 10, Match: "@three", Action: "set", IAB: "cap_chown,cap_setuid", Authenticate: "success"},
		"plain":   {Action: "ignore", Authenticate: "ignore"},
	} {
		want.User, want.Config = user, policyFile
		if want.Line != 0 {
			want.Rule = strings.Split(seedExample, "\n")[want.Line-1]
		}
		got, status := explain(t, user)
		if got != want || status != 0 {
			t.Errorf("%s: status %d, %+v, want %+v", user, status, got, want)
		}
	}
	// alpha, once in a group that an earlier line names
	must(t, "gpasswd", "-a", "alpha", "one")
	defer must(t, "gpasswd", "-d", "alpha", "one")
	if got, _ := explain(t, "alpha"); got.Match != "@one" {
		t.Errorf("%+v", got)
	}
	// The person's text names the same.
	out, errs, status := ctl("explain", "delta")
	for _, part := range []string{policyFile + ":28: ^cap_chown,^cap_setgid,!cap_setuid delta", "it names delta",
		"Ambient       cap_chown,cap_setgid\n", "blocked       cap_setuid\n"} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is missing in %q", part, out)
		}
	}
	if errs != "" || status != 0 {
		t.Errorf("status %d, %q", status, errs)
	}
}

func TestExplainKnowsDefaultsAndDrafts(t *testing.T) {
	policy(t, "none beta\n")
	draft := "/opt/draft.conf"
	file(t, draft, "^cap_kill beta\ncap_kill ghost\n", 0o666)
	for name, c := range map[string]struct {
		args []string
		want explained
	}{
		"default": {[]string{"--default", "^cap_net_raw", "ghost"}, explained{Rule: "^cap_net_raw",
			Match: "default", Action: "set", IAB: "^cap_net_raw", Authenticate: "ignore"}},
		"autoauth": {[]string{"--autoauth", "ghost"}, explained{Action: "ignore", Authenticate: "success"}},
		"required": {[]string{"--require", "ghost"}, explained{Authenticate: "ignore",
			Error: policyFile + ": ghost: no rule names the target, and CapabilityRequire is on"}},
		"a draft": {[]string{"--config", draft, "ghost"}, explained{Config: draft, Line: 2,
			Rule: "cap_kill ghost", Match: "ghost", Action: "set", IAB: "cap_kill", Authenticate: "success"}},
		"beyond the file": {[]string{"--config", draft, "beta"}, explained{Config: draft, Line: 1,
			Rule: "^cap_kill beta", Match: "beta", Action: "set", IAB: "^cap_kill", Authenticate: "success"}},
		"no such user": {[]string{"nobody-at-all"},
			explained{Authenticate: "ignore", Error: "nobody-at-all: no such user or group"}},
		"no such caller": {[]string{"--caller", "nobody-at-all", "ghost"},
			explained{Authenticate: "ignore", Error: "--caller: nobody-at-all: no such user or group"}},
		"a missing draft": {[]string{"--config", "/opt/none", "ghost"},
			explained{Config: "/opt/none", Authenticate: "ignore", Error: "/opt/none: no such file"}},
		"another's caller": {[]string{"--caller", "ghost", "beta"},
			explained{Line: 1, Rule: "none beta", Match: "beta", Action: "none", Authenticate: "success"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.User = c.args[len(c.args)-1]
			if c.want.Config == "" {
				c.want.Config = policyFile
			}
			got, status := explain(t, c.args...)
			if got != c.want || (status == 1) != (c.want.Error != "") || status > 1 {
				t.Errorf("status %d, %+v, want %+v", status, got, c.want)
			}
		})
	}
	if _, errs, _ := ctl("explain", "--config", draft,
		"ghost"); !strings.Contains(errs, "capsuctl: warning: "+draft+": writable by others; capsu would refuse it") {
		t.Errorf("of a draft that others may write: %q", errs)
	}
}

func TestExplainAndCapsuAgreeOnWhatCannotBeGranted(t *testing.T) {
	small := "/opt/small/capsu"
	must(t, "install", "-D", "-m", "755", program, small)
	t.Cleanup(func() { os.RemoveAll("/opt/small") })
	must(t, "setcap", "cap_setuid,cap_setgid,cap_setpcap,cap_dac_read_search=p", small)
	for name, c := range map[string]struct{ program, rule, fault string }{
		"in the file's set":        {program, "^cap_net_raw", ""},
		"not in the file's set":    {program, "^cap_sys_admin", "cap_sys_admin: Ambient, but not in capsu's permitted set"},
		"not in a smaller one":     {small, "^cap_net_raw", "cap_net_raw: Ambient, but not in capsu's permitted set"},
		"Inheritable is no matter": {small, "cap_net_raw", ""},
		"not in the bounding set":  {program, "cap_kill", "cap_kill: not in the bounding set"},
		"unreadable":               {program, "^cap_nte_raw", `unknown capability "cap_nte_raw"`},
		"unreadable, beyond, block": {program, "!cap_chown,^cap_sys_boot",
			"cap_sys_boot: Ambient, but not in capsu's permitted set"},
	} {
		t.Run(name, func(t *testing.T) {
			policy(t, "# one\n"+c.rule+" ghost\n")
			cl := call{program: c.program, args: []string{"ghost", "-c", "echo in"}}
			bounding := []string{}
			if strings.Contains(c.fault, "bounding") {
				bounding = []string{"--bounding-set", "-kill"}
			}
			cl.setpriv = bounding
			r := cl.run(t)
			argv := append([]string{"--reuid", "alpha", "--regid", "alpha", "--init-groups"}, bounding...)
			out, err := exec.Command("setpriv",
				append(argv, controller, "explain", "--json", "--program", c.program, "ghost")...).Output()
			var e explained
			if jsonErr := json.Unmarshal(out, &e); jsonErr != nil {
				t.Fatalf("%v: %q", jsonErr, out)
			}
			if c.fault == "" {
				expectRun(t, r, "in\n")
				if err != nil || e.Error != "" || e.Action != "set" {
					t.Errorf("explain: %v, %+v", err, e)
				}
				return
			}
			want := policyFile + ":2: " + c.fault
			expectRefusal(t, r, want)
			if err == nil || e.Error != want || e.Action != "" || e.IAB != "" || e.Line != 2 {
				t.Errorf("explain: %v, %+v", err, e)
			}
		})
	}
	// The caller matters: root may grant what root's own sets have.
	policy(t, "^cap_sys_admin ghost\n")
	if e, status := explain(t, "--caller", "root", "ghost"); status != 0 || e.IAB != "^cap_sys_admin" {
		t.Errorf("root calls: %d, %+v", status, e)
	}
}

// Random files: explain says what a real session then gets.
func TestExplainSaysWhatSessionsGet(t *testing.T) {
	const seed, cases = 20261124, 200
	r := rand.New(rand.NewPCG(seed, 4))
	makeOracleUsers(t, r)
	stack(t, permitting)
	granted, refused, without := 0, 0, 0
	bounding := ownBounding(t)
	for n := range cases {
		text, user := randomFile(r), oracleUsers[r.IntN(len(oracleUsers))]
		if err := os.WriteFile(policyFile, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		e, _ := explain(t, user)
		got := call{args: []string{user, "-s", "/bin/sh", "-c", "grep ^Cap /proc/self/status"}}.run(t)
		describe := fmt.Sprintf("case %d of seed %d: %s: %+v; session: %+v, file:\n%q", n, seed, user, e, got, text)
		if e.Error != "" {
			refused++
			if got.status != 1 || !strings.Contains(got.stderr, e.Error) {
				t.Errorf("the refusals differ: %s", describe)
			}
			continue
		}
		want := fmt.Sprintf("CapInh:\t%016x\nCapPrm:\t%016[1]x\nCapEff:\t%016[1]x\nCapBnd:\t%016x\n"+
			"CapAmb:\t%016[1]x\n", 0, bounding)
		if e.Action == "set" {
			granted++
			iab := parseTuple(t, e.IAB)
			want = fmt.Sprintf("CapInh:\t%016x\nCapPrm:\t%016x\nCapEff:\t%016[2]x\nCapBnd:\t%016x\nCapAmb:\t%016[2]x\n",
				iab.i, iab.a, bounding&^iab.blocked)
		} else {
			without++
		}
		if got.stdout != want {
			t.Errorf("the sets differ: %s", describe)
		}
	}
	t.Logf("%d granted, %d refused, %d without", granted, refused, without)
	if min(granted, refused, without) < 10 {
		t.Error("the cases are too much alike")
	}
	os.Remove(policyFile)
}

func TestCapsuctlRefusesBadUsageWithStatus2(t *testing.T) {
	for _, args := range [][]string{{}, {"nonsense"}, {"explain"}, {"explain", "a", "b"},
		{"explain", "--nonsense", "a"}, {"check", "a", "b"}, {"filecaps", "a"}, {"\x1b[2J"}} {
		out, errs, status := ctl(args...)
		if status != 2 || out != "" || !strings.HasPrefix(errs, "capsuctl: ") ||
			!strings.HasSuffix(errs, "\nTry 'capsuctl --help'\n") || strings.Contains(errs, "\x1b") {
			t.Errorf("%q: status %d, %q, %q", args, status, out, errs)
		}
	}
	for _, args := range [][]string{{"--help"}, {"explain", "--help"}, {"check", "-h"}, {"filecaps", "--help"}} {
		if out, errs, status := ctl(args...); status != 0 || errs != "" || !strings.HasPrefix(out, "Usage: capsuctl ") {
			t.Errorf("%q: status %d, %q, %q", args, status, out, errs)
		}
	}
}
