package request

import (
	"path"
	"slices"
	"strings"

	"capsu/account"
)

// notInherited are variables of the caller's session that must not reach
// another's, unless the whole environment is to be preserved.
var notInherited = []string{"XDG_RUNTIME_DIR", "XDG_SESSION_ID", "DBUS_SESSION_BUS_ADDRESS"}

// ofTheRuntime are settings of Go's runtime: never passed.
var ofTheRuntime = []string{"GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GORACE", "GOTRACEBACK", "GOCOVERDIR"}

// alwaysSet are variables that a login sets and -w cannot keep.
var alwaysSet = []string{"HOME", "SHELL", "USER", "LOGNAME", "PATH"}

// environment is a list of variables, each once, in order.
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

// add sets NAME=VALUE; an entry without "=", or without a name, is dropped.
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

// Environment returns a session's environment: as su makes it, the PAM
// environment last. caller is the caller's, entries as found; left is what modules
// have put beside it, past PAM: like the caller's, it is gone in a login.
func (o *Session) Environment(caller, left, pam []string, u *account.User, shell string, defs account.Defs) []string {
	kept := map[string]bool{"TERM": true}
	for _, name := range o.Whitelist {
		kept[name] = !slices.Contains(alwaysSet, name)
	}
	var e environment
	for _, entry := range caller {
		if name, _, _ := strings.Cut(entry, "="); !o.Fresh() || kept[name] || o.Forced && isOfSSH(name) {
			e.add(entry)
		}
	}
	if !o.Fresh() {
		for _, entry := range left {
			e.add(entry)
		}
	}
	e.remove(ofTheRuntime...)
	if o.Forced {
		e.remove(originalCommand)
	}
	if !o.Preserves() {
		e.remove(notInherited...)
		if o.Fresh() || defs.AlwaysSetPath() {
			e.set("PATH", defs.Path(u.UID))
		}
		e.set("HOME", u.Home)
		e.set("SHELL", shell)
		if o.Fresh() || u.UID != 0 {
			e.set("USER", u.Name)
			e.set("LOGNAME", u.Name)
		}
	}
	for _, entry := range pam {
		e.add(entry)
	}
	return e.list()
}

// Value returns a variable of the caller's, the last if there are more.
func Value(environ []string, name string) (value string, found bool) {
	for _, entry := range environ {
		if v, is := strings.CutPrefix(entry, name+"="); is {
			value, found = v, true
		}
	}
	return value, found
}

// ShellOf returns the shell to run: the one asked for if the target may choose
// (su(1)), else the target's own, else /bin/sh.
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
func (o *Session) Argv(shell string) []string {
	name := path.Base(shell)
	if o.Login {
		name = "-" + name
	}
	args := []string{name}
	if o.Fast {
		args = append(args, "-f")
	}
	if o.HasCommand {
		args = append(args, "-c", o.Command)
	}
	return append(args, o.Arguments...)
}
