package main

import (
	"errors"
	"fmt"
	"slices"

	"capsu/account"
	"capsu/capability"
	"capsu/interpose"
	"capsu/launcher"
	"capsu/policy"
	"capsu/privilege"
	"capsu/request"
	"capsu/tty"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// target is the account that the session is for. resolve fills it in, once.
type target struct {
	user       *account.User
	homeless   bool     // the passwd entry names no home directory; user has /
	named      string   // PAM_USER, by which user was found
	gid        uint32   // the session's primary group
	groups     []uint32 // the session's
	own        []uint32 // the target's, by NSS
	decision   policy.Decision
	securebits cap.Secbits // the session's
}

// groupChoice has the groups of -g and -G; nil without them.
type groupChoice struct {
	primary *uint32
	list    []uint32
}

// chooseGroups looks up the groups of -g and -G, which only root may use. The first -G is
// the primary group, unless -g names one.
func chooseGroups(asked *request.Session, caller *account.User) (c groupChoice, err error) {
	if asked.Group == "" && asked.Groups == nil {
		return c, nil
	}
	if caller.UID != 0 {
		return c, errors.New("-g and -G: only root may choose groups")
	}
	for _, name := range asked.Groups {
		gid, err := account.GroupID(name)
		if err != nil {
			return c, fmt.Errorf("-G %w", err)
		}
		c.list = append(c.list, gid)
	}
	if asked.Group == "" {
		c.primary = &c.list[0]
		return c, nil
	}
	gid, err := account.GroupID(asked.Group)
	if err != nil {
		return c, fmt.Errorf("-g %w", err)
	}
	c.primary = &gid
	return c, nil
}

// setGroups sets the session's groups: those that root has chosen, otherwise the target's
// by NSS, without a group that no process can have: setgroups(2) would refuse all of them.
func (t *target) setGroups(chosen groupChoice) (err error) {
	t.gid = t.user.GID
	if t.own, err = t.user.Groups(); err != nil {
		return err
	}
	t.groups = slices.DeleteFunc(slices.Clone(t.own), func(gid uint32) bool { return gid == account.NoID })
	if chosen.primary == nil {
		return nil
	}
	t.gid = *chosen.primary
	t.groups = append([]uint32{t.gid}, chosen.list...)
	slices.Sort(t.groups)
	t.groups = slices.Compact(t.groups)
	return nil
}

// spec returns the launcher's description of the session.
func (s *session) spec(limits interpose.Limits) (*launcher.Spec, error) {
	asked, t := s.asked, s.target
	handle, err := s.tx.Handle()
	if err != nil {
		return nil, err
	}
	// Account, groups and rule are those of the user that resolve has found. A module must
	// not change PAM_USER after that.
	if name, err := s.tx.User(); err != nil || name != t.named {
		return nil, errors.Join(fmt.Errorf("PAM_USER: is %s, after %s was decided on", name, t.named), err)
	}
	env, shell, err := s.environ()
	if err != nil {
		return nil, err
	}
	drop, err := asked.Dropped()
	if err != nil {
		return nil, err
	}
	_, ignored := interpose.Left()
	spec := &launcher.Spec{
		PAM: handle,
		UID: t.user.UID, GID: t.gid, Groups: t.groups, Regain: s.identities(), RegainGID: s.start.GID,
		Securebits: t.securebits,
		NewSession: asked.HasCommand && !asked.SameSession && s.terminal == nil,
		Terminal:   s.terminal, Ends: s.ends, Remote: asked.Forced,
		Foreground: tty.Foreground(s.ends.In) && !s.ends.Yields,
		Limits:     limits, Ignored: (s.start.Ignored | ignored) &^ (1 << (unix.SIGCHLD - 1)), Mask: s.start.Mask,
		Path: shell, Args: asked.Argv(shell), Env: env,
	}
	spec.Narrow, spec.Drop, spec.NoNewPrivs = asked.Narrow, drop, asked.NoNewPrivs || t.blocksMore(asked.Narrow)
	if asked.Fresh() {
		spec.Home = t.user.Home
	}
	switch t.decision.Action {
	case policy.Set:
		spec.Tuple = t.decision.IAB
	case policy.None:
		spec.Tuple = cap.NewIAB()
	case policy.All:
		spec.Passed = s.start.Inheritable
	}
	return spec, s.conf.restrict(spec)
}

// environ returns the session's environment and its shell.
func (s *session) environ() (env []string, shell string, err error) {
	pam, err := s.tx.Environment()
	if err != nil {
		return nil, "", fmt.Errorf("PAM environment: %w", err)
	}
	var defs account.Defs
	if !s.asked.Preserves() {
		if defs, err = account.ReadDefs(); err != nil {
			s.voice.warn(err) // PATH is then the built-in one
		}
	}
	if s.target.homeless && s.asked.Fresh() {
		s.voice.warn(fmt.Errorf("home directory of %s: the account has none, so it is /", s.target.user.Name))
	}
	shell = s.shell()
	if s.asked.Preserve && s.asked.Login {
		s.voice.warn(errors.New("-m: ignored, --login makes a fresh environment"))
	}
	left, _ := interpose.Left()
	return s.asked.Environment(s.start.Environ, left, pam, s.target.user, shell, defs), shell, nil
}

// identities returns the uids that the monitor has had: root's, the caller's, the guard's.
func (s *session) identities() []uint32 {
	uids := []uint32{0, s.start.Caller}
	if s.start.Guard != privilege.Nobody {
		uids = append(uids, s.start.Guard)
	}
	return uids
}

// shell chooses the session's shell: that of -s, the caller's SHELL under -m, the target's,
// or /bin/sh. It warns if /etc/shells rules out the first two.
func (s *session) shell() string {
	wanted, by := s.asked.Shell, "--shell"
	if wanted == "" && s.asked.Preserves() {
		wanted, _ = request.Value(s.start.Environ, "SHELL")
		by = "SHELL"
	}
	shell, ignored := request.ShellOf(wanted, s.target.user, s.caller.UID == 0)
	if ignored {
		s.voice.warn(fmt.Errorf("%s %s: ignored, the shell of %s is not in /etc/shells", by, wanted, s.target.user.Name))
	}
	return shell
}

// blocksMore tells whether -C blocks a capability that the rule does not. Then the session
// must not run set-uid programs: without cap_setuid, for example, one cannot drop its
// privilege.
func (t *target) blocksMore(narrow *cap.IAB) bool {
	if narrow == nil {
		return false
	}
	var already []cap.Value
	if t.decision.IAB != nil {
		already = capability.In(t.decision.IAB, cap.Bound)
	}
	return slices.ContainsFunc(capability.In(narrow, cap.Bound), func(c cap.Value) bool { return !slices.Contains(already, c) })
}
