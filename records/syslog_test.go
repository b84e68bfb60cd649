package records

import "testing"

func TestLinesAreThoseOfSu(t *testing.T) {
	a := &Attempt{Caller: "alpha", Target: "ghost", Terminal: "/dev/pts/3"}
	if got := a.line(""); got != "(to ghost) alpha on pts/3" {
		t.Errorf("%q", got)
	}
	a = &Attempt{Caller: "al\x1bpha", Target: "gho\nst"}
	if got := a.line("FAILED SU "); got != `FAILED SU (to gho\nst) al\x1bpha on none` {
		t.Errorf("%q", got)
	}
}

func TestEscapeLeavesTextAlone(t *testing.T) {
	for in, want := range map[string]string{
		`says "no"`: `says "no"`, "grün": "grün", "a\tb": `a\tb`, "\"\r": `"\r`, "\xff": `\xff`, "\u202e": `\u202e`, "": "",
		"\x1b[31mred\r\n": `\x1b[31mred\r\n`, "\xff\u009b \"q\"": `\xff\u009b "q"`, "bell\a and \"q\"\t": `bell\a and "q"\t`,
	} {
		if got := Escape(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
