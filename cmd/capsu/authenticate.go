package main

import (
	"errors"
	"fmt"
	"slices"

	"capsu/account"
	"capsu/interpose"
	"capsu/pamconv"
	"capsu/say"
	"capsu/service"
	"capsu/site"
)

// settleName finds the name to authenticate for: the one in the passwd entry, also if the
// caller has typed a uid. Without an entry it keeps what they have typed, which the stack
// then refuses like a wrong password. It tells root at once, except under --forced-command,
// where the holder of the key reads the message.
func (s *session) settleName() error {
	u, err := account.ByName(s.asked.User)
	if errors.Is(err, account.ErrUnknown) {
		u, err = account.ByNumber(s.asked.User)
	}
	if errors.Is(err, account.ErrUnknown) && s.caller.UID == 0 && !s.asked.Forced {
		return fmt.Errorf("user %s does not exist", s.asked.User)
	}
	if err != nil {
		return nil
	}
	s.attempt.Target, s.attempt.Known = u.Name, true
	return s.refuseRoot(u)
}

// refuseRoot refuses uid 0 as a target, unless the site allows it or root calls. It runs
// again after authentication, for PAM_USER.
func (s *session) refuseRoot(u *account.User) error {
	if err := s.conf.Target(u.Name, u.UID, s.caller.UID); err != nil {
		return say.Hinted("name a user: capsu USER; root as a target needs RootTarget on in "+site.DefaultFile, "%w", err)
	}
	return nil
}

// open starts the PAM transaction, and sets the caller's name and terminal for modules.
func (s *session) open() error {
	if err := service.Exists(s.service); err != nil {
		return say.Hinted("an administrator can install or write it: pam.d(5)", "PAM service %s: %w", s.service, err)
	}
	if err := interpose.ShowUsual(s.caller.Home); err != nil {
		return err
	}
	conv := &pamconv.Conversation{
		In: 0, Out: 1, Err: 2,
		Outside: outside{s.start.Front, s.voice}, Waiting: s.leader.Waiting,
		Refuse: s.asked.NonInteractive,
	}
	if s.asked.Forced {
		conv.Tell = func(text string) { s.voice.aside("PAM: " + text) }
	}
	return s.leader.Call(func() (err error) {
		if s.tx, err = pamconv.Start(s.service, s.attempt.Target, "", conv); err != nil {
			return s.refusal(err)
		}
		s.undo.add(s.tx.End)
		s.tx.OnFailure(s.recordDenial)
		if tty := terminalName(); tty != "" {
			err = s.tx.SetTerminal(tty)
		}
		return errors.Join(err, s.tx.SetCaller(s.caller.Name))
	})
}

// recordDenial records a failed authentication before its delay, and tells whether there is
// a delay. A refused prompt has none, since the caller could not guess a password.
func (s *session) recordDenial(err error) (delay bool) {
	s.attempt.Denied(reason(s.refusal(err)))
	var prompt *pamconv.PromptError
	return s.asked.Forced || !errors.As(err, &prompt)
}

// refusal returns what the caller may see of a PAM error before pam_authenticate has
// succeeded.
func (s *session) refusal(err error) error {
	return authenticationFault(s.service, s.asked.Forced, err)
}

// authenticate runs the authentication and account phases with the caller's gid and groups,
// as su does. Before and after it the monitor has the guard's, so that what capsu reads
// itself does not depend on the caller.
func (s *session) authenticate() (err error) {
	if s.start.Caller == 0 {
		err = s.leader.Call(s.ask)
	} else if err = s.leader.Become(s.start.GID, s.start.Groups); err == nil {
		err = errors.Join(s.leader.Call(s.ask), s.leader.Become(s.start.GuardGID, nil))
	}
	if err == nil {
		if !s.asked.Login || s.asked.HasCommand {
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

// ask runs pam_authenticate, pam_acct_mgmt and, for an expired password, pam_chauthtok.
// Errors of the first tell nothing about the target. Errors of the others do, except to the
// holder of an ssh key.
func (s *session) ask() error {
	if err := s.leader.Call(s.tx.Authenticate); err != nil {
		return s.refusal(err)
	}
	err := s.leader.Call(s.tx.Account)
	if errors.Is(err, pamconv.ErrExpiredPassword) {
		err = s.leader.Call(func() error { return s.leader.ForRoot(s.tx.ChangePassword) })
	}
	return accountFault(s.asked.Forced, err)
}

// resolve finds the target by PAM_USER, which modules may have changed: its account, its
// groups and its rule. If the grant is impossible, the attempt ends here.
func (s *session) resolve() error {
	name, err := s.tx.User()
	if err != nil {
		return fmt.Errorf("PAM_USER: %w", err)
	}
	t := &target{named: name}
	if t.user, err = account.ByName(name); err != nil {
		return err
	}
	if t.user.Home == "" { // an empty HOME would be the current directory, which is the caller's
		t.homeless, t.user.Home = true, "/"
	}
	if err := s.refuseRoot(t.user); err != nil {
		return err
	}
	if s.start.Caller != 0 && t.user.UID == s.start.Guard {
		return fmt.Errorf("%s: the guard is not a target", t.user.Name)
	}
	if t.user.UID == account.NoID || t.user.GID == account.NoID {
		return say.Hinted("an administrator can give the account other numbers: usermod(8)",
			"%s: uid or gid is %d, which stands for none", t.user.Name, uint32(account.NoID))
	}
	if err := t.setGroups(s.groups); err != nil {
		return err
	}
	if s.groups.primary == nil && slices.Contains(t.own, account.NoID) {
		s.voice.warn(fmt.Errorf("groups of %s: gid %d stands for none; it is left out", t.user.Name, uint32(account.NoID)))
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
