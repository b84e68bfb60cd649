package records

/*
#cgo CFLAGS: -Wall -Wextra -Wshadow -Werror -O2 -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -Wno-stringop-truncation
#include <stdlib.h>
#include "logins.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The files of utmp(5). Tests replace them.
var (
	utmpFile = "/run/utmp"
	wtmpFile = "/var/log/wtmp"
	btmpFile = "/var/log/btmp"
)

// Login enters a login of the target on a terminal in utmp and wtmp. end enters its end,
// and restores utmp's former entry if ours is still there. Without a terminal or without
// Privileged, Login does nothing. It skips a missing file; other faults go to the system
// log. Call both on the leader.
func (a *Attempt) Login(terminal string) (end func() error) {
	if terminal == "" || a.Privileged == nil {
		return func() error { return nil }
	}
	l := login{terminal: terminal, patience: patience}
	a.note(a.Privileged(func() error { return l.open(a.Target) }))
	return func() error {
		a.note(a.Privileged(l.close))
		return nil
	}
}

// patience is how many hundredths of a second a login waits in all for locks that others
// hold, over its beginning and its end. Everybody may lock a file that they may read, so a
// record is written without the lock then.
const patience = 100

// login is an entry of utmp, and the one that it has replaced.
type login struct {
	terminal     string
	ours, before C.struct_utmpx
	patience     C.int
}

func (l *login) open(user string) error {
	fill(&l.ours, C.USER_PROCESS, l.terminal, user)
	path := C.CString(utmpFile)
	// SAFETY: path is our own C memory; C keeps no pointer to the entries.
	defer C.free(unsafe.Pointer(path))
	r, err := C.logins_put(path, &l.ours, &l.before, &l.patience)
	return errors.Join(fault(utmpFile, r, err), appendTo(wtmpFile, &l.ours, &l.patience))
}

func (l *login) close() error {
	path := C.CString(utmpFile)
	// SAFETY: as in open.
	defer C.free(unsafe.Pointer(path))
	r, err := C.logins_restore(path, &l.ours, &l.before, &l.patience)
	end := l.ours
	end.ut_type = C.DEAD_PROCESS
	end.ut_user = [32]C.char{}
	var now C.struct_utmpx
	fill(&now, C.DEAD_PROCESS, "", "")
	end.ut_tv = now.ut_tv
	return errors.Join(fault(utmpFile, r, err), appendTo(wtmpFile, &end, &l.patience))
}

// failedLogin enters a failed login in btmp, as su does. It does not write an unknown name,
// which may be a password typed at the wrong place.
func (a *Attempt) failedLogin() error {
	name := "(unknown)"
	if a.Known {
		name = a.Target
	}
	var entry C.struct_utmpx
	fill(&entry, C.LOGIN_PROCESS, a.Terminal, name)
	wait := C.int(patience)
	return appendTo(btmpFile, &entry, &wait)
}

func fill(entry *C.struct_utmpx, kind C.short, terminal, user string) {
	line, name := C.CString(strings.TrimPrefix(terminal, "/dev/")), C.CString(user)
	// SAFETY: as in open.
	defer C.free(unsafe.Pointer(line))
	defer C.free(unsafe.Pointer(name))
	C.logins_fill(entry, kind, line, name)
}

func appendTo(file string, entry *C.struct_utmpx, patience *C.int) error {
	path := C.CString(file)
	// SAFETY: as in open.
	defer C.free(unsafe.Pointer(path))
	r, err := C.logins_append(path, entry, patience)
	return fault(file, r, err)
}

// fault returns what a function of logins.h has met: r is its result, err its errno. A
// missing file is no fault.
func fault(file string, r C.int, err error) error {
	switch {
	case r == C.LOGINS_UNLOCKED:
		return fmt.Errorf("%s: locked by another process; written without the lock", file)
	case r == 0, errors.Is(err, unix.ENOENT):
		return nil
	}
	return fmt.Errorf("%s: %w", file, err)
}
