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
	"strings"
	"syscall"
	"unsafe"

	"capsu/capability"
	"capsu/front"
	"capsu/tty"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// Raiser raises privilege for the time of a function: privilege.Leader. Without it f may
// signal what the session's uid may.
type Raiser interface {
	With(f func() error) error
	WithOrWithout(f func() error) error
}

// Child is the running session.
type Child struct {
	pid   int // of this process's child: the session, or its leader
	pidfd int
	group bool   // without a pseudo-terminal: it leads a process group of its own
	path  string // of its shell

	terminal *tty.Pty // the session's own, or nil
	lead     int      // socket to the session's leader, or -1
	stops    int      // eventfd that tells of stops without a leader, or -1
	command  int      // with a leader: pidfd of its child

	foreground bool // the command began in the foreground of terminal
	remote     bool // Spec.Remote
	reaped     bool // pid has been waited for

	inheritable, ambient, bounding uint64 // as the child read them back before exec
}

// Tuple is what the session started with: what it has been given, read back by
// the child itself. Blocked is what its bounding set lacks and this process's has.
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

// Launch forks on this thread, the one that ran PAM, and returns when the
// session runs its shell or has failed to. warn gets what does not prevent the
// session. A child that failed has been waited for.
func Launch(l Raiser, s *Spec, f *front.Front, warn func(error)) (*Child, error) {
	c := &Child{pidfd: -1, group: s.NewSession, path: s.Path,
		terminal: s.Terminal, foreground: s.Foreground, remote: s.Remote, lead: -1, stops: -1, command: -1}
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
		err = c.started(pipe[0], f, s.Home, warn)
	}
	if err == nil && s.Terminal != nil {
		err = s.Terminal.HandOver()
	}
	if err != nil {
		return nil, errors.Join(err, l.WithOrWithout(c.discard))
	}
	return c, nil
}

// connect makes what tells of the session's stops: a socket to its leader, or
// an event at each SIGCHLD.
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
	if r, err := C.child_hear_of_children(C.int(c.stops)); r < 0 {
		return fmt.Errorf("SIGCHLD: %w", err)
	}
	return nil
}

// close closes the descriptors; a leader then ends.
func (c *Child) close() {
	if c.stops >= 0 {
		C.child_hear_of_children(-1)
	}
	closeAll(c.pidfd, c.lead, c.stops, c.command)
}

// discard ends a child that has not become the session, and with a leader its
// child, which may have: its owner can hold up the one and not the other.
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

func readable(fd int) (bool, error) {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 0)
		if err != unix.EINTR {
			return n > 0, wrap("poll", err)
		}
	}
}

func wrap(what string, err error) error {
	if err != nil {
		err = fmt.Errorf("%s: %w", what, err)
	}
	return err
}

// started reads the report pipe to its end, which exec makes: after the child
// has told its tuple, and the leader's child its pid, the last word before exec.
func (c *Child) started(pipe int, f *front.Front, home string, warn func(error)) error {
	told := false
	for {
		if err := f.WaitBeside(pipe); err != nil {
			return err
		}
		var r C.struct_child_report
		// SAFETY: the child writes this struct, whole, by one write to a pipe.
		n, err := unix.Read(pipe, unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r)))
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("report of the child: %w", err)
		case n == 0 && (!told || c.lead >= 0 && c.command < 0): // killed: its owner may, once it has the target's uid
			return errEarly
		case n == 0:
			return nil
		case n != int(unsafe.Sizeof(r)):
			return errors.New("report of the child: cut short")
		}
		var cause error
		if r.err != 0 {
			cause = syscall.Errno(r.err)
		}
		switch r.step {
		case C.CHILD_HOME:
			warn(&HomeError{home, cause})
			continue
		case C.CHILD_TUPLE:
			c.inheritable, c.ambient = uint64(r.want), uint64(r.got)
			continue
		case C.CHILD_BOUNDS:
			c.bounding, told = uint64(r.got), true
			continue
		case C.CHILD_COMMAND:
			if r.err != 0 {
				break
			}
			// It is our child's child, which does not reap it: the pid is its.
			if c.command, err = unix.PidfdOpen(int(r.got), 0); err != nil {
				return fmt.Errorf("pidfd_open: %w", err)
			}
			// Unless its owner has killed the leader by now, and the pid is another's.
			if over, err := readable(c.pidfd); over || err != nil {
				unix.Close(c.command)
				c.command = -1
				return errors.Join(errEarly, err)
			}
			continue
		case C.CHILD_EXEC:
			return &ExecError{c.path, cause}
		}
		if err := beyond(r.step, uint64(r.want), uint64(r.got)); err != nil {
			return err
		}
		return &StepError{stepName(uint32(r.step)), cause, uint64(r.want), uint64(r.got)}
	}
}

func stepName(step uint32) string { return C.GoString(C.child_step_name(C.int(step))) }

// StepError says at which step the child could not become the session.
type StepError struct {
	Step      string
	Err       error // nil where two values should have agreed
	Want, Got uint64
}

func (e *StepError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Step, e.Err)
	}
	return fmt.Sprintf("%s: %#x, not %#x", e.Step, e.Got, e.Want)
}

func (e *StepError) Unwrap() error { return e.Err }

// ExecError says that the shell could not be executed.
type ExecError struct {
	Path string
	Err  error
}

func (e *ExecError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }
func (e *ExecError) Unwrap() error { return e.Err }

// BeyondError says that Spec.Narrow asks for more than the grant.
type BeyondError struct {
	Set  string      // Inheritable, Ambient or Bounding
	Caps []cap.Value // what exceeds; of Bounding, what the rule blocks and Narrow does not
}

func (e *BeyondError) Error() string {
	return fmt.Sprintf("%s %s: more than the grant", e.Set, strings.Join(capability.Names(e.Caps), ","))
}

// beyond makes the error of one of the steps that compare; nil for the others.
func beyond(step C.int, most, asked uint64) error {
	set := map[C.int]string{
		C.CHILD_BEYOND_INHERITABLE: "Inheritable", C.CHILD_BEYOND_AMBIENT: "Ambient", C.CHILD_BEYOND_BOUNDING: "Bounding",
	}[step]
	if set == "" {
		return nil
	}
	e := &BeyondError{Set: set}
	for c := range capability.All() {
		if asked&^most&(1<<c) != 0 {
			e.Caps = append(e.Caps, c)
		}
	}
	return e
}

// HomeError is a warning: the session started in / and not in its home.
type HomeError struct {
	Path string
	Err  error
}

func (e *HomeError) Error() string { return fmt.Sprintf("home directory %s: %v", e.Path, e.Err) }
func (e *HomeError) Unwrap() error { return e.Err }

var errEarly = errors.New("the child ended before the session began")
