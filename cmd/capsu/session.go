package main

import (
	"errors"
	"fmt"

	"capsu/account"
	"capsu/front"
	"capsu/interpose"
	"capsu/launcher"
	"capsu/pamconv"
	"capsu/privilege"
	"capsu/records"
	"capsu/relay"
	"capsu/request"
	"capsu/tty"
)

// session is what its stages share. Each stage is a method, called by run in this order.
type session struct {
	asked    *request.Session // the options; nothing changes them
	start    *front.Start
	voice    *voice
	leader   *privilege.Leader
	attempt  *records.Attempt // writes the system log and the other records
	caller   *account.User
	conf     *configuration
	service  string // the PAM service
	groups   groupChoice
	tx       *pamconv.Transaction
	target   *target
	terminal *tty.Pty // the session's own, or nil
	ends     relay.Ends
	undo     closings
}

// run runs a session from beginning to end. A stage that opens something registers its
// closing at once; the closing runs on every path. If ended is nil, there was no session and
// err says why. If ended is set, err comes from a closing.
func run(asked *request.Session, start *front.Start, v *voice) (ended *launcher.Result, err error) {
	s := &session{asked: asked, start: start, voice: v, conf: &configuration{}, attempt: &records.Attempt{
		Caller: fmt.Sprint("uid ", start.Caller), Target: asked.User, Terminal: terminalName(), Program: ownPath(),
	}}
	defer func() {
		if err != nil {
			s.attempt.Failed(reason(err))
		}
	}()
	defer func() { s.warnOfLacking(err) }()
	defer s.undo.run(&err)

	for _, stage := range []func() error{
		s.settle,       // the leader becomes the guard; the caller, and the site's settings for them
		s.open,         // the PAM transaction
		s.authenticate, // the caller proves who they are, and the account may be used
		s.resolve,      // the target: its account, groups, rule
		s.credentials,  // its groups and credentials; PAM opens the session
	} {
		if err := stage(); err != nil {
			return nil, err
		}
		if start.Front.Ending() != 0 { // the caller has ended the attempt
			return nil, front.ErrEnded
		}
	}
	child, err := s.launch()
	if err != nil {
		return nil, err
	}
	return launcher.Wait(s.leader, child, start.Front, s.conf.Grace)
}

// settle ends the start: the leader becomes the guard (when root calls it stays uid 0), with
// nothing effective, and no other thread has privilege. Then it finds the caller, the site's
// settings for them, the name of the target and the service.
func (s *session) settle() (err error) {
	if s.leader, err = privilege.Settle(); err != nil {
		return err
	}
	s.undo.leader = s.leader
	s.attempt.Privileged = recordWith(s.leader)
	if s.caller, err = account.ByUID(s.start.Caller); err != nil {
		return fmt.Errorf("caller: %w", err)
	}
	s.attempt.Caller = s.caller.Name
	if s.asked.Forced {
		s.voice.log = s.attempt.Note
		if s.asked, err = s.asked.Force(s.start.Environ, onTerminal()); err != nil {
			return err
		}
	}
	if err := s.configure(); err != nil {
		return err
	}
	if err := s.settleName(); err != nil {
		return err
	}
	if s.groups, err = chooseGroups(s.asked, s.caller); err != nil {
		return err
	}
	s.service, err = s.asked.ServiceOf(s.conf.Services)
	return err
}

// recordWith returns a function that runs a record's write with every permitted capability
// effective, and with the group of utmp, wtmp and btmp. The write needs CAP_AUDIT_WRITE and
// that group. recordWith looks the group up at once, while nothing is effective. If the lookup
// fails, only the system log has a record. If there is no such group, the write does without.
func recordWith(l *privilege.Leader) func(f func() error) error {
	gid, _, err := account.Group("utmp")
	return func(f func() error) error {
		switch {
		case errors.Is(err, account.ErrUnknown):
			return l.With(f)
		case err != nil:
			return err
		}
		return l.AsGroup(gid, f)
	}
}

// credentials opens the pseudo-terminal and the session. In one call of Leader.Call it sets
// the target's groups with the caller's gid, as under su, and runs pam_setcred, which may add
// groups, and pam_open_session. Then it records a login, and gives the target the caller's
// terminal if the site says so.
func (s *session) credentials() error {
	t := s.target
	if err := s.leader.ActFor(t.user.UID); err != nil {
		return err
	}
	if err := s.openTerminal(); err != nil {
		return err
	}
	s.undo.add(s.terminal.Close)
	if err := s.leader.Call(s.establish); err != nil {
		return err
	}
	if s.asked.Login { // after the modules, which would otherwise take the target for the one logged in here
		s.undo.add(s.attempt.Login(s.terminal.NameOr(s.attempt.Terminal)))
	}
	// Last: while the terminal is the target's, no module runs that could hang and keep it so.
	return s.giveTerminal()
}

// establish sets the target's groups and runs pam_setcred and pam_open_session.
func (s *session) establish() error {
	l, t := s.leader, s.target
	if err := l.Become(s.start.GID, t.groups); err != nil {
		return err
	}
	err := l.Call(func() (err error) {
		if err := s.tx.EstablishCredentials(); err != nil {
			return err
		}
		s.undo.add(s.tx.DeleteCredentials)
		t.groups, err = l.Groups()
		return err
	})
	if err != nil {
		return err
	}
	interpose.Sanitise()
	return l.Call(func() error {
		if err := s.tx.OpenSession(); err != nil {
			return err
		}
		s.undo.add(s.tx.CloseSession)
		return nil
	})
}

// launch forks the child that becomes the session. From then on the monitor keeps only
// what closing needs.
func (s *session) launch() (*launcher.Child, error) {
	limits := interpose.SessionLimits()
	if err := limits.Startable(); err != nil {
		return nil, err
	}
	spec, err := s.spec(limits)
	if err != nil {
		return nil, err
	}
	child, err := launcher.Launch(s.leader, spec, s.start.Front, s.voice.warn)
	if err != nil {
		return nil, err
	}
	err = s.giveUp()
	tuple, e := child.Tuple()
	if err = errors.Join(err, e); err != nil {
		return nil, errors.Join(err, launcher.End(s.leader, child))
	}
	s.attempt.Opened(tuple.String())
	s.noteRevoked(tuple)
	return child, nil
}

// closings undo what a session has opened. They run in reverse order, in one call of
// Leader.Call, on every path.
type closings struct {
	leader *privilege.Leader
	each   []func() error
}

func (c *closings) add(closing func() error) { c.each = append(c.each, closing) }

// run runs the closings, and joins their errors to err. If Leader.Call fails, they run
// without privilege.
func (c *closings) run(err *error) {
	if len(c.each) == 0 {
		return
	}
	ran := false
	failed := c.leader.Call(func() error {
		ran = true
		return c.runReversed(c.leader.Call)
	})
	if !ran {
		failed = errors.Join(failed, c.runReversed(func(f func() error) error { return f() }))
	}
	*err = errors.Join(*err, failed)
}

func (c *closings) runReversed(call func(func() error) error) (failed error) {
	for i := len(c.each) - 1; i >= 0; i-- {
		failed = errors.Join(failed, call(c.each[i]))
	}
	return failed
}
