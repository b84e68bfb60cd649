package main

import (
	"errors"
	"fmt"
	"strings"

	"capsu/account"
	"capsu/launcher"
	"capsu/policy"
	"capsu/privilege"
	"capsu/site"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// guardName is the system user whose uid the monitor carries; monitor.c has it too.
const guardName = "capsu"

// configuration is capsu.conf as this session sees it: read once, and decided
// twice, for the caller at start and for the target too from stage 5 on.
type configuration struct {
	*site.Settings
	read    *site.Config
	caller  *site.Who
	login   bool
	records bool   // utmp and wtmp are written
	less    bool   // -C or --drop: the session shall have less than the grant
	revoke  bool   // a root caller's monitor gives up uid 0 while the session runs,
	guard   uint32 // for this one
	shrunk  bool   // CapabilitiesSet is in effect
	asGuard bool   // and leaves too little to be uid 0 while modules close
	gave    bool   // the caller's terminal is the target's
}

// configure reads the site configuration and decides what holds for the caller.
func configure(o *sessionOptions, caller *account.User) (*configuration, error) {
	read, err := site.Read(policy.CheckWord)
	if err != nil {
		return nil, err
	}
	c := &configuration{read: read, records: o.login && terminal() != "", login: o.login, less: o.narrow != nil || o.drop != nil}
	c.caller = site.NewWho(
		func(name string) (bool, error) { return account.HasUID(name, caller.UID) },
		func(group string) (bool, error) {
			groups, err := caller.Groups()
			if err != nil {
				return false, err
			}
			return account.Member(groups, group)
		})
	c.Settings, err = read.Decide(c.caller, nil)
	return c, err
}

// forTarget decides what holds for caller and target, and refuses what the
// session could not have.
func (c *configuration) forTarget(t *target, s *start) (err error) {
	c.Settings, err = c.read.Decide(c.caller, site.NewWho(
		func(name string) (bool, error) { return name == t.user.Name, nil },
		func(group string) (bool, error) { return account.Member(t.own, group) }))
	if err != nil {
		return err
	}
	if t.securebits, err = c.Securebits(s.securebits, t.user.UID == 0); err != nil {
		return err
	}
	if t.user.UID == 0 && c.less && t.securebits&cap.SecbitNoRoot == 0 {
		return hinted("CapabilitiesRootRevoke on makes the tuple count for it",
			"-C and --drop: a session with uid 0 has every capability as long as CapabilitiesRootRevoke is off")
	}
	if s.caller == 0 && c.RootRevoke {
		return c.findGuard(t, s)
	}
	return nil
}

// findGuard settles the uid that a root caller's monitor has while the session
// runs. Without one start.c goes on when root calls, and it is refused here.
func (c *configuration) findGuard(t *target, s *start) error {
	if s.guard == privilege.Nobody {
		_, err := account.ByName(guardName)
		switch {
		case errors.Is(err, account.ErrUnknown):
			return noGuard()
		case err != nil:
			return err
		}
		return badGuard("its uid is root's")
	}
	if s.guard == t.user.UID {
		return fmt.Errorf("%s: the guard is not a target", t.user.Name)
	}
	c.revoke, c.guard = true, s.guard
	return nil
}

// decide asks the policy, unless CapabilitiesEngine is off. A rule for a group
// goes by the groups that the target has, not by those that root has chosen.
func (t *target) decide(l *privilege.Leader, c *configuration) (err error) {
	t.decision = policy.Decision{Action: policy.Ignore}
	if c.Engine {
		t.decision, err = policy.Decide(policy.Parameters{File: c.File, Default: c.Default, Require: c.Require}, policy.Subject{
			Caller: t.caller.Name, Target: t.user.Name,
			Member: func(group string) (bool, error) { return account.Member(t.own, group) },
		})
		if err != nil {
			return err
		}
	}
	if t.decision.Action == policy.Set {
		if err := policy.Beyond(t.decision.IAB, l.Has, privilege.Bounded); err != nil {
			return c.OfRule(t.decision.File, t.decision.Line, err)
		}
		if err := c.Grantable(t.decision.IAB, t.securebits); err != nil {
			return c.OfRule(t.decision.File, t.decision.Line, err)
		}
	}
	return nil
}

// restrict has the session as CapabilitiesMode says.
func (c *configuration) restrict(spec *launcher.Spec) error {
	iab, err := c.Tuple()
	if err != nil || iab == nil {
		return err
	}
	spec.Tuple, spec.Passed, spec.NoNewPrivs = iab, 0, true
	return nil
}

// leave is stage 9: a root caller's monitor gives up uid 0, and every monitor
// what CapabilitiesSet does not keep, for good. In this order, for the first
// needs what the second may take.
func (c *configuration) leave(l *privilege.Leader, t *target) error {
	if c.revoke {
		if err := l.GiveUpRoot(c.guard, t.user.UID); err != nil {
			return err
		}
	}
	c.shrunk = true
	err := l.Shrink(c.Keep...)
	c.asGuard = l.ActsAsGuard()
	return err
}

// closed comes last: what closing lacked, and which line took it. What was
// needed for sure is named; when closing has failed, all that was taken.
func (c *configuration) closed(err *error) {
	needed := map[cap.Value]bool{
		cap.SETUID: c.asGuard, cap.SETPCAP: c.asGuard, // modules closed as the guard
		cap.SETGID: c.records, // utmp and wtmp are written as their group
		cap.CHOWN:  c.gave,    // the terminal is given back
	}
	var lacking []string
	for _, removed := range c.Removed() {
		if c.shrunk && (needed[removed] || *err != nil) {
			lacking = append(lacking, removed.String())
		}
	}
	if lacking != nil {
		warn(c.Fault("CapabilitiesSet", fmt.Errorf("closing needs %s", strings.Join(lacking, ", "))))
	}
}
