package main

/*
#cgo CFLAGS: -Wall -Wextra -Wshadow -Werror -O2 -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
#include <unistd.h>
*/
import "C"

import (
	"errors"
	"fmt"
	"slices"

	"capsu/account"
	"capsu/descriptor"
	"capsu/relay"
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

// terminals tells which of descriptors 0-2 are terminals.
func terminals() (are [3]bool) {
	for fd := range are {
		are[fd] = descriptor.IsTerminal(fd)
	}
	return are
}

// endsOf returns what a pseudo-terminal stands for. It replaces the descriptors that are
// terminals, so that the session has none of the caller's. In a pipeline, where standard
// input or output is none, the session gets the keys when it asks for them. If no descriptor
// is a terminal (-P), it stands for standard input and output.
func endsOf(are [3]bool) relay.Ends {
	first := slices.Index(are[:], true)
	if first < 0 {
		return relay.Ends{In: 0, Out: 1, Replaced: [3]bool{true, true, false}}
	}
	e := relay.Ends{In: first, Out: first, Yields: !are[0] || !are[1], Replaced: are}
	for _, fd := range []int{2, 1} {
		if are[fd] {
			e.Out = fd
		}
	}
	return e
}

// wantsPty tells whether the session gets a pseudo-terminal of its own.
func wantsPty(asked *request.Session, conf site.Pty, on [3]bool) bool {
	switch {
	case asked.Forced && !(on[0] && on[1]):
		return false // the descriptors carry data
	case asked.Pty || asked.NoPty:
		return asked.Pty
	case asked.HasCommand && asked.SameSession:
		return false // --session-command asks for the caller's session, and so for their terminal
	case conf != site.PtyAuto:
		return conf == site.PtyOn
	}
	return slices.Contains(on[:], true)
}

// openTerminal opens the session's pseudo-terminal, if it gets one, and gives it to the
// target. Otherwise it warns callers whose terminal the session can type into.
func (s *session) openTerminal() error {
	asked, t, on := s.asked, s.target, terminals()
	if !wantsPty(asked, s.conf.Pty, on) {
		if (!asked.HasCommand || asked.SameSession) && t.user.UID != 0 && slices.Contains(on[:], true) && injectable() {
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
	s.ends = endsOf(on)
	p, err := tty.Open(s.ends.In, s.ends.Out)
	if err != nil {
		return err
	}
	if s.ends.Yields { // the caller's terminal is not raw, and maps newlines itself
		err = p.MapNewlines(false)
	}
	if err == nil {
		err = s.leader.With(func() error { return p.Give(t.user.UID, gid) })
	}
	if err != nil {
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
