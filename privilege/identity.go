package privilege

/*
#define _GNU_SOURCE
#include "privilege.h"
#include <dlfcn.h>

static const char *object_of(const void *address)
{
	Dl_info info;

	return address && dladdr(address, &info) ? info.dli_fname : NULL;
}
*/
import "C"

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// IDs are the real, effective and saved uids or gids of a thread; credentials(7).
type IDs struct{ R, E, S uint32 }

// Same returns three equal ids.
func Same(id uint32) IDs { return IDs{id, id, id} }

// state is what the kernel has of the calling thread: ids, groups and sets.
type state struct {
	UID, GID             IDs
	FSUID, FSGID         uint32
	Groups               []uint32 // sorted
	effective, permitted uint64
}

func current() (s state, err error) {
	r, e, saved := unix.Getresuid()
	rg, eg, sg := unix.Getresgid()
	s.UID = IDs{uint32(r), uint32(e), uint32(saved)}
	s.GID = IDs{uint32(rg), uint32(eg), uint32(sg)}
	// An invalid id changes nothing and returns the present one, setfsuid(2).
	fs, _ := unix.SetfsuidRetUid(-1)
	fsg, _ := unix.SetfsgidRetGid(-1)
	s.FSUID, s.FSGID = uint32(fs), uint32(fsg)
	var sets C.struct_sets
	if _, err := C.sets_read(&sets); err != nil {
		return s, fmt.Errorf("capget: %w", err)
	}
	s.effective, s.permitted = uint64(sets.e), uint64(sets.p)
	s.Groups, err = currentGroups()
	return s, err
}

func currentGroups() ([]uint32, error) {
	list, err := unix.Getgroups()
	if err != nil {
		return nil, fmt.Errorf("getgroups: %w", err)
	}
	groups := make([]uint32, 0, len(list))
	for _, g := range list {
		groups = append(groups, uint32(g))
	}
	slices.Sort(groups)
	return groups, nil
}

// SurpriseError says that an id, a set or a count is not what capsu has decided.
type SurpriseError struct {
	What      string
	Got, Want string
	Module    string // the last to ask for another identity; "" if unknown
}

func (e *SurpriseError) Error() string {
	text := fmt.Sprintf("%s: %s, not %s", e.What, e.Got, e.Want)
	if e.Module != "" {
		text = e.Module + ": " + text
	}
	return text
}

// compare reads ids, groups and sets back from the kernel after a PAM call, and fails
// if a module has left others than it found.
func (l *Leader) compare() error {
	now, err := current()
	if err != nil {
		return err
	}
	if now.GID.R == l.gid && now.GID.E == l.gid && now.GID.S != l.gid {
		// pam_keyinit leaves the target's gid as the saved one. setresgid(2) needs no
		// privilege to put it back, since it is one of the other two.
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, ^uintptr(0), ^uintptr(0), uintptr(l.gid)); errno != 0 {
			return fmt.Errorf("setresgid: %w", errno)
		}
		now.GID.S = l.gid
	}
	during := C.privilege.during
	if l.ActsAsGuard() {
		during = C.privilege.between
	}
	uid := IDs{uint32(during.r), uint32(during.e), uint32(during.s)}
	if !slices.Equal(now.Groups, l.groups) {
		return &SurpriseError{"after a PAM module: groups", shown(now.Groups), shown(l.groups), changedFrom()}
	}
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"uids", now.UID, uid}, {"file system uid", now.FSUID, uid.E},
		{"gids", now.GID, Same(l.gid)}, {"file system gid", now.FSGID, l.gid},
		{"permitted set", now.permitted, l.permitted},
		{"effective set", now.effective, l.permitted &^ uint64(C.privilege.withheld)},
	} {
		if c.got != c.want {
			return &SurpriseError{"after a PAM module: " + c.what, shown(c.got), shown(c.want), changedFrom()}
		}
	}
	return l.Alone()
}

// ActsAsGuard tells whether Shrink has taken what the leader needs to become uid 0.
// Modules then close the session as the guard.
func (l *Leader) ActsAsGuard() bool { return C.privilege_may_act_as_root() == 0 }

func shown(v any) string {
	switch v := v.(type) {
	case IDs:
		return fmt.Sprintf("%d %d %d", v.R, v.E, v.S)
	case uint64:
		return fmt.Sprintf("%#x", v)
	}
	return fmt.Sprint(v)
}

// changedFrom names the module that last changed the identity by a function of ours.
// It is "" where libpam called that function on a module's behalf.
func changedFrom() string {
	name := filepath.Base(C.GoString(C.object_of(C.privilege.changed_from)))
	if !strings.HasPrefix(name, "pam_") {
		return ""
	}
	return name
}
