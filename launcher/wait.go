package launcher

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// Front is the monitor's end of the socket to the front, which does not block.
// Nothing that comes from there is trusted: it says that the caller wants an
// end, no more.
type Front struct {
	FD     int
	closed bool
	ending unix.Signal // SIGTERM or SIGHUP, once one has come
}

// Event takes one event: SIGTERM, SIGHUP, SIGINT or SIGQUIT as the front got
// it, SIGHUP when the front is gone, 0 when there is nothing (more). SIGTERM
// and SIGHUP stay: who asks again gets them again.
func (f *Front) Event() unix.Signal {
	if f.ending == 0 {
		switch sig := f.next(); sig {
		case unix.SIGTERM, unix.SIGHUP:
			f.ending = sig
		default:
			return sig
		}
	} else {
		f.next()
	}
	return f.ending
}

// next allocates nothing: the caller can send as many as he likes, and the
// runtime does not collect garbage.
func (f *Front) next() unix.Signal {
	if f.closed {
		return unix.SIGHUP
	}
	var b [8]byte
	n, err := unix.Read(f.FD, b[:])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return 0
	case err != nil || n == 0:
		f.closed = true
		return unix.SIGHUP
	}
	switch b[0] {
	case 'T':
		return unix.SIGTERM
	case 'H':
		return unix.SIGHUP
	case 'I':
		return unix.SIGINT
	case 'Q':
		return unix.SIGQUIT
	}
	return 0
}

// Ending takes all events that are there and returns the one that ends a
// session which has not begun: SIGTERM or SIGHUP. Ctrl-C counts at prompts only.
func (f *Front) Ending() unix.Signal {
	for {
		switch sig := f.Event(); sig {
		case 0, unix.SIGTERM, unix.SIGHUP:
			return sig
		}
	}
}

func (f *Front) poll() unix.PollFd {
	if f.closed {
		return unix.PollFd{Fd: -1}
	}
	return unix.PollFd{Fd: int32(f.FD), Events: unix.POLLIN}
}

// launchGrace is how long a child may still take to become the session when
// the front wants an end.
const launchGrace = 2 * time.Second

// waitBeside waits until fd, the child's report, is readable. When something
// comes from the front it stays there, for Wait, and the child has a grace.
func (f *Front) waitBeside(fd int) error {
	for timeout := -1; ; {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, f.poll()}
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
			return ErrStopped
		default:
			timeout = int(launchGrace / time.Millisecond)
		}
	}
}

// Child is the running session.
type Child struct {
	pid   int
	pidfd int
	group bool   // it leads a process group of its own
	path  string // of its shell

	inheritable, ambient, bounding uint64 // as the child read them back before exec
}

// Tuple is what the session started with: what it has been given, read back by
// the child itself. Blocked is what its bounding set lacks and this process's has.
func (c *Child) Tuple() (*cap.IAB, error) {
	iab := cap.NewIAB()
	for v := cap.Value(0); v < cap.MaxBits(); v++ {
		for vector, on := range map[cap.Vector]bool{
			cap.Inh: c.inheritable&(1<<v) != 0, cap.Amb: c.ambient&(1<<v) != 0, cap.Bound: c.bounding&(1<<v) == 0 && Bounded(v),
		} {
			if !on {
				continue
			}
			if err := iab.SetVector(vector, true, v); err != nil {
				return nil, err
			}
		}
	}
	return iab, nil
}

func newChild(pid int, s *Spec) (*Child, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("pidfd_open: %w", err)
	}
	return &Child{pid: pid, pidfd: fd, group: s.NewSession, path: s.Path}, nil
}

// Result is how a session ended.
type Result struct {
	Status unix.WaitStatus
	// By is the signal that made capsu end the session, 0 if it ended by itself.
	By unix.Signal
}

// Wait waits for this child only: a module may have children of its own.
// SIGTERM and SIGHUP from the front end the session: the signal, then after
// grace SIGKILL. SIGINT and SIGQUIT are passed to a session that the terminal
// cannot reach. If it cannot wait any longer it ends the session: nobody else would.
func (m *Monitor) Wait(c *Child, front *Front, grace time.Duration) (*Result, error) {
	var r Result
	var deadline time.Time
	for {
		ended, err := m.step(c, front, &r, &deadline, grace)
		if err != nil {
			return nil, errors.Join(err, m.End(c))
		}
		if ended {
			unix.Close(c.pidfd)
			return &r, nil
		}
	}
}

// step waits for one thing to happen, and answers it.
func (m *Monitor) step(c *Child, front *Front, r *Result, deadline *time.Time, grace time.Duration) (ended bool, err error) {
	timeout := -1
	if !deadline.IsZero() {
		timeout = int(max(time.Until(*deadline), 0)/time.Millisecond) + 1
	}
	fds := []unix.PollFd{{Fd: int32(c.pidfd), Events: unix.POLLIN}, front.poll()}
	_, err = unix.Poll(fds, timeout)
	switch {
	case err == unix.EINTR:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("poll: %w", err)
	case fds[0].Revents != 0:
		r.Status, err = reap(c.pid)
		return true, err
	case !deadline.IsZero() && !time.Now().Before(*deadline):
		*deadline = time.Time{} // SIGKILL needs no second one
		return false, m.signal(c, unix.SIGKILL)
	case fds[1].Revents == 0:
		return false, nil
	}
	switch sig := front.Event(); {
	case sig == 0:
	case sig == unix.SIGTERM || sig == unix.SIGHUP:
		if r.By != 0 {
			return false, nil // already ending
		}
		r.By, *deadline = sig, time.Now().Add(grace)
		signals := []unix.Signal{unix.SIGTERM, unix.SIGCONT}
		if sig == unix.SIGHUP { // by which an interactive shell ends; it ignores SIGTERM
			signals = []unix.Signal{unix.SIGHUP, unix.SIGTERM, unix.SIGCONT}
		}
		return false, m.signal(c, signals...)
	case c.group:
		// As the terminal would: to those that the target may signal. It needs no
		// capability, so that a flood of them costs next to nothing.
		if err := unix.Kill(-c.pid, sig); err == unix.EPERM {
			return false, m.signal(c, sig)
		}
	}
	return false, nil
}

// signal sends to the session's process group if it has one of its own, else
// to its first process, which has not been waited for: the pid is still its.
func (m *Monitor) signal(c *Child, signals ...unix.Signal) error {
	return m.With(func() error {
		to := c.pid
		if c.group {
			to = -c.pid
		}
		for _, sig := range signals {
			if err := unix.Kill(to, sig); err != nil && err != unix.ESRCH {
				return fmt.Errorf("kill: %w", err)
			}
		}
		return nil
	})
}

func reap(pid int) (unix.WaitStatus, error) {
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &status, 0, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("wait: %w", err)
		}
		return status, nil
	}
}

func reapKilled(pid int) error {
	err := unix.Kill(pid, unix.SIGKILL)
	_, reaped := reap(pid)
	return errors.Join(err, reaped)
}

// End kills a session that must not go on, and waits for it.
func (m *Monitor) End(c *Child) error {
	defer unix.Close(c.pidfd)
	err := m.signal(c, unix.SIGKILL)
	if err != nil {
		if e := unix.Kill(c.pid, unix.SIGKILL); e != nil {
			return errors.Join(err, e) // it will get SIGHUP when we are gone
		}
	}
	_, reaped := reap(c.pid)
	return errors.Join(err, reaped)
}
