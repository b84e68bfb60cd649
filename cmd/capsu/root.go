package main

import (
	"errors"
	"fmt"
	"strings"

	"capsu/account"
	"capsu/front"
	"capsu/privilege"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// revoked is what a monitor gives up while the session runs: with root as the caller uid 0,
// which the closings find again (CapabilitiesRootRevoke), and what CapabilitiesSet does not
// keep, for good.
type revoked struct {
	root    bool   // a root caller's monitor gives up uid 0,
	guard   uint32 // for this uid
	shrunk  bool   // CapabilitiesSet is in effect
	asGuard bool   // and leaves too little to be uid 0 while modules close
}

// findGuard settles the uid that a root caller's monitor has while the session
// runs. Without one start.c goes on when root calls, and it is refused here.
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

// giveUp has the monitor keep only what it needs from now on. In this order, for the
// first needs what the second may take.
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

// warnOfLacking comes last: what closing lacked, and which line took it. What was
// needed for sure is named; when closing has failed, all that was taken.
func (s *session) warnOfLacking(failed error) {
	c := s.conf
	if !c.shrunk {
		return
	}
	needed := map[cap.Value]bool{
		cap.SETUID: c.asGuard, cap.SETPCAP: c.asGuard, // modules closed as the guard
		cap.SETGID: s.o.Login && s.attempt.Terminal != "", // utmp and wtmp are written as their group
		cap.CHOWN:  c.gave,                                // the terminal is given back
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
