package front

import (
	"bytes"
	"testing"

	_ "capsu/front/inert" // no front, no monitor

	"golang.org/x/sys/unix"
)

func TestEventsOfTheFront(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := &Front{FD: fds[0]}
	send := func(message ...byte) {
		t.Helper()
		if err := unix.Sendmsg(fds[1], message, nil, nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.Event(); got != (Event{}) {
		t.Errorf("nothing sent: %v", got)
	}
	// in the order of enum event, wire.h; the last is none
	for sent, want := range []Event{
		{Signal: unix.SIGTERM}, {Signal: unix.SIGHUP}, {Signal: unix.SIGINT}, {Signal: unix.SIGQUIT}, {Signal: unix.SIGTSTP},
		{Signal: unix.SIGINT, Key: true}, {Signal: unix.SIGQUIT, Key: true}, {Signal: unix.SIGTSTP, Key: true},
		{Signal: unix.SIGCONT}, {Signal: unix.SIGWINCH}, {Signal: unix.SIGCONT, Unstopped: true}, {},
	} {
		for _, message := range [][]byte{{byte(sent)}, bytes.Repeat([]byte{byte(sent)}, 16)} {
			send(message...)
			f.ending = 0
			if got := f.Event(); got != want {
				t.Errorf("%d: %v, want %v", message, got, want)
			}
		}
	}
	f.ending = 0
	for sent := byte(2); sent < 11; sent++ { // all but TERM and HUP
		send(sent)
	}
	if got := f.Ending(); got != 0 {
		t.Errorf("Ctrl-C ends what has not begun: %v", got)
	}
	send(2)
	send(0)
	if got := f.Ending(); got != unix.SIGTERM {
		t.Errorf("got %v", got)
	}
	f.ending = 0
	unix.Close(fds[1])
	for range 2 { // otherwise a second prompt would wait for ever
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
