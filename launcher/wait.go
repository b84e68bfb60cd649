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
	// By is the signal that made capsu end the session, 0 if it ended by itself.
	By unix.Signal
}

// What Wait polls.
const (
	onEnd    = iota // the child's pidfd
	onChange        // what tells of stops
	onFront
	onRelay // three, or remote's
	polled  = onRelay + 3
)

// waiting is a session that runs, or is stopped.
type waiting struct {
	l          Raiser
	c          *Child
	front      *front.Front
	relay      *relay.Relay  // nil: the session has the caller's terminal, or none
	remote     *relay.Remote // nil: the front tells of all
	grace      time.Duration
	deadline   time.Time // of the session, once it has to end
	foreground bool      // of its pseudo-terminal: the command has it
	stopped    bool
	ended      bool
	result     Result
	fds        [polled]unix.PollFd
}

// Wait waits for this child only: a module may have children of its own.
//
// SIGTERM and SIGHUP from the front end the session: by the same, and after
// grace by SIGKILL. SIGINT, SIGQUIT and SIGTSTP are passed on to a session that has
// not heard the key itself. When the session stops, so does the front, and when
// the front goes on, the session does. If Wait cannot wait any longer it ends
// the session: nobody else would.
func Wait(l Raiser, c *Child, f *front.Front, grace time.Duration) (*Result, error) {
	w := &waiting{l: l, c: c, front: f, grace: grace, foreground: c.terminal == nil || c.foreground}
	if c.terminal != nil {
		w.relay = relay.New(c.terminal, 0, 1)
		defer w.relay.Close()
	} else if c.remote {
		w.remote = relay.NewRemote()
	}
	err := w.continued()
	for err == nil && !w.ended {
		err = w.step()
	}
	if err != nil {
		return nil, errors.Join(err, End(l, c))
	}
	f.WantsEnd() // of the session, which has ended
	c.close()
	return &w.result, nil
}

// step waits for something to happen, and answers it.
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
	case n == 0 && w.inBackground() && tty.Foreground(0):
		return w.continued()
	}
	if w.fds[onChange].Revents != 0 || w.fds[onEnd].Revents != 0 {
		if err := w.changed(); err != nil || w.ended {
			return err
		}
	}
	if !w.deadline.IsZero() && !time.Now().Before(w.deadline) {
		w.deadline = time.Time{} // SIGKILL needs no second one
		return signal(w.l, w.c, unix.SIGKILL)
	}
	if w.fds[onFront].Revents != 0 {
		if err := w.happened(w.front.Event()); err != nil {
			return err
		}
	}
	if w.relay != nil && w.relay.Carry(w.fds[onRelay:]) || w.remote != nil && w.remote.Gone(w.fds[onRelay:]) {
		return w.end(unix.SIGHUP)
	}
	return nil
}

// glance is how often, in milliseconds, a session that runs in the background
// looks whether it has been taken to the foreground: of a job that runs, a shell
// tells nobody.
const glance = 500

func (w *waiting) inBackground() bool {
	return w.relay != nil && w.relay.Keys() && !w.foreground && !w.stopped
}

// changed looks what the session has become.
func (w *waiting) changed() error {
	status, news, err := w.c.status(w.fds[onEnd].Revents != 0)
	switch {
	case err != nil || !news:
		return err
	case status.Stopped():
		return w.hasStopped(status.StopSignal())
	}
	w.ended, w.result.Status = true, status
	if w.relay == nil {
		return nil
	}
	w.relay.Drain() // before the leader is gone: its end drops what is not read
	return endLeader(w.l, w.c)
}

// hasStopped has the front stop, too.
func (w *waiting) hasStopped(sig unix.Signal) error {
	switch {
	case w.result.By != 0: // it has to end, not to stop
		return resume(w.l, w.c, w.foreground)
	case w.relay != nil && (sig == unix.SIGTTIN || sig == unix.SIGTTOU) && tty.Foreground(0):
		// It wants the terminal, which has become ours meanwhile.
		w.foreground = w.relay.Resume()
		return resume(w.l, w.c, w.foreground)
	case w.relay != nil:
		w.relay.Suspend()
	}
	w.stopped = true
	if sig != unix.SIGTTIN && sig != unix.SIGTTOU || w.relay == nil && tty.Foreground(0) {
		sig = unix.SIGTSTP // in the foreground the front would not stop for wanting the terminal
	}
	if err := w.front.RequestStop(sig); err != nil && err != unix.EAGAIN { // full: it has been asked
		return fmt.Errorf("front: %w", err)
	}
	return nil
}

// happened answers what happened to the front.
func (w *waiting) happened(e front.Event) error {
	if w.front.Gone() && w.relay != nil {
		w.relay.Abandon()
	}
	switch e.Signal {
	case unix.SIGTERM, unix.SIGHUP:
		return w.end(e.Signal)
	case unix.SIGINT, unix.SIGQUIT, unix.SIGTSTP:
		return w.key(e)
	case unix.SIGCONT:
		return w.continued()
	case unix.SIGWINCH:
		if w.relay != nil {
			w.relay.Resize()
		}
	}
	return nil
}

// continued goes on with the session, where the front is now.
func (w *waiting) continued() error {
	foreground := w.relay == nil || w.relay.Resume()
	if !w.stopped && foreground == w.foreground {
		return nil
	}
	w.stopped, w.foreground = false, foreground
	return resume(w.l, w.c, foreground)
}

// key passes SIGINT, SIGQUIT or SIGTSTP on. Of these only a stop is sure:
// whoever stops the front wants the session stopped.
func (w *waiting) key(e front.Event) error {
	sig := e.Signal
	switch {
	case w.relay != nil && w.foreground && (e.Key || sig != unix.SIGTSTP):
		w.c.terminal.Signal(sig)
		return nil
	case w.relay == nil && !w.c.group && e.Key:
		return nil // it has heard it itself
	case sig == unix.SIGTSTP:
		sig = unix.SIGSTOP // the kernel does not stop an orphaned group by SIGTSTP
	}
	// To those that the target may signal. It needs no capability, so that a
	// flood of them costs next to nothing.
	if err := w.c.kill(sig); err == unix.EPERM {
		return signal(w.l, w.c, sig)
	}
	return nil
}

// end begins to end the session.
func (w *waiting) end(sig unix.Signal) error {
	if w.result.By != 0 {
		return nil // already ending
	}
	w.result.By, w.deadline = sig, time.Now().Add(w.grace)
	if err := signal(w.l, w.c, sig, unix.SIGCONT); err != nil {
		return err
	}
	return w.continued()
}
