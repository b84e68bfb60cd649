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
	"capsu/relay"
	"capsu/tty"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// Spec says what the child becomes. The zero value of a field changes nothing.
type Spec struct {
	PAM unsafe.Pointer // the pam_handle_t

	UID, GID  uint32 // the target's
	Groups    []uint32
	Regain    []uint32 // uids of the monitor and its caller: the child fails if it can regain one
	RegainGID uint32   // the caller's gid, likewise

	Tuple      *cap.IAB // the decided tuple; nil: the sets that pam_end leaves
	Passed     uint64   // without Tuple: what is added to Inheritable; bit n is capability n
	Securebits cap.Secbits

	// The session may take less than the grant: the sets after pam_end and Tuple. Only
	// the child knows them, so it compares.
	Narrow     *cap.IAB // replaces the grant, and must not exceed it; nil: the grant
	Drop       *cap.IAB // its Inheritable bits are removed from Inheritable and Ambient; nil: none
	NoNewPrivs bool

	NewSession bool       // setsid(2): no controlling terminal, a process group of its own
	Terminal   *tty.Pty   // the session's own; nil: the caller's
	Ends       relay.Ends // with Terminal: the caller's descriptors that it stands for
	Foreground bool       // with Terminal: the command begins in its foreground
	Remote     bool       // the other ends of descriptors 0-2 tell whether the caller is gone
	Home       string     // the directory to enter; empty: none
	Limits     interpose.Limits
	Ignored    uint64 // the signals ignored in the session; bit n-1 is signal n
	Mask       uint64 // the signals blocked in the session; bit n-1 is signal n

	Path string   // the shell's
	Args []string // with argv[0]
	Env  []string
}

// fork copies s to C memory and forks on the calling thread. The child allocates nothing.
// It returns the child's pid.
func fork(s *Spec, report, lead int) (int, error) {
	// SAFETY: the child reads C memory, and cs, which is Go memory that points to C
	// memory only.
	arena := &arena{}
	defer arena.free()
	cs := C.struct_child_spec{
		pam: s.PAM, monitor: C.pid_t(unix.Getpid()),
		uid: C.uid_t(s.UID), gid: C.gid_t(s.GID),
		groups: arena.ids(s.Groups), ngroups: C.size_t(len(s.Groups)),
		regain: arena.ids(s.Regain), nregain: C.size_t(len(s.Regain)), regain_gid: C.gid_t(s.RegainGID),
		passed:     C.uint64_t(s.Passed),
		securebits: C.int(s.Securebits), no_new_privs: C.bool(s.NoNewPrivs),
		new_session: C.bool(s.NewSession), foreground: C.bool(s.Foreground),
		ignored: C.uint64_t(s.Ignored), mask: C.uint64_t(s.Mask),
		path: arena.text(s.Path), argv: arena.list(s.Args), envp: arena.list(s.Env),
		report: C.int(report), terminal: -1, lead: C.int(lead),
	}
	if s.Terminal != nil {
		cs.terminal = C.int(s.Terminal.Slave)
		for fd, yes := range s.Ends.Replaced {
			cs.replaced[fd] = C.bool(yes)
		}
	}
	if s.Tuple != nil {
		cs.decided = true
		cs.inheritable = C.uint64_t(vector(s.Tuple, cap.Inh))
		cs.ambient = C.uint64_t(vector(s.Tuple, cap.Amb))
		cs.blocked = C.uint64_t(vector(s.Tuple, cap.Bound))
	}
	if s.Narrow != nil {
		cs.narrowed = true
		cs.narrow_i = C.uint64_t(vector(s.Narrow, cap.Inh))
		cs.narrow_a = C.uint64_t(vector(s.Narrow, cap.Amb))
		cs.narrow_b = C.uint64_t(vector(s.Narrow, cap.Bound))
	}
	if s.Drop != nil {
		cs.dropped = C.uint64_t(vector(s.Drop, cap.Inh))
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

// vector returns one vector of a tuple; bit n is capability n.
func vector(iab *cap.IAB, v cap.Vector) (bits uint64) {
	for _, c := range capability.In(iab, v) {
		bits |= 1 << c
	}
	return bits
}

// arena owns the C memory of a Spec until the fork has been made.
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
	// SAFETY: the memory has room for n pointers, the last one NULL, as execve needs.
	p := C.calloc(C.size_t(n), C.size_t(unsafe.Sizeof((*C.char)(nil))))
	a.owned = append(a.owned, p)
	for i, text := range texts {
		unsafe.Slice((**C.char)(p), n)[i] = a.text(text)
	}
	return (**C.char)(p)
}

func (a *arena) ids(ids []uint32) *C.gid_t {
	// SAFETY: the memory has room for one more than ids, so that it is never empty.
	p := C.calloc(C.size_t(len(ids)+1), C.size_t(unsafe.Sizeof(C.gid_t(0))))
	a.owned = append(a.owned, p)
	sorted := slices.Sorted(slices.Values(ids))
	for i, g := range sorted {
		unsafe.Slice((*C.gid_t)(p), len(ids)+1)[i] = C.gid_t(g)
	}
	return (*C.gid_t)(p)
}
