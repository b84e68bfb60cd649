package main

import (
	"reflect"
	"strings"
	"testing"
)

func TestCommandLineIsReadAsGetoptLongReadsIt(t *testing.T) {
	for _, c := range []struct {
		argv string
		want sessionOptions
	}{
		{"capsu", sessionOptions{user: "root"}},
		{"", sessionOptions{user: "root"}},
		{"capsu -", sessionOptions{user: "root", login: true}},
		{"capsu ghost", sessionOptions{user: "ghost"}},
		{"capsu - ghost", sessionOptions{user: "ghost", login: true}},
		{"capsu -l ghost", sessionOptions{user: "ghost", login: true}},
		{"capsu ghost -l", sessionOptions{user: "ghost", login: true}},
		{"capsu --log ghost", sessionOptions{user: "ghost", login: true}},
		{"capsu -lc id ghost", sessionOptions{user: "ghost", login: true, command: "id", hasCommand: true}},
		{"capsu --command=id ghost a b", sessionOptions{user: "ghost", command: "id", hasCommand: true, arguments: []string{"a", "b"}}},
		{"capsu ghost a -cid b", sessionOptions{user: "ghost", command: "id", hasCommand: true, arguments: []string{"a", "b"}}},
		{"capsu ghost -- -c id", sessionOptions{user: "ghost", arguments: []string{"-c", "id"}}},
		{"capsu ghost -", sessionOptions{user: "ghost", arguments: []string{"-"}}},
		{"capsu -s /bin/sh ghost", sessionOptions{user: "ghost", shell: "/bin/sh"}},
		{"capsu --shel /bin/sh ghost", sessionOptions{user: "ghost", shell: "/bin/sh"}},
		{"capsu -- -ghost", sessionOptions{user: "-ghost"}},
		{"capsu -fmg team -G a -Gb ghost", sessionOptions{user: "ghost", fast: true, preserve: true, group: "team", groups: []string{"a", "b"}}},
		{"capsu -p ghost", sessionOptions{user: "ghost", preserve: true}},
		{"capsu --pres --gr=1 --supp 2 ghost", sessionOptions{user: "ghost", preserve: true, group: "1", groups: []string{"2"}}},
		{"capsu -w A,B --white C - ghost", sessionOptions{user: "ghost", login: true, whitelist: []string{"A", "B", "C"}}},
		{"capsu --session-command x ghost", sessionOptions{user: "ghost", hasCommand: true, command: "x", sameSession: true}},
		{"capsu --session-command x -c y ghost", sessionOptions{user: "ghost", hasCommand: true, command: "y"}},
		{"capsu -n ghost", sessionOptions{user: "ghost", nonInteractive: true}},
		{"capsu --forced --service=capsu-ssh ghost", sessionOptions{user: "ghost", forced: true, nonInteractive: true, service: "capsu-ssh"}},
		{"capsu --command= ghost", sessionOptions{user: "ghost", hasCommand: true}},
	} {
		o, err := parse(strings.Fields(c.argv), false)
		if err != nil || o.help || o.version || !reflect.DeepEqual(normal(o.session), normal(c.want)) {
			t.Errorf("%q: %+v, %v", c.argv, o, err)
		}
	}
	if o, err := parse([]string{"capsu", "-h", "ghost"}, false); err != nil || !o.help {
		t.Errorf("-h: %+v, %v", o, err)
	}
	if o, err := parse([]string{"capsu", "ghost", "--version"}, false); err != nil || !o.version {
		t.Errorf("--version: %+v, %v", o, err)
	}
}

// POSIXLY_CORRECT: what follows the user is the shell's.
func TestTheUserEndsTheOptionsWhereThatIsAskedFor(t *testing.T) {
	o, err := parse([]string{"capsu", "-f", "ghost", "-l", "--", "-c"}, true)
	want := sessionOptions{user: "ghost", fast: true, arguments: []string{"-l", "--", "-c"}}
	if err != nil || !reflect.DeepEqual(o.session, want) {
		t.Errorf("%+v, %v", o.session, err)
	}
}

func normal(s sessionOptions) sessionOptions {
	if len(s.arguments) == 0 {
		s.arguments = nil
	}
	return s
}

func TestBadCommandLineNamesItsFault(t *testing.T) {
	for argv, want := range map[string]string{
		"capsu -x":                     "option -x: unknown",
		"capsu -lx ghost":              "option -x: unknown",
		"capsu --foo":                  "option --foo: unknown, ambiguous",
		"capsu -c":                     "option -c: an argument is missing",
		"capsu --command":              "option --command: an argument is missing",
		"capsu --login=x":              "option --login=x: ",
		"capsu --pty=x root":           "option --pty=x: ",
		"capsu -PT root":               "-P and -T: exclude each other",
		"capsu -m -w A ghost":          "-m and -w: exclude each other",
		"capsu -w A -p ghost":          "-m and -w: exclude each other",
		"capsu --s x ghost":            "option --s: unknown, ambiguous",
		"capsu -g":                     "option -g: an argument is missing",
		"capsu --group= ghost":         "option -g: empty argument",
		"capsu --shell= ghost":         "option -s: empty argument",
		"capsu -C cap_no ghost":        `-C cap_no: unknown capability "cap_no"`,
		"capsu --service= ghost":       "option --service: empty argument",
		"capsu --forced-command":       "--forced-command: the user is missing",
		"capsu --forced-command -":     "--forced-command: the user is missing",
		"capsu --forced-command a b":   "--forced-command: takes no arguments",
		"capsu --forced-command -cx a": "--forced-command and -c: exclude each other",
		"capsu --forced-command -m a":  "--forced-command and -m: exclude each other",
		"capsu --drop ^cap_kill ghost": `--drop ^cap_kill: prefix '^' in a list of capabilities`,
	} {
		_, err := parse(strings.Fields(argv), false)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", argv, err)
		}
	}
	if _, err := parse([]string{"capsu", ""}, false); err == nil {
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
		o, err := parse(argv, posix)
		if err != nil && strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%q: the message is not one line of text: %q", argv, err)
		}
		if err == nil && !o.help && !o.version && o.session.user == "" {
			t.Errorf("%q: nobody", argv)
		}
	})
}
