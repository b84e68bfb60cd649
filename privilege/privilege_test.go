package privilege

import (
	"errors"
	"runtime"
	"strings"
	"testing"
)

// This process is not armed, so each method that needs the leader fails.
func TestNothingIsPrivilegedUnlessStartHasArmedIt(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, err := Settle(); err == nil || !strings.Contains(err.Error(), "another thread") {
		t.Errorf("Settle: %v", err)
	}
	l := &Leader{}
	for name, act := range map[string]func() error{
		"With":   func() error { return l.With(func() error { t.Error("With ran"); return nil }) },
		"Call":   func() error { return l.Call(func() error { t.Error("Call ran"); return nil }) },
		"Become": func() error { return l.Become(0, nil) }, "Shrink": func() error { return l.Shrink() },
		"GiveUpRoot": func() error { return l.GiveUpRoot(1, 1) },
	} {
		if err := act(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := l.Waiting(func() error { return errors.New("asked") }); err == nil || err.Error() != "asked" {
		t.Errorf("Waiting outside of a call: %v", err)
	}
}

func TestASurpriseNamesWhatWhatItIsAndWhoDidIt(t *testing.T) {
	e := &SurpriseError{"after a PAM module: uids", shown(IDs{1, 2, 3}), shown(Same(0)), "pam_odd.so"}
	if got, want := e.Error(), "pam_odd.so: after a PAM module: uids: 1 2 3, not 0 0 0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if e.Module = ""; strings.Contains(e.Error(), "pam_odd") || changedFrom() != "" {
		t.Errorf("a module is named that is not known: %q, %q", e, changedFrom())
	}
}
