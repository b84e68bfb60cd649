package main

import (
	"errors"
	"fmt"

	"capsu/account"
	"capsu/interpose"
	"capsu/pamconv"
	"capsu/say"
	"capsu/site"
	"capsu/stack"
)

// name settles the name to authenticate for: the passwd entry's own, also of a uid, else
// the name as typed, which is the stack's to refuse like a wrong password.
func (s *session) name() error {
	u, err := account.ByName(s.o.User)
	if errors.Is(err, account.ErrUnknown) {
		u, err = account.ByNumber(s.o.User)
	}
	if err != nil {
		return nil
	}
	s.attempt.Target, s.attempt.Known = u.Name, true
	return s.refuseRoot(u)
}

// refuseRoot refuses uid 0 as a target, unless the site allows it or root calls. What
// PAM_USER says after authentication is asked again.
func (s *session) refuseRoot(u *account.User) error {
	if err := s.conf.Target(u.Name, u.UID, s.caller.UID); err != nil {
		return say.Hinted("name a user: capsu USER; root as a target needs RootTarget on in "+site.DefaultFile, "%w", err)
	}
	return nil
}

// open starts the PAM transaction and tells the modules who asks, and where.
func (s *session) open() error {
	if err := stack.Exists(s.service); err != nil {
		return say.Hinted("an administrator can install or write it: pam.d(5)", "PAM service %s: %w", s.service, err)
	}
	if err := interpose.ShowUsual(s.caller.Home); err != nil {
		return err
	}
	conv := &pamconv.Conversation{
		In: 0, Out: 1, Err: 2,
		Outside: outside{s.start.Front, s.voice}, Waiting: s.leader.Waiting,
		Refuse: s.o.NonInteractive,
	}
	if s.o.Forced {
		conv.Tell = func(text string) { s.voice.aside("PAM: " + text) }
	}
	return s.leader.Call(func() (err error) {
		if s.tx, err = pamconv.Start(s.service, s.attempt.Target, "", conv); err != nil {
			return s.refusal(err)
		}
		s.undo.add(s.tx.End)
		s.tx.OnFailure(s.denied)
		if tty := terminal(); tty != "" {
			err = s.tx.SetTerminal(tty)
		}
		return errors.Join(err, s.tx.SetCaller(s.caller.Name))
	})
}

// denied records an attempt before its delay is slept, and tells whether there is one:
// by a prompt that was refused nobody could have guessed at anything.
func (s *session) denied(err error) (delay bool) {
	s.attempt.Denied(reason(s.refusal(err)))
	var prompt *pamconv.PromptError
	return s.o.Forced || !errors.As(err, &prompt)
}

// refusal is what may be told of a PAM call's error before pam_authenticate has succeeded.
func (s *session) refusal(err error) error { return authentication(s.service, s.o.Forced, err) }

// authenticate asks the stack, in which modules ask the caller, with the caller's gid and
// groups, as su does. Before and after it the monitor has the guard's: what capsu reads
// itself does not depend on the caller.
func (s *session) authenticate() (err error) {
	if s.start.Caller == 0 {
		err = s.leader.Call(s.ask)
	} else if err = s.leader.Become(s.start.GID, s.start.Groups); err == nil {
		err = errors.Join(s.leader.Call(s.ask), s.leader.Become(s.start.GuardGID, nil))
	}
	if err == nil {
		if !s.o.Login || s.o.HasCommand {
			s.tx.Silence()
		}
		return nil
	}
	s.attempt.Denied(reason(err))
	var refused *authenticationError
	if errors.As(err, &refused) && refused.owes {
		pamconv.Delay()
	}
	return err
}

// ask runs pam_authenticate and pam_acct_mgmt. Errors before the first has succeeded
// tell nothing about the target; after it, the account phase speaks for itself,
// unless nobody but the holder of an ssh key would hear it.
func (s *session) ask() error {
	if err := s.leader.Call(s.tx.Authenticate); err != nil {
		return s.refusal(err)
	}
	err := s.leader.Call(s.tx.Account)
	if errors.Is(err, pamconv.ErrExpiredPassword) {
		err = s.leader.Call(func() error { return s.leader.ForRoot(s.tx.ChangePassword) })
	}
	return accounting(s.o.Forced, err)
}

// resolve finds the target, by PAM_USER as the modules have left it: its account, its
// groups and its rule. What cannot be granted ends the attempt here.
func (s *session) resolve() error {
	name, err := s.tx.User()
	if err != nil {
		return fmt.Errorf("PAM_USER: %w", err)
	}
	t := &target{named: name}
	if t.user, err = account.ByName(name); err != nil {
		return err
	}
	if err := s.refuseRoot(t.user); err != nil {
		return err
	}
	if s.start.Caller != 0 && t.user.UID == s.start.Guard {
		return fmt.Errorf("%s: the guard is not a target", t.user.Name)
	}
	if err := t.setGroups(s.groups); err != nil {
		return err
	}
	s.target = t
	if err := s.configureFor(t); err != nil {
		return err
	}
	if err := s.decide(t); err != nil {
		return err
	}
	if t.user.Name != s.attempt.Target {
		s.attempt.Renamed(t.user.Name)
	}
	return nil
}
