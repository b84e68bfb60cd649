// Package privilege is the only place in capsu that raises capabilities and
// changes identities, and it decides what PAM modules see of both.
//
// One thread has privilege, the leader of the thread group, to which the main
// goroutine is locked; every other thread is born without (thread.c). Each
// method of Leader must be called on it, and fails elsewhere. Between calls
// nothing is effective. While modules run (Call) they find what they find under
// a setuid su. After each call ids and sets are read back from the kernel; a
// surprise is an error, and an error means no session.
package privilege

/*
#cgo CFLAGS: -Wall -Wextra -Wshadow -Werror -O2 -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
#include "privilege.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// Nobody is no uid.
const Nobody = ^uint32(0)

// Leader is the one privileged thread of this process.
type Leader struct {
	permitted uint64
	raised    bool // by With or Call, which is not undone yet
	calling   bool // by Call
	compared  bool // within Call: after each call of its own
	gid       uint32
	groups    []uint32 // sorted
}

// Settle takes over from start.c, which has armed this process: the leader is
// the guard (or uid 0, when root calls), with nothing effective. It fails if
// another thread has privilege.
func Settle() (*Leader, error) {
	if name, err := C.privilege_settle(); name != nil {
		return nil, failure(name, err)
	}
	now, err := current()
	if err != nil {
		return nil, err
	}
	l := &Leader{permitted: now.permitted, gid: now.GID.R, groups: now.Groups}
	return l, l.Alone()
}

// failure names the call that failed, as the C functions return it.
func failure(call *C.char, err error) error { return fmt.Errorf("%s: %w", C.GoString(call), err) }

// Alone fails unless every other thread was born powerless.
func (l *Leader) Alone() error {
	switch n, err := C.privilege_threads(); {
	case n < 0:
		return fmt.Errorf("/proc/self/task: %w", err)
	case n > 0:
		return &SurpriseError{What: "unknown threads", Got: fmt.Sprint(n), Want: "0"}
	}
	return nil
}

// With runs f, which is capsu's own work, with every permitted capability
// effective, and lowers them when f returns, however it returns. The identity
// stays. Within Call it makes sure that they are.
func (l *Leader) With(f func() error) (err error) {
	before, err := effective(^uint64(0))
	if err != nil {
		return err
	}
	outer := l.raised
	l.raised = true
	defer func() {
		l.raised = outer
		_, e := effective(before)
		err = errors.Join(err, e)
	}()
	return f()
}

// WithOrWithout is With, but it runs f without privilege where none can be raised: for
// what ends a session, which half done is better than not done.
func (l *Leader) WithOrWithout(f func() error) error {
	ran := false
	err := l.With(func() error {
		ran = true
		return f()
	})
	if !ran {
		err = errors.Join(err, f())
	}
	return err
}

// effective sets Effective, to what is permitted of it, and returns what it was.
func effective(e uint64) (before uint64, err error) {
	var sets C.struct_sets
	if C.privilege_here() == 0 {
		return 0, errors.New("privilege: not on the leader")
	}
	if _, err := C.sets_read(&sets); err != nil {
		return 0, fmt.Errorf("capget: %w", err)
	}
	if _, err := C.sets_effective(C.uint64_t(e)); err != nil {
		return 0, fmt.Errorf("capset: %w", err)
	}
	return uint64(sets.e), nil
}

// Call runs f, in which modules run: a PAM call, or several that follow each other
// in calls of Call within it, which share the way in and out. The leader is for modules what su
// would be. What they leave behind is compared after each: ids and sets must be
// as they were, but for Inheritable, Ambient, and groups that a call may add.
func (l *Leader) Call(f func() error) (err error) {
	if l.calling {
		return l.again(f)
	}
	if err := l.enter(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.leave()) }()
	err = f()
	if !l.compared {
		err = errors.Join(err, l.compare())
	}
	return err
}

// again is a further call in a stretch. What one module has changed the next
// ones must not find.
func (l *Leader) again(f func() error) error {
	err := f()
	l.compared = true
	surprise := l.compare()
	if surprise != nil {
		surprise = errors.Join(surprise, l.leave(), l.enter())
		l.compared = true
	}
	return errors.Join(err, surprise)
}

func (l *Leader) enter() error {
	if name, err := C.privilege_enter(); name != nil {
		return failure(name, err)
	}
	l.calling, l.compared = true, false
	return nil
}

func (l *Leader) leave() error {
	l.calling = false
	if name, err := C.privilege_leave(); name != nil {
		return failure(name, err)
	}
	return nil
}

// ForRoot runs f within Call for modules that change root's files (a password):
// with all capabilities over files also where leaving uid 0 sheds none.
func (l *Leader) ForRoot(f func() error) (err error) {
	withheld := C.privilege.withheld
	C.privilege.withheld = 0
	defer func() {
		C.privilege.withheld = withheld
		_, e := effective(^uint64(withheld))
		err = errors.Join(err, e)
	}()
	if _, err := effective(^uint64(0)); err != nil {
		return err
	}
	return f()
}

// Waiting runs f, which waits for a person in the middle of a call, as the
// leader is between calls; then the module has back what it had.
func (l *Leader) Waiting(f func() error) (err error) {
	if !l.calling {
		return f()
	}
	var p C.struct_privilege_pause
	if name, err := C.privilege_pause(&p); name != nil {
		err = failure(name, err)
		if name, e := C.privilege_resume(&p); name != nil {
			err = errors.Join(err, failure(name, e))
		}
		return err
	}
	defer func() {
		if name, e := C.privilege_resume(&p); name != nil {
			err = errors.Join(err, failure(name, e))
		}
	}()
	return f()
}

// Become changes gid and groups: the caller's while modules ask, later the
// target's groups with the caller's gid, as under su.
func (l *Leader) Become(gid uint32, groups []uint32) error {
	var first *C.gid_t
	if len(groups) > 0 {
		// SAFETY: a gid_t is a uint32; C keeps no pointer to it.
		first = (*C.gid_t)(unsafe.Pointer(&groups[0]))
	}
	if name, err := C.privilege_groups(C.gid_t(gid), C.size_t(len(groups)), first); name != nil {
		return failure(name, err)
	}
	now, err := currentGroups()
	l.gid, l.groups = gid, now
	return err
}

// Groups returns the groups as they now are, for modules add some (pam_group),
// and takes them for decided.
func (l *Leader) Groups() (groups []uint32, err error) {
	l.groups, err = currentGroups()
	return l.groups, err
}

// ActFor says who modules act for from here on. Between calls the effective uid
// is that target's; not when root calls.
func (l *Leader) ActFor(uid uint32) error {
	if name, err := C.privilege_target(C.uid_t(uid)); name != nil {
		return failure(name, err)
	}
	return nil
}

// GiveUpRoot has a monitor that is uid 0 be the guard between calls, from now on.
func (l *Leader) GiveUpRoot(guard, target uint32) error {
	if name, err := C.privilege_give_up(C.uid_t(guard), C.uid_t(target)); name != nil {
		return failure(name, err)
	}
	return nil
}

// Shrink takes from the permitted set, for good, whatever is not in keep, and
// empties Inheritable and Ambient: what modules gave the leader has been handed to the child.
func (l *Leader) Shrink(keep ...cap.Value) error {
	var kept uint64
	for _, c := range keep {
		kept |= 1 << c
	}
	if name, err := C.privilege_shrink(C.uint64_t(kept)); name != nil {
		return failure(name, err)
	}
	l.permitted &= kept
	return l.Alone()
}

// Has tells whether a capability is permitted.
func (l *Leader) Has(c cap.Value) bool { return l.permitted&(1<<c) != 0 }

// AsGroup runs f with privilege and, for the file system, with a group's
// rights: a file of that group is then written by those and not by
// CAP_DAC_OVERRIDE, which the monitor does not keep.
func (l *Leader) AsGroup(gid uint32, f func() error) error {
	return l.With(func() (err error) {
		own, err := unix.SetfsgidRetGid(int(gid))
		if err != nil {
			return fmt.Errorf("setfsgid: %w", err)
		}
		defer func() {
			unix.SetfsgidRetGid(own) // the next Call reads it back
			if _, e := C.privilege_hide(); e != nil {
				err = errors.Join(err, fmt.Errorf("dumpable: %w", e))
			}
		}()
		return f()
	})
}
