package launcher

/*
#cgo CFLAGS: -Wall -Wextra -O2 -fstack-protector-strong
#cgo LDFLAGS: -lpam
#include <stdlib.h>
#include "child.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// Spec is what a session shall be. The zero value of a field takes nothing
// away and gives nothing.
type Spec struct {
	PAM unsafe.Pointer // the pam_handle_t

	UID, GID uint32
	Groups   []uint32
	Old      Identity // what the monitor was at start: must not be had back

	Tuple      *cap.IAB // decided tuple; nil: what stands after pam_end
	Passed     uint64   // without Tuple: Inheritable added to what stands
	Securebits cap.Secbits

	// Taking less than the grant, which is what stands after pam_end and Tuple;
	// compared in the child, where that is known.
	Narrow     *cap.IAB // replaces the grant, and must not exceed it; nil: the grant
	Drop       *cap.IAB // its Inheritable bits are taken off I and A; nil: none
	NoNewPrivs bool

	NewSession bool   // no controlling terminal, process group of its own
	Home       string // directory to enter; empty: stay
	Limits     Limits
	Ignored    uint64 // signals ignored, bit n-1
	Mask       uint64 // signals blocked, bit n-1

	Path string   // of the shell
	Args []string // with argv[0]
	Env  []string
}

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
	names := make([]string, len(e.Caps))
	for i, c := range e.Caps {
		names[i] = c.String()
	}
	return fmt.Sprintf("%s %s: more than the grant", e.Set, strings.Join(names, ","))
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
	for c := cap.Value(0); c < cap.MaxBits(); c++ {
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

// ErrStopped says that the session was ended before it began.
var ErrStopped = errors.New("ended before the session began")

// Launch forks on this thread, the one that ran PAM, and returns when the
// session runs its shell or has failed to. warn gets what does not prevent the
// session. A child that failed has been waited for.
func (m *Monitor) Launch(s *Spec, front *Front, warn func(error)) (*Child, error) {
	pipe := []int{-1, -1}
	if err := unix.Pipe2(pipe, unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	defer unix.Close(pipe[0])
	pid, err := m.fork(s, pipe[1])
	unix.Close(pipe[1])
	if err != nil {
		return nil, err
	}
	c, err := newChild(pid, s)
	if err == nil {
		err = c.started(pipe[0], front, s.Home, warn)
	}
	if err != nil {
		return nil, errors.Join(err, m.With(func() error { return reapKilled(pid) }))
	}
	return c, nil
}

// fork fills in the C side of s. Nothing is allocated after the fork.
func (m *Monitor) fork(s *Spec, report int) (int, error) {
	// SAFETY: everything the child reads is in C memory, or in cs, which is in
	// Go memory but holds no pointer into it except groups, pinned by use below.
	arena := &arena{}
	defer arena.free()
	cs := C.struct_child_spec{
		pam: s.PAM, monitor: C.pid_t(unix.Getpid()),
		uid: C.uid_t(s.UID), gid: C.gid_t(s.GID),
		groups: arena.groups(s.Groups), ngroups: C.size_t(len(s.Groups)),
		regain: [2]C.uid_t{0, C.uid_t(s.Old.UID.R)}, regain_gid: C.gid_t(s.Old.GID.R),
		passed:    C.uint64_t(s.Passed),
		modules_i: C.uint64_t(m.inheritable), modules_a: C.uint64_t(m.ambient),
		withheld:   C.uint64_t(m.withheld),
		securebits: C.int(s.Securebits),
		ignored:    C.uint64_t(s.Ignored), mask: C.uint64_t(s.Mask),
		path: arena.text(s.Path), argv: arena.list(s.Args), envp: arena.list(s.Env),
		report: C.int(report),
	}
	if s.Tuple != nil {
		cs.decided = 1
		cs.inheritable = C.uint64_t(vector(s.Tuple, cap.Inh))
		cs.ambient = C.uint64_t(vector(s.Tuple, cap.Amb))
		cs.blocked = C.uint64_t(vector(s.Tuple, cap.Bound))
	}
	if s.Narrow != nil {
		cs.narrowed = 1
		cs.narrow_i = C.uint64_t(vector(s.Narrow, cap.Inh))
		cs.narrow_a = C.uint64_t(vector(s.Narrow, cap.Amb))
		cs.narrow_b = C.uint64_t(vector(s.Narrow, cap.Bound))
	}
	if s.Drop != nil {
		cs.dropped = C.uint64_t(vector(s.Drop, cap.Inh))
	}
	if s.NoNewPrivs {
		cs.no_new_privs = 1
	}
	if s.NewSession {
		cs.new_session = 1
	}
	if s.Home != "" {
		cs.home = arena.text(s.Home)
	}
	for r, l := range s.Limits {
		cs.limits[r] = C.struct_rlimit{rlim_cur: C.rlim_t(l.Cur), rlim_max: C.rlim_t(l.Max)}
	}
	pid, err := C.child_fork(&cs)
	if pid < 0 {
		return 0, fmt.Errorf("fork: %w", err)
	}
	return int(pid), nil
}

// vector returns one vector of a tuple as bits.
func vector(iab *cap.IAB, v cap.Vector) (bits uint64) {
	for c := cap.Value(0); c < cap.MaxBits(); c++ {
		if on, err := iab.GetVector(v, c); err == nil && on {
			bits |= 1 << c
		}
	}
	return bits
}

// arena owns C memory until the fork has been made.
type arena struct{ owned []unsafe.Pointer }

func (a *arena) free() {
	for _, p := range a.owned {
		C.free(p)
	}
}

func (a *arena) text(s string) *C.char {
	p := C.CString(s)
	a.owned = append(a.owned, unsafe.Pointer(p))
	return p
}

func (a *arena) list(texts []string) **C.char {
	n := len(texts) + 1
	// SAFETY: n pointers of C memory, the last one NULL, as execve wants them.
	p := C.calloc(C.size_t(n), C.size_t(unsafe.Sizeof((*C.char)(nil))))
	a.owned = append(a.owned, p)
	for i, s := range texts {
		unsafe.Slice((**C.char)(p), n)[i] = a.text(s)
	}
	return (**C.char)(p)
}

func (a *arena) groups(ids []uint32) *C.gid_t {
	// SAFETY: room for one more than ids, so that it is never empty.
	p := C.calloc(C.size_t(len(ids)+1), C.size_t(unsafe.Sizeof(C.gid_t(0))))
	a.owned = append(a.owned, p)
	sorted := slices.Sorted(slices.Values(ids))
	for i, g := range sorted {
		unsafe.Slice((*C.gid_t)(p), len(ids)+1)[i] = C.gid_t(g)
	}
	return (*C.gid_t)(p)
}

// started reads the report pipe to its end, which exec makes.
func (c *Child) started(pipe int, front *Front, home string, warn func(error)) error {
	for {
		if err := front.waitBeside(pipe); err != nil {
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
			c.bounding = uint64(r.got)
			continue
		case C.CHILD_EXEC:
			return &ExecError{c.path, cause}
		}
		if err := beyond(r.step, uint64(r.want), uint64(r.got)); err != nil {
			return err
		}
		return &StepError{C.GoString(C.child_step_name(r.step)), cause, uint64(r.want), uint64(r.got)}
	}
}
