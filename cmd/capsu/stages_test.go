package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"capsu/account"
	"capsu/front"
	"capsu/launcher"
	"capsu/policy"
	"capsu/privilege"
	"capsu/records"
	"capsu/relay"
	"capsu/request"
	"capsu/site"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

var (
	alpha = &account.User{Name: "alpha", UID: 1001, GID: 1001, Home: "/home/alpha"}
	root  = &account.User{Name: "root", UID: 0, GID: 0, Home: "/root", Shell: "/bin/sh"}
)

// sited returns a session with a caller and a site configuration, before its stages. There
// is no privilege, so the leader's work fails.
func sited(t *testing.T, caller *account.User, conf string) (s *session, said *string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "capsu.conf")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	read, _ := site.Check(path, policy.CheckWord) // the owner of the file and directory does not matter here
	said = new(string)
	s = &session{
		asked: &request.Session{User: "root"}, start: &front.Start{Caller: caller.UID, Guard: 990}, caller: caller,
		voice: &voice{log: func(text string) { *said += text }}, leader: &privilege.Leader{}, attempt: &records.Attempt{},
		conf: &configuration{read: read},
	}
	s.undo.leader = s.leader
	var err error
	s.conf.caller = site.NewWho(caller.Named, caller.InGroup)
	if s.conf.Settings, err = read.Decide(s.conf.caller, nil); err != nil {
		t.Fatal(err)
	}
	return s, said
}

func TestRootIsNoTargetUnlessTheSiteSaysSo(t *testing.T) {
	for _, typed := range []string{"root", "0"} {
		s, _ := sited(t, alpha, "")
		s.asked.User = typed
		if err := s.settleName(); err == nil || hintOf(err) == "" || s.attempt.Target != "root" {
			t.Errorf("%s: %v, %q", typed, err, s.attempt.Target)
		}
		s, _ = sited(t, alpha, "RootTarget on\n")
		s.asked.User = typed
		if err := s.settleName(); err != nil {
			t.Errorf("%s, RootTarget on: %v", typed, err)
		}
	}
	s, _ := sited(t, alpha, "")
	if s.asked.User = "no-such-user"; s.settleName() != nil || s.attempt.Known {
		t.Error("an unknown user is the stack's to refuse")
	}
}

func TestGroupsAreRootsToChoose(t *testing.T) {
	u := &target{user: root}
	for _, c := range []struct {
		asked   request.Session
		caller  *account.User
		primary uint32
		groups  []uint32
		fault   string
	}{
		{asked: request.Session{Group: "0"}, caller: alpha, fault: "only root"},
		{asked: request.Session{Groups: []string{"0"}}, caller: alpha, fault: "only root"},
		{asked: request.Session{Group: "no-such-group"}, caller: root, fault: "-g no-such-group"},
		{asked: request.Session{Groups: []string{"no-such-group"}}, caller: root, fault: "-G no-such-group"},
		{asked: request.Session{Group: "7"}, caller: root, primary: 7, groups: []uint32{7}},
		{asked: request.Session{Groups: []string{"9", "8"}}, caller: root, primary: 9, groups: []uint32{8, 9}},
		{asked: request.Session{Group: "7", Groups: []string{"9", "9"}}, caller: root, primary: 7, groups: []uint32{7, 9}},
	} {
		chosen, err := chooseGroups(&c.asked, c.caller)
		if (err != nil) != (c.fault != "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%+v: %v", c.asked, err)
		}
		if err != nil {
			continue
		}
		if err := u.setGroups(chosen); err != nil || u.gid != c.primary || !slices.Equal(u.groups, c.groups) {
			t.Errorf("%+v: %d %v, %v", c.asked, u.gid, u.groups, err)
		}
	}
	if err := u.setGroups(groupChoice{}); err != nil || u.gid != 0 || !slices.Equal(u.groups, u.own) {
		t.Errorf("nothing chosen: %d %v, %v", u.gid, u.groups, err)
	}
}

func TestBlockingMoreThanTheRuleTakesSetUIDPrograms(t *testing.T) {
	tuple := func(text string) *cap.IAB {
		if text == "" {
			return nil
		}
		iab, err := policy.ParseIAB(text)
		if err != nil {
			t.Fatal(err)
		}
		return iab
	}
	for _, c := range []struct {
		rule, narrow string
		more         bool
	}{
		{"^cap_kill,!cap_chown", "", false}, {"^cap_kill,!cap_chown", "!cap_chown", false},
		{"^cap_kill,!cap_chown", "cap_kill", false},
		{"^cap_kill", "!cap_chown", true}, {"", "!cap_chown", true}, {"", "cap_kill", false},
		{"!cap_kill", "!cap_kill,!cap_chown", true},
	} {
		u := &target{decision: policy.Decision{IAB: tuple(c.rule)}}
		if got := u.blocksMore(tuple(c.narrow)); got != c.more {
			t.Errorf("rule %q, -C %q: %v", c.rule, c.narrow, got)
		}
	}
}

func TestAGrantThatCannotBeHadIsRefused(t *testing.T) {
	for _, c := range []struct {
		conf, want string
	}{
		{"CapabilityFile /dev/null\n", ""},
		{"CapabilityFile /dev/null\nCapabilityRequire on\n", "no rule names the target"},
		{"CapabilityFile /dev/null\nCapabilitiesEngine off\nCapabilityRequire on\n", ""},
		{"CapabilityFile /dev/null\nCapabilityDefault ^cap_net_raw\n",
			"CapabilityDefault ^cap_net_raw: cap_net_raw: Ambient"},
		{"CapabilityFile /dev/null\nCapabilityDefault none\n", ""},
		{"CapabilityFile /dev/null\nCapabilitiesMode nopriv\nCapabilityDefault !cap_kill\n", ""},
		{"CapabilityFile /no/such/file\n", "/no/such/file"},
	} {
		s, _ := sited(t, alpha, c.conf)
		u := &target{user: root}
		err := s.configureFor(u)
		if err == nil {
			err = s.decide(u)
		}
		if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.conf, err)
		}
	}
}

func TestASessionOfRootsIsNarrowedOnlyWhereThatCounts(t *testing.T) {
	s, _ := sited(t, alpha, "CapabilitiesRootRevoke off\n")
	s.asked = &request.Session{Drop: cap.NewIAB()}
	if err := s.configureFor(&target{user: root}); err == nil || hintOf(err) == "" {
		t.Errorf("--drop without RootRevoke: %v", err)
	}
	s, _ = sited(t, alpha, "")
	s.asked = &request.Session{Drop: cap.NewIAB()}
	u := &target{user: root}
	if err := s.configureFor(u); err != nil || u.securebits&cap.SecbitNoRoot == 0 {
		t.Errorf("--drop with RootRevoke: %v, %#x", err, u.securebits)
	}
}

func TestTheGuardOfARootCaller(t *testing.T) {
	s, _ := sited(t, root, "")
	if err := s.configureFor(&target{user: alpha}); err != nil || !s.conf.root || s.conf.guard != 990 {
		t.Errorf("%v, %+v", err, s.conf.revoked)
	}
	s, _ = sited(t, root, "")
	if err := s.configureFor(&target{user: &account.User{Name: "capsu", UID: 990}}); err == nil {
		t.Error("the guard is a target")
	}
	s, _ = sited(t, root, "CapabilitiesRootRevoke off\n")
	if err := s.configureFor(&target{user: alpha}); err != nil || s.conf.root {
		t.Errorf("%v: uid 0 is given up, against the site's word", err)
	}
	s, _ = sited(t, root, "")
	s.start.Guard = privilege.Nobody
	if err := s.configureFor(&target{user: alpha}); err == nil || !strings.Contains(err.Error(), "guard user capsu") {
		t.Errorf("no guard: %v", err)
	}
}

func TestNoPrivTakesEverything(t *testing.T) {
	s, _ := sited(t, alpha, "CapabilitiesMode nopriv\n")
	spec := &launcher.Spec{Passed: 1}
	if err := s.conf.restrict(spec); err != nil || spec.Tuple == nil || spec.Passed != 0 || !spec.NoNewPrivs {
		t.Errorf("%v, %+v", err, spec)
	}
	s, _ = sited(t, alpha, "")
	spec = &launcher.Spec{Passed: 1}
	if err := s.conf.restrict(spec); err != nil || spec.Tuple != nil || spec.Passed != 1 || spec.NoNewPrivs {
		t.Errorf("%v, %+v", err, spec)
	}
}

func TestWhatClosingLackedIsNamedWithItsLine(t *testing.T) {
	for _, c := range []struct {
		shrunk, asGuard, login bool
		failed                 error
		want                   []string
	}{
		{},
		{shrunk: true},
		{shrunk: true, asGuard: true, want: []string{"cap_setuid"}},
		{shrunk: true, login: true, want: []string{"cap_setgid"}},
		{shrunk: true, failed: errors.New("x"), want: []string{"cap_setuid", "cap_setgid", "cap_kill"}},
	} {
		s, said := sited(t, alpha, "# x\nCapabilitiesSet -cap_setuid -cap_setgid -cap_kill\n")
		s.conf.shrunk, s.conf.asGuard = c.shrunk, c.asGuard
		s.asked = &request.Session{Login: c.login}
		s.attempt.Terminal = "/dev/pts/0"
		s.warnOfLacking(c.failed)
		if (*said == "") != (c.want == nil) {
			t.Errorf("%+v: %q", c, *said)
		}
		for _, name := range c.want {
			if !strings.Contains(*said, name) || !strings.Contains(*said, ":2: CapabilitiesSet") {
				t.Errorf("%+v: %q", c, *said)
			}
		}
	}
}

// Closings run in reverse order, even if no privilege can be raised.
func TestClosingsRunInReverseOnEveryPath(t *testing.T) {
	var order []string
	c := closings{leader: &privilege.Leader{}}
	for _, name := range []string{"first", "second"} {
		c.add(func() error { order = append(order, name); return errors.New(name) })
	}
	err := errors.New("before")
	c.run(&err)
	if !slices.Equal(order, []string{"second", "first"}) {
		t.Errorf("%v", order)
	}
	for _, want := range []string{"before", "second", "first"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %s is missing", err, want)
		}
	}
	var none error
	if (&closings{}).run(&none); none != nil {
		t.Errorf("nothing to close: %v", none)
	}
}

func TestWhichSessionsHaveAPseudoTerminal(t *testing.T) {
	for _, c := range []struct {
		asked request.Session
		conf  site.Pty
		want  bool
	}{
		{request.Session{Pty: true}, site.PtyOff, true}, {request.Session{NoPty: true}, site.PtyOn, false},
		{request.Session{}, site.PtyOn, true}, {request.Session{}, site.PtyOff, false},
		{request.Session{HasCommand: true, SameSession: true}, site.PtyOn, false},
		{request.Session{HasCommand: true, SameSession: true, Pty: true}, site.PtyOff, true},
		{request.Session{}, site.PtyAuto, terminals() != [3]bool{}},
		{request.Session{Forced: true}, site.PtyOn, onTerminal()},
	} {
		if got := wantsPty(&c.asked, c.conf, terminals()); got != c.want {
			t.Errorf("%+v, Pty %v: %v", c.asked, c.conf, got)
		}
	}
	s, _ := sited(t, alpha, "Pty off\n")
	s.target = &target{user: root}
	if err := s.openTerminal(); err != nil || s.terminal != nil {
		t.Errorf("%v, %v", err, s.terminal)
	}
	s.asked = &request.Session{Pty: true}
	if err := s.openTerminal(); err == nil || s.terminal != nil {
		t.Error("a pseudo-terminal was given to its owner without privilege")
	}
	if err := s.giveTerminal(); err != nil || s.conf.gave {
		t.Errorf("TerminalOwner is off: %v", err)
	}
}

// The target read the caller's keys after its session, by a descriptor that was redirected
// for none of the others.
func TestEveryTerminalIsReplacedByTheSessionsOwn(t *testing.T) {
	for on, want := range map[[3]bool]relay.Ends{
		{true, true, true}:    {In: 0, Out: 1, Replaced: [3]bool{true, true, true}},
		{true, true, false}:   {In: 0, Out: 1, Replaced: [3]bool{true, true, false}},
		{true, false, true}:   {In: 0, Out: 2, Yields: true, Replaced: [3]bool{true, false, true}},
		{true, false, false}:  {In: 0, Out: 0, Yields: true, Replaced: [3]bool{true, false, false}},
		{false, true, true}:   {In: 1, Out: 1, Yields: true, Replaced: [3]bool{false, true, true}},
		{false, true, false}:  {In: 1, Out: 1, Yields: true, Replaced: [3]bool{false, true, false}},
		{false, false, true}:  {In: 2, Out: 2, Yields: true, Replaced: [3]bool{false, false, true}},
		{false, false, false}: {In: 0, Out: 1, Replaced: [3]bool{true, true, false}}, // -P
	} {
		if got := endsOf(on); got != want {
			t.Errorf("%v: %+v, want %+v", on, got, want)
		}
	}
}

func TestTheUIDsThatASessionMustNotHaveBack(t *testing.T) {
	s, _ := sited(t, alpha, "")
	if got := s.identities(); !slices.Equal(got, []uint32{0, 1001, 990}) {
		t.Errorf("%v", got)
	}
	s.start.Guard = privilege.Nobody
	if got := s.identities(); !slices.Equal(got, []uint32{0, 1001}) {
		t.Errorf("%v", got)
	}
}

func TestAShellThatIsNotTheCallersToChooseIsIgnoredAndSaysSo(t *testing.T) {
	s, said := sited(t, alpha, "")
	s.target = &target{user: &account.User{Name: "kept", Shell: "/opt/restricted"}}
	s.asked = &request.Session{Shell: "/bin/other"}
	if got := s.shell(); got != "/opt/restricted" || !strings.Contains(*said, "--shell /bin/other: ignored") {
		t.Errorf("%s, %q", got, *said)
	}
	*said = ""
	s.asked, s.start.Environ = &request.Session{Preserve: true}, []string{"SHELL=/bin/mine"}
	if got := s.shell(); got != "/opt/restricted" || !strings.Contains(*said, "SHELL /bin/mine: ignored") {
		t.Errorf("%s, %q", got, *said)
	}
}

// A program without privilege says why. An error of the command line comes first.
func TestTheProgramWithoutAMonitor(t *testing.T) {
	was := os.Args
	defer func() { os.Args = was }()
	for _, c := range []struct {
		argv   []string
		fault  error
		status int
	}{
		{[]string{"capsu", "--help"}, &front.Fault{Kind: front.NoFilecaps}, 0},
		{[]string{"capsu", "-V"}, &front.Fault{Kind: front.NoFilecaps}, 0},
		{[]string{"capsu", "--no-such-option"}, nil, exitOwn},
		{[]string{"capsu", "ghost"}, &front.Fault{Kind: front.NoFilecaps}, exitOwn},
		{nil, errors.New("signals"), exitOwn},
	} {
		os.Args = c.argv
		if by, status := capsu(&front.Start{}, c.fault); by != 0 || status != c.status {
			t.Errorf("%q: %v, %d", c.argv, by, status)
		}
	}
	if name := terminalName(); name != "" && !strings.HasPrefix(name, "/dev/") {
		t.Errorf("terminal %q", name)
	}
	if fd, err := unix.Open("/proc/sys/dev/tty/legacy_tiocsti", unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
		var b [1]byte
		unix.Read(fd, b[:])
		unix.Close(fd)
		if injectable() != (b[0] != '0') {
			t.Error("injectable is not what the kernel says")
		}
	}
}
