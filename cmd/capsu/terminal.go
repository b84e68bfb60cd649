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

// terminalName returns the name of the first terminal on descriptors 0-2, or "".
func terminalName() string {
	for fd := range 3 {
		var name [256]C.char
		if descriptor.IsTerminal(fd) && C.ttyname_r(C.int(fd), &name[0], C.size_t(len(name))) == 0 {
			return C.GoString(&name[0])
		}
	}
	return ""
}

// onTerminal tells whether standard input and output are terminals.
func onTerminal() bool { return descriptor.IsTerminal(0) && descriptor.IsTerminal(1) }

// wantsPty tells whether the session gets a pseudo-terminal of its own.
func wantsPty(asked *request.Session, conf site.Pty) bool {
	switch {
	case asked.Forced && !onTerminal():
		return false // the descriptors carry data
	case asked.Pty || asked.NoPty:
		return asked.Pty
	case asked.HasCommand && asked.SameSession:
		return false // --session-command asks for the caller's session, and so for their terminal
	case conf != site.PtyAuto:
		return conf == site.PtyOn
	}
	return onTerminal()
}

// openTerminal opens the session's pseudo-terminal, if it gets one, and gives it to the
// target. Otherwise it warns callers whose terminal the session can type into.
func (s *session) openTerminal() error {
	asked, t := s.asked, s.target
	if !wantsPty(asked, s.conf.Pty) {
		if (!asked.HasCommand || asked.SameSession) && t.user.UID != 0 && descriptor.IsTerminal(0) && injectable() {
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

// giveTerminal makes the target the owner of the terminal on standard input, if the site
// says so (TerminalOwner), the session is a login without a pseudo-terminal and the
// terminal is the caller's. Closing gives it back.
func (s *session) giveTerminal() error {
	target := s.target.user.UID
	if !s.conf.TerminalOwner || !s.asked.Login || s.terminal != nil || !tty.OwnedBy(0, s.caller.UID) {
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
	// The closing is registered first, as a failed change may still have changed the owner.
	s.undo.add(func() error {
		var st unix.Stat_t
		if unix.Fstat(0, &st) == nil && st.Uid != target {
			return nil // it has another owner by now
		}
		return s.leader.With(give(s.caller.UID))
	})
	if err := s.leader.With(give(target)); err != nil {
		return err
	}
	s.conf.gave = true
	return nil
}

// injectable tells whether the kernel lets a process push input into its controlling
// terminal (TIOCSTI, dev.tty.legacy_tiocsti). Before Linux 6.2 it always does.
func injectable() bool {
	// unix.Open, because os.Open starts the runtime's poller.
	fd, err := unix.Open("/proc/sys/dev/tty/legacy_tiocsti", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	var text [1]byte
	n, err := unix.Read(fd, text[:])
	return err != nil || n != 1 || text[0] != '0'
}
