package main

/*
#cgo CFLAGS: -Wall -Wextra -O2 -fstack-protector-strong
#cgo LDFLAGS: -Wl,-z,relro -Wl,-z,now
#include "start.h"
*/
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"capsu/launcher"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// start is the snapshot that start.c took before there were threads.
type start struct {
	caller      uint32
	guard       uint32 // meaningless when root calls
	front       *launcher.Front
	inheritable uint64
	securebits  cap.Secbits
	ignored     uint64
	mask        uint64
	limits      launcher.Limits
	environ     []string
}

// newStart takes over from start.c. It must run on the leader.
func newStart() (*start, error) {
	c := &C.front_start
	s := &start{
		caller: uint32(c.uid), guard: uint32(c.guard),
		front:       &launcher.Front{FD: int(c.socket)},
		inheritable: uint64(c.inheritable), securebits: cap.Secbits(c.securebits),
		ignored: uint64(c.ignored), mask: uint64(c.mask),
	}
	for r := range s.limits {
		s.limits[r] = unix.Rlimit{Cur: uint64(c.limits[r].rlim_cur), Max: uint64(c.limits[r].rlim_max)}
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
		spareThreads(2)
		spareMemory()
	}
	if c.monitor != 1 || c.fault != C.FRONT_OK {
		return s, explain(int(c.fault), syscall.Errno(c.err), C.GoString(c.call))
	}
	return s, launcher.SettleFiles(s.limits[unix.RLIMIT_NOFILE])
}

// spareThreads has the runtime start the threads now that it will want when a
// module keeps the leader: by then a module's limits may forbid it. Each waits,
// locked to its thread, for the next, so that there are as many.
func spareThreads(n int) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread() // else the thread ends
		if n > 1 {
			spareThreads(n - 1)
		}
	}()
	<-ended
}

// spareMemory has the runtime map memory now for the same reason: what describes
// its spans, by as many blocks of a span each, and the heap. That grows by 4 MB,
// and how much of them is left is chance: it begins anywhere. So it is made to
// grow. Nobody touches the blocks: they cost addresses, no memory.
func spareMemory() {
	for range 128 {
		spare = make([]byte, 8<<10)
	}
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 8 {
		spare = make([]byte, 512<<10)
		if runtime.ReadMemStats(&now); now.HeapSys > before.HeapSys+1<<20 {
			return
		}
	}
}

var spare []byte

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
		if !launcher.Bounded(c) {
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
