package main

import (
	"errors"
	"fmt"
	"strings"

	"capsu/account"
	"capsu/capability"
	"capsu/descriptor"
	"capsu/front"
	"capsu/privilege"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// revoked is what the monitor gives up while the session runs. A root caller's monitor
// gives up uid 0 until the closings (CapabilitiesRootRevoke). Every monitor gives up what
// CapabilitiesSet does not keep, for good.
type revoked struct {
	root    bool   // a root caller's monitor gives up uid 0,
	guard   uint32 // and takes this uid
	shrunk  bool   // CapabilitiesSet is in effect,
	asGuard bool   // and leaves too little to be uid 0 while modules close
}

// findGuard finds the uid that a root caller's monitor takes while the session runs. If
// there is none, findGuard refuses: front/start.c lets root start without a guard.
func (s *session) findGuard(t *target) error {
	if s.start.Guard == privilege.Nobody {
		_, err := account.ByName(front.GuardName)
		switch {
		case errors.Is(err, account.ErrUnknown):
			return noGuard()
		case err != nil:
			return err
		}
		return badGuard("its uid is root's")
	}
	if s.start.Guard == t.user.UID {
		return fmt.Errorf("%s: the guard is not a target", t.user.Name)
	}
	s.conf.root, s.conf.guard = true, s.start.Guard
	return nil
}

// giveUp gives up uid 0, and then what CapabilitiesSet does not keep. In this order: the
// first step needs capabilities that the second may take.
func (s *session) giveUp() error {
	c := s.conf
	if c.root {
		if err := s.leader.GiveUpRoot(c.guard, s.target.user.UID); err != nil {
			return err
		}
	}
	c.shrunk = true
	err := s.leader.Shrink(c.MonitorSet...)
	c.asGuard = s.leader.ActsAsGuard()
	return err
}

// noteRevoked tells a person at a terminal that uid 0 gives their session no capability: what
// fails there fails with a permission denied that root does not expect.
func (s *session) noteRevoked(tuple *cap.IAB) {
	if s.target.user.UID == 0 && s.conf.RootRevoke && capability.In(tuple, cap.Amb) == nil && !s.asked.Forced && descriptor.IsTerminal(2) {
		s.voice.aside("capsu: note: uid 0 without capabilities: CapabilitiesRootRevoke is on\n")
	}
}

// warnOfLacking warns, after the closings, of capabilities that they needed and that
// CapabilitiesSet has taken. If a closing has failed, it names all that were taken.
func (s *session) warnOfLacking(failed error) {
	c := s.conf
	if !c.shrunk {
		return
	}
	needed := map[cap.Value]bool{
		cap.SETUID: c.asGuard, cap.SETPCAP: c.asGuard, // modules closed as the guard
		cap.SETGID: s.asked.Login && s.attempt.Terminal != "", // utmp and wtmp are written as their group
		cap.CHOWN:  c.gave,                                    // the terminal's owner is restored
	}
	var lacking []string
	for _, removed := range c.Removed() {
		if needed[removed] || failed != nil {
			lacking = append(lacking, removed.String())
		}
	}
	if lacking != nil {
		s.voice.warn(c.Fault("CapabilitiesSet", fmt.Errorf("closing needs %s", strings.Join(lacking, ", "))))
	}
}
