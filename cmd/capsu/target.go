package main

import (
	"errors"
	"fmt"
	"slices"

	"capsu/account"
	"capsu/interpose"
	"capsu/launcher"
	"capsu/pamconv"
	"capsu/policy"
	"capsu/privilege"
	"capsu/tty"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// target is who the session is for, resolved once.
type target struct {
	user       *account.User
	named      string // PAM_USER, by which user was found
	gid        uint32 // primary group, of the session
	groups     []uint32
	own        []uint32 // groups by NSS
	decision   policy.Decision
	securebits cap.Secbits // of the session
	caller     *account.User
	terminal   *tty.Pty // the session's own, or nil
}

// groupChoice is what -g and -G say; nil where they say nothing.
type groupChoice struct {
	primary *uint32
	list    []uint32
}

// chooseGroups looks up the groups of -g and -G, which are root's to choose.
// Of several -G the first is the primary group, unless -g names one.
func chooseGroups(o *sessionOptions, caller *account.User) (c groupChoice, err error) {
	if o.group == "" && o.groups == nil {
		return c, nil
	}
	if caller.UID != 0 {
		return c, errors.New("-g and -G: only root may choose groups")
	}
	for _, name := range o.groups {
		gid, err := account.GroupID(name)
		if err != nil {
			return c, fmt.Errorf("-G %w", err)
		}
		c.list = append(c.list, gid)
	}
	if o.group == "" {
		c.primary = &c.list[0]
		return c, nil
	}
	gid, err := account.GroupID(o.group)
	if err != nil {
		return c, fmt.Errorf("-g %w", err)
	}
	c.primary = &gid
	return c, nil
}

// newTarget is stage 5: PAM_USER read back, its account, its groups and its
// rule. What cannot be granted ends the attempt here.
func newTarget(tx *pamconv.Transaction, caller *account.User, chosen groupChoice, s *start, l *privilege.Leader, conf *configuration) (*target, error) {
	name, err := tx.User()
	if err != nil {
		return nil, fmt.Errorf("PAM_USER: %w", err)
	}
	t := &target{caller: caller, named: name}
	if t.user, err = account.ByName(name); err != nil {
		return nil, err
	}
	if err := refuseRoot(t.user, caller, conf.RootTarget); err != nil {
		return nil, err
	}
	if s.caller != 0 && t.user.UID == s.guard {
		return nil, fmt.Errorf("%s: the guard is not a target", t.user.Name)
	}
	if err := t.setGroups(chosen); err != nil {
		return nil, err
	}
	if err := conf.forTarget(t, s); err != nil {
		return nil, err
	}
	if err := t.decide(l, conf); err != nil {
		return nil, err
	}
	return t, nil
}

// setGroups takes the target's groups by NSS, or what root has chosen.
func (t *target) setGroups(chosen groupChoice) (err error) {
	t.gid = t.user.GID
	if t.own, err = t.user.Groups(); err != nil {
		return err
	}
	t.groups = t.own
	if chosen.primary == nil {
		return nil
	}
	t.gid = *chosen.primary
	t.groups = append([]uint32{t.gid}, chosen.list...)
	slices.Sort(t.groups)
	t.groups = slices.Compact(t.groups)
	return nil
}

// spec is stage 8: what the child shall become.
func (t *target) spec(tx *pamconv.Transaction, o *sessionOptions, s *start, limits interpose.Limits, conf *configuration) (*launcher.Spec, error) {
	handle, err := tx.Handle()
	if err != nil {
		return nil, err
	}
	// Account, groups and rule are of the user of stage 5: a module that means
	// another one by now means another session.
	if name, err := tx.User(); err != nil || name != t.named {
		return nil, errors.Join(fmt.Errorf("PAM_USER: is %s, after %s was decided on", name, t.named), err)
	}
	pamEnv, err := tx.Environment()
	if err != nil {
		return nil, fmt.Errorf("PAM environment: %w", err)
	}
	var defs account.Defs
	if !o.preserves() {
		if defs, err = account.ReadDefs(); err != nil {
			warn(err) // the search path is the built-in one
		}
	}
	variables, ignored := interpose.Left()
	shell := t.shell(o, s)
	if o.preserve && o.login {
		warn(errors.New("-m: ignored, --login makes a fresh environment"))
	}
	spec := &launcher.Spec{
		PAM: handle,
		UID: t.user.UID, GID: t.gid, Groups: t.groups, Old: s.identities(), OldGID: s.gid,
		Securebits: t.securebits,
		NewSession: o.hasCommand && !o.sameLeader && t.terminal == nil,
		Terminal:   t.terminal, Foreground: tty.Foreground(0), Remote: o.forced,
		Limits: limits, Ignored: (s.ignored | ignored) &^ (1 << (unix.SIGCHLD - 1)), Mask: s.mask,
		Path: shell, Args: arguments(shell, o),
		Env: environ(o, s.environ, variables, pamEnv, t.user, shell, defs),
	}
	spec.Narrow, spec.Drop, spec.NoNewPrivs = o.narrow, o.drop, o.noNewPrivs || t.blocksMore(o.narrow)
	if o.fresh() {
		spec.Home = t.user.Home
	}
	switch t.decision.Action {
	case policy.Set:
		spec.Tuple = t.decision.IAB
	case policy.None:
		spec.Tuple = cap.NewIAB()
	case policy.All:
		spec.Passed = s.inheritable
	}
	return spec, conf.restrict(spec)
}

// shell chooses: -s, the caller's SHELL under -m, the target's own, /bin/sh.
func (t *target) shell(o *sessionOptions, s *start) string {
	asked, by := o.shell, "--shell"
	if asked == "" && o.preserves() {
		asked, _ = valueOf(s.environ, "SHELL")
		by = "SHELL"
	}
	shell, ignored := shellOf(asked, t.user, t.caller.UID == 0)
	if ignored {
		warn(fmt.Errorf("%s %s: ignored, the shell of %s is not in /etc/shells", by, asked, t.user.Name))
	}
	return shell
}

// blocksMore tells whether -C blocks what the rule does not. A set-uid program
// run without, say, cap_setuid cannot drop what it has: who narrows its
// Bounding set by himself must not be able to run one (spec 5.4).
func (t *target) blocksMore(narrow *cap.IAB) bool {
	for c := cap.Value(0); narrow != nil && c < cap.MaxBits(); c++ {
		blocked, err := narrow.GetVector(cap.Bound, c)
		if err == nil && !blocked {
			continue
		}
		if t.decision.IAB == nil {
			return true
		}
		if already, e := t.decision.IAB.GetVector(cap.Bound, c); err != nil || e != nil || !already {
			return true
		}
	}
	return false
}
