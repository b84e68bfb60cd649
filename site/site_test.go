package site

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// word stands for the policy's check of CapabilityDefault.
func word(text string) error {
	if strings.Contains(text, "nonsense") {
		return errors.New("no tuple")
	}
	return nil
}

// somebody returns a Who with a name and groups.
func somebody(name string, groups ...string) *Who {
	return NewWho(func(n string) (bool, error) { return n == name, nil },
		func(g string) (bool, error) { return slices.Contains(groups, g), nil })
}

func config(t *testing.T, text string) *Config {
	t.Helper()
	c, faults := parse(strings.NewReader(text), "f", word)
	if len(faults) > 0 {
		t.Fatalf("%q: %v", text, faults)
	}
	return c
}

func decide(t *testing.T, text string, caller, target *Who) *Settings {
	t.Helper()
	s, err := config(t, text).Decide(caller, target)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return s
}

func TestDefaultsAreThoseOfTheTable(t *testing.T) {
	s := decide(t, "# nothing\n", somebody("a"), somebody("b"))
	want := &Settings{Engine: true, RootRevoke: true, MonitorSet: Closing, File: "/etc/security/capability.conf",
		Grace: 2 * time.Second, Pty: PtyAuto, Services: []string{"capsu", "capsu-l"}}
	s.file, s.origins = "", nil
	if got, want := fmt.Sprintf("%+v", s), fmt.Sprintf("%+v", want); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, d := range directives {
		if d.value != "" {
			if err := d.set(&Settings{}, strings.Fields(d.value)); err != nil {
				t.Errorf("%s %s: %v", d.name, d.value, err)
			}
		}
	}
	if !slices.IsSorted(Closing) {
		t.Error("the built-in set is not sorted")
	}
}

func TestEveryDirectiveSetsItsFieldAndSaysWhere(t *testing.T) {
	const text = `capabilitiesENGINE Off # a comment
CapabilitiesRootRevoke off
CapabilitiesSet +CAP_SYS_ADMIN	-cap_chown
CapabilitiesMode Pure1E
RootTarget on
CapabilityFile /etc/rules
CapabilityDefault ^cap_kill
CapabilityRequire on
Pty off
TerminalOwner on
Services capsu other-one

SessionGrace 0`
	s := decide(t, text, nil, nil)
	if s.Engine || s.RootRevoke || s.Mode != Pure1E || !s.RootTarget || s.File != "/etc/rules" ||
		s.Default != "^cap_kill" || !s.Require ||
		s.Pty != PtyOff || !s.TerminalOwner || !slices.Equal(s.Services, []string{"capsu", "other-one"}) || s.Grace != 0 {
		t.Errorf("%+v", s)
	}
	if want := []cap.Value{cap.KILL, cap.SETGID, cap.SETUID, cap.SETPCAP, cap.SYS_ADMIN,
		cap.AUDIT_WRITE}; !slices.Equal(s.MonitorSet, want) {
		t.Errorf("kept: %v", s.MonitorSet)
	}
	if !slices.Equal(s.Removed(), []cap.Value{cap.CHOWN}) {
		t.Errorf("removed: %v", s.Removed())
	}
	for i, o := range s.All() {
		line := i + 1
		if o.Directive == "SessionGrace" {
			line++
		}
		if o.Line != line || o.File != "f" || o.Directive != Names()[i] {
			t.Errorf("%+v", o)
		}
	}
	if o := s.Origin("CapabilitiesSet"); o.Value != "+CAP_SYS_ADMIN -cap_chown" {
		t.Errorf("%+v", o)
	}
}

// AuthIdentity has no effect any more, but is still read.
func TestAuthIdentityIsReadAndHasNoEffect(t *testing.T) {
	const text = "authIdentity Guard\n<Caller a>\nAuthIdentity caller\n</Caller>\n"
	with, without := decide(t, text, somebody("a"), nil), decide(t, "", somebody("a"), nil)
	if with, without := fmt.Sprint(with.All()), fmt.Sprint(without.All()); with != without {
		t.Errorf("got  %s\nwant %s", with, without)
	}
	with.origins, without.origins = nil, nil
	if with, without := fmt.Sprintf("%+v", with), fmt.Sprintf("%+v", without); with != without {
		t.Errorf("got  %s\nwant %s", with, without)
	}
	if slices.Contains(Names(), "AuthIdentity") {
		t.Error("it is named among the directives")
	}
	var lines []int
	config(t, text).Each(func(o Origin) {
		if o.Directive == "AuthIdentity" {
			lines = append(lines, o.Line)
		}
	})
	if !slices.Equal(lines, []int{1, 3}) {
		t.Errorf("lines %v", lines)
	}
}

func TestTheLastBlockThatNamesSomebodyWins(t *testing.T) {
	const text = `<Caller a>
SessionGrace 1
RootTarget on
CapabilitiesSet -cap_kill
</Caller>
<target @team>
SessionGrace 2
</TARGET>
<Caller @staff>
SessionGrace 3
CapabilitiesSet +cap_sys_admin
</Caller>
<Target b> # the last
SessionGrace 4
</Target>
SessionGrace 9
`
	for _, c := range []struct {
		caller, target *Who
		grace          int
		line           int
		root           bool
		keep           int
	}{
		{nil, nil, 9, 16, false, 6},
		{somebody("x"), somebody("y"), 9, 16, false, 6},
		{somebody("a"), somebody("y"), 1, 2, true, 5},
		{somebody("a"), somebody("y", "team"), 2, 7, true, 5},
		{somebody("a", "staff"), somebody("y", "team"), 3, 10, true, 7}, // from the built-in set again
		{somebody("a", "staff"), somebody("b", "team"), 4, 14, true, 7},
		{somebody("b", "team"), nil, 9, 16, false, 6}, // a caller is no target
		{nil, somebody("a", "staff"), 9, 16, false, 6},
	} {
		s := decide(t, text, c.caller, c.target)
		if s.Grace != time.Duration(c.grace)*time.Second || s.Origin("SessionGrace").Line != c.line ||
			s.RootTarget != c.root || len(s.MonitorSet) != c.keep {
			t.Errorf("%+v: %+v", c, s)
		}
	}
	if got := decide(t, text, somebody("a"), nil).Origin("RootTarget").Block; got != "<Caller a>" {
		t.Errorf("block %q", got)
	}
}

func TestFaultsNameFileLineAndObject(t *testing.T) {
	for text, want := range map[string]string{
		"# x\nCapabilityEngine on": `f:2: unknown directive "CapabilityEngine"`,
		"CapabilitiesEngine yes":   `f:1: CapabilitiesEngine: "yes" is neither on nor off`,
		"CapabilitiesEngine":       `f:1: CapabilitiesEngine: takes one value`,
		"RootTarget on off":        `f:1: RootTarget: takes one value`,
		"CapabilitiesRootRevoke 1": `f:1: CapabilitiesRootRevoke: "1" is neither on nor off`,
		"CapabilitiesSet": `f:1: CapabilitiesSet: takes capabilities, ` +
			`each with + or - before it`,
		"CapabilitiesSet cap_chown": `f:1: CapabilitiesSet: "cap_chown": a ` +
			`capability needs one + or - before it`,
		"CapabilitiesSet +-cap_chown": `f:1: CapabilitiesSet: "+-cap_chown": a ` +
			`capability needs one + or - before it`,
		"CapabilitiesSet +cap_nonsense":         `f:1: CapabilitiesSet: unknown capability "cap_nonsense"`,
		"CapabilitiesSet +3":                    `f:1: CapabilitiesSet: unknown capability "3"`,
		"CapabilitiesSet + cap_chown":           `f:1: CapabilitiesSet: unknown capability ""`,
		"CapabilitiesSet -cap_chown +CAP_CHOWN": `f:1: CapabilitiesSet: cap_chown is named twice`,
		"CapabilitiesMode pure":                 `f:1: CapabilitiesMode: "pure" is none of hybrid, pure1e, nopriv`,
		"RootTarget maybe":                      `f:1: RootTarget: "maybe" is neither on nor off`,
		"CapabilityFile rules":                  `f:1: CapabilityFile: "rules" does not begin with /`,
		"CapabilityDefault cap_nonsense":        `f:1: CapabilityDefault: no tuple`,
		"CapabilityDefault":                     `f:1: CapabilityDefault: takes one value`,
		"CapabilityRequire":                     `f:1: CapabilityRequire: takes one value`,
		"AuthIdentity root":                     `f:1: AuthIdentity: "root" is none of guard, caller`,
		"Pty yes":                               `f:1: Pty: "yes" is none of auto, on, off`,
		"TerminalOwner ghost":                   `f:1: TerminalOwner: "ghost" is neither on nor off`,
		"Services":                              `f:1: Services: takes names of PAM services`,
		"Services capsu ../../tmp/x": `f:1: Services: "../../tmp/x" is no name of a ` +
			`PAM service (lower case letters, digits, _ . -)`,
		"Services .x": `f:1: Services: ".x" is no name of a PAM ` +
			`service (lower case letters, digits, _ . -)`,
		"Services Capsu": `f:1: Services: "Capsu" is no name of a PAM ` +
			`service (lower case letters, digits, _ . -)`,
		"Services capsu capsu": `f:1: Services: capsu is named twice`,
		"SessionGrace -1": `f:1: SessionGrace: "-1" is not a whole ` +
			`number of seconds up to 3600`,
		"SessionGrace 3601": `f:1: SessionGrace: "3601" is not a whole ` +
			`number of seconds up to 3600`,
		"SessionGrace 2s": `f:1: SessionGrace: "2s" is not a whole ` +
			`number of seconds up to 3600`,
		"Pty on\n\nPTY on":                             `f:3: Pty: stands in line 1 already`,
		"<Caller a>\nPty on\nPty on\n</Caller>":        `f:3: Pty: stands in line 2 already`,
		"<Caller a>\nPty on\n":                         `f:1: <Caller a>: is not closed`,
		"<Caller a>\n<Target b>\n</Target>\n</Caller>": `f:2: "<Target b>" in a block: blocks do not nest`,
		"<Caller a>\n</Target>\n</Caller>":             `f:2: "</Target>" ends no block that is open`,
		"</Caller>":                                    `f:1: "</Caller>" ends no block that is open`,
		"<Caller a>\n</Caller>\n</Caller>":             `f:3: "</Caller>" ends no block that is open`,
		"<Caller>\n</Caller>":                          `f:1: <Caller ...>: takes one user or @group`,
		"<Caller a b>\n</Caller>":                      `f:1: <Caller ...>: takes one user or @group`,
		"<Target *>\n</Target>":                        `f:1: <Target *>: names one user or @group`,
		"<User a>\n</User>":                            `f:1: block "User" is none of Caller, Target`,
		"<Caller a\n": `f:1: "<Caller a" is neither <Caller NAME>, ` +
			`<Target NAME> nor the end of one`,
		"<>\n": `f:1: "<>" is neither <Caller NAME>, <Target ` +
			`NAME> nor the end of one`,
		"<Target a>\nRootTarget on\n</Target>": `f:2: RootTarget: is used before the target ` +
			`is known, and cannot stand in a Target block`,
		"<Target a>\nAuthIdentity caller\n</Target>": `f:2: AuthIdentity: is used before the target ` +
			`is known, and cannot stand in a Target block`,
		"<Target a>\nServices x\n</Target>": `f:2: Services: is used before the target is ` +
			`known, and cannot stand in a Target block`,
		"Pty on\r\n":   `f:1: control character 0x0d`,
		"\ufeffPty on": `f:1: byte-order mark`,
		"Pty on\x00":   `f:1: control character 0x00`,
	} {
		_, faults := parse(strings.NewReader(text), "f", word)
		if len(faults) == 0 || faults[0].Error() != want {
			t.Errorf("%q: %v, want %s", text, faults, want)
		}
	}
	// Check returns all of them
	if _, faults := parse(strings.NewReader("A\nPty on\n\x01\nB\n<Caller x>\n"), "f", word); len(faults) != 4 {
		t.Errorf("%v", faults)
	}
}

func TestNamesAreAskedForOnceAndAFaultOfTheirsIsAnError(t *testing.T) {
	c := config(t, "<Caller @g>\n</Caller>\n<Caller @g>\n</Caller>\n<Target u>\nPty on\n</Target>")
	asked := 0
	w := NewWho(func(string) (bool, error) { return false, nil },
		func(string) (bool, error) { asked++; return true, nil })
	for range 2 {
		if _, err := c.Decide(w, nil); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	gone := errors.New("name service is gone")
	w = NewWho(func(string) (bool, error) { return false, gone }, nil)
	if _, err := c.Decide(nil, w); !errors.Is(err, gone) || err.Error() != "f:5: name service is gone" {
		t.Errorf("%v", err)
	}
}

func TestSecurebitsAreTheModesThenRootRevokes(t *testing.T) {
	const noRoot = cap.SecbitNoRoot | cap.SecbitNoRootLocked
	for _, c := range []struct {
		text  string
		found cap.Secbits
		root  bool
		want  cap.Secbits
		fault string
	}{
		{"", 0, false, 0, ""},
		{"", 0x04, false, 0x04, ""},
		{"", 0, true, noRoot, ""},
		{"CapabilitiesRootRevoke off", 0, true, 0, ""},
		{"CapabilitiesMode hybrid", 0x05, false, 0, ""},
		{"CapabilitiesMode hybrid", 0, true, noRoot, ""},
		{"CapabilitiesMode hybrid\nCapabilitiesRootRevoke off", 0, true, 0, ""},
		{"CapabilitiesMode pure1e", 0, false, 0xef, ""},
		{"CapabilitiesMode pure1e", 0x500, true, 0x5ef, ""}, // a mode keeps the bits that restrict what may be executed
		{"CapabilitiesMode nopriv", 0xef, false, 0xef, ""},
		{"CapabilitiesMode hybrid", 0xef, false, 0,
			"f:1: CapabilitiesMode hybrid: the securebits that capsu was started with (0xef) are locked"},
		{"CapabilitiesMode pure1e", 0x02, false, 0, "f:1: CapabilitiesMode pure1e: the securebits"},
		{"", 0x02, true, 0, "f: CapabilitiesRootRevoke on: the securebits"},
		{"", 0xef, true, 0xef, ""},
		{"CapabilitiesMode pure1e\nCapabilitiesRootRevoke off", 0, false, 0xef, ""},
		{"CapabilitiesMode pure1e\nCapabilitiesRootRevoke off", 0, true, 0,
			"f:1: CapabilitiesMode pure1e: contradicts CapabilitiesRootRevoke off"},
		{"CapabilitiesMode nopriv\nCapabilitiesRootRevoke off", 0, true, 0,
			"f:1: CapabilitiesMode nopriv: contradicts CapabilitiesRootRevoke off"},
	} {
		got, err := decide(t, c.text, nil, nil).Securebits(c.found, c.root)
		if c.fault != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.fault) {
				t.Errorf("%+v: %v", c, err)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%+v: %#x, %v", c, int(got), err)
		}
	}
}

func TestAModeRefusesTheGrantsItCannotHave(t *testing.T) {
	tuple := func(v cap.Vector) *cap.IAB {
		iab := cap.NewIAB()
		if err := iab.SetVector(v, true, cap.KILL); err != nil {
			t.Fatal(err)
		}
		return iab
	}
	for _, c := range []struct {
		text  string
		iab   *cap.IAB
		bits  cap.Secbits
		fault string
	}{
		{"", tuple(cap.Amb), 0, ""},
		{"", nil, 0xef, ""},
		{"CapabilitiesMode hybrid", tuple(cap.Amb), 0, ""},
		{"CapabilitiesMode pure1e", tuple(cap.Inh), 0xef, ""},
		{"CapabilitiesMode pure1e", tuple(cap.Amb), 0xef,
			"f:1: CapabilitiesMode pure1e: allows no Ambient capability, and cap_kill is granted"},
		{"CapabilitiesMode nopriv", tuple(cap.Inh), 0xef,
			"f:1: CapabilitiesMode nopriv: allows no grant, and cap_kill is granted"},
		{"CapabilitiesMode nopriv", tuple(cap.Amb), 0xef,
			"f:1: CapabilitiesMode nopriv: allows no grant, and cap_kill is granted"},
		{"CapabilitiesMode nopriv", tuple(cap.Bound), 0xef, ""},
		{"", tuple(cap.Amb), 0xef,
			"cap_kill: granted as Ambient, which the securebits that capsu was started with (0xef) forbid"},
	} {
		err := decide(t, c.text, nil, nil).Grantable(c.iab, c.bits)
		if got := fmt.Sprint(err); c.fault != "" && got != c.fault || c.fault == "" && err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if iab, err := decide(t, "CapabilitiesMode nopriv", nil, nil).Tuple(); err != nil || iab == nil {
		t.Error(iab, err)
	} else if blocked, _ := iab.GetVector(cap.Bound, cap.MaxBits()-1); !blocked {
		t.Error("the last capability is left in Bounding")
	}
	if iab, err := decide(t, "CapabilitiesMode pure1e", nil, nil).Tuple(); err != nil || iab != nil {
		t.Error(iab, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("# c\nCapabilitiesSet +cap_chown -CAP_KILL\n<Caller a>\nPty on\n</Caller>\n")
	f.Add("<Target @g>\nSessionGrace 5\n</target>\nServices a b # c\n")
	f.Add("CapabilityFile /x\nCapabilityDefault ^cap_kill\n<Caller @g\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, faults := parse(strings.NewReader(text), "f", word)
		for _, err := range faults {
			if !strings.HasPrefix(err.Error(), "f:") || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%q: a fault of more than one line, or none's: %q", text, err)
			}
		}
		for _, caller := range []*Who{nil, somebody("a", "g")} {
			for _, target := range []*Who{nil, somebody("a", "g")} {
				s, err := c.Decide(caller, target)
				if err != nil {
					t.Fatal(err)
				}
				if s.MonitorSet == nil && len(s.Removed()) != len(Closing) || s.File[0] != '/' || s.Grace < 0 ||
					s.Grace > time.Hour || len(s.Services) == 0 {
					t.Errorf("%q: %+v", text, s)
				}
				if target == nil {
					continue
				}
				// settings used before the target is known do not depend on it
				early, err := c.Decide(caller, nil)
				if err != nil {
					t.Fatal(err)
				}
				for _, name := range Names() {
					if Early(name) && early.Origin(name) != s.Origin(name) {
						t.Errorf("%q: %s: %+v, then %+v", text, name, early.Origin(name), s.Origin(name))
					}
				}
			}
		}
	})
}
