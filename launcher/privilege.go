// Package launcher holds everything in capsu that is privileged: it raises
// capabilities, changes identities, and starts, waits for and ends the session.
//
// All of it must be called on the thread-group leader, to which the main
// goroutine is locked: PAM modules leave state on the thread that called them,
// and the session must inherit it by a fork from that thread. What changes
// identity or the permitted and effective sets changes it on all threads, by
// libpsx, and is read back from /proc/self/task; a surprise is an error, and
// an error means no session.
package launcher

/*
#include "sets.h"
*/
import "C"

import (
	"errors"
	"fmt"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// MinPending is how many signals must be allowed to be pending: libpsx and
// glibc tell each thread of a change by a queued signal, and with no room for
// one they wait for ever or change one thread only. start.h has the same.
const MinPending = 64

// Monitor is the privileged side of this process.
type Monitor struct {
	permitted uint64
	identity  Identity
	withheld  uint64 // permitted, but never raised any more
	raised    bool
	stuck     bool   // no room for a call on all threads any more: it stays raised
	limits    Limits // the monitor's own

	gaveUp     bool // GiveUpRoot, and not yet TakeRoot
	securebits int  // as they were before

	// What PAM modules gave the leader alone (pam_cap.so without defer,
	// pam_systemd). It stands there only while modules run, for libpsx ends the
	// process when threads disagree; the child gets it back.
	inheritable, ambient uint64
}

// NewMonitor takes the process as start.c left it: guard identity (or uid 0),
// Effective, Inheritable and Ambient empty. It fails unless all threads agree.
func NewMonitor() (*Monitor, error) {
	m := &Monitor{}
	var sets C.struct_sets
	if _, err := C.sets_read(&sets); err != nil {
		return nil, fmt.Errorf("capget: %w", err)
	}
	m.permitted = uint64(sets.p)
	var err error
	if m.identity, err = currentIdentity(); err != nil {
		return nil, err
	}
	if m.limits, err = ReadLimits(); err != nil {
		return nil, err
	}
	return m, m.verify()
}

// With runs f with every permitted capability effective that is not withheld,
// on all threads, and lowers them when f returns, however it returns. The one place in capsu that
// raises capabilities.
func (m *Monitor) With(f func() error) (err error) {
	if m.raised {
		return f()
	}
	if err := m.raise(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.lower()) }()
	return f()
}

// Without runs f, which waits for a person, with Effective empty; the
// conversation calls it within a With.
func (m *Monitor) Without(f func() error) (err error) {
	if !m.raised || m.stuck {
		return f()
	}
	if err := m.lower(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.raise()) }()
	return f()
}

// Withhold keeps capabilities from being effective again in this process.
// Those over files are withheld once modules act for the target: under su a
// module sheds them by changing its file system uid, and as the guard it has
// no uid 0 to leave (pam_env with user_readenv, pam_xauth).
func (m *Monitor) Withhold(caps ...cap.Value) {
	for _, c := range caps {
		m.withheld |= 1 << c
	}
}

// Shrink takes from the permitted set, on all threads and for good, whatever
// is not in keep. What the modules gave the leader has been handed to the
// child by then and is dropped.
func (m *Monitor) Shrink(keep ...cap.Value) error {
	m.inheritable, m.ambient = 0, 0
	var kept uint64
	for _, c := range keep {
		kept |= 1 << c
	}
	m.permitted &= kept
	return m.apply(0)
}

// Has tells whether a capability is permitted.
func (m *Monitor) Has(c cap.Value) bool { return m.permitted&(1<<c) != 0 }

// Bounded tells whether a capability is in the bounding set of this thread.
func Bounded(c cap.Value) bool {
	has, err := cap.GetBound(c)
	return err == nil && has
}

// continueAnyway sends SIGCONT with CAP_KILL, to pid as in kill(2). It raises it
// on this thread alone and for this one call, in C, where nothing else runs
// meanwhile. With allocates, and a session may stop itself without end.
func (m *Monitor) continueAnyway(pid int) error {
	if _, err := C.sets_continue(C.pid_t(pid)); err != nil {
		return fmt.Errorf("kill: %w", err)
	}
	return nil
}

func (m *Monitor) raise() error {
	m.raised = true
	err := m.apply(m.permitted &^ m.withheld)
	if err == nil && m.inheritable != 0 {
		err = m.giveBack()
	}
	if err != nil {
		err = errors.Join(err, m.lower())
	}
	return err
}

// giveBack gives the leader what modules gave it.
func (m *Monitor) giveBack() error {
	sets := C.struct_sets{e: C.uint64_t(m.permitted &^ m.withheld), p: C.uint64_t(m.permitted), i: C.uint64_t(m.inheritable)}
	if _, err := C.sets_apply(sets); err != nil {
		return fmt.Errorf("inheritable set of the modules: %w", err)
	}
	if _, err := C.sets_raise_ambient(C.uint64_t(m.ambient)); err != nil {
		return fmt.Errorf("ambient set of the modules: %w", err)
	}
	return nil
}

func (m *Monitor) lower() error {
	if m.stuck {
		return nil
	}
	if err := m.room(); err != nil {
		m.stuck = true
		return err
	}
	if err := m.putBack(); err != nil {
		return err
	}
	var sets C.struct_sets
	if _, err := C.sets_read(&sets); err != nil {
		return fmt.Errorf("capget: %w", err)
	}
	m.inheritable, m.ambient = uint64(sets.i), uint64(C.sets_ambient())
	if m.inheritable != 0 {
		// Emptying Inheritable empties Ambient; now the leader agrees with the others.
		sets.i = 0
		if _, err := C.sets_apply(sets); err != nil {
			return fmt.Errorf("inheritable set: %w", err)
		}
	}
	m.raised = false
	return m.apply(0)
}

// apply sets Effective to e, Permitted to m.permitted and Inheritable to
// nothing, on all threads, and reads it back. It comes after every change of
// identity, of capsu's own or a module's, so the process is not dumpable again.
func (m *Monitor) apply(e uint64) error {
	if err := m.room(); err != nil {
		return err
	}
	set := cap.NewSet()
	for c := cap.Value(0); c < cap.MaxBits(); c++ {
		if err := set.SetFlag(cap.Permitted, m.permitted&(1<<c) != 0, c); err != nil {
			return fmt.Errorf("permitted set: %w", err)
		}
		if err := set.SetFlag(cap.Effective, e&(1<<c) != 0, c); err != nil {
			return fmt.Errorf("effective set: %w", err)
		}
	}
	if err := set.SetProc(); err != nil {
		return fmt.Errorf("capset: %w", err)
	}
	if err := notDumpable(); err != nil {
		return err
	}
	return verifyThreads(m.identity, e, m.permitted)
}
