package main

/*
#cgo CFLAGS: -Wall -Wextra -Wshadow -Werror -O2 -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
#include <unistd.h>
*/
import "C"

import (
	"errors"
	"fmt"

	"capsu/account"
	"capsu/descriptor"
	"capsu/request"
	"capsu/site"
	"capsu/tty"

	"golang.org/x/sys/unix"
)

// terminal returns the name of the terminal on descriptors 0 to 2, or nothing.
func terminal() string {
	for fd := range 3 {
		var name [256]C.char
		if descriptor.IsTerminal(fd) && C.ttyname_r(C.int(fd), &name[0], C.size_t(len(name))) == 0 {
			return C.GoString(&name[0])
		}
	}
	return ""
}

// onTerminal tells whether the caller has a terminal to see and to type on.
func onTerminal() bool { return descriptor.IsTerminal(0) && descriptor.IsTerminal(1) }

// wantsPty decides between the caller's terminal and one of the session's own.
// --session-command asks for the caller's session, and so for the caller's terminal.
func wantsPty(o *request.Session, conf site.Pty) bool {
	switch {
	case o.Forced && !onTerminal():
		return false // the descriptors carry data
	case o.Pty || o.NoPty:
		return o.Pty
	case o.HasCommand && o.SameSession:
		return false
	case conf != site.PtyAuto:
		return conf == site.PtyOn
	}
	return onTerminal()
}

// openTerminal makes the session's pseudo-terminal, if it shall have one, and
// gives it to the target. Callers who share their terminal are told what that means.
func (s *session) openTerminal() error {
	o, t := s.o, s.target
	if !wantsPty(o, s.conf.Pty) {
		if (!o.HasCommand || o.SameSession) && t.user.UID != 0 && descriptor.IsTerminal(0) && injectable() {
			s.voice.warn(errors.New("no pseudo-terminal: programs of the session can type into your shell (dev.tty.legacy_tiocsti is 1)"))
		}
		return nil
	}
	gid, _, err := account.Group("tty")
	if errors.Is(err, account.ErrUnknown) {
		gid, err = t.gid, nil
	}
	if err != nil {
		return err
	}
	p, err := tty.Open(0, 1)
	if err != nil {
		return err
	}
	if err := s.leader.With(func() error { return p.Give(t.user.UID, gid) }); err != nil {
		return errors.Join(err, p.Close())
	}
	s.terminal = p
	return nil
}

// giveTerminal gives the terminal on standard input to the target, where the
// site says so (TerminalOwner): of a login without a pseudo-terminal, and only
// the caller's own. Closing takes it back.
func (s *session) giveTerminal() error {
	target := s.target.user.UID
	if !s.conf.TerminalOwner || !s.o.Login || s.terminal != nil || !tty.OwnedBy(0, s.caller.UID) {
		return nil
	}
	give := func(uid uint32) func() error {
		return func() error {
			if err := unix.Fchown(0, int(uid), -1); err != nil {
				return fmt.Errorf("terminal owner: %w", err)
			}
			return nil
		}
	}
	// Before it is given: it may have been, and what comes after may fail.
	s.undo.add(func() error {
		var st unix.Stat_t
		if unix.Fstat(0, &st) == nil && st.Uid != target {
			return nil // it has been given on
		}
		return s.leader.With(give(s.caller.UID))
	})
	if err := s.leader.With(give(target)); err != nil {
		return err
	}
	s.conf.gave = true
	return nil
}

// injectable tells whether the kernel lets a process push input into its
// controlling terminal (TIOCSTI); it could not be forbidden before Linux 6.2.
func injectable() bool {
	// unix.Open, not os.Open: that would start the runtime's poller.
	fd, err := unix.Open("/proc/sys/dev/tty/legacy_tiocsti", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	var text [1]byte
	n, err := unix.Read(fd, text[:])
	return err != nil || n != 1 || text[0] != '0'
}
