package site

import (
	"os"
	"slices"
	"strings"
	"testing"

	"capsu/capability"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// part returns the text of a page between two lines.
func part(t *testing.T, page, from, to string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, from+"\n")
	text, _, closed := strings.Cut(rest, to+"\n")
	if !found || !closed {
		t.Fatalf("%q ... %q: not in the page", from, to)
	}
	return text
}

// The page has each directive with its words and its default, in the order of the table, and
// no others.
func TestManualPageAndTableAgree(t *testing.T) {
	page := read(t, "../doc/capsu.conf.5")
	entries := strings.Split(part(t, page, ".Ss Directives", ".Ss Blocks"), "\n.It Ic ")[1:]
	var names []string
	for _, entry := range entries {
		head, text, _ := strings.Cut(entry, "\n")
		name, values, _ := strings.Cut(head, " ")
		names = append(names, name)
		d := find(name)
		if d == nil {
			t.Errorf("%s: no such directive", name)
			continue
		}
		if words, is := strings.CutPrefix(values, "Cm "); is {
			for word := range strings.SplitSeq(words, " | ") {
				if err := d.set(&Settings{}, []string{word}); err != nil {
					t.Errorf("%s: the page allows %q: %v", name, word, err)
				}
			}
			if d.value != "" && !slices.Contains(strings.Split(words, " | "), d.value) {
				t.Errorf("%s: the default %q is not in the page's list", name, d.value)
			}
		}
		var want string
		switch {
		case name == "CapabilitiesSet":
			want = ".Cm " + strings.Join(strings.Fields(strings.Join(capability.Names(Closing), " ")), " , ") + " .\n"
		case d.value == "":
			want = "Default: not set"
		case d.value[0] == '/':
			want = "Default:\n.Pa " + d.value + " .\n"
		default:
			want = "Default:\n.Cm " + d.value + " .\n"
		}
		if !strings.Contains(text+"\n", want) {
			t.Errorf("%s: %q is missing in %q", name, want, text)
		}
	}
	if !slices.Equal(names, Names()) {
		t.Errorf("the page has %q, the table %q", names, Names())
	}
	// the directives that cannot stand in a Target block
	blocks := part(t, page, ".Ss Blocks", ".Sh RECOVERY")
	for _, name := range Names() {
		if said := strings.Contains(blocks, name); said != Early(name) {
			t.Errorf("%s: used early %v, the page says %v", name, Early(name), said)
		}
	}
	if !strings.Contains(page, "3600") {
		t.Error("the page does not name the highest SessionGrace")
	}
}

// The installed file changes nothing, and has every directive in a comment.
func TestInstalledFileHasEveryDefaultInAComment(t *testing.T) {
	text := read(t, "../packaging/capsu.conf")
	if c := config(t, text); len(c.scopes) != 1 || len(c.scopes[0].lines) != 0 {
		t.Error("it is not all comments")
	}
	var names []string
	for line := range strings.Lines(text) {
		word, rest, _ := strings.Cut(strings.TrimPrefix(line, "#"), " ")
		d := find(strings.TrimSpace(word))
		if d == nil || line[0] != '#' {
			continue
		}
		names = append(names, d.name)
		if got := strings.TrimSpace(rest); got != d.value {
			t.Errorf("%s: %q, the default is %q", d.name, got, d.value)
		}
		if d.value != "" {
			config(t, line[1:]) // without the # it is a configuration
		}
	}
	if !slices.Equal(names, Names()) {
		t.Errorf("it has %q, the table %q", names, Names())
	}
	if !strings.Contains(text, "# "+strings.Join(capability.Names(Closing), " ")+"\n") {
		t.Errorf("the built-in set is missing: %s", strings.Join(capability.Names(Closing), " "))
	}
}

// doc/mod_cap.md has mod_cap's directives, and names tests that exist.
func TestModCapsDocumentIsAnsweredByTestsThatThereAre(t *testing.T) {
	text := read(t, "../doc/mod_cap.md")
	for _, name := range Names()[:3] {
		if !strings.Contains(text, "`"+name+" ") {
			t.Errorf("%s is missing", name)
		}
	}
	files, err := os.ReadDir("../tests")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, f := range files {
		if strings.HasSuffix(f.Name(), "_test.go") {
			tests.WriteString(read(t, "../tests/"+f.Name()))
		}
	}
	tests.WriteString(read(t, "site_test.go"))
	named := 0
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9')
	}) {
		if strings.HasPrefix(word, "Test") && len(word) > len("Tests") {
			named++
			if !strings.Contains(tests.String(), "func "+word+"(t *testing.T)") {
				t.Errorf("%s: no such test", word)
			}
		}
	}
	if named < 8 {
		t.Errorf("%d tests are named", named)
	}
}
