package main

/*
#cgo CFLAGS: -Wall -Wextra -Wshadow -Werror -O2 -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -I${SRCDIR}/../../privilege
#cgo LDFLAGS: -Wl,-z,relro -Wl,-z,now
#include "start.h"
*/
import "C"

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"unsafe"

	"capsu/launcher"
	"capsu/privilege"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// start is the snapshot that start.c took before there were threads.
type start struct {
	caller      uint32
	gid         uint32   // the caller's
	groups      []uint32 // likewise
	guard       uint32   // privilege.Nobody: root calls, and there is none
	guardGID    uint32
	front       *launcher.Front
	inheritable uint64
	securebits  cap.Secbits
	ignored     uint64
	mask        uint64
	files       unix.Rlimit // the caller's limit of open files
	environ     []string
}

// newStart takes over from start.c. It must run on the leader.
func newStart() (*start, error) {
	c := &C.front_start
	s := &start{
		caller: uint32(c.uid), gid: uint32(c.gid), guard: uint32(c.guard), guardGID: uint32(c.guard_gid),
		front:       &launcher.Front{FD: int(c.socket)},
		inheritable: uint64(c.inheritable), securebits: cap.Secbits(c.securebits),
		ignored: uint64(c.ignored), mask: uint64(c.mask),
	}
	files := c.limits[unix.RLIMIT_NOFILE]
	s.files = unix.Rlimit{Cur: uint64(files.rlim_cur), Max: uint64(files.rlim_max)}
	// SAFETY: start.c made the array, of ngroups; nobody changes it.
	for _, g := range unsafe.Slice(c.groups, c.ngroups) {
		s.groups = append(s.groups, uint32(g))
	}
	// SAFETY: start.c made the array, ended by NULL; nobody changes it.
	for p := unsafe.Pointer(c.environ); p != nil && *(**C.char)(p) != nil; p = unsafe.Add(p, unsafe.Sizeof(p)) {
		s.environ = append(s.environ, C.GoString(*(**C.char)(p)))
	}
	if c.monitor == 1 {
		if r, err := C.front_settle(); r < 0 {
			return s, fmt.Errorf("signals: %w", err)
		}
		front = s.front
	}
	if c.monitor != 1 || c.fault != C.FRONT_OK {
		return s, explain(int(c.fault), syscall.Errno(c.err), C.GoString(c.call))
	}
	return s, privilege.SettleFiles(s.files)
}

// identities are the uids that the monitor has had, its caller's among them.
func (s *start) identities() []uint32 {
	uids := []uint32{0, s.caller}
	if s.guard != privilege.Nobody {
		uids = append(uids, s.guard)
	}
	return uids
}

// ownPath is where this program's file is.
func ownPath() string {
	path, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return "capsu"
	}
	return path
}

// explain says why there is no monitor, and what to do.
func explain(fault int, errno syscall.Errno, call string) error {
	path := ownPath()
	// which capabilities, the stack and the policy say
	setcap := fmt.Sprintf(`as root: setcap "$(capsuctl filecaps)" %s (or ./install.sh)`, path)
	switch fault {
	case C.FRONT_NO_PROC:
		return hinted("mount the proc file system", "/proc/self/exe: %w", errno)
	case C.FRONT_SETID:
		return hinted("as root: chmod u-s,g-s "+path+", then "+setcap[len("as root: "):],
			"%s: has a setuid or setgid bit, and must not", path)
	case C.FRONT_NO_FILECAPS:
		return hinted(setcap, "%s: no file capabilities", path)
	case C.FRONT_NO_PRIVILEGE:
		return explainPrivilege(path, setcap)
	case C.FRONT_NO_GUARD:
		return noGuard()
	case C.FRONT_BAD_GUARD:
		return badGuard("its uid is root's or the caller's")
	case C.FRONT_NOT_OURS:
		return hinted("take what preloads it out of /etc/ld.so.preload",
			"%s: PAM modules would not find capsu's own function of that name, but a preloaded library's", call)
	}
	if ids, err := os.ReadFile("/proc/self/uid_map"); err == nil && strings.Join(strings.Fields(string(ids)), " ") != "0 0 4294967295" {
		return hinted("start capsu outside of it, or map its users and groups into it", "user namespace: %s: %w", call, errno)
	}
	return fmt.Errorf("%s: %w", call, errno)
}

func noGuard() error {
	return hinted("as root: ./install.sh, or useradd --system --no-create-home --shell /usr/sbin/nologin "+guardName,
		"guard user %s: does not exist", guardName)
}

func badGuard(why string) error {
	return hinted("give the user "+guardName+" a uid that nobody logs in with", "guard user %s: %s", guardName, why)
}

// explainPrivilege says why a file with capabilities gave none.
func explainPrivilege(path, setcap string) error {
	var fs unix.Statfs_t
	if nnp, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err == nil && nnp == 1 {
		return hinted("start capsu from a process without it (not from a sandbox)",
			"no_new_privs: is set, so file capabilities have no effect")
	}
	if err := unix.Statfs(path, &fs); err == nil && fs.Flags&unix.ST_NOSUID != 0 {
		return hinted("mount it without nosuid, or install capsu elsewhere (./install.sh --prefix DIR)",
			"%s: on a file system mounted nosuid, so file capabilities have no effect", path)
	}
	for _, c := range []cap.Value{cap.SETUID, cap.SETGID, cap.SETPCAP} {
		if !privilege.Bounded(c) {
			return hinted("start capsu from a process whose bounding set has it", "bounding set: lacks %v", c)
		}
	}
	return hinted(setcap, "%s: cap_setuid, cap_setgid or cap_setpcap is not permitted "+
		"(file capabilities incomplete, or a user namespace of its own)", path)
}

// end ends the process, and the front as well: by a signal if there is one,
// else with status.
func end(sig unix.Signal, status int) {
	if C.front_start.monitor == 1 {
		if sig != 0 {
			C.front_end(C.FRONT_DIE_BY, C.int(sig))
		} else {
			C.front_end(C.FRONT_END, C.int(status))
		}
	}
	os.Exit(status)
}
