// Package front has the code that runs before the Go runtime, and both ends of the
// socket between front and monitor.
//
// start.c, a constructor, splits the process in two. The front (front.c, leave.c,
// helper.c) has the caller's uid and no capability, and stays C. The monitor (monitor.c,
// limits.c) goes on into the Go runtime, as the guard. Take returns what start.c has
// found. A Front is the monitor's end of the socket. Its messages are the caller's
// wishes; the monitor trusts them no further.
//
// Effective is empty while functions of this package run. Call Take and the methods of a
// Front on the leader.
package front

/*
#cgo CFLAGS: -Wall -Wextra -Wshadow -Werror -O2 -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -I${SRCDIR}/../privilege -I${SRCDIR}/../interpose
#cgo LDFLAGS: -Wl,-z,relro -Wl,-z,now
#include "front.h"
*/
import "C"

import (
	"fmt"
	"syscall"
	"unsafe"

	"capsu/interpose"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// GuardName is the guard's name: the system user whose uid the monitor has.
const GuardName = C.GUARD

// Start is the snapshot that start.c took before there were threads.
type Start struct {
	Caller      uint32   // the caller's uid: the real one at start
	GID         uint32   // the caller's
	Groups      []uint32 // the caller's
	Guard       uint32   // the guard's uid; privilege.Nobody if root calls and there is none
	GuardGID    uint32
	Front       *Front // nil: there is no monitor
	Inheritable uint64 // the caller's Inheritable set; bit n is capability n
	Securebits  cap.Secbits
	Ignored     uint64   // the signals that were ignored; bit n-1 is signal n
	Mask        uint64   // the signals that were blocked; bit n-1 is signal n
	Environ     []string // the caller's environment, entries as found
}

// Fault says why there is no monitor, or why it cannot open a session.
type Fault struct {
	Kind FaultKind
	Call string // the call of NoProc or FailedSystem, the function of NotOurs
	Err  error  // the errno of NoProc and FailedSystem
}

// FaultKind is a value of enum fault in front.h.
type FaultKind int

// The faults, as front.h explains them.
const (
	NoProc       FaultKind = C.FAULT_NO_PROC
	Setid        FaultKind = C.FAULT_SETID
	NoFilecaps   FaultKind = C.FAULT_NO_FILECAPS
	NoPrivilege  FaultKind = C.FAULT_NO_PRIVILEGE
	NoGuard      FaultKind = C.FAULT_NO_GUARD
	BadGuard     FaultKind = C.FAULT_BAD_GUARD
	NotOurs      FaultKind = C.FAULT_NOT_OURS
	FailedSystem FaultKind = C.FAULT_SYSTEM
)

func (f *Fault) Error() string { return fmt.Sprintf("start: fault %d: %s: %v", f.Kind, f.Call, f.Err) }

func (f *Fault) Unwrap() error { return f.Err }

// Take takes over from start.c, and settles the monitor's signals and limit of open
// files. An error, a *Fault if start.c has noted one, means that there is no monitor that
// could open a session. The Start is valid even then.
func Take() (*Start, error) {
	c := &C.started
	s := &Start{
		Caller: uint32(c.uid), GID: uint32(c.gid), Guard: uint32(c.guard), GuardGID: uint32(c.guard_gid),
		Inheritable: uint64(c.inheritable), Securebits: cap.Secbits(c.securebits),
		Ignored: uint64(c.ignored), Mask: uint64(c.mask),
	}
	// SAFETY: start.c made the array, of ngroups entries; it does not change.
	for _, g := range unsafe.Slice(c.groups, c.ngroups) {
		s.Groups = append(s.Groups, uint32(g))
	}
	// SAFETY: start.c made the array, which ends with NULL; it does not change.
	for p := unsafe.Pointer(c.environ); p != nil && *(**C.char)(p) != nil; p = unsafe.Add(p, unsafe.Sizeof(p)) {
		s.Environ = append(s.Environ, C.GoString(*(**C.char)(p)))
	}
	if c.monitor == 1 {
		s.Front = &Front{FD: int(c.socket)}
		if r, err := C.monitor_settle(); r < 0 {
			return s, fmt.Errorf("signals: %w", err)
		}
	}
	if c.monitor != 1 || c.fault != C.FAULT_NONE {
		return s, &Fault{FaultKind(c.fault), C.GoString(c.call), syscall.Errno(c.err)}
	}
	files := c.limits[unix.RLIMIT_NOFILE]
	return s, interpose.SettleFiles(unix.Rlimit{Cur: uint64(files.rlim_cur), Max: uint64(files.rlim_max)})
}

// End tells the front how to end once this process is gone: by sig, or with status if sig
// is 0. It waits until the front can take that. Without a front it does nothing.
func (s *Start) End(sig unix.Signal, status int) {
	switch {
	case s.Front == nil:
	case sig != 0:
		C.monitor_end(C.ORDER_DIE_BY, C.int(sig))
	default:
		C.monitor_end(C.ORDER_END, C.int(status))
	}
}
