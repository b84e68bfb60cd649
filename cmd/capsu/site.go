package main

import (
	"capsu/account"
	"capsu/capability"
	"capsu/launcher"
	"capsu/policy"
	"capsu/say"
	"capsu/site"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// configuration is capsu.conf as this session sees it. It is read once and decided twice:
// for the caller at the start, and for caller and target once the target is known.
type configuration struct {
	*site.Settings
	read   *site.Config
	caller *site.Who
	gave   bool // giveTerminal has given the caller's terminal to the target
	revoked
}

// configure reads the site configuration and decides the settings for the caller.
func (s *session) configure() (err error) {
	c := s.conf
	if c.read, err = site.Read(policy.CheckWord); err != nil {
		return err
	}
	c.caller = site.NewWho(s.caller.Named, s.caller.InGroup)
	c.Settings, err = c.read.Decide(c.caller, nil)
	return err
}

// configureFor decides the settings for caller and target, and refuses options that
// contradict them.
func (s *session) configureFor(t *target) (err error) {
	c := s.conf
	if c.Settings, err = c.read.Decide(c.caller, site.NewWho(t.user.Named, t.inGroup)); err != nil {
		return err
	}
	if t.securebits, err = c.Securebits(s.start.Securebits, t.user.UID == 0); err != nil {
		return err
	}
	if less := s.asked.Narrow != nil || s.asked.None || s.asked.Drop != nil; less && t.user.UID == 0 && t.securebits&cap.SecbitNoRoot == 0 {
		return say.Hinted("with CapabilitiesRootRevoke on, a session with uid 0 has only its tuple",
			"-C and --drop: a session with uid 0 has every capability as long as CapabilitiesRootRevoke is off")
	}
	if s.start.Caller == 0 && c.RootRevoke {
		return s.findGuard(t)
	}
	return nil
}

// decide asks the policy, unless CapabilitiesEngine is off, and refuses a grant that is
// impossible. Rules for groups go by the target's groups, not by those of -g and -G.
func (s *session) decide(t *target) (err error) {
	c := s.conf
	t.decision = policy.Decision{Action: policy.Ignore}
	if c.Engine {
		t.decision, err = policy.Decide(policy.Parameters{File: c.File, Default: c.Default, Require: c.Require}, policy.Subject{
			Caller: s.caller.Name, Target: t.user.Name, Member: t.inGroup,
		})
		if err != nil {
			return err
		}
	}
	if t.decision.Action == policy.Set {
		if err := policy.Beyond(t.decision.IAB, s.leader.Has, capability.Bounded); err != nil {
			return c.OfRule(t.decision.File, t.decision.Line, err)
		}
		if err := c.Grantable(t.decision.IAB, t.securebits); err != nil {
			return c.OfRule(t.decision.File, t.decision.Line, err)
		}
	}
	return nil
}

// inGroup tells whether the target belongs to a group by NSS.
func (t *target) inGroup(group string) (bool, error) { return account.Member(t.own, group) }

// restrict changes the spec as CapabilitiesMode says.
func (c *configuration) restrict(spec *launcher.Spec) error {
	iab, err := c.Tuple()
	if err != nil || iab == nil {
		return err
	}
	spec.Tuple, spec.Passed, spec.NoNewPrivs = iab, 0, true
	return nil
}
