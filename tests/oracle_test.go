//go:build privileged

package tests

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	nss "capsu/account"
	rules "capsu/policy"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

var (
	oracleCases = flag.Int("oracle.cases", 5000, "random files and users to compare with the real pam_cap.so")
	oracleSeed  = flag.Uint64("oracle.seed", 20261124, "seed for them")
)

const (
	oracleDir    = "/opt/oracle.d"
	oraclePolicy = "/opt/oracle.conf"
	wakeAlarm    = 1 << 35 // what the oracle has as Inheritable from the start
)

// oracle is the machine's own pam_cap.so. It is asked without capsu.
type oracle struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Reader
}

// effect is what pam_cap.so did, or what package policy says it would do.
type effect struct {
	authenticate bool
	i, a, b      uint64
}

func newOracle(t *testing.T) *oracle {
	t.Helper()
	compile(t, "/opt/oracle", "programs/oracle.c", "-lpam")
	must(t, "install", "-d", "-m", "755", oracleDir)
	t.Cleanup(func() { os.RemoveAll(oracleDir); os.Remove(oraclePolicy) })
	cmd := exec.Command("setpriv", "--bounding-set", "-mac_override", "/opt/oracle", oracleDir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	return &oracle{t, in, bufio.NewReader(out)}
}

// bounding is the oracle's bounding set. One capability is missing in it on every machine.
func (o *oracle) bounding() uint64 { return ownBounding(o.t) &^ (1 << cap.MAC_OVERRIDE) }

// ask has the module read a policy for a user. args are more of its arguments.
func (o *oracle) ask(text, user, args string) effect {
	o.t.Helper()
	err := os.WriteFile(oraclePolicy, []byte(text), 0o644)
	err = errors.Join(err, os.WriteFile(oracleDir+"/oracle",
		[]byte("auth required pam_cap.so config="+oraclePolicy+" "+args+"\n"), 0o644))
	if err != nil {
		o.t.Fatal(err)
	}
	fmt.Fprintln(o.in, "oracle", user)
	line, err := o.out.ReadString('\n')
	var e effect
	var authenticate, setcred int
	if err == nil {
		_, err = fmt.Sscanf(line, "%d %d %x %x %x", &authenticate, &setcred, &e.i, &e.a, &e.b)
	}
	if err != nil {
		o.t.Fatalf("oracle: %v: %q", err, line)
	}
	e.authenticate = authenticate == 0
	return e
}

// predict is what package policy says that the module does. notText tells that capsu refuses
// the file for its form, whatever the module makes of it.
func predict(t *testing.T, p rules.Parameters, user string, bounding uint64) (e effect, notText bool, err error) {
	t.Helper()
	u, err := nss.ByName(user)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := u.Groups()
	if err != nil {
		t.Fatal(err)
	}
	p.File, p.Draft = oraclePolicy, true
	d, err := rules.Decide(p, rules.Subject{Target: u.Name, Member: func(g string) (bool, error) {
		return nss.Member(groups, g)
	}})
	e = effect{authenticate: d.Line != 0, i: wakeAlarm, b: bounding}
	if err != nil {
		return e, d.Line == 0 && d.Match == "", err
	}
	switch d.Action {
	case rules.None:
		e.i = 0
	case rules.Set:
		everything := func(cap.Value) bool { return true }
		in := func(c cap.Value) bool { return bounding&(1<<c) != 0 }
		if err := rules.Beyond(d.IAB, everything, in); err != nil {
			return e, false, err // the kernel refuses: no change
		}
		e.i, e.a, e.b = bits(t, d.IAB, cap.Inh), bits(t, d.IAB, cap.Amb), bounding&^bits(t, d.IAB, cap.Bound)
	}
	return e, false, nil
}

// Every known edge of the reading. The table has what the module does; the module and package
// policy are both asked.
func TestEdgesOfTheReadingAreThoseOfPamCap(t *testing.T) {
	o := newOracle(t)
	bounding := o.bounding()
	ambient := func(i, a uint64) effect { return effect{true, i, a, bounding} }
	inheritable := func(i uint64) effect { return effect{true, i, 0, bounding} }
	unchanged := effect{true, wakeAlarm, 0, bounding}
	unnamed := effect{false, wakeAlarm, 0, bounding}
	const other = "none alpha\n"
	for name, c := range map[string]struct {
		text  string
		args  string
		p     rules.Parameters
		want  effect
		fault string // capsu's, where it is stricter
	}{
		"names in any case":           {text: "Cap_Kill ghost", want: inheritable(kill)},
		"a number by C, octal":        {text: "010 ghost", want: inheritable(1 << 8)},
		"a number by C, hexadecimal":  {text: "0x5 ghost", want: inheritable(kill)},
		"a number by C, 0X":           {text: "0X5 ghost", want: inheritable(kill)},
		"a number above the kernel's": {text: "63 ghost", want: inheritable(0)},
		"a number above 63":           {text: "64 ghost", want: unchanged, fault: "unknown capability"},
		"a trailing comma":            {text: "cap_kill, ghost", want: inheritable(kill)},
		"a bare prefix":               {text: "^ ghost", want: inheritable(0)},
		"two commas":                  {text: "cap_kill,,cap_chown ghost", want: unchanged, fault: "unknown capability"},
		"no cap_":                     {text: "kill ghost", want: unchanged, fault: "unknown capability"},
		"a sign":                      {text: "+1 ghost", want: unchanged, fault: "unknown capability"},
		"a number and letters":        {text: "1abc ghost", want: unchanged, fault: "unknown capability"},
		"All":                         {text: "All ghost", want: unchanged, fault: "unknown capability"},
		"all":                         {text: "all ghost", want: unchanged},
		"none":                        {text: "none ghost", want: inheritable(0)},
		"three prefixes":              {text: "!^%cap_kill ghost", want: effect{true, kill, kill, bounding &^ kill}},
		"prefixes in any order":       {text: "%!!^cap_kill ghost", want: effect{true, kill, kill, bounding &^ kill}},
		"blocked only":                {text: "!cap_kill ghost", want: effect{true, 0, 0, bounding &^ kill}},
		"blocked and inheritable":     {text: "!cap_kill,cap_kill ghost", want: effect{true, kill, 0, bounding &^ kill}},
		"Ambient and blocked":         {text: "^cap_kill,!cap_kill ghost", want: effect{true, kill, kill, bounding &^ kill}},
		"Ambient":                     {text: "^cap_kill,cap_chown ghost", want: ambient(kill|chown, kill)},
		"words after an inner #":      {text: "cap_kill beta # ghost", want: inheritable(kill)},
		"# before the only name":      {text: "cap_kill #ghost", want: unnamed},
		"# in the first word":         {text: "#cap_kill ghost", want: unnamed},
		"# after blanks":              {text: "  # cap_kill ghost", want: unnamed},
		"* alone":                     {text: "cap_kill *", want: inheritable(kill)},
		"* in a word":                 {text: "cap_kill g* **", want: unnamed},
		"first line wins":             {text: "cap_kill ghost\ncap_chown ghost", want: inheritable(kill)},
		"another's line":              {text: other + "cap_kill ghost", want: inheritable(kill)},
		"a supplementary group":       {text: "cap_kill @team", want: unnamed},
		"a primary group":             {text: "cap_kill @ghost", want: inheritable(kill)},
		"a group's name without @":    {text: "cap_kill team", want: unnamed},
		"an unknown group":            {text: "cap_kill @nosuch ghost", want: inheritable(kill)},
		"@ alone":                     {text: "cap_kill @ ghost", want: inheritable(kill)},
		"nobody":                      {text: "cap_kill\nnone ghost", want: inheritable(0)},
		"no newline at the end":       {text: other + "cap_kill ghost", want: inheritable(kill)},
		"tabs and blanks":             {text: "\t cap_kill \t\t ghost \t", want: inheritable(kill)},
		"an empty file":               {text: "", want: unnamed},
		"default for who has no rule": {text: other, args: "default=^cap_kill",
			p: rules.Parameters{Default: "^cap_kill"}, want: effect{false, kill, kill, bounding}},
		"default none": {text: other, args: "default=none", p: rules.Parameters{Default: "none"},
			want: effect{false, 0, 0, bounding}},
		"default all": {text: other, args: "default=all", p: rules.Parameters{Default: "all"},
			want: unnamed},
		"default beside a rule": {text: "cap_chown ghost", args: "default=cap_kill",
			p: rules.Parameters{Default: "cap_kill"}, want: inheritable(chown)},
		"default beside *": {text: "cap_chown *", args: "default=cap_kill",
			p: rules.Parameters{Default: "cap_kill"}, want: inheritable(chown)},
		"unreadable default": {text: other, args: "default=kill", p: rules.Parameters{Default: "kill"},
			want: unnamed, fault: "default kill: unknown capability"},
		"autoauth":                {text: other, args: "autoauth", want: effect{true, wakeAlarm, 0, bounding}},
		"CR at the end of a line": {text: "cap_kill ghost\r\n", want: unnamed, fault: ":1: control character 0x0d"},
		"a byte-order mark":       {text: "\ufeffcap_kill ghost", want: unchanged, fault: ":1: byte-order mark"},
		"what the bounding set lacks": {text: "cap_mac_override ghost", want: unchanged,
			fault: "cap_mac_override: not in the bounding set"},
		"a line of 4094 bytes": {text: "none " + strings.Repeat("x", 4084) + " beta\ncap_kill ghost",
			want: inheritable(kill)},
	} {
		t.Run(name, func(t *testing.T) {
			text := c.text
			if !strings.HasSuffix(text, "\n") && name != "no newline at the end" {
				text += "\n"
			}
			if got := o.ask(text, "ghost", c.args); got != c.want {
				t.Errorf("pam_cap.so: %+v, want %+v", got, c.want)
			}
			got, _, err := predict(t, c.p, "ghost", bounding)
			if c.args == "autoauth" {
				got.authenticate = true // no parameter of ours: explain has it
			}
			if c.fault == "" && (err != nil || got != c.want) {
				t.Errorf("capsu: %+v, %v, want %+v", got, err, c.want)
			}
			if c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)) {
				t.Errorf("capsu: %v, want a refusal with %q", err, c.fault)
			}
		})
	}
	// The module splits a line of more than 4095 bytes, and reads a second rule that was never
	// written. For capsu one line is one rule.
	for at := 4080; at < 4110; at++ {
		split := "none " + strings.Repeat("x", at-6) + " cap_kill ghost\n"
		got := o.ask(split, "ghost", "")
		ours, _, err := predict(t, rules.Parameters{}, "ghost", bounding)
		if err != nil || ours != inheritable(0) {
			t.Errorf("cut at %d: capsu: %+v, %v", at, ours, err)
		}
		if got == inheritable(kill) {
			return // seen
		}
	}
	t.Error("the module split no line: the edge is gone, and the documentation tells of it")
}

// Random files: the module and package policy do the same with each, or package policy refuses
// it for one of the documented reasons.
func TestRandomFilesAreReadAsPamCapReadsThem(t *testing.T) {
	o := newOracle(t)
	bounding := o.bounding()
	r := rand.New(rand.NewPCG(*oracleSeed, 3))
	makeOracleUsers(t, r)
	matched, refused, fileRefused := 0, 0, 0
	for n := range *oracleCases {
		text, user := randomFile(r), oracleUsers[r.IntN(len(oracleUsers))]
		var p rules.Parameters
		args := ""
		if r.IntN(4) == 0 {
			p.Default = []string{"none", "all", "^cap_kill,!cap_chown", "CAP_KILL", "chown"}[r.IntN(5)]
			args = "default=" + p.Default
		}
		autoauth := r.IntN(8) == 0
		if autoauth {
			args += " autoauth"
		}
		got := o.ask(text, user, args)
		want, notText, err := predict(t, p, user, bounding)
		if notText {
			fileRefused++
			continue
		}
		want.authenticate = want.authenticate || autoauth
		if err != nil {
			refused++
		} else if want.i != wakeAlarm {
			matched++
		}
		if got != want {
			t.Errorf("case %d of seed %d: %s, %q: pam_cap.so %+v, capsu %+v (%v), file:\n%q", n, *oracleSeed, user,
				args, got, want, err, text)
		}
	}
	fmt.Printf("pam_cap.so and capsu: %d cases of seed %d, %d with a tuple, %d refused for the rule, %d for the file\n",
		*oracleCases, *oracleSeed, matched, refused, fileRefused)
	if min(matched, refused, fileRefused) < *oracleCases/200 {
		t.Error("the cases are too much alike")
	}
}
