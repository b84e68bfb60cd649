package request

import (
	"path"
	"slices"
	"strings"

	"capsu/account"
)

// ofTheTerminal are the variables that a login keeps: what the terminal is, and whether it
// shows colours.
var ofTheTerminal = []string{"TERM", "COLORTERM", "NO_COLOR"}

// notInherited are variables of the caller's login session. The target's session gets them
// only if it preserves the environment, or by -w.
var notInherited = []string{"XDG_RUNTIME_DIR", "XDG_SESSION_ID", "DBUS_SESSION_BUS_ADDRESS"}

// ofTheRuntime are settings of Go's runtime. A session never gets them.
var ofTheRuntime = []string{"GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GORACE", "GOTRACEBACK", "GOCOVERDIR"}

// alwaysSet are variables that a login sets and -w cannot keep.
var alwaysSet = []string{"HOME", "SHELL", "USER", "LOGNAME", "PATH"}

// environment is a list of variables in order, each once.
type environment struct {
	names  []string
	values map[string]string
}

func (e *environment) set(name, value string) {
	if e.values == nil {
		e.values = map[string]string{}
	}
	if _, there := e.values[name]; !there {
		e.names = append(e.names, name)
	}
	e.values[name] = value
}

// add sets an entry NAME=VALUE. It drops an entry without "=" or without a name.
func (e *environment) add(entry string) {
	if name, value, ok := strings.Cut(entry, "="); ok && name != "" {
		e.set(name, value)
	}
}

func (e *environment) remove(names ...string) {
	for _, name := range names {
		delete(e.values, name)
	}
}

func (e *environment) list() []string {
	var all []string
	for _, name := range e.names {
		if value, there := e.values[name]; there {
			all = append(all, name+"="+value)
			delete(e.values, name)
		}
	}
	return all
}

// Environment returns the session's environment as su makes it, as NAME=value. caller is
// the caller's environment, entries as found. left has the variables that modules have set
// in the monitor's environment; a fresh environment drops them like the caller's. pam is
// the PAM environment, which comes last.
func (s *Session) Environment(caller, left, pam []string, u *account.User, shell string, defs account.Defs) []string {
	keep := map[string]bool{}
	for _, name := range ofTheTerminal {
		keep[name] = true
	}
	for _, name := range s.Whitelist {
		keep[name] = !slices.Contains(alwaysSet, name)
	}
	var e environment
	for _, entry := range caller {
		if name, _, _ := strings.Cut(entry, "="); !s.Fresh() || keep[name] || s.Forced && isOfSSH(name) {
			e.add(entry)
		}
	}
	if !s.Fresh() {
		for _, entry := range left {
			e.add(entry)
		}
	}
	e.remove(ofTheRuntime...)
	if s.Forced {
		e.remove(originalCommand)
	}
	if !s.Preserves() {
		if !s.Fresh() {
			e.remove(notInherited...)
		}
		if s.Fresh() || defs.AlwaysSetPath() {
			e.set("PATH", defs.Path(u.UID))
		}
		e.set("HOME", u.Home)
		e.set("SHELL", shell)
		if s.Fresh() || u.UID != 0 {
			e.set("USER", u.Name)
			e.set("LOGNAME", u.Name)
		}
	}
	for _, entry := range pam {
		e.add(entry)
	}
	return e.list()
}

// Value returns a variable of an environment; if it is there more than once, the last.
func Value(environ []string, name string) (value string, found bool) {
	for _, entry := range environ {
		if v, is := strings.CutPrefix(entry, name+"="); is {
			value, found = v, true
		}
	}
	return value, found
}

// ShellOf returns the shell to run, by su's rule (su(1)): asked, if root calls or if the
// target's own shell is in /etc/shells; otherwise the target's own, or /bin/sh if it has
// none. ignored says that asked did not count.
func ShellOf(asked string, u *account.User, rootCalls bool) (shell string, ignored bool) {
	own := u.Shell
	if own == "" {
		own = "/bin/sh"
	}
	switch {
	case asked == "" || asked == own:
		return own, false
	case rootCalls || account.ShellListed(own):
		return asked, false
	}
	return own, true
}

// Argv returns the shell's argv.
func (s *Session) Argv(shell string) []string {
	name := path.Base(shell)
	if s.Login {
		name = "-" + name
	}
	args := []string{name}
	if s.Fast {
		args = append(args, "-f")
	}
	if s.HasCommand {
		args = append(args, "-c", s.Command)
	}
	return append(args, s.Arguments...)
}
