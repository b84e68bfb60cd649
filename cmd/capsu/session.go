package main

import (
	"errors"
	"fmt"

	"capsu/account"
	"capsu/interpose"
	"capsu/launcher"
	"capsu/pamconv"
	"capsu/privilege"
	"capsu/records"
	"capsu/site"
)

// run is a session from beginning to end: the stages of the specification's
// section 4, in order. What a stage opens, the next line closes again, on
// every path. ended is nil if there was no session; an error beside it is what
// closing said.
func run(o *sessionOptions, s *start) (ended *launcher.Result, err error) {
	attempt := &records.Attempt{Caller: fmt.Sprint("uid ", s.caller), Target: o.user, Terminal: terminal(), Program: ownPath()}
	defer func() {
		if err != nil {
			attempt.Failed(reason(err))
		}
	}()
	l, err := privilege.Settle() // 2
	if err != nil {
		return nil, err
	}
	attempt.Privileged = recording(l)
	caller, err := account.ByUID(s.caller)
	if err != nil {
		return nil, fmt.Errorf("caller: %w", err)
	}
	attempt.Caller = caller.Name
	if o.forced {
		aside = attempt.Note
		if err := o.force(s.environ, onTerminal()); err != nil {
			return nil, err
		}
	}
	conf, err := configure(o, caller)
	if err != nil {
		return nil, err
	}
	defer func() { conf.closed(&err) }()
	name, err := resolve(o.user, caller, conf.RootTarget, attempt)
	if err != nil {
		return nil, err
	}
	chosen, err := chooseGroups(o, caller)
	if err != nil {
		return nil, err
	}
	if err := o.chooseService(conf.Services); err != nil {
		return nil, err
	}
	if err := interpose.ShowUsual(caller.Home); err != nil {
		return nil, err
	}
	tx, err := open(o, name, caller, s, l) // 3
	if err != nil {
		return nil, err
	}
	undo := closings{l: l}
	defer undo.run(&err)
	undo.add(tx.End)

	tx.OnFailure(func(err error) (delay bool) {
		attempt.Denied(reason(authentication(o, err)))
		var prompt *pamconv.PromptError // by which nobody could have guessed at anything
		return o.forced || !errors.As(err, &prompt)
	})
	if err := asking(l, s, func() error { return authenticate(tx, o, l) }); err != nil { // 4
		attempt.Denied(reason(err))
		var refused *authenticationError
		if errors.As(err, &refused) && refused.owes {
			pamconv.Delay()
		}
		return nil, err
	}
	if s.front.Ending() != 0 { // while the stack was asked
		return nil, launcher.ErrStopped
	}
	if !o.login || o.hasCommand {
		tx.Mute()
	}
	t, err := newTarget(tx, caller, chosen, s, l, conf) // 5
	if err != nil {
		return nil, err
	}
	if t.user.Name != attempt.Target {
		attempt.Renamed(t.user.Name)
	}
	if err := l.ActFor(t.user.UID); err != nil { // 6
		return nil, err
	}
	if t.terminal, err = openTerminal(l, o, t, conf.Pty); err != nil {
		return nil, err
	}
	undo.add(t.terminal.Close)
	if err := l.Call(func() error { return establish(tx, l, &undo, t, s) }); err != nil { // 7
		return nil, err
	}
	if o.login { // not before: modules would take the target for whoever logged in here
		undo.add(attempt.Login(t.terminal.NameOr(attempt.Terminal)))
	}
	// While it is the target's no module runs, which could keep it so.
	if err := conf.giveTerminal(l, t, &undo); err != nil {
		return nil, err
	}
	if s.front.Ending() != 0 {
		return nil, launcher.ErrStopped
	}
	limits := interpose.SessionLimits() // 8
	if err := limits.Startable(); err != nil {
		return nil, err
	}
	spec, err := t.spec(tx, o, s, limits, conf)
	if err != nil {
		return nil, err
	}
	child, err := launcher.Launch(l, spec, s.front, warn)
	if err != nil {
		return nil, err
	}
	err = conf.leave(l, t) // 9
	tuple, e := child.Tuple()
	if err = errors.Join(err, e); err != nil {
		return nil, errors.Join(err, launcher.End(l, child))
	}
	attempt.Opened(tuple.String())
	return launcher.Wait(l, child, s.front, conf.Grace) // then 10: the closings
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

// closings is what a session has opened, each with its closing. They run in
// reverse, in one stretch of privilege, whatever happens.
type closings struct {
	l    *privilege.Leader
	each []func() error
}

func (c *closings) add(closing func() error) { c.each = append(c.each, closing) }

// run keeps what closing says beside what went wrong before. What cannot be
// closed with privilege is closed without.
func (c *closings) run(err *error) {
	all := func() (said error) {
		for i := len(c.each) - 1; i >= 0; i-- {
			said = errors.Join(said, c.l.Call(c.each[i]))
		}
		return said
	}
	ran := false
	said := c.l.Call(func() error { ran = true; return all() })
	if !ran {
		for i := len(c.each) - 1; i >= 0; i-- {
			said = errors.Join(said, c.each[i]())
		}
	}
	*err = errors.Join(*err, said)
}

// resolve returns the name to authenticate for: the passwd entry's own, also
// of a uid, else the name as typed, which is the stack's to refuse like a wrong
// password.
func resolve(typed string, caller *account.User, rootTarget bool, a *records.Attempt) (string, error) {
	u, err := account.ByName(typed)
	if errors.Is(err, account.ErrUnknown) {
		u, err = account.ByNumber(typed)
	}
	if err != nil {
		return typed, nil
	}
	a.Target, a.Known = u.Name, true
	return u.Name, refuseRoot(u, caller, rootTarget)
}

// refuseRoot refuses uid 0 as a target for callers other than root, unless
// RootTarget is on. What PAM_USER says after authentication is asked again.
func refuseRoot(u, caller *account.User, allowed bool) error {
	if u.UID == 0 && caller.UID != 0 && !allowed {
		return hinted("name a user: capsu USER; root as a target needs RootTarget on in "+site.DefaultFile,
			"%s: uid 0 is not a target for callers other than root (RootTarget is off)", u.Name)
	}
	return nil
}

// open starts the PAM transaction and tells the modules who asks, and where.
func open(o *sessionOptions, user string, caller *account.User, s *start, l *privilege.Leader) (*pamconv.Transaction, error) {
	if err := pamconv.CheckService(o.service); err != nil {
		return nil, hinted("as root: ./install.sh installs capsu and capsu-l; others are yours to write", "PAM service %s: %w", o.service, err)
	}
	conv := &pamconv.Conversation{
		In: 0, Out: 1, Err: 2,
		Outside: outside{s.front}, Waiting: l.Waiting,
		Refuse: o.mute,
	}
	if o.forced {
		conv.Tell = func(text string) { aside("PAM: " + text) }
	}
	var tx *pamconv.Transaction
	err := l.Call(func() (err error) {
		if tx, err = pamconv.Start(o.service, user, "", conv); err != nil {
			return authentication(o, err)
		}
		if tty := terminal(); tty != "" {
			err = tx.SetTerminal(tty)
		}
		return errors.Join(err, tx.SetCaller(caller.Name))
	})
	if err != nil && tx != nil {
		undo := closings{l, []func() error{tx.End}}
		undo.run(&err)
	}
	return tx, err
}

// authenticate is stage 4. Its errors before pam_authenticate has succeeded
// tell nothing about the target; after it, the account phase speaks for itself,
// unless nobody but the holder of an ssh key would hear it.
func authenticate(tx *pamconv.Transaction, o *sessionOptions, l *privilege.Leader) error {
	if err := l.Call(tx.Authenticate); err != nil {
		return authentication(o, err)
	}
	err := l.Call(tx.Account)
	if errors.Is(err, pamconv.ErrExpiredPassword) {
		err = l.Call(func() error { return l.ForRoot(tx.ChangePassword) })
	}
	return accounting(o, err)
}

// asking runs f, in which modules ask, with the caller's gid and groups, as su
// does. Before and after it the monitor has the guard's: what capsu reads itself
// does not depend on the caller.
func asking(l *privilege.Leader, s *start, f func() error) (err error) {
	if s.caller == 0 {
		return l.Call(f)
	}
	if err := l.Become(s.gid, s.groups); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Become(s.guardGID, nil)) }()
	return l.Call(f)
}

// establish is the stages credentials and session, which share one stretch:
// the target's groups with the caller's gid, as under su; setcred, which may add
// groups; open_session.
func establish(tx *pamconv.Transaction, l *privilege.Leader, undo *closings, t *target, s *start) error {
	if err := l.Become(s.gid, t.groups); err != nil {
		return err
	}
	err := l.Call(func() (err error) {
		if err := tx.EstablishCredentials(); err != nil {
			return err
		}
		undo.add(tx.DeleteCredentials)
		t.groups, err = l.Groups()
		return err
	})
	if err != nil {
		return err
	}
	interpose.Sanitise()
	return l.Call(func() error {
		if err := tx.OpenSession(); err != nil {
			return err
		}
		undo.add(tx.CloseSession)
		return nil
	})
}
