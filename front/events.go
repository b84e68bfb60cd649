package front

// #include "wire.h"
import "C"

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Front is the monitor's end of the socket to the front. The socket does not block.
type Front struct {
	FD     int
	closed bool
	ending unix.Signal // SIGTERM or SIGHUP, once one has come
	late   [3]int      // per descriptor: the channel of a helper that still writes to it, or 0
}

// Event is a signal that the front has got.
type Event struct {
	Signal unix.Signal // 0: there is no event
	// Key says that the kernel sent the signal, for a key. A session that shares the
	// caller's terminal and process group has got it too.
	Key bool
	// Unstopped goes with SIGCONT: the front has not stopped, because the kernel does
	// not stop an orphaned process group, which no shell could continue.
	Unstopped bool
}

// Event takes one event, without waiting. It is SIGHUP if the front is gone. Once SIGTERM
// or SIGHUP has come, every later call returns that.
func (f *Front) Event() Event {
	e := f.next()
	if f.ending == 0 && (e.Signal == unix.SIGTERM || e.Signal == unix.SIGHUP) {
		f.ending = e.Signal
	}
	if f.ending != 0 {
		return Event{Signal: f.ending}
	}
	return e
}

// next reads one event. It allocates nothing: the caller can send as many signals as they
// like, and the runtime does not collect garbage.
func (f *Front) next() Event {
	if f.closed {
		return Event{Signal: unix.SIGHUP}
	}
	var b [8]byte
	n, err := unix.Read(f.FD, b[:])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return Event{}
	case err != nil || n == 0:
		f.closed = true
		return Event{Signal: unix.SIGHUP}
	}
	switch b[0] {
	case C.EVENT_TERM:
		return Event{Signal: unix.SIGTERM}
	case C.EVENT_HUP:
		return Event{Signal: unix.SIGHUP}
	case C.EVENT_INT, C.EVENT_KEY_INT:
		return Event{Signal: unix.SIGINT, Key: b[0] == C.EVENT_KEY_INT}
	case C.EVENT_QUIT, C.EVENT_KEY_QUIT:
		return Event{Signal: unix.SIGQUIT, Key: b[0] == C.EVENT_KEY_QUIT}
	case C.EVENT_TSTP, C.EVENT_KEY_TSTP:
		return Event{Signal: unix.SIGTSTP, Key: b[0] == C.EVENT_KEY_TSTP}
	case C.EVENT_CONT, C.EVENT_NOT_STOPPED:
		return Event{Signal: unix.SIGCONT, Unstopped: b[0] == C.EVENT_NOT_STOPPED}
	case C.EVENT_WINCH:
		return Event{Signal: unix.SIGWINCH}
	}
	return Event{}
}

// Ending takes the events that are there and returns SIGTERM or SIGHUP if one of them has
// come, otherwise 0. These two end an attempt before the session begins; keys end it only
// at prompts.
func (f *Front) Ending() unix.Signal {
	for {
		switch e := f.Event(); e.Signal {
		case 0, unix.SIGTERM, unix.SIGHUP:
			return e.Signal
		}
	}
}

// WantsEnd takes the events that are there and tells whether one of them is a termination
// request: SIGTERM, SIGHUP, SIGINT or SIGQUIT.
func (f *Front) WantsEnd() (end bool) {
	for {
		switch e := f.Event(); e.Signal {
		case 0:
			return end
		case unix.SIGTERM, unix.SIGHUP:
			return true
		case unix.SIGINT, unix.SIGQUIT:
			end = true
		}
	}
}

// Gone tells whether the front has ended, without taking an event. A message would then
// only disturb its caller, who does something else by now.
func (f *Front) Gone() bool {
	fds := []unix.PollFd{{Fd: int32(f.FD)}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n == 1 && fds[0].Revents&unix.POLLHUP != 0
}

// RequestStop asks the front to stop its process group as the terminal would, by SIGTSTP,
// SIGTTIN or SIGTTOU, and does not wait. A SIGCONT event comes when the group is
// continued, or at once, with Unstopped, if the kernel does not stop it.
func (f *Front) RequestStop(sig unix.Signal) error {
	for {
		_, err := unix.Write(f.FD, []byte{C.ORDER_STOP, byte(sig)})
		switch err {
		case unix.EINTR:
			continue
		case unix.EPIPE, unix.ECONNRESET:
			return nil // the front is gone; Event reports that
		}
		return err
	}
}

// Stop stops the front and waits until the caller continues it. stopped is false if the
// kernel has not stopped it. ending is SIGTERM or SIGHUP if one comes meanwhile.
func (f *Front) Stop(sig unix.Signal) (stopped bool, ending unix.Signal, err error) {
	if err := f.RequestStop(sig); err != nil {
		return false, 0, fmt.Errorf("stop: %w", err)
	}
	for {
		switch e := f.Event(); e.Signal {
		case unix.SIGTERM, unix.SIGHUP:
			return false, e.Signal, nil
		case unix.SIGCONT:
			return !e.Unstopped, 0, nil
		case 0:
			if _, err := unix.Poll([]unix.PollFd{f.Poll()}, -1); err != nil && err != unix.EINTR {
				return false, 0, fmt.Errorf("poll: %w", err)
			}
		}
	}
}

// Poll returns what poll(2) waits for until the next event.
func (f *Front) Poll() unix.PollFd {
	if f.closed {
		return unix.PollFd{Fd: -1}
	}
	return unix.PollFd{Fd: int32(f.FD), Events: unix.POLLIN}
}

// ErrEnded says that the caller has ended the attempt before the session began.
var ErrEnded = errors.New("ended before the session began")

// launchGrace is the time that a child has to become the session after a termination
// request.
const launchGrace = 2 * time.Second

// WaitBeside waits until fd, a child's report, is readable. After a termination request it
// waits for launchGrace and then fails with ErrEnded. Event returns a SIGTERM or SIGHUP
// later, too.
func (f *Front) WaitBeside(fd int) error {
	timeout := -1
	if f.ending != 0 || f.closed {
		timeout = int(launchGrace / time.Millisecond)
	}
	for {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, f.Poll()}
		if timeout >= 0 {
			fds = fds[:1]
		}
		n, err := unix.Poll(fds, timeout)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return fmt.Errorf("poll: %w", err)
		case fds[0].Revents != 0:
			return nil
		case n == 0:
			return ErrEnded
		case f.WantsEnd():
			timeout = int(launchGrace / time.Millisecond)
		}
	}
}
