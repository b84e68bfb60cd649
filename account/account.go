// Package account reads users and groups by NSS, so that accounts of a directory service
// (LDAP, SSSD) count like those in /etc/passwd. It also reads login.defs(5).
//
// Nothing may be effective while it runs, since NSS loads modules, which may start threads.
// Any thread may call it.
package account

/*
#cgo CFLAGS: -Wall -Wextra -Wshadow -Werror -O2 -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -Wno-unused-parameter
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

static int group_list(const char *name, gid_t gid, gid_t *list, int *n) { return getgrouplist(name, gid, list, n); }
*/
import "C"

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"syscall"
	"unsafe"
)

// ErrUnknown says that NSS has no entry with that name or number.
var ErrUnknown = errors.New("no such user or group")

// NoID is the uid and gid that system calls take for "none". An account or group file may
// have it, and no process can.
const NoID = 1<<32 - 1

// maxEntry is the largest text of a passwd or group entry, in bytes. A larger entry is an
// error.
const maxEntry = 16 << 20

// User is a passwd entry; passwd(5).
type User struct {
	Name  string // the name in the entry, which may differ from the one looked up
	UID   uint32
	GID   uint32
	Home  string
	Shell string // empty means /bin/sh
}

// ByName returns the entry of a user name, by getpwnam_r(3). It fails with ErrUnknown or a
// ServiceError, and so do the other functions that look up an entry.
func ByName(name string) (*User, error) {
	n := C.CString(name)
	// SAFETY: n is allocated on the line above, and C does not use it after the call.
	defer C.free(unsafe.Pointer(n))
	return lookup(name, func(pw *C.struct_passwd, buf *C.char, size C.size_t, found **C.struct_passwd) C.int {
		return C.getpwnam_r(n, pw, buf, size, found)
	})
}

// ByUID returns the entry of a uid, by getpwuid_r(3).
func ByUID(uid uint32) (*User, error) {
	return lookup(fmt.Sprintf("uid %d", uid), func(pw *C.struct_passwd, buf *C.char, size C.size_t, found **C.struct_passwd) C.int {
		return C.getpwuid_r(C.uid_t(uid), pw, buf, size, found)
	})
}

func lookup(what string, get func(*C.struct_passwd, *C.char, C.size_t, **C.struct_passwd) C.int) (*User, error) {
	var user *User
	var pw C.struct_passwd
	err := withBuffer(what, func(buf *C.char, size C.size_t) (found bool, rc C.int) {
		var p *C.struct_passwd
		if rc = get(&pw, buf, size, &p); p == nil {
			return false, rc
		}
		user = &User{
			Name: C.GoString(p.pw_name), UID: uint32(p.pw_uid), GID: uint32(p.pw_gid),
			Home: C.GoString(p.pw_dir), Shell: C.GoString(p.pw_shell),
		}
		return true, 0
	})
	return user, err
}

// withBuffer calls get with buffers of growing size until an entry fits. getpwnam_r(3)
// lists the codes for an entry that does not exist, which become ErrUnknown. Any other code
// is a fault of NSS, and must not pass for an unknown entry.
func withBuffer(what string, get func(buf *C.char, size C.size_t) (bool, C.int)) error {
	for size := 4096; size <= maxEntry; size *= 4 {
		// SAFETY: the entry points into buf, so buf is C memory; get copies from it before it is freed.
		buf := (*C.char)(C.malloc(C.size_t(size)))
		found, rc := get(buf, C.size_t(size))
		C.free(unsafe.Pointer(buf))
		switch syscall.Errno(rc) {
		case 0, syscall.ENOENT, syscall.ESRCH, syscall.EBADF, syscall.EPERM:
			if found {
				return nil
			}
			return fmt.Errorf("%s: %w", what, ErrUnknown)
		case syscall.ERANGE, syscall.EINTR:
		default:
			return &ServiceError{what, syscall.Errno(rc)}
		}
	}
	return &ServiceError{what, errors.New("entry too large")}
}

// ServiceError says that NSS has failed. The entry may exist.
type ServiceError struct {
	What string // the entry looked up
	Err  error
}

func (e *ServiceError) Error() string { return fmt.Sprintf("%s: name service: %v", e.What, e.Err) }
func (e *ServiceError) Unwrap() error { return e.Err }

// ByNumber returns the entry of a uid that is given as text: decimal, without a sign, below
// 2^32-1.
func ByNumber(text string) (*User, error) {
	for _, c := range text {
		if c < '0' || c > '9' {
			return nil, fmt.Errorf("%s: %w", text, ErrUnknown)
		}
	}
	uid, err := strconv.ParseUint(text, 10, 32)
	if err != nil || uid == NoID {
		return nil, fmt.Errorf("%s: %w", text, ErrUnknown)
	}
	return ByUID(uint32(uid))
}

// HasUID tells whether a user name has that uid. An unknown name has none.
func HasUID(name string, uid uint32) (bool, error) {
	u, err := ByName(name)
	if errors.Is(err, ErrUnknown) {
		return false, nil
	}
	return err == nil && u.UID == uid, err
}

// GroupID returns the gid of a group that is given by its name or, as text, by its number.
// NoID is an error.
func GroupID(text string) (uint32, error) {
	gid, _, err := Group(text)
	if err == nil && gid == NoID {
		return 0, fmt.Errorf("%s: the group's gid is %d, which stands for none", text, gid)
	}
	if !errors.Is(err, ErrUnknown) {
		return gid, err
	}
	n, e := strconv.ParseUint(text, 10, 32)
	if e != nil || n == NoID {
		return 0, err
	}
	return uint32(n), nil
}

// Groups returns the user's primary group and every group that has them as a member, by
// getgrouplist(3); sorted, each once.
func (u *User) Groups() ([]uint32, error) {
	name := C.CString(u.Name)
	// SAFETY: name is allocated on the line above, and C does not use it after the call.
	defer C.free(unsafe.Pointer(name))
	for size := 64; size <= 1<<17; size *= 4 {
		list := make([]C.gid_t, size)
		n := C.int(size)
		if C.group_list(name, C.gid_t(u.GID), &list[0], &n) < 0 {
			continue
		}
		groups := make([]uint32, 0, n)
		for _, g := range list[:n] {
			groups = append(groups, uint32(g))
		}
		slices.Sort(groups)
		return slices.Compact(groups), nil
	}
	return nil, &ServiceError{u.Name, errors.New("more than 65536 groups")}
}

// Group returns the gid of a group name. canonical tells whether NSS has that name for the
// gid: if a gid has two names, pam_cap.so knows only the canonical one.
func Group(name string) (gid uint32, canonical bool, err error) {
	n := C.CString(name)
	// SAFETY: n is allocated on the line above, and C does not use it after the call.
	defer C.free(unsafe.Pointer(n))
	var gr C.struct_group
	err = withBuffer(name, func(buf *C.char, size C.size_t) (bool, C.int) {
		var g *C.struct_group
		rc := C.getgrnam_r(n, &gr, buf, size, &g)
		if g == nil {
			return false, rc
		}
		gid = uint32(g.gr_gid)
		return true, 0
	})
	if err != nil {
		return 0, false, err
	}
	err = withBuffer(name, func(buf *C.char, size C.size_t) (bool, C.int) {
		var g *C.struct_group
		rc := C.getgrgid_r(C.gid_t(gid), &gr, buf, size, &g)
		if g == nil {
			return false, rc
		}
		canonical = C.GoString(g.gr_name) == name
		return true, 0
	})
	return gid, canonical, err
}

// Member tells whether a user with these groups belongs to the group of that name, which
// must be canonical. An unknown group has no members.
func Member(groups []uint32, name string) (bool, error) {
	gid, canonical, err := Group(name)
	if errors.Is(err, ErrUnknown) {
		return false, nil
	}
	return err == nil && canonical && slices.Contains(groups, gid), err
}

// Named tells whether a user name has u's uid. An unknown name has not.
func (u *User) Named(name string) (bool, error) { return HasUID(name, u.UID) }

// InGroup tells whether u belongs to the group of that name.
func (u *User) InGroup(name string) (bool, error) {
	groups, err := u.Groups()
	if err != nil {
		return false, err
	}
	return Member(groups, name)
}

// ShellListed tells whether a shell is in /etc/shells, by getusershell(3). Two threads must
// not call it at once.
func ShellListed(shell string) bool {
	C.setusershell()
	defer C.endusershell()
	for s := C.getusershell(); s != nil; s = C.getusershell() {
		if C.GoString(s) == shell {
			return true
		}
	}
	return false
}
