package privilege

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Nothing has armed this process: what needs the leader says so, and what the
// program defines in place of the C library is the C library's own.
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

func TestLimitsWithWhichNoProgramStartsAreNamed(t *testing.T) {
	var l Limits
	for r := range l {
		l[r] = unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	}
	if err := l.Startable(); err != nil {
		t.Errorf("without limits: %v", err)
	}
	for _, r := range []int{unix.RLIMIT_NPROC, unix.RLIMIT_FSIZE, unix.RLIMIT_SIGPENDING, unix.RLIMIT_CORE} {
		l[r] = unix.Rlimit{}
	}
	if err := l.Startable(); err != nil {
		t.Errorf("with limits that let a program start: %v", err)
	}
	for r, name := range map[int]string{
		unix.RLIMIT_NOFILE: "nofile", unix.RLIMIT_AS: "as", unix.RLIMIT_DATA: "data", unix.RLIMIT_STACK: "stack", unix.RLIMIT_CPU: "cpu",
	} {
		low := l
		low[r] = unix.Rlimit{Cur: 0, Max: unix.RLIM_INFINITY}
		var limit *LimitError
		if err := low.Startable(); !errors.As(err, &limit) || limit.Name != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASurpriseNamesWhatWhatItIsAndWhoDidIt(t *testing.T) {
	e := &SurpriseError{"after a PAM module: uids", shown(IDs{1, 2, 3}), shown(One(0)), "pam_odd.so"}
	if got, want := e.Error(), "pam_odd.so: after a PAM module: uids: 1 2 3, not 0 0 0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if e.Module = ""; strings.Contains(e.Error(), "pam_odd") || changedFrom() != "" {
		t.Errorf("a module is named that is not known: %q, %q", e, changedFrom())
	}
}
