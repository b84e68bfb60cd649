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
