// Package privilege raises capabilities and changes identities for capsu, and decides
// what PAM modules see of both. Three packages raise capabilities: privilege for capsu,
// interpose for modules, launcher in the child. Add no fourth.
//
// One thread has privilege: the leader of the thread group, to which the main
// goroutine is locked. Every other thread is born without any (thread.c). Call each
// method of Leader on the leader; on another thread those that change something fail.
//
// Between calls Effective is empty. Modules run in Call, with the ids that they find
// under a setuid su. After each call the package reads ids and sets back from the
// kernel. A surprise is an error, and an error means no session.
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

// Nobody is the uid (uid_t)-1, which no account can have.
const Nobody = ^uint32(0)

// Leader is the one privileged thread of this process.
type Leader struct {
	permitted uint64
	calling   bool // within Call
	compared  bool // within Call: the last PAM call has been compared
	gid       uint32
	groups    []uint32 // sorted
}

// Settle takes over from front/start.c, which has armed this process. From here on
// the leader is the guard (uid 0 when root calls), with Effective empty. Settle fails
// on another thread, and if another thread has privilege.
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

// failure adds errno to the name of the failed call, which the C functions return.
func failure(call *C.char, err error) error { return fmt.Errorf("%s: %w", C.GoString(call), err) }

// Alone fails with a SurpriseError unless every other thread was born powerless.
func (l *Leader) Alone() error {
	switch n, err := C.privilege_threads(); {
	case n < 0:
		return fmt.Errorf("/proc/self/task: %w", err)
	case n > 0:
		return &SurpriseError{What: "unknown threads", Got: fmt.Sprint(n), Want: "0"}
	}
	return nil
}

// With runs f with every permitted capability effective, and lowers them when f
// returns or panics. The ids stay. It is for capsu's own work, not for modules; within
// Call it raises what a module has lowered.
func (l *Leader) With(f func() error) (err error) {
	before, err := effective(^uint64(0))
	if err != nil {
		return err
	}
	defer func() {
		_, e := effective(before)
		err = errors.Join(err, e)
	}()
	return f()
}

// WithOrWithout is With, but runs f without privilege if With cannot raise any. It is for
// the end of a session, which is better half done than not done.
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

// effective sets Effective to the permitted part of e, and returns what it was before.
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

// Call runs f, which makes one PAM call, or several by calls of Call within f; these
// share the change of identity. Meanwhile the leader has the ids and capabilities that
// modules expect. Call compares ids and sets after each PAM call and fails if they
// differ; Inheritable and Ambient may, and so may groups if f calls Groups.
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

// again runs one of several PAM calls within Call. If it leaves a surprise, again
// restores ids and sets, so that the next module does not find it.
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

// ForRoot runs f, within Call, with the capabilities over files that Call withholds on
// hosts where leaving uid 0 sheds none. Modules that change root's files need them, as
// in a change of a password.
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

// Waiting runs f with the leader's ids and sets between calls. It is for a prompt in
// the middle of a PAM call. Then the module gets back what it had, and no more.
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

// Become sets gid and groups: the caller's while modules authenticate, later the
// target's groups with the caller's gid, as under su. It needs CAP_SETGID.
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

// Groups returns the leader's groups, and has compare expect them from now on. Modules
// add some (pam_group).
func (l *Leader) Groups() (groups []uint32, err error) {
	l.groups, err = currentGroups()
	return l.groups, err
}

// ActFor sets the target's uid: from now on it is the effective uid between calls. If
// root calls it changes nothing.
func (l *Leader) ActFor(uid uint32) error {
	if name, err := C.privilege_target(C.uid_t(uid)); name != nil {
		return failure(name, err)
	}
	return nil
}

// GiveUpRoot makes a root caller's monitor guard/target/guard between calls, from now
// on.
func (l *Leader) GiveUpRoot(guard, target uint32) error {
	if name, err := C.privilege_give_up(C.uid_t(guard), C.uid_t(target)); name != nil {
		return failure(name, err)
	}
	return nil
}

// Shrink reduces the permitted set to keep, for good. It empties Inheritable and
// Ambient: the child has already taken over what modules put there.
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

// AsGroup runs f within With and with gid as the file system's gid. f then writes a
// file of that group without CAP_DAC_OVERRIDE, which the monitor does not keep.
func (l *Leader) AsGroup(gid uint32, f func() error) error {
	return l.With(func() (err error) {
		own, err := unix.SetfsgidRetGid(int(gid))
		if err != nil {
			return fmt.Errorf("setfsgid: %w", err)
		}
		defer func() {
			unix.SetfsgidRetGid(own) // the next Call compares it
			if _, e := C.privilege_hide(); e != nil {
				err = errors.Join(err, fmt.Errorf("dumpable: %w", e))
			}
		}()
		return f()
	})
}
