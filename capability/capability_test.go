package capability

import (
	"slices"
	"testing"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

func TestWhatIsInATuple(t *testing.T) {
	iab, err := cap.IABFromText("!^cap_net_raw,%cap_kill,!cap_chown")
	if err != nil {
		t.Fatal(err)
	}
	for v, want := range map[cap.Vector][]string{
		cap.Inh: {"cap_kill", "cap_net_raw"}, cap.Amb: {"cap_net_raw"}, cap.Bound: {"cap_chown", "cap_net_raw"},
	} {
		if got := Names(In(iab, v)); !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", v, got, want)
		}
	}
}

func TestAllAreThoseOfTheKernel(t *testing.T) {
	n := cap.Value(0)
	for c := range All() {
		if c != n {
			t.Fatalf("%v after %v", c, n)
		}
		n++
	}
	if n != cap.MaxBits() || Bounded(n) {
		t.Errorf("%v capabilities", n)
	}
}
