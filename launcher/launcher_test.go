package launcher

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

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
