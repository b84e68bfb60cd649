package launcher

/*
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
	"capsu/descriptor"
	"capsu/front"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// awaitExec reads the child's reports from pipe until exec closes it. By then the child
// has reported its tuple, and on a pseudo-terminal the command has reported its pid.
func (c *Child) awaitExec(pipe int, f *front.Front, home string, warn func(error)) error {
	told := false
	for {
		r, ended, err := readReport(pipe, f)
		switch {
		case err != nil:
			return err
		case ended && (!told || c.lead >= 0 && c.command < 0):
			return errEarly
		case ended:
			return nil
		case r.step == C.CHILD_HOME:
			warn(&HomeError{home, syscall.Errno(r.err)})
		case r.step == C.CHILD_TUPLE:
			c.inheritable, c.ambient = uint64(r.want), uint64(r.got)
		case r.step == C.CHILD_BOUNDS:
			c.bounding, told = uint64(r.got), true
		case r.step == C.CHILD_COMMAND && r.err == 0:
			if err := c.openCommand(int(r.got)); err != nil {
				return err
			}
		default:
			return c.failure(r)
		}
	}
}

// readReport reads one report. It returns ended at the end of the pipe.
func readReport(pipe int, f *front.Front) (r C.struct_child_report, ended bool, err error) {
	for {
		if err := f.WaitBeside(pipe); err != nil {
			return r, false, err
		}
		// SAFETY: the child writes this struct, whole, by one write to a pipe.
		n, err := unix.Read(pipe, unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r)))
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return r, false, fmt.Errorf("report of the child: %w", err)
		case n != 0 && n != int(unsafe.Sizeof(r)):
			return r, false, errors.New("report of the child: cut short")
		}
		return r, n == 0, nil
	}
}

// openCommand opens a pidfd of the command, a child of the leader.
func (c *Child) openCommand(pid int) (err error) {
	// The leader does not reap the command, so the pid is the command's as long as the
	// leader lives.
	if c.command, err = unix.PidfdOpen(pid, 0); err != nil {
		return fmt.Errorf("pidfd_open: %w", err)
	}
	// If the target has killed the leader by now, the pid may be another process's.
	if over, err := descriptor.Readable(c.pidfd); over || err != nil {
		unix.Close(c.command)
		c.command = -1
		return errors.Join(errEarly, err)
	}
	return nil
}

// failure returns the error of a report that ends the launch.
func (c *Child) failure(r C.struct_child_report) error {
	var cause error
	if r.err != 0 {
		cause = syscall.Errno(r.err)
	}
	if r.step == C.CHILD_EXEC {
		return &ExecError{c.path, cause}
	}
	if err := beyondGrant(r.step, uint64(r.want), uint64(r.got)); err != nil {
		return err
	}
	return &StepError{stepName(uint32(r.step)), cause, uint64(r.want), uint64(r.got)}
}

func stepName(step uint32) string { return C.GoString(C.child_step_name(C.int(step))) }

// StepError says at which step the child failed to become the session.
type StepError struct {
	Step      string
	Err       error // nil if two values differ that must agree
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
	Caps []cap.Value // those beyond the grant; for Bounding, those that the rule blocks and Narrow does not
}

func (e *BeyondError) Error() string {
	return fmt.Sprintf("%s %s: more than the grant", e.Set, strings.Join(capability.Names(e.Caps), ","))
}

// beyondGrant returns the error of a step that compares Narrow with the grant, nil for
// the other steps.
func beyondGrant(step C.int, most, asked uint64) error {
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

// HomeError is a warning: the session has started in / instead of its home.
type HomeError struct {
	Path string
	Err  error
}

func (e *HomeError) Error() string { return fmt.Sprintf("home directory %s: %v", e.Path, e.Err) }
func (e *HomeError) Unwrap() error { return e.Err }

// errEarly says that the target has killed the child, which it may once the child has the
// target's uid.
var errEarly = errors.New("the child ended before the session began")
