package request

import (
	"slices"
	"strings"
	"testing"

	"capsu/account"
)

func TestEnvironmentOfASession(t *testing.T) {
	ghost := &account.User{Name: "ghost", UID: 1002, Home: "/home/ghost"}
	root := &account.User{Name: "root", UID: 0, Home: "/root"}
	plain, login := Session{}, Session{Login: true}
	caller := []string{"A=1", "A=2", "bad", "=bad", "TERM=vt100", "USER=alpha", "HOME=/x", "XDG_RUNTIME_DIR=/run",
		"GODEBUG=x", "GOPATH=/go", "B=l1\nl2"}
	for name, c := range map[string]struct {
		user *account.User
		pam  []string
		o    Session
		defs account.Defs
		want []string
	}{
		"plain": {ghost, nil, plain, nil, []string{"A=2", "TERM=vt100", "USER=ghost", "HOME=/home/ghost",
			"GOPATH=/go", "B=l1\nl2", "SHELL=/bin/sh", "LOGNAME=ghost"}},
		"root keeps the caller's USER": {root, nil, plain, nil,
			[]string{"A=2", "TERM=vt100", "USER=alpha", "HOME=/root", "GOPATH=/go", "B=l1\nl2", "SHELL=/bin/sh"}},
		"login": {ghost, nil, login, nil, []string{"TERM=vt100", "PATH=/usr/local/bin:/bin:/usr/bin",
			"HOME=/home/ghost", "SHELL=/bin/sh", "USER=ghost", "LOGNAME=ghost"}},
		"login root": {root, nil, login, nil, []string{"TERM=vt100",
			"PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin", "HOME=/root", "SHELL=/bin/sh",
			"USER=root", "LOGNAME=root"}},
		"the PAM environment has the last word": {ghost, []string{"HOME=/pam", "XDG_RUNTIME_DIR=/pam", "none"}, login,
			account.Defs{"env_path": "/p"},
			[]string{"TERM=vt100", "PATH=/p", "HOME=/pam", "SHELL=/bin/sh", "USER=ghost", "LOGNAME=ghost",
				"XDG_RUNTIME_DIR=/pam"}},
		"preserved": {ghost, nil, Session{Preserve: true}, account.Defs{"always_set_path": "yes"},
			[]string{"A=2", "TERM=vt100", "USER=alpha", "HOME=/x", "XDG_RUNTIME_DIR=/run", "GOPATH=/go", "B=l1\nl2"}},
		"preserved, but login": {ghost, nil, Session{Preserve: true, Login: true}, account.Defs{"env_path": "/p"},
			[]string{"TERM=vt100", "PATH=/p", "HOME=/home/ghost", "SHELL=/bin/sh", "USER=ghost", "LOGNAME=ghost"}},
		"kept by a login": {ghost, nil, Session{Login: true,
			Whitelist: []string{"B", "HOME", "none", "XDG_RUNTIME_DIR", "GODEBUG"}}, account.Defs{"env_path": "/p"},
			[]string{"TERM=vt100", "XDG_RUNTIME_DIR=/run", "B=l1\nl2", "PATH=/p", "HOME=/home/ghost", "SHELL=/bin/sh",
				"USER=ghost", "LOGNAME=ghost"}},
		"PATH always": {root, nil, plain, account.Defs{"always_set_path": "yes", "env_supath": "/s"},
			[]string{"A=2", "TERM=vt100", "USER=alpha", "HOME=/root", "GOPATH=/go", "B=l1\nl2", "PATH=/s", "SHELL=/bin/sh"}},
	} {
		if got := c.o.Environment(caller, nil, c.pam, c.user, "/bin/sh", c.defs); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", name, got, c.want)
		}
	}
}

// What is lost with COLORTERM is half of the terminal's colours, and with NO_COLOR a wish.
func TestALoginKeepsWhatItsTerminalShows(t *testing.T) {
	ghost := &account.User{Name: "ghost", UID: 1002, Home: "/home/ghost"}
	caller := []string{"TERM=a", "COLORTERM=b", "NO_COLOR=", "COLORFGBG=no"}
	for _, o := range []Session{{Login: true}, {Forced: true}} {
		got := o.Environment(caller, nil, nil, ghost, "/bin/sh", nil)
		if want := []string{"TERM=a", "COLORTERM=b", "NO_COLOR="}; !slices.Equal(got[:len(got)-5], want) {
			t.Errorf("%+v: %q", o, got)
		}
	}
}

func TestWhatModulesPutIntoTheEnvironmentReachesASessionThatIsNoLogin(t *testing.T) {
	ghost := &account.User{Name: "ghost", UID: 1002, Home: "/home/ghost"}
	caller, left := []string{"A=1", "HOME=/x"}, []string{"A=module", "B=2", "HOME=/y", "GODEBUG=x"}
	for want, o := range map[string]Session{
		"A=module HOME=/home/ghost B=2 SHELL=/bin/sh USER=ghost LOGNAME=ghost": {},
		"A=module HOME=/y B=2": {Preserve: true},
		"PATH=/p HOME=/home/ghost SHELL=/bin/sh USER=ghost LOGNAME=ghost":         {Login: true},
		"B=1 PATH=/p HOME=/home/ghost SHELL=/bin/sh USER=ghost LOGNAME=ghost C=3": {Login: true, Whitelist: []string{"B"}},
	} {
		got := o.Environment(append(caller, "B=1"), left, []string{"C=3"}[:len(o.Whitelist)], ghost, "/bin/sh",
			account.Defs{"env_path": "/p"})
		if !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%q, want %s", got, want)
		}
	}
}

func TestShellAndItsArguments(t *testing.T) {
	listed := &account.User{Name: "ghost", Shell: "/bin/sh"}
	restricted := &account.User{Name: "kept", Shell: "/opt/restricted"}
	for _, c := range []struct {
		asked string
		user  *account.User
		root  bool
		shell string
		warn  bool
	}{
		{"", listed, false, "/bin/sh", false},
		{"", &account.User{}, false, "/bin/sh", false},
		{"/bin/other", listed, false, "/bin/other", false},
		{"/bin/other", restricted, false, "/opt/restricted", true},
		{"/opt/restricted", restricted, false, "/opt/restricted", false},
		{"/bin/other", restricted, true, "/bin/other", false},
	} {
		if shell, warn := ShellOf(c.asked, c.user, c.root); shell != c.shell || warn != c.warn {
			t.Errorf("%+v: %s, %v", c, shell, warn)
		}
	}
	for _, c := range []struct {
		o    Session
		want []string
	}{
		{Session{}, []string{"sh"}},
		{Session{Login: true, Arguments: []string{"x"}}, []string{"-sh", "x"}},
		{Session{Fast: true, HasCommand: true, Command: "x"}, []string{"sh", "-f", "-c", "x"}},
		{Session{HasCommand: true, Arguments: []string{"x"}}, []string{"sh", "-c", "", "x"}},
	} {
		if got := c.o.Argv("/bin/sh"); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q", c.o, got)
		}
	}
}
