package launcher

/*
#include <stdlib.h>
#include "child.h"
*/
import "C"

import (
	"fmt"
	"slices"
	"unsafe"

	"capsu/capability"
	"capsu/interpose"
	"capsu/tty"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// Spec is what a session shall be. The zero value of a field takes nothing
// away and gives nothing.
type Spec struct {
	PAM unsafe.Pointer // the pam_handle_t

	UID, GID uint32
	Groups   []uint32
	Old      []uint32 // uids of the monitor and its caller, which must not be had back
	OldGID   uint32   // likewise

	Tuple      *cap.IAB // decided tuple; nil: what stands after pam_end
	Passed     uint64   // without Tuple: Inheritable added to what stands
	Securebits cap.Secbits

	// Taking less than the grant, which is what stands after pam_end and Tuple;
	// compared in the child, where that is known.
	Narrow     *cap.IAB // replaces the grant, and must not exceed it; nil: the grant
	Drop       *cap.IAB // its Inheritable bits are taken off I and A; nil: none
	NoNewPrivs bool

	NewSession bool     // no controlling terminal, process group of its own
	Terminal   *tty.Pty // the session's own; nil: the caller's, as it is
	Foreground bool     // with Terminal: the command begins in its foreground
	Remote     bool     // the caller is at the other end of descriptors 0 to 2, as far as they tell
	Home       string   // directory to enter; empty: stay
	Limits     interpose.Limits
	Ignored    uint64 // signals ignored, bit n-1
	Mask       uint64 // signals blocked, bit n-1

	Path string   // of the shell
	Args []string // with argv[0]
	Env  []string
}

// fork fills in the C side of s. Nothing is allocated after the fork.
func fork(s *Spec, report, lead int) (int, error) {
	// SAFETY: everything the child reads is in C memory, or in cs, which is in
	// Go memory and holds pointers to C memory only.
	arena := &arena{}
	defer arena.free()
	cs := C.struct_child_spec{
		pam: s.PAM, monitor: C.pid_t(unix.Getpid()),
		uid: C.uid_t(s.UID), gid: C.gid_t(s.GID),
		groups: arena.ids(s.Groups), ngroups: C.size_t(len(s.Groups)),
		regain: arena.ids(s.Old), nregain: C.size_t(len(s.Old)), regain_gid: C.gid_t(s.OldGID),
		passed:     C.uint64_t(s.Passed),
		securebits: C.int(s.Securebits),
		ignored:    C.uint64_t(s.Ignored), mask: C.uint64_t(s.Mask),
		path: arena.text(s.Path), argv: arena.list(s.Args), envp: arena.list(s.Env),
		report: C.int(report), terminal: -1, lead: C.int(lead),
	}
	if s.Terminal != nil {
		cs.terminal = C.int(s.Terminal.Slave)
	}
	if s.Foreground {
		cs.foreground = 1
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
	for _, c := range capability.In(iab, v) {
		bits |= 1 << c
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

func (a *arena) ids(ids []uint32) *C.gid_t {
	// SAFETY: room for one more than ids, so that it is never empty.
	p := C.calloc(C.size_t(len(ids)+1), C.size_t(unsafe.Sizeof(C.gid_t(0))))
	a.owned = append(a.owned, p)
	sorted := slices.Sorted(slices.Values(ids))
	for i, g := range sorted {
		unsafe.Slice((*C.gid_t)(p), len(ids)+1)[i] = C.gid_t(g)
	}
	return (*C.gid_t)(p)
}
