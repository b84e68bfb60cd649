// Package front is what runs before the Go runtime, and both ends of the socket
// between the two processes that come of it.
//
// start.c, a constructor, splits the process in two. The front (front.c, leave.c,
// helper.c) stays what the caller's shell started: the caller's uid, no capability,
// and C to its end. The monitor (monitor.c, limits.c) goes on into the Go runtime, as
// the guard. Take hands over what start.c has found. A Front is the monitor's end of the
// socket; nothing that comes from there is believed beyond "the caller wants this".
//
// Nothing is effective while functions of this package run. Take and the methods of a
// Front are called on the leader.
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

// GuardName is the system user whose uid the monitor carries.
const GuardName = C.GUARD

// Start is the snapshot that start.c took before there were threads.
type Start struct {
	Caller      uint32   // uid: the real one at start
	GID         uint32   // the caller's
	Groups      []uint32 // the caller's
	Guard       uint32   // uid; privilege.Nobody: root calls, and there is no guard
	GuardGID    uint32
	Front       *Front // nil: there is no monitor
	Inheritable uint64 // the caller's Inheritable set; bit n is capability n
	Securebits  cap.Secbits
	Ignored     uint64 // signals that were ignored, bit n-1
	Mask        uint64 // signals that were blocked, bit n-1
	Environ     []string
}

// Fault says why there is no monitor.
type Fault struct {
	Kind FaultKind
	Call string // with System the call, with NotOurs the function
	Err  error  // with NoProc and System
}

// FaultKind is an enum fault of front.h.
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

// Take takes over from start.c. With an error, a *Fault where start.c has noted one, there
// is no monitor that could open a session; what the caller handed us is there all the same.
func Take() (*Start, error) {
	c := &C.started
	s := &Start{
		Caller: uint32(c.uid), GID: uint32(c.gid), Guard: uint32(c.guard), GuardGID: uint32(c.guard_gid),
		Inheritable: uint64(c.inheritable), Securebits: cap.Secbits(c.securebits),
		Ignored: uint64(c.ignored), Mask: uint64(c.mask),
	}
	// SAFETY: start.c made the array, of ngroups; nobody changes it.
	for _, g := range unsafe.Slice(c.groups, c.ngroups) {
		s.Groups = append(s.Groups, uint32(g))
	}
	// SAFETY: start.c made the array, ended by NULL; nobody changes it.
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

// End tells the front how to end once this process is gone: by sig if that is not 0, or
// with status. Without a front it does nothing.
func (s *Start) End(sig unix.Signal, status int) {
	switch {
	case s.Front == nil:
	case sig != 0:
		C.monitor_end(C.ORDER_DIE_BY, C.int(sig))
	default:
		C.monitor_end(C.ORDER_END, C.int(status))
	}
}
