package launcher

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

func TestEveryThreadIsReadBack(t *testing.T) {
	// three more threads, held by goroutines of their own
	stop := make(chan struct{})
	defer close(stop)
	ready := make(chan struct{})
	for range 3 {
		go func() {
			runtime.LockOSThread()
			ready <- struct{}{}
			<-stop
		}()
	}
	for range 3 {
		<-ready
	}
	seen := map[int]bool{}
	if err := eachThread(func(tid int, status []byte) error {
		seen[tid] = strings.Contains(string(status), "CapAmb:")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	tasks, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) < 4 || len(seen) < len(tasks)-1 {
		t.Errorf("saw %d of %d threads", len(seen), len(tasks))
	}
	for tid, whole := range seen {
		if !whole {
			t.Errorf("thread %d was not read whole", tid)
		}
	}
}

// What a module does to its identity makes the process dumpable where
// fs.suid_dumpable is 1. Here prctl stands for it: the setting is the host's.
func TestNotDumpableAgainAfterWhatModulesDo(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	sets := cap.GetProc()
	t.Cleanup(func() {
		err := errors.Join(sets.SetProc(), unix.Prctl(unix.PR_SET_DUMPABLE, uintptr(before), 0, 0, 0))
		if err != nil {
			t.Error(err)
		}
	})
	permittedOnly, err := sets.Dup()
	if err == nil {
		err = errors.Join(permittedOnly.ClearFlag(cap.Effective), permittedOnly.ClearFlag(cap.Inheritable), permittedOnly.SetProc())
	}
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewMonitor()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.With(func() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) }); err != nil {
		t.Fatal(err)
	}
	if now, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || now != 0 {
		t.Errorf("dumpable: %d, %v", now, err)
	}
}

// A surprise must be seen, in whichever field it is.
func TestAThreadThatIsNotAsDecidedIsAnError(t *testing.T) {
	id, err := currentIdentity()
	if err != nil {
		t.Fatal(err)
	}
	sets := cap.GetProc()
	var effective, permitted uint64
	for c := cap.Value(0); c < cap.MaxBits(); c++ {
		if on, _ := sets.GetFlag(cap.Effective, c); on {
			effective |= 1 << c
		}
		if on, _ := sets.GetFlag(cap.Permitted, c); on {
			permitted |= 1 << c
		}
	}
	if err := verifyThreads(id, effective, permitted); err != nil {
		t.Fatalf("as it is: %v", err)
	}
	other := id
	other.UID.S++
	for want, err := range map[string]error{
		"Uid":    verifyThreads(other, effective, permitted),
		"CapEff": verifyThreads(id, effective^1, permitted),
		"CapPrm": verifyThreads(id, effective, permitted^1),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	other = id
	other.GID.R++
	if err := verifyThreads(other, effective, permitted); err == nil || !strings.Contains(err.Error(), "Gid") {
		t.Errorf("Gid: %v", err)
	}
}

func TestLimitsOfASession(t *testing.T) {
	l := func(cur, max uint64) unix.Rlimit { return unix.Rlimit{Cur: cur, Max: max} }
	var start, before, after Limits
	for r := range start {
		start[r], before[r], after[r] = l(10, 100), l(100, 100), l(100, 100)
	}
	after[unix.RLIMIT_NOFILE] = l(5, 6)
	s := ForSession(start, before, after)
	for r, want := range map[int]unix.Rlimit{
		unix.RLIMIT_NOFILE:     l(5, 6),     // a module's
		unix.RLIMIT_NPROC:      l(10, 100),  // the caller's
		unix.RLIMIT_SIGPENDING: l(10, 100),  // the caller's
		unix.RLIMIT_FSIZE:      l(100, 100), // lifted, as su does
		unix.RLIMIT_AS:         l(100, 100),
	} {
		if s[r] != want {
			t.Errorf("limit %d: %v, want %v", r, s[r], want)
		}
	}
}

func TestEventsOfTheFront(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := &Front{FD: fds[0]}
	if got := f.Event(); got != (Event{}) {
		t.Errorf("nothing sent: %v", got)
	}
	for sent, want := range map[string]Event{
		"T": {Signal: unix.SIGTERM}, "H": {Signal: unix.SIGHUP}, "TTTTTTTTTTTTTTTT": {Signal: unix.SIGTERM}, "x": {}, "\x00": {},
		"I": {Signal: unix.SIGINT}, "Q": {Signal: unix.SIGQUIT}, "Z": {Signal: unix.SIGTSTP}, "W": {Signal: unix.SIGWINCH},
		"i": {Signal: unix.SIGINT, Key: true}, "q": {Signal: unix.SIGQUIT, Key: true}, "z": {Signal: unix.SIGTSTP, Key: true},
		"C": {Signal: unix.SIGCONT}, "O": {Signal: unix.SIGCONT, Unstopped: true},
	} {
		if err := unix.Sendmsg(fds[1], []byte(sent), nil, nil, 0); err != nil {
			t.Fatal(err)
		}
		f.ending = 0
		if got := f.Event(); got != want {
			t.Errorf("%q: %v, want %v", sent, got, want)
		}
	}
	f.ending = 0
	for _, sent := range []string{"I", "Q", "Z", "i", "q", "z", "C", "O", "W"} {
		unix.Sendmsg(fds[1], []byte(sent), nil, nil, 0)
	}
	if got := f.Ending(); got != 0 {
		t.Errorf("Ctrl-C ends what has not begun: %v", got)
	}
	unix.Sendmsg(fds[1], []byte("I"), nil, nil, 0)
	unix.Sendmsg(fds[1], []byte("T"), nil, nil, 0)
	if got := f.Ending(); got != unix.SIGTERM {
		t.Errorf("got %v", got)
	}
	f.ending = 0
	unix.Close(fds[1])
	for range 2 { // or a second prompt would wait for ever
		if got := f.Event().Signal; got != unix.SIGHUP {
			t.Errorf("the front is gone: %v", got)
		}
	}
	f.ending = unix.SIGTERM
	if got := f.Event().Signal; got != unix.SIGTERM || f.Ending() != unix.SIGTERM {
		t.Errorf("what ends a session is not forgotten: %v", got)
	}
	unix.Close(fds[0])
}

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
