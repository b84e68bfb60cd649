package main

import (
	"path"
	"strings"

	"capsu/account"
)

// Search paths of a login shell; login.defs(5) has the same defaults.
const (
	userPath = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"
	rootPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// notInherited are variables of the caller's that must not reach a session:
// the caller's own runtime directory and session, and the settings of Go's runtime.
var notInherited = []string{
	"XDG_RUNTIME_DIR", "XDG_SESSION_ID", "DBUS_SESSION_BUS_ADDRESS",
	"GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GORACE", "GOTRACEBACK", "GOCOVERDIR",
}

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

func (e *environment) remove(name string) { delete(e.values, name) }

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

// environ returns a session's environment: as su makes it, the PAM
// environment last. caller is the caller's, entries as found.
func environ(caller, pam []string, u *account.User, shell string, login bool) []string {
	var e environment
	for _, entry := range caller {
		name, _, _ := strings.Cut(entry, "=")
		if !login || name == "TERM" {
			e.add(entry)
		}
	}
	for _, name := range notInherited {
		e.remove(name)
	}
	if login {
		e.set("PATH", userPath)
		if u.UID == 0 {
			e.set("PATH", rootPath)
		}
	}
	e.set("HOME", u.Home)
	e.set("SHELL", shell)
	if login || u.UID != 0 {
		e.set("USER", u.Name)
		e.set("LOGNAME", u.Name)
	}
	for _, entry := range pam {
		e.add(entry)
	}
	return e.list()
}

// shellOf returns the shell to run: the one asked for if the target may choose
// (spec section 3), else the target's own, else /bin/sh.
func shellOf(asked string, u *account.User, rootCalls bool) (shell string, ignored bool) {
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

// arguments returns the shell's argv.
func arguments(shell string, o *sessionOptions) []string {
	name := path.Base(shell)
	if o.login {
		name = "-" + name
	}
	args := []string{name}
	if o.hasCommand {
		args = append(args, "-c", o.command)
	}
	return append(args, o.arguments...)
}
