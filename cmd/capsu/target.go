package main

import (
	"fmt"

	"capsu/account"
	"capsu/launcher"
	"capsu/pamconv"
	"capsu/policy"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// target is who the session is for, resolved once.
type target struct {
	user     *account.User
	groups   []uint32
	decision policy.Decision
	caller   *account.User
}

// newTarget is stage 5: PAM_USER read back, its account, its groups and its
// rule. What cannot be granted ends the attempt here.
func newTarget(tx *pamconv.Transaction, caller *account.User, s *start, m *launcher.Monitor) (*target, error) {
	name, err := tx.User()
	if err != nil {
		return nil, fmt.Errorf("PAM_USER: %w", err)
	}
	t := &target{caller: caller}
	if t.user, err = account.ByName(name); err != nil {
		return nil, err
	}
	if err := refuseRoot(t.user.Name, caller); err != nil {
		return nil, err
	}
	if s.caller != 0 && t.user.UID == s.guard {
		return nil, fmt.Errorf("%s: the guard is not a target", t.user.Name)
	}
	if t.groups, err = t.user.Groups(); err != nil {
		return nil, err
	}
	t.decision, err = policy.Decide(policy.Parameters{}, policy.Subject{
		Caller: caller.Name, Target: t.user.Name,
		Member: func(group string) (bool, error) { return account.Member(t.groups, group) },
	})
	if err != nil {
		return nil, err
	}
	if t.decision.Action == policy.Set {
		if err := policy.Beyond(t.decision.IAB, m.Has, launcher.Bounded); err != nil {
			return nil, &policy.Error{File: t.decision.File, Line: t.decision.Line, Err: err}
		}
	}
	return t, nil
}

// identity is what the monitor runs setcred and the session modules as: the
// target's groups and gid; and between two uids of the guard, which keep the
// target from reaching it, the target's. When root calls it stays uid 0.
func (t *target) identity(now launcher.Identity) launcher.Identity {
	id := launcher.Identity{UID: now.UID, GID: launcher.One(t.user.GID), Groups: t.groups}
	if t.caller.UID != 0 {
		id.UID.E = t.user.UID
	}
	return id
}

// spec is stage 8: what the child shall become.
func (t *target) spec(tx *pamconv.Transaction, o *sessionOptions, s *start, old launcher.Identity, limits launcher.Limits) (*launcher.Spec, error) {
	handle, err := tx.Handle()
	if err != nil {
		return nil, err
	}
	pamEnv, err := tx.Environment()
	if err != nil {
		return nil, fmt.Errorf("PAM environment: %w", err)
	}
	shell, ignored := shellOf(o.shell, t.user, t.caller.UID == 0)
	if ignored {
		warn(fmt.Errorf("--shell %s: ignored, the shell of %s is not in /etc/shells", o.shell, t.user.Name))
	}
	spec := &launcher.Spec{
		PAM: handle,
		UID: t.user.UID, GID: t.user.GID, Groups: t.groups, Old: old,
		Securebits: s.securebits,
		NewSession: o.hasCommand,
		Limits:     limits, Ignored: s.ignored &^ (1 << (unix.SIGCHLD - 1)), Mask: s.mask,
		Path: shell, Args: arguments(shell, o),
		Env: environ(s.environ, pamEnv, t.user, shell, o.login),
	}
	spec.Narrow, spec.Drop, spec.NoNewPrivs = o.narrow, o.drop, o.noNewPrivs || t.blocksMore(o.narrow)
	if o.login {
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
	if t.user.UID == 0 {
		spec.Securebits |= cap.SecbitNoRoot | cap.SecbitNoRootLocked
	}
	return spec, nil
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
