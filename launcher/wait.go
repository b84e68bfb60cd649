package launcher

import (
	"errors"
	"fmt"
	"time"

	"capsu/front"
	"capsu/relay"
	"capsu/tty"

	"golang.org/x/sys/unix"
)

// Result is how a session ended.
type Result struct {
	Status unix.WaitStatus
	// By is the signal that made capsu end the session; 0 if it ended by itself.
	By unix.Signal
}

// The descriptors that Wait polls.
const (
	onEnd    = iota // our child's pidfd
	onChange        // the socket to the session leader, or Child.stops
	onFront
	onRelay // three of relay's or remote's
	polled  = onRelay + 3
)

// waiting is the state of Wait.
type waiting struct {
	l          Raiser
	c          *Child
	front      *front.Front
	relay      *relay.Relay  // nil: the session has the caller's terminal, or none
	remote     *relay.Remote // nil: the front tells whether the caller is gone
	grace      time.Duration
	deadline   time.Time // when SIGKILL ends the session; zero: it does not
	foreground bool      // the command is in the foreground of its pseudo-terminal
	stopped    bool
	ended      bool
	result     Result
	fds        [polled]unix.PollFd
}

// Wait waits until the session has ended. It must run on the leader, which has nothing
// effective except while it signals the session. It waits for c only: modules may have children.
//
// SIGTERM or SIGHUP of the front ends the session, and so does SIGHUP if the relay or a remote
// end is gone; SIGKILL follows after grace. SIGINT, SIGQUIT and SIGTSTP are passed on unless
// the session has got the key. If the session stops, the front stops too; if the front is
// continued, so is the session. If Wait fails, it ends the session first.
func Wait(l Raiser, c *Child, f *front.Front, grace time.Duration) (*Result, error) {
	w := &waiting{l: l, c: c, front: f, grace: grace, foreground: c.terminal == nil || c.foreground}
	if c.terminal != nil {
		w.relay = relay.New(c.terminal, c.ends)
		defer w.relay.Close()
	} else if c.remote {
		w.remote = relay.NewRemote()
	}
	err := w.handleContinue()
	for err == nil && !w.ended {
		err = w.step()
	}
	if err != nil {
		return nil, errors.Join(err, End(l, c))
	}
	f.WantsEnd() // drops a request to end the session, which has ended
	c.close()
	return &w.result, nil
}

// step waits until something happens or a time is over, and handles all that has happened.
func (w *waiting) step() error {
	timeout := -1
	switch {
	case !w.deadline.IsZero():
		timeout = int(max(time.Until(w.deadline), 0)/time.Millisecond) + 1
	case w.inBackground():
		timeout = glance
	}
	w.fds = [polled]unix.PollFd{
		onEnd:    {Fd: int32(w.c.pidfd), Events: unix.POLLIN},
		onChange: {Fd: int32(max(w.c.lead, w.c.stops)), Events: unix.POLLIN},
		onFront:  w.front.Poll(),
		onRelay:  {Fd: -1}, onRelay + 1: {Fd: -1}, onRelay + 2: {Fd: -1},
	}
	if w.relay != nil {
		w.relay.Interests(w.fds[onRelay:])
	} else if w.remote != nil {
		w.remote.Interests(w.fds[onRelay:])
	}
	n, err := unix.Poll(w.fds[:], timeout)
	switch {
	case err == unix.EINTR:
		return nil
	case err != nil:
		return fmt.Errorf("poll: %w", err)
	case n == 0 && w.inBackground() && w.relay.Foreground():
		return w.handleContinue()
	}
	if w.fds[onChange].Revents != 0 || w.fds[onEnd].Revents != 0 {
		if err := w.handleChange(); err != nil || w.ended {
			return err
		}
	}
	if !w.deadline.IsZero() && !time.Now().Before(w.deadline) {
		w.deadline = time.Time{} // one SIGKILL is enough
		return signal(w.l, w.c, unix.SIGKILL)
	}
	if w.fds[onFront].Revents != 0 {
		if err := w.handleEvent(w.front.Event()); err != nil {
			return err
		}
	}
	if w.relay != nil && w.relay.Carry(w.fds[onRelay:]) || w.remote != nil && w.remote.Gone(w.fds[onRelay:]) {
		return w.end(unix.SIGHUP)
	}
	return nil
}

// glance is the interval, in milliseconds, at which a session in the background looks for
// the foreground. A shell sends no signal when it takes a running job there.
const glance = 500

func (w *waiting) inBackground() bool {
	return w.relay != nil && w.relay.Keys() && !w.foreground && !w.stopped
}

// handleChange handles a stop or the end of the command.
func (w *waiting) handleChange() error {
	status, news, err := w.c.takeStatus(w.fds[onEnd].Revents != 0)
	switch {
	case err != nil || !news:
		return err
	case status.Stopped():
		return w.handleStop(status.StopSignal())
	}
	w.ended, w.result.Status = true, status
	if w.relay == nil {
		return nil
	}
	// Drain first: when the session leader ends, the kernel drops unread output.
	w.relay.Drain()
	return endLeader(w.l, w.c)
}

// handleStop handles a stop of the command by sig: it resumes the session or stops the front.
func (w *waiting) handleStop(sig unix.Signal) error {
	switch {
	case w.result.By != 0: // the session is to end
		return resume(w.l, w.c, w.foreground)
	case w.relay != nil && (sig == unix.SIGTTIN || sig == unix.SIGTTOU) && w.relay.Foreground():
		// The command wants the terminal, and we are in the foreground of the caller's by now.
		w.relay.Claim()
		w.foreground = w.relay.Resume()
		return resume(w.l, w.c, w.foreground)
	case w.relay != nil:
		w.relay.Suspend()
	}
	w.stopped = true
	if sig != unix.SIGTTIN && sig != unix.SIGTTOU || w.relay == nil && tty.Foreground(0) {
		sig = unix.SIGTSTP // by SIGTTIN or SIGTTOU the front stops only in the background
	}
	if err := w.front.RequestStop(sig); err != nil && err != unix.EAGAIN { // EAGAIN: requests are waiting already
		return fmt.Errorf("front: %w", err)
	}
	return nil
}

// handleEvent handles an event of the front.
func (w *waiting) handleEvent(e front.Event) error {
	if w.front.Gone() && w.relay != nil {
		w.relay.Abandon()
	}
	switch e.Signal {
	case unix.SIGTERM, unix.SIGHUP:
		return w.end(e.Signal)
	case unix.SIGINT, unix.SIGQUIT, unix.SIGTSTP:
		return w.passOn(e)
	case unix.SIGCONT:
		return w.handleContinue()
	case unix.SIGWINCH:
		if w.relay != nil {
			w.relay.Resize()
		}
	}
	return nil
}

// handleContinue continues the session, in the foreground or background as the front is.
func (w *waiting) handleContinue() error {
	foreground := w.relay == nil || w.relay.Resume()
	if !w.stopped && foreground == w.foreground {
		return nil
	}
	w.stopped, w.foreground = false, foreground
	return resume(w.l, w.c, foreground)
}

// passOn passes SIGINT, SIGQUIT or SIGTSTP on to the session. A SIGTSTP that is not typed into
// the session's terminal becomes SIGSTOP, also that of a key: it stops for sure.
func (w *waiting) passOn(e front.Event) error {
	sig := e.Signal
	switch {
	case w.relay != nil && w.foreground && (e.Key || sig != unix.SIGTSTP):
		w.c.terminal.Signal(sig)
		return nil
	case w.relay == nil && !w.c.group && e.Key:
		return nil // the session has got it from the kernel
	case sig == unix.SIGTSTP:
		sig = unix.SIGSTOP // the kernel does not stop an orphaned group by SIGTSTP
	}
	// The target's effective uid is enough for most sessions. Without a change of
	// capabilities a flood of signals costs next to nothing.
	if err := w.c.kill(sig); err == unix.EPERM {
		return signal(w.l, w.c, sig)
	}
	return nil
}

// end sends sig to the session, and sets the deadline of SIGKILL.
func (w *waiting) end(sig unix.Signal) error {
	if w.result.By != 0 {
		return nil // already ending
	}
	w.result.By, w.deadline = sig, time.Now().Add(w.grace)
	if err := signal(w.l, w.c, sig, unix.SIGCONT); err != nil {
		return err
	}
	return w.handleContinue()
}
