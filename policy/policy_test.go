package policy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

func TestTupleTextIsReadAsLibcapsCFunctionReadsIt(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"cap_chown", "cap_chown"},
		{"CAP_Chown", "cap_chown"},
		{"^cap_chown", "^cap_chown"},
		{"%cap_chown", "cap_chown"},
		{"!cap_chown", "!cap_chown"},
		{"!%cap_chown", "!%cap_chown"},
		{"!cap_chown,cap_chown", "!%cap_chown"},
		{"!^%cap_chown", "!^cap_chown"},
		{"%%^!!cap_chown", "!^cap_chown"},
		{"cap_kill,cap_chown", "cap_chown,cap_kill"},
		{"cap_chown,", "cap_chown"},
		{"0,010,0x3", "cap_chown,cap_fowner,cap_setpcap"},
		{"^", ""},
		{"cap_chown,!^", "cap_chown"},
		{"63", ""}, // no kernel has it: no effect
		{"", ""},
	} {
		iab, err := ParseIAB(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if got := iab.String(); got != c.want {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
	}
	for _, text := range []string{
		"chown", "+1", "1abc", "All", "None", "cap_chown,,cap_kill", ",", ",cap_chown", "cap_chown cap_kill", "64",
		"08", "0x", "0b1", "0o7", "1_0",
		"cap_chown=ep", "^,cap_chown", "cap_chown!", "cap_chown1", "-1", "99999999999999999999", "cap_", "cap_chown\x00",
	} {
		if iab, err := ParseIAB(text); err == nil {
			t.Errorf("%q: accepted as %q", text, iab)
		}
	}
}

// who is a subject whose groups are those named.
func who(target string, groups ...string) Subject {
	return Subject{Caller: "alpha", Target: target, Member: func(g string) (bool, error) {
		return slices.Contains(groups, g), nil
	}}
}

func TestFirstRuleThatNamesTheTargetDecides(t *testing.T) {
	const file = `# rules
all root
   # indented comment
!cap_chown beta

cap_setuid,cap_chown @three
cap_chown	beta gamma
none @two delta # epsilon
cap_kill #zeta
^cap_net_raw eta@three @four`
	for _, c := range []struct {
		who    Subject
		line   int
		match  string
		action Action
		iab    string
	}{
		{who("root"), 2, "root", All, ""},
		{who("beta"), 4, "beta", Set, "!cap_chown"},
		{who("gamma"), 7, "gamma", Set, "cap_chown"},
		{who("gamma", "three"), 6, "@three", Set, "cap_chown,cap_setuid"},
		{who("delta"), 8, "delta", None, ""},
		{who("epsilon"), 8, "epsilon", None, ""}, // words after # are users too
		{who("#"), 8, "#", None, ""},
		{who("zeta"), 0, "", Ignore, ""},
		{who("#zeta"), 9, "#zeta", Set, "cap_kill"},
		{who("x", "four"), 10, "@four", Set, "^cap_net_raw"},
		{who("three"), 0, "", Ignore, ""},
		{who("@three"), 0, "", Ignore, ""},
	} {
		d, err := decide(strings.NewReader(file), "f", c.who)
		if err != nil {
			t.Errorf("%s: %v", c.who.Target, err)
			continue
		}
		iab := ""
		if d.IAB != nil {
			iab = d.IAB.String()
		}
		if d.Line != c.line || d.Match != c.match || d.Action != c.action || iab != c.iab {
			t.Errorf("%s: got %+v", c.who.Target, d)
		}
	}
}

func TestWildcardMatchesOnlyAlone(t *testing.T) {
	d, err := decide(strings.NewReader("cap_kill a* **\nnone *\n"), "f", who("abc"))
	if err != nil || d.Line != 2 || d.Match != "*" {
		t.Errorf("got %+v, %v", d, err)
	}
}

func TestGroupsAreAskedForOnceAndOnlyUpToTheMatch(t *testing.T) {
	var asked []string
	s := Subject{Target: "ghost", Member: func(g string) (bool, error) { asked = append(asked, g); return false, nil }}
	if _, err := decide(strings.NewReader("all @a @b\nnone @a\ncap_kill ghost @c\n"), "f", s); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(asked, []string{"a", "b"}) {
		t.Errorf("asked for %v", asked)
	}
}

func TestGroupThatCannotBeLookedUpIsAnError(t *testing.T) {
	gone := errors.New("name service is gone")
	s := Subject{Target: "ghost", Member: func(string) (bool, error) { return false, gone }}
	_, err := decide(strings.NewReader("cap_kill @team ghost\n"), "f", s)
	if !errors.Is(err, gone) || !strings.HasPrefix(err.Error(), "f:1: ") {
		t.Errorf("got %v", err)
	}
}

func TestFaultsUpToTheMatchAreErrorsWithTheirLine(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"cap_foo ghost", `f:1: unknown capability "cap_foo"`},
		{"\n!cap_chown,cap_ ghost", `f:2: unknown capability "cap_"`},
		{"none beta\r\nnone ghost", "f:1: control character 0x0d"},
		{"none be\x00ta\nnone ghost", "f:1: control character 0x00"},
		{"\ufeffnone ghost", "f:1: byte-order mark"},
		{"none gho\x7fst\n", "f:1: control character 0x7f"},
	} {
		d, err := decide(strings.NewReader(c.file), "f", who("ghost"))
		if err == nil || err.Error() != c.want || d.Action != "" {
			t.Errorf("%q: got %+v, %v", c.file, d, err)
		}
	}
	if _, err := decide(strings.NewReader("none ghost\nnone\x1b\n"), "f", who("ghost")); err != nil {
		t.Errorf("a fault below the match: %v", err)
	}
}

func TestALineOfAnyLengthIsOneRule(t *testing.T) {
	for _, length := range []int{4094, 4095, 4096, 65535, 65536, 65537, 1 << 20} {
		line := "none " + strings.Repeat("x", length-len("none ghost")-1) + " ghost"
		d, err := decide(strings.NewReader("all alpha\n"+line+"\nall ghost"), "f", who("ghost"))
		if err != nil || d.Line != 2 || d.Action != None {
			t.Errorf("%d bytes: line %d, %v, %v", length, d.Line, d.Action, err)
		}
	}
}

func TestMissingFileIsNoRulesAtTheDefaultPlaceOnly(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	if _, err := Decide(Parameters{File: missing}, who("ghost")); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("got %v", err)
	}
	d, err := Decide(Parameters{File: "/dev/null"}, who("ghost"))
	if err != nil || d.Action != Ignore {
		t.Errorf("/dev/null: %+v, %v", d, err)
	}
}

// This needs no root. tests/ has the cases with other owners.
func TestFileThatOthersMayWriteIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(path, []byte("none ghost\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o602); err != nil {
		t.Fatal(err)
	}
	if _, err := Decide(Parameters{File: path}, who("ghost")); err == nil {
		t.Error("accepted")
	}
	if _, err := Decide(Parameters{File: "/etc"}, who("ghost")); err == nil ||
		!strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory: %v", err)
	}
}

func TestBeyondNamesWhatCannotBeGranted(t *testing.T) {
	iab, err := ParseIAB("^cap_net_raw,cap_kill,!cap_chown")
	if err != nil {
		t.Fatal(err)
	}
	all := func(cap.Value) bool { return true }
	without := func(x cap.Value) func(cap.Value) bool { return func(c cap.Value) bool { return c != x } }
	if err := Beyond(iab, all, all); err != nil {
		t.Error(err)
	}
	var beyond *BeyondError
	if err := Beyond(iab, without(cap.NET_RAW), all); !errors.As(err, &beyond) || beyond.Bounding ||
		beyond.Capability != cap.NET_RAW {
		t.Errorf("permitted: %v", err)
	}
	if err := Beyond(iab, all, without(cap.KILL)); !errors.As(err, &beyond) || !beyond.Bounding ||
		beyond.Capability != cap.KILL {
		t.Errorf("bounding: %v", err)
	}
	if err := Beyond(iab, without(cap.KILL), without(cap.CHOWN)); err != nil {
		t.Errorf("what is not Ambient need not be permitted, what is blocked need not be there: %v", err)
	}
}

func FuzzDecide(f *testing.F) {
	f.Add("# c\n!^%cap_chown,010,  ghost @team\nall *\n", "ghost")
	f.Add("\ufeffnone *", "x")
	f.Add("cap_chown,, ghost\r\n", "ghost")
	f.Fuzz(func(t *testing.T, text, target string) {
		d, err := decide(strings.NewReader(text), "f", who(target, "team"))
		if err != nil {
			if d.Action != "" || d.IAB != nil {
				t.Errorf("a decision beside an error: %+v", d)
			}
			return
		}
		if (d.Action == Set) != (d.IAB != nil) || (d.Line == 0) != (d.Action == Ignore) {
			t.Errorf("inconsistent: %+v", d)
		}
		if d.IAB != nil {
			again, err := ParseIAB(d.IAB.String())
			if err != nil {
				t.Fatal(err)
			}
			if diff, err := d.IAB.Cf(again); err != nil || diff != 0 {
				t.Errorf("%q does not read back", d.IAB)
			}
		}
	})
}

func TestDefaultAndRequireDecideWhereNoRuleDoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(path, []byte("cap_kill beta\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		p      Parameters
		target string
		action Action
		match  string
		fault  string
	}{
		{Parameters{Default: "^cap_kill"}, "ghost", Set, "default", ""},
		{Parameters{Default: "^cap_kill"}, "beta", Set, "beta", ""},
		{Parameters{Default: "all", Require: true}, "ghost", All, "default", ""},
		{Parameters{Default: "none"}, "ghost", None, "default", ""},
		{Parameters{Default: "cap_nonsense"}, "ghost", "", "default",
			`default cap_nonsense: unknown capability "cap_nonsense"`},
		{Parameters{Default: "cap_nonsense"}, "beta", Set, "beta", ""},
		{Parameters{Require: true}, "ghost", "", "",
			path + ": ghost: no rule names the target, and CapabilityRequire is on"},
		{Parameters{Require: true}, "beta", Set, "beta", ""},
		{Parameters{}, "ghost", Ignore, "", ""},
	} {
		c.p.File, c.p.Draft = path, true
		d, err := Decide(c.p, who(c.target))
		fault := ""
		if err != nil {
			fault = err.Error()
		}
		if d.Action != c.action || d.Match != c.match || fault != c.fault || (d.IAB != nil) != (c.action == Set) {
			t.Errorf("%+v, %s: %+v, %q", c.p, c.target, d, fault)
		}
	}
}

func TestListOfCapabilitiesHasNoPrefixes(t *testing.T) {
	iab, err := ParseList("CAP_kill,3")
	if err != nil || iab.String() != "cap_fowner,cap_kill" {
		t.Errorf("%v, %v", iab, err)
	}
	for _, text := range []string{"^cap_kill", "cap_kill,!cap_chown", "%3", "kill"} {
		if _, err := ParseList(text); err == nil {
			t.Errorf("%q: accepted", text)
		}
	}
}

func TestRulesShowsEveryLineThatIsNoComment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(path, []byte("# c\n\n  cap_kill a @b  # c\nnone\n# \x01\ncap_x a\nall *"), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	for r, err := range Rules(path) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(r.Line, " ", r.Word, " ", r.Who, " ", r.NotText != nil, " ", r.Fault != nil))
	}
	want := []string{"3 cap_kill [a @b # c] false false", "4 none [] false false", "5 # [\x01] true true",
		"6 cap_x [a] false true", "7 all [*] false false"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func BenchmarkLastOf100000Rules(b *testing.B) {
	var text strings.Builder
	for n := range 100000 {
		fmt.Fprintf(&text, "cap_kill user%d\n", n)
	}
	b.ReportAllocs()
	for b.Loop() {
		if d, err := decide(strings.NewReader(text.String()), "f", who("user99999")); err != nil || d.Line != 100000 {
			b.Fatal(d, err)
		}
	}
}
