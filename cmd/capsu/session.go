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
	"capsu/request"
	"capsu/tty"
)

// session is what its stages share. Each stage is a method, called by run in this order.
type session struct {
	o        *request.Session // as asked: nothing changes them
	start    *front.Start
	voice    *voice
	leader   *privilege.Leader
	attempt  *records.Attempt // for the system log and the other records
	caller   *account.User
	conf     *configuration
	service  string // of PAM
	groups   groupChoice
	tx       *pamconv.Transaction
	target   *target
	terminal *tty.Pty // the session's own, or nil
	undo     closings
}

// run is a session from beginning to end. What a stage opens it registers for closing on
// the next line, and that is closed again on every path. ended is nil if there was no
// session; an error beside it is what closing said.
func run(o *request.Session, start *front.Start, v *voice) (ended *launcher.Result, err error) {
	s := &session{o: o, start: start, voice: v, conf: &configuration{}, attempt: &records.Attempt{
		Caller: fmt.Sprint("uid ", start.Caller), Target: o.User, Terminal: terminal(), Program: ownPath(),
	}}
	defer func() {
		if err != nil {
			s.attempt.Failed(reason(err))
		}
	}()
	defer func() { s.warnOfLacking(err) }()
	defer s.undo.run(&err)

	for _, stage := range []func() error{
		s.settle,       // this thread alone is privileged; who calls, and what the site says of them
		s.open,         // the PAM transaction
		s.authenticate, // the caller proves who they are, and the account may be used
		s.resolve,      // the target: its account, groups, rule
		s.credentials,  // its groups and credentials; the session is opened
	} {
		if err := stage(); err != nil {
			return nil, err
		}
		if start.Front.Ending() != 0 { // the caller has left meanwhile
			return nil, front.ErrEnded
		}
	}
	child, err := s.launch()
	if err != nil {
		return nil, err
	}
	return launcher.Wait(s.leader, child, start.Front, s.conf.Grace)
}

// settle ends the start: the leader is the guard, with nothing effective. Then it finds
// out what is asked for, and whether the site allows it.
func (s *session) settle() (err error) {
	if s.leader, err = privilege.Settle(); err != nil {
		return err
	}
	s.undo.leader = s.leader
	s.attempt.Privileged = recording(s.leader)
	if s.caller, err = account.ByUID(s.start.Caller); err != nil {
		return fmt.Errorf("caller: %w", err)
	}
	s.attempt.Caller = s.caller.Name
	if s.o.Forced {
		s.voice.log = s.attempt.Note
		if s.o, err = s.o.Force(s.start.Environ, onTerminal()); err != nil {
			return err
		}
	}
	if err := s.configure(); err != nil {
		return err
	}
	if err := s.name(); err != nil {
		return err
	}
	if s.groups, err = chooseGroups(s.o, s.caller); err != nil {
		return err
	}
	s.service, err = s.o.ServiceOf(s.conf.Services)
	return err
}

// recording gives records what they need: CAP_AUDIT_WRITE, and the group that
// utmp, wtmp and btmp belong to, looked up here, where nothing is effective.
func recording(l *privilege.Leader) func(f func() error) error {
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

// credentials opens the session: the target's groups with the caller's gid, as under su;
// pam_setcred, which may add groups; pam_open_session. The two share one stretch of
// privilege. Then a login is recorded, and has the terminal.
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
	if s.o.Login { // not before: modules would take the target for whoever logged in here
		s.undo.add(s.attempt.Login(s.terminal.NameOr(s.attempt.Terminal)))
	}
	// While it is the target's no module runs, which could keep it so.
	return s.giveTerminal()
}

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

// launch forks the child that becomes the session. The monitor keeps from there on what
// closing needs.
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
	return child, nil
}

// closings is what a session has opened, each with its closing. They run in
// reverse, in one stretch of privilege, whatever happens.
type closings struct {
	leader *privilege.Leader
	each   []func() error
}

func (c *closings) add(closing func() error) { c.each = append(c.each, closing) }

// run keeps what closing says beside what went wrong before. What cannot be
// closed with privilege is closed without.
func (c *closings) run(err *error) {
	if len(c.each) == 0 {
		return
	}
	ran := false
	said := c.leader.Call(func() error {
		ran = true
		return c.reversed(c.leader.Call)
	})
	if !ran {
		said = errors.Join(said, c.reversed(func(f func() error) error { return f() }))
	}
	*err = errors.Join(*err, said)
}

func (c *closings) reversed(call func(func() error) error) (said error) {
	for i := len(c.each) - 1; i >= 0; i-- {
		said = errors.Join(said, call(c.each[i]))
	}
	return said
}
