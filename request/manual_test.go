package request

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The manual page, the usage text and the code name the same options and exit
// statuses. To add an option, add it to the tables in options.go, to Usage, and as an .It
// under OPTIONS to doc/capsu.1. This file need not change.

const page = "../doc/capsu.1"

// option is a spelling, and whether an argument follows it.
type option map[string]bool

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// optionsOfTheCode reads the tables for getopt_long, and the letters that stand for long
// options.
func optionsOfTheCode(t *testing.T) option {
	t.Helper()
	source := read(t, "options.go")
	all := option{}
	letters := regexp.MustCompile(`letters\[\] = "\+:([^"]*)"`).FindStringSubmatch(source)
	if letters == nil {
		t.Fatal("options.go: no letters")
	}
	for _, m := range regexp.MustCompile(`([A-Za-z])(:?)`).FindAllStringSubmatch(letters[1], -1) {
		all["-"+m[1]] = m[2] != ""
	}
	for _, m := range regexp.MustCompile(`\{"([a-z-]+)", (no|required)_argument,`).FindAllStringSubmatch(source, -1) {
		all["--"+m[1]] = m[2] == "required"
	}
	if len(all) < 20 {
		t.Fatalf("options.go: %v", all)
	}
	return all
}

// optionsOfTheUsage reads lines such as "  -c, --command CMD    pass ...".
func optionsOfTheUsage() option {
	all := option{}
	for line := range strings.Lines(Usage) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "-") {
			continue
		}
		words, _, _ := strings.Cut(line, "  ")
		add(all, strings.TrimSpace(words), " ", "")
	}
	return all
}

// optionsOfThePage reads items such as ".It Fl c Ar command , Fl -command Ar command".
func optionsOfThePage(t *testing.T) option {
	t.Helper()
	all := option{}
	for line := range strings.Lines(section(t, "OPTIONS")) {
		if item, is := strings.CutPrefix(strings.TrimSpace(line), ".It Fl "); is {
			add(all, strings.ReplaceAll(item, "Fl ", ""), " Ar ", "-")
		}
	}
	return all
}

// add adds the options in a list of spellings. An argument may follow a spelling after
// separator, or the last one only. The list writes a spelling without the leading dash. add
// skips the dash alone, which is no option for getopt_long.
func add(all option, list, separator, dash string) {
	spellings := strings.Split(strings.ReplaceAll(list, " , ", ", "), ", ")
	_, _, takes := strings.Cut(spellings[len(spellings)-1], separator)
	for _, s := range spellings {
		name, _, _ := strings.Cut(s, separator)
		if name = dash + name; name != "-" && name != dash+"," {
			all[strings.TrimSuffix(name, " ,")] = takes
		}
	}
}

func section(t *testing.T, name string) string {
	t.Helper()
	_, rest, found := strings.Cut(read(t, page), "\n.Sh "+name+"\n")
	if !found {
		t.Fatalf("%s: no section %s", page, name)
	}
	text, _, _ := strings.Cut(rest, "\n.Sh ")
	return text
}

func TestOptionsOfCodeUsageAndManualAgree(t *testing.T) {
	code := optionsOfTheCode(t)
	for where, have := range map[string]option{"the usage text": optionsOfTheUsage(), page: optionsOfThePage(t)} {
		for name, takes := range code {
			if got, there := have[name]; !there || got != takes {
				t.Errorf("%s of options.go: there in %s: %v, with an argument: %v, want %v", name, where, there, got, takes)
			}
		}
		for name := range have {
			if _, there := code[name]; !there {
				t.Errorf("%s of %s: not in options.go", name, where)
			}
		}
	}
	// and Parse reads what the tables say
	for name, takes := range code {
		argv := []string{"capsu", name, "cap_kill"}
		if _, err := Parse(argv, false); err != nil {
			t.Errorf("%q: %v", argv, err)
		}
		argv = []string{"capsu", "ghost", name}
		if _, err := Parse(argv, false); (err != nil) != takes {
			t.Errorf("%q: %v", argv, err)
		}
	}
}

func TestExitStatusesOfCodeAndManualAgree(t *testing.T) {
	code := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\texit(\w+) += (\d+)`).FindAllStringSubmatch(read(t,
		"../cmd/capsu/report.go"), -1) {
		name := m[2]
		if m[1] == "Signal" {
			name += "+n"
		}
		code[name] = true
	}
	manual := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\.It (\d.*)$`).FindAllStringSubmatch(section(t, "EXIT STATUS"), -1) {
		manual[strings.NewReplacer(" Ns ", "", "Ar ", "").Replace(m[1])] = true
	}
	if len(code) != 4 || !maps.Equal(code, manual) {
		t.Errorf("code %v, manual %v", slices.Sorted(maps.Keys(code)), slices.Sorted(maps.Keys(manual)))
	}
}

// The manual has each variable that the code treats by its name.
func TestVariablesOfTheCodeAreInTheManual(t *testing.T) {
	text := section(t, "ENVIRONMENT")
	for _, name := range slices.Concat(notInherited, ofTheRuntime, alwaysSet, ofSSH,
		[]string{"TERM", "POSIXLY_CORRECT", originalCommand}) {
		if !regexp.MustCompile(`\.It Ev (.* , )?` + name + `( , |\n)`).MatchString(text) {
			t.Errorf("%s: not in the manual", name)
		}
	}
}
