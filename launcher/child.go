// Package launcher starts the session in a child, waits for it and ends it. The child is
// forked on the leader, and is C until it executes the shell (child.c). The monitor has
// nothing effective meanwhile, and raises capabilities only to signal a session that it may
// not signal otherwise. Call all functions on the leader.
package launcher

/*
#cgo CFLAGS: -Wall -Wextra -Wshadow -Werror -O2 -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -I${SRCDIR}/../privilege -I${SRCDIR}/../interpose
#cgo LDFLAGS: -lpam
#include <stdlib.h>
#include "child.h"
*/
import "C"

import (
	"errors"
	"fmt"

	"capsu/capability"
	"capsu/front"
	"capsu/relay"
	"capsu/tty"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// Raiser raises privilege while a function runs; it is privilege.Leader. Without privilege
// f may signal what the session's uid may.
type Raiser interface {
	With(f func() error) error
	WithOrWithout(f func() error) error
}

// Child is the running session, as the monitor sees it.
type Child struct {
	pid   int // our child: the command, or on a pseudo-terminal the leader
	pidfd int
	group bool   // without a pseudo-terminal: the command leads a process group of its own
	path  string // the shell's

	terminal *tty.Pty // the session's own, or nil
	ends     relay.Ends
	lead     int // the socket to the leader, or -1
	stops    int // without a leader: an eventfd, written to at each SIGCHLD; or -1
	command  int // with a leader: the command's pidfd; or -1

	foreground bool // the command began in the foreground of terminal
	remote     bool // Spec.Remote
	reaped     bool // pid has been waited for

	inheritable, ambient, bounding uint64 // as the child read them back before exec
}

// Tuple returns the tuple that the session started with, as the child read it back from
// the kernel. Its Bound vector has what the monitor's bounding set has and the session's
// lacks.
func (c *Child) Tuple() (*cap.IAB, error) {
	iab := cap.NewIAB()
	for v := range capability.All() {
		for vector, on := range map[cap.Vector]bool{
			cap.Inh: c.inheritable&(1<<v) != 0, cap.Amb: c.ambient&(1<<v) != 0, cap.Bound: c.bounding&(1<<v) == 0 && capability.Bounded(v),
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

// Launch forks on the calling thread, the leader, and returns once the child has executed
// the shell or has failed. The error is an ExecError, a StepError, a BeyondError,
// front.ErrEnded or a system call's; the child has then ended. warn gets a HomeError,
// which does not prevent the session.
func Launch(l Raiser, s *Spec, f *front.Front, warn func(error)) (*Child, error) {
	c := &Child{pidfd: -1, group: s.NewSession, path: s.Path,
		terminal: s.Terminal, ends: s.Ends, foreground: s.Foreground, remote: s.Remote, lead: -1, stops: -1, command: -1}
	pipe, lead := []int{-1, -1}, [2]int{-1, -1}
	if err := unix.Pipe2(pipe, unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	defer unix.Close(pipe[0])
	err := c.connect(&lead)
	if err == nil {
		c.pid, err = fork(s, pipe[1], lead[1])
	}
	unix.Close(pipe[1])
	closeAll(lead[1])
	if err != nil {
		c.close()
		return nil, err
	}
	if c.pidfd, err = unix.PidfdOpen(c.pid, 0); err == nil {
		err = c.awaitExec(pipe[0], f, s.Home, warn)
	}
	if err == nil && s.Terminal != nil {
		err = s.Terminal.HandOver()
	}
	if err != nil {
		return nil, errors.Join(err, l.WithOrWithout(c.discard))
	}
	return c, nil
}

// connect makes the descriptor that tells of the session's stops: the socket to its
// leader, or an eventfd that is written to at each SIGCHLD.
func (c *Child) connect(lead *[2]int) (err error) {
	if c.terminal != nil {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("socketpair: %w", err)
		}
		*lead, c.lead = pair, pair[0]
		return nil
	}
	if c.stops, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	if r, err := C.child_notify(C.int(c.stops)); r < 0 {
		return fmt.Errorf("SIGCHLD: %w", err)
	}
	return nil
}

// close closes the descriptors. The leader ends when its socket is closed.
func (c *Child) close() {
	if c.stops >= 0 {
		C.child_notify(-1)
	}
	closeAll(c.pidfd, c.lead, c.stops, c.command)
}

// discard ends a child after a failed launch. On a pseudo-terminal it ends the command as
// well, which may run already: the target can stop the leader and not the command.
func (c *Child) discard() (err error) {
	defer c.close()
	if c.command >= 0 {
		if err = c.kill(unix.SIGKILL); err == unix.ESRCH {
			err = nil
		}
	}
	return errors.Join(wrap("kill", err), reapKilled(c.pid))
}

func closeAll(fds ...int) {
	for _, fd := range fds {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

func wrap(what string, err error) error {
	if err != nil {
		err = fmt.Errorf("%s: %w", what, err)
	}
	return err
}
