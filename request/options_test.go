package request

import (
	"reflect"
	"strings"
	"testing"

	"capsu/capability"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

func TestCommandLineIsReadAsGetoptLongReadsIt(t *testing.T) {
	for _, c := range []struct {
		argv string
		want Session
	}{
		{"capsu", Session{User: "root"}},
		{"", Session{User: "root"}},
		{"capsu -", Session{User: "root", Login: true}},
		{"capsu ghost", Session{User: "ghost"}},
		{"capsu - ghost", Session{User: "ghost", Login: true}},
		{"capsu -l ghost", Session{User: "ghost", Login: true}},
		{"capsu ghost -l", Session{User: "ghost", Login: true}},
		{"capsu --log ghost", Session{User: "ghost", Login: true}},
		{"capsu -lc id ghost", Session{User: "ghost", Login: true, Command: "id", HasCommand: true}},
		{"capsu --command=id ghost a b", Session{User: "ghost", Command: "id", HasCommand: true,
			Arguments: []string{"a", "b"}}},
		{"capsu ghost a -cid b", Session{User: "ghost", Command: "id", HasCommand: true, Arguments: []string{"a", "b"}}},
		{"capsu ghost -- -c id", Session{User: "ghost", Arguments: []string{"-c", "id"}}},
		{"capsu ghost -", Session{User: "ghost", Arguments: []string{"-"}}},
		{"capsu -s /bin/sh ghost", Session{User: "ghost", Shell: "/bin/sh"}},
		{"capsu --shel /bin/sh ghost", Session{User: "ghost", Shell: "/bin/sh"}},
		{"capsu -- -ghost", Session{User: "-ghost"}},
		{"capsu -fmg team -G a -Gb ghost", Session{User: "ghost", Fast: true, Preserve: true, Group: "team",
			Groups: []string{"a", "b"}}},
		{"capsu -p ghost", Session{User: "ghost", Preserve: true}},
		{"capsu --pres --gr=1 --supp 2 ghost", Session{User: "ghost", Preserve: true, Group: "1", Groups: []string{"2"}}},
		{"capsu -w A,B --white C - ghost", Session{User: "ghost", Login: true, Whitelist: []string{"A", "B", "C"}}},
		{"capsu --session-command x ghost", Session{User: "ghost", HasCommand: true, Command: "x", SameSession: true}},
		{"capsu --session-command x -c y ghost", Session{User: "ghost", HasCommand: true, Command: "y"}},
		{"capsu -g a -G b -g c ghost", Session{User: "ghost", Group: "c", Groups: []string{"b", "a"}}},
		{"capsu -PT ghost", Session{User: "ghost", NoPty: true}},
		{"capsu --no-pty -lP ghost --pty", Session{User: "ghost", Login: true, Pty: true}},
		{"capsu -n ghost", Session{User: "ghost", NonInteractive: true}},
		{"capsu --forced --service=capsu-ssh ghost",
			Session{User: "ghost", Forced: true, NonInteractive: true, Service: "capsu-ssh"}},
		{"capsu --command= ghost", Session{User: "ghost", HasCommand: true}},
	} {
		o, err := Parse(strings.Fields(c.argv), false)
		if err != nil || o.Help || o.Version || !reflect.DeepEqual(normal(o.Session), normal(c.want)) {
			t.Errorf("%q: %+v, %v", c.argv, o, err)
		}
	}
	if o, err := Parse([]string{"capsu", "-h", "ghost"}, false); err != nil || !o.Help {
		t.Errorf("-h: %+v, %v", o, err)
	}
	if o, err := Parse([]string{"capsu", "ghost", "--version"}, false); err != nil || !o.Version {
		t.Errorf("--version: %+v, %v", o, err)
	}
}

// With POSIXLY_CORRECT all words after the user are for the shell.
func TestTheUserEndsTheOptionsWhereThatIsAskedFor(t *testing.T) {
	o, err := Parse([]string{"capsu", "-f", "ghost", "-l", "--", "-c"}, true)
	want := Session{User: "ghost", Fast: true, Arguments: []string{"-l", "--", "-c"}}
	if err != nil || !reflect.DeepEqual(o.Session, want) {
		t.Errorf("%+v, %v", o.Session, err)
	}
}

func normal(s Session) Session {
	if len(s.Arguments) == 0 {
		s.Arguments = nil
	}
	return s
}

// "none" and "all" could only be spelt out, capability by capability.
func TestNoneAndAllAreSetsOfCapabilities(t *testing.T) {
	for _, c := range []struct {
		args          []string
		none          bool
		narrow, drops string
	}{
		{[]string{"-C", "none"}, true, "", "every one"},
		{[]string{"-C", ""}, true, "", "every one"},
		{[]string{"-C", "cap_kill", "-C", "none"}, true, "", "every one"},
		{[]string{"-C", "none", "-C", "cap_kill"}, false, "cap_kill", ""},
		{[]string{"-C", "none", "-C", "all"}, false, "", ""},
		{[]string{"-C", "all"}, false, "", ""},
		{[]string{"-C", "all", "--drop", "cap_kill"}, false, "", "cap_kill"},
		{[]string{"--drop", "all"}, false, "", "every one"},
		{[]string{"--drop", "all", "--drop", "cap_kill"}, false, "", "cap_kill"},
	} {
		o, err := Parse(append([]string{"capsu"}, c.args...), false)
		if err != nil {
			t.Errorf("%q: %v", c.args, err)
			continue
		}
		drop, err := o.Session.Dropped()
		text := func(iab *cap.IAB) string {
			switch {
			case iab == nil:
				return ""
			case len(capability.In(iab, cap.Inh)) == int(cap.MaxBits()):
				return "every one"
			}
			return iab.String()
		}
		if err != nil || o.Session.None != c.none || text(o.Session.Narrow) != c.narrow || text(drop) != c.drops {
			t.Errorf("%q: %v, -C %q, drops %q, %v", c.args, o.Session.None, text(o.Session.Narrow), text(drop), err)
		}
	}
	for _, args := range [][]string{{"-C", "all,cap_kill"}, {"-C", "None"}, {"--drop", "none"},
		{"--drop", "all,cap_kill"}} {
		if _, err := Parse(append([]string{"capsu"}, args...), false); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}

func TestBadCommandLineNamesItsFault(t *testing.T) {
	for argv, want := range map[string]string{
		"capsu -x":                     "option -x: unknown",
		"capsu -lx ghost":              "option -x: unknown",
		"capsu --foo":                  "option --foo: unknown, ambiguous",
		"capsu -c":                     "option -c: missing argument",
		"capsu --command":              "option --command: missing argument",
		"capsu --login=x":              "option --login=x: ",
		"capsu --pty=x root":           "option --pty=x: ",
		"capsu -m -w A ghost":          "-m and -w: cannot be combined",
		"capsu -w A -p ghost":          "-m and -w: cannot be combined",
		"capsu --s x ghost":            "option --s: unknown, ambiguous",
		"capsu -g":                     "option -g: missing argument",
		"capsu --group= ghost":         "option -g: empty argument",
		"capsu --shell= ghost":         "option -s: empty argument",
		"capsu -C cap_no ghost":        `-C cap_no: unknown capability "cap_no"`,
		"capsu --service= ghost":       "option --service: empty argument",
		"capsu --forced-command":       "--forced-command: missing argument: USER",
		"capsu --forced-command -":     "--forced-command: missing argument: USER",
		"capsu --forced-command a b":   "--forced-command: takes no arguments",
		"capsu --forced-command -cx a": "--forced-command and -c: cannot be combined",
		"capsu --forced-command -m a":  "--forced-command and -m: cannot be combined",
		"capsu --drop ^cap_kill ghost": `--drop ^cap_kill: prefix '^' in a list of capabilities`,
	} {
		_, err := Parse(strings.Fields(argv), false)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", argv, err)
		}
	}
	if _, err := Parse([]string{"capsu", ""}, false); err == nil {
		t.Error("an empty name was accepted")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("capsu\n-lc\nid\nghost\n--\n-x", false)
	f.Add("capsu\n--com=x\n-", true)
	f.Add("", false)
	f.Fuzz(func(t *testing.T, text string, posix bool) {
		var argv []string
		if text != "" {
			argv = strings.Split(strings.ReplaceAll(text, "\x00", ""), "\n")
		}
		o, err := Parse(argv, posix)
		if err != nil && strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%q: the message is not one line of text: %q", argv, err)
		}
		if err == nil && !o.Help && !o.Version && o.Session.User == "" {
			t.Errorf("%q: nobody", argv)
		}
	})
}
