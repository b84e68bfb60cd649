package launcher

import (
	"fmt"
	"testing"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

func TestTupleAsBits(t *testing.T) {
	iab := cap.NewIAB()
	if err := iab.SetVector(cap.Amb, true, cap.NET_RAW); err != nil {
		t.Fatal(err)
	}
	if err := iab.SetVector(cap.Bound, true, cap.CHOWN, cap.KILL); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%#x %#x %#x", vector(iab, cap.Inh), vector(iab, cap.Amb), vector(iab, cap.Bound))
	if got != "0x2000 0x2000 0x21" {
		t.Errorf("got %s", got)
	}
}
