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

// target is who the session is for, resolved once.
type target struct {
	user       *account.User
	named      string // PAM_USER, by which user was found
	gid        uint32 // primary group, of the session
	groups     []uint32
	own        []uint32 // groups by NSS
	decision   policy.Decision
	securebits cap.Secbits // of the session
}

// groupChoice is what -g and -G say; nil where they say nothing.
type groupChoice struct {
	primary *uint32
	list    []uint32
}

// chooseGroups looks up the groups of -g and -G, which are root's to choose.
// Of several -G the first is the primary group, unless -g names one.
func chooseGroups(o *request.Session, caller *account.User) (c groupChoice, err error) {
	if o.Group == "" && o.Groups == nil {
		return c, nil
	}
	if caller.UID != 0 {
		return c, errors.New("-g and -G: only root may choose groups")
	}
	for _, name := range o.Groups {
		gid, err := account.GroupID(name)
		if err != nil {
			return c, fmt.Errorf("-G %w", err)
		}
		c.list = append(c.list, gid)
	}
	if o.Group == "" {
		c.primary = &c.list[0]
		return c, nil
	}
	gid, err := account.GroupID(o.Group)
	if err != nil {
		return c, fmt.Errorf("-g %w", err)
	}
	c.primary = &gid
	return c, nil
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

// spec is what the child shall become.
func (s *session) spec(limits interpose.Limits) (*launcher.Spec, error) {
	o, t := s.o, s.target
	handle, err := s.tx.Handle()
	if err != nil {
		return nil, err
	}
	// Account, groups and rule are of the user whom resolve has found: a module that means
	// another one now comes too late.
	if name, err := s.tx.User(); err != nil || name != t.named {
		return nil, errors.Join(fmt.Errorf("PAM_USER: is %s, after %s was decided on", name, t.named), err)
	}
	env, shell, err := s.environ()
	if err != nil {
		return nil, err
	}
	_, ignored := interpose.Left()
	spec := &launcher.Spec{
		PAM: handle,
		UID: t.user.UID, GID: t.gid, Groups: t.groups, Old: s.identities(), OldGID: s.start.GID,
		Securebits: t.securebits,
		NewSession: o.HasCommand && !o.SameSession && s.terminal == nil,
		Terminal:   s.terminal, Foreground: tty.Foreground(0), Remote: o.Forced,
		Limits: limits, Ignored: (s.start.Ignored | ignored) &^ (1 << (unix.SIGCHLD - 1)), Mask: s.start.Mask,
		Path: shell, Args: o.Argv(shell), Env: env,
	}
	spec.Narrow, spec.Drop, spec.NoNewPrivs = o.Narrow, o.Drop, o.NoNewPrivs || t.blocksMore(o.Narrow)
	if o.Fresh() {
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
	if !s.o.Preserves() {
		if defs, err = account.ReadDefs(); err != nil {
			s.voice.warn(err) // the search path is the built-in one
		}
	}
	shell = s.shell()
	if s.o.Preserve && s.o.Login {
		s.voice.warn(errors.New("-m: ignored, --login makes a fresh environment"))
	}
	left, _ := interpose.Left()
	return s.o.Environment(s.start.Environ, left, pam, s.target.user, shell, defs), shell, nil
}

// identities are the uids that the monitor has had, its caller's among them.
func (s *session) identities() []uint32 {
	uids := []uint32{0, s.start.Caller}
	if s.start.Guard != privilege.Nobody {
		uids = append(uids, s.start.Guard)
	}
	return uids
}

// shell chooses: -s, the caller's SHELL under -m, the target's own, /bin/sh.
func (s *session) shell() string {
	asked, by := s.o.Shell, "--shell"
	if asked == "" && s.o.Preserves() {
		asked, _ = request.Value(s.start.Environ, "SHELL")
		by = "SHELL"
	}
	shell, ignored := request.ShellOf(asked, s.target.user, s.caller.UID == 0)
	if ignored {
		s.voice.warn(fmt.Errorf("%s %s: ignored, the shell of %s is not in /etc/shells", by, asked, s.target.user.Name))
	}
	return shell
}

// blocksMore tells whether -C blocks what the rule does not. A set-uid program
// run without, say, cap_setuid cannot drop what it has: who narrows its
// Bounding set must not be able to run one.
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
