package main

import (
	"errors"
	"fmt"

	"capsu/account"
	"capsu/launcher"
	"capsu/pamconv"
	"capsu/records"
	"capsu/site"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// fileCaps let modules that authenticate read and write root's files. Those
// that act for the target, in its files, must do without.
var fileCaps = []cap.Value{cap.DAC_OVERRIDE, cap.DAC_READ_SEARCH, cap.FOWNER, cap.FSETID}

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
	m, err := launcher.NewMonitor() // 2
	if err != nil {
		return nil, err
	}
	attempt.Privileged = recording(m)
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
	tx, err := open(o, name, caller, s, m) // 3
	if err != nil {
		return nil, err
	}
	defer closing(&err, m, tx.End)

	tx.OnFailure(func(err error) (delay bool) {
		attempt.Denied(reason(authentication(o, err)))
		var prompt *pamconv.PromptError // by which nobody could have guessed at anything
		return o.forced || !errors.As(err, &prompt)
	})
	if err := conf.asking(m, s, func() error { return authenticate(tx, o) }); err != nil { // 4
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
	t, err := newTarget(tx, caller, chosen, s, m, conf) // 5
	if err != nil {
		return nil, err
	}
	if t.user.Name != attempt.Target {
		attempt.Renamed(t.user.Name)
	}
	old := m.Identity()
	if s.caller != 0 {
		m.Withhold(fileCaps...)
	}
	if err := m.Become(t.identity(old)); err != nil { // 6
		return nil, err
	}
	opened, err := opening(m, tx.EstablishCredentials)
	if opened {
		defer closing(&err, m, tx.DeleteCredentials)
	}
	if err != nil {
		return nil, err
	}
	if t.groups, err = m.Groups(); err != nil {
		return nil, err
	}
	if t.terminal, err = openTerminal(m, o, t, conf.Pty); err != nil { // 7
		return nil, err
	}
	defer t.terminal.Close()
	if o.login {
		defer attempt.Login(t.terminal.NameOr(attempt.Terminal))()
	}
	var limits launcher.Limits
	opened, err = opening(m, func() (err error) { limits, err = openSession(tx, s); return err })
	if opened {
		defer closing(&err, m, tx.CloseSession)
	}
	if err != nil {
		return nil, err
	}
	// While it is the target's no module runs, which could keep it so.
	back, err := conf.giveTerminal(m, t)
	if err != nil {
		return nil, err
	}
	defer back(&err)

	if s.front.Ending() != 0 {
		return nil, launcher.ErrStopped
	}
	spec, err := t.spec(tx, o, s, old, limits, conf) // 8
	if err != nil {
		return nil, err
	}
	child, err := m.Launch(spec, s.front, warn)
	if err != nil {
		return nil, err
	}
	defer conf.back(&err, m)
	err = conf.leave(m) // 9
	tuple, e := child.Tuple()
	if err = errors.Join(err, e); err != nil {
		return nil, errors.Join(err, m.End(child))
	}
	attempt.Opened(tuple.String())
	return m.Wait(child, s.front, conf.Grace) // then 10: the deferred closings
}

// recording gives records what they need: CAP_AUDIT_WRITE, and the group that
// utmp, wtmp and btmp belong to, looked up here, where nothing is effective.
func recording(m *launcher.Monitor) func(f func() error) error {
	gid, _, err := account.Group("utmp")
	return func(f func() error) error {
		switch {
		case errors.Is(err, account.ErrUnknown):
			return m.With(f)
		case err != nil:
			return err
		}
		return m.AsGroup(gid, f)
	}
}

// opening runs what must be closed again. It is open as soon as f has
// succeeded, also if capabilities could not be lowered after it.
func opening(m *launcher.Monitor, f func() error) (opened bool, err error) {
	err = m.With(func() error {
		err := f()
		opened = err == nil
		return err
	})
	return opened, err
}

// closing runs one closing, whatever happens, and keeps what it says beside
// what went wrong before.
func closing(err *error, m *launcher.Monitor, f func() error) {
	ran := false
	e := m.With(func() error { ran = true; return f() })
	if !ran { // what cannot be closed with privilege is closed without
		e = errors.Join(e, f())
	}
	*err = errors.Join(*err, e)
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
func open(o *sessionOptions, user string, caller *account.User, s *start, m *launcher.Monitor) (*pamconv.Transaction, error) {
	if err := pamconv.CheckService(o.service); err != nil {
		return nil, hinted("as root: ./install.sh installs capsu and capsu-l; others are yours to write", "PAM service %s: %w", o.service, err)
	}
	conv := &pamconv.Conversation{
		In: 0, Out: 1, Err: 2,
		Outside: outside{s.front}, Waiting: m.Without,
		Refuse: o.mute,
	}
	if o.forced {
		conv.Tell = func(text string) { aside("PAM: " + text) }
	}
	var tx *pamconv.Transaction
	err := m.With(func() (err error) {
		if tx, err = pamconv.Start(o.service, user, "", conv); err != nil {
			return authentication(o, err)
		}
		if tty := terminal(); tty != "" {
			err = tx.SetTerminal(tty)
		}
		return errors.Join(err, tx.SetCaller(caller.Name))
	})
	if err != nil && tx != nil {
		closing(&err, m, tx.End)
	}
	return tx, err
}

// authenticate is stage 4. Its errors before pam_authenticate has succeeded
// tell nothing about the target; after it, the account phase speaks for itself,
// unless nobody but the holder of an ssh key would hear it.
func authenticate(tx *pamconv.Transaction, o *sessionOptions) error {
	if err := tx.Authenticate(); err != nil {
		return authentication(o, err)
	}
	err := tx.Account()
	if errors.Is(err, pamconv.ErrExpiredPassword) {
		err = tx.ChangePassword()
	}
	return accounting(o, err)
}

// openSession is stage 7. The limits are read around it, before anything of
// capsu's own can change them again.
func openSession(tx *pamconv.Transaction, s *start) (limits launcher.Limits, err error) {
	before, err := launcher.ReadLimits()
	if err != nil {
		return limits, err
	}
	if err := tx.OpenSession(); err != nil {
		return limits, err
	}
	after, err := launcher.ReadLimits()
	if err != nil {
		return limits, errors.Join(err, tx.CloseSession())
	}
	return launcher.ForSession(s.limits, before, after), nil
}
