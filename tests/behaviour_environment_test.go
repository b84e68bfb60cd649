//go:build privileged

package tests

import (
	"strings"
	"testing"
)

// variables shows the environment that the shell was started with, sorted.
const variables = `tr '\0' '\n' </proc/$$/environ | grep -v ^PWD= | sort`

// defs replaces the settings of login.defs and /etc/default/su.
func defs(login, su string) func(t *testing.T) {
	return func(t *testing.T) {
		file(t, "/etc/login.defs", login, 0o644)
		file(t, "/etc/default/su", su, 0o644)
	}
}

var environmentCases = []behaviour{
	{name: "four variables are the target's and the rest is the caller's", args: words("ghost", "-c", variables),
		env: with("KEPT=yes", "USER=alpha", "LOGNAME=alpha"),
		want: ran("HOME=/home/ghost\nKEPT=yes\nLOGNAME=ghost\nPATH=" + callerPath +
			"\nSHELL=/bin/sh\nTERM=dumb\nUSER=ghost\n")},
	{name: "USER and LOGNAME stay when root is the target", caller: "root",
		args: words("root", "-s", "/bin/sh", "-c", variables), env: with("USER=alpha", "LOGNAME=alpha"),
		want: ran("HOME=/root\nLOGNAME=alpha\nPATH=" + callerPath + "\nSHELL=/bin/sh\nTERM=dumb\nUSER=alpha\n")},
	{name: "USER and LOGNAME are not made when root is the target", caller: "root",
		args: words("-s", "/bin/sh", "-c", variables), env: with(),
		want: ran("HOME=/root\nPATH=" + callerPath + "\nSHELL=/bin/sh\nTERM=dumb\n")},
	{name: "a login has an environment of its own", args: words("-l", "ghost", "-c", variables),
		env:  with("KEPT=no", "LANG=C", "DISPLAY=:0", "MAIL=x"),
		want: ran("HOME=/home/ghost\nLOGNAME=ghost\nPATH=" + debianPath + "\nSHELL=/bin/sh\nTERM=dumb\nUSER=ghost\n")},
	{name: "COLORTERM and NO_COLOR pass a login", args: words("-l", "ghost", "-c", "echo $COLORTERM $NO_COLOR"),
		env: with("COLORTERM=truecolor", "NO_COLOR=1")},
	{name: "a login of root has a path for root", caller: "root", args: words("-l", "-s", "/bin/sh", "-c", variables),
		env:  with("USER=x"),
		want: ran("HOME=/root\nLOGNAME=root\nPATH=" + debianRoot + "\nSHELL=/bin/sh\nTERM=dumb\nUSER=root\n")},
	{name: "a login without TERM has none", args: words("-l", "ghost", "-c", variables), env: words("PATH=/usr/bin"),
		want: ran("HOME=/home/ghost\nLOGNAME=ghost\nPATH=" + debianPath + "\nSHELL=/bin/sh\nUSER=ghost\n")},
	{name: "an empty TERM passes a login", args: words("-l", "ghost", "-c", variables), env: words("TERM="),
		want: ran("HOME=/home/ghost\nLOGNAME=ghost\nPATH=" + debianPath + "\nSHELL=/bin/sh\nTERM=\nUSER=ghost\n")},
	{name: "-m keeps the environment", args: words("-m", "ghost", "-s", "/bin/sh", "-c", variables),
		env:  with("KEPT=yes", "USER=x", "LOGNAME=y", "SHELL=/z"),
		want: ran("HOME=/home/alpha\nKEPT=yes\nLOGNAME=y\nPATH=" + callerPath + "\nSHELL=/z\nTERM=dumb\nUSER=x\n")},
	{name: "-m makes no variable", args: words("-m", "ghost", "-c", variables), env: words("A=1"), want: ran("A=1\n")},
	{name: "-w keeps a variable for a login", args: words("-w", "A", "-l", "ghost", "-c", "echo $A$B"),
		env: with("A=1", "B=2"), want: ran("1\n")},
	{name: "-w keeps several variables", args: words("-w", "A,B", "-l", "ghost", "-c", "echo $A$B$C"),
		env: with("A=1", "B=2", "C=3"), want: ran("12\n")},
	{name: "-w may be given twice", args: words("-w", "A", "-w", "B", "-l", "ghost", "-c", "echo $A$B"),
		env: with("A=1", "B=2"), want: ran("12\n")},
	{name: "-w passes over a variable that is not there",
		args: words("-w", "NONE,A", "-l", "ghost", "-c", "echo ${NONE-unset}$A"), env: with("A=1"),
		want: ran("unset1\n")},
	{name: "-w passes over empty names", args: words("-w", ",A,,", "-l", "ghost", "-c", "echo $A"), env: with("A=1"),
		want: ran("1\n")},
	{name: "-w keeps an empty variable", args: words("-w", "A", "-l", "ghost", "-c", "echo ${A-unset}"),
		env: with("A="), want: ran("\n")},
	{name: "-w keeps the caller's runtime directory", env: with("XDG_RUNTIME_DIR=/x", "XDG_SESSION_ID=1"),
		args: words("-w", "XDG_RUNTIME_DIR", "-l", "ghost", "-c", "echo $XDG_RUNTIME_DIR${XDG_SESSION_ID-none}"),
		want: ran("/xnone\n")},
	{name: "-w does not keep HOME", args: words("-w", "HOME", "-l", "ghost", "-c", "echo $HOME"),
		want: ran("/home/ghost\n")},
	{name: "-w does not keep SHELL", args: words("-w", "SHELL", "-l", "ghost", "-c", "echo $SHELL"),
		env: with("SHELL=/x"), want: ran("/bin/sh\n")},
	{name: "-w does not keep USER", args: words("-w", "USER", "-l", "ghost", "-c", "echo $USER"), env: with("USER=x"),
		want: ran("ghost\n")},
	{name: "-w does not keep LOGNAME", args: words("-w", "LOGNAME", "-l", "ghost", "-c", "echo $LOGNAME"),
		env: with("LOGNAME=x"), want: ran("ghost\n")},
	{name: "-w does not keep PATH", args: words("-w", "PATH", "-l", "ghost", "-c", "echo $PATH"),
		want: ran(debianPath + "\n")},

	{name: "ENV_PATH is the path of a login", args: words("-l", "-s", "/opt/path", "ghost"),
		setup: defs("ENV_PATH PATH=/usr/bin:/a\n", ""), want: ran("/usr/bin:/a\n")},
	{name: "ENV_PATH needs no PATH=", args: words("-l", "-s", "/opt/path", "ghost"),
		setup: defs("ENV_PATH /usr/bin:/b\n", ""), want: ran("/usr/bin:/b\n")},
	{name: "without ENV_PATH there is a built-in path", args: words("-l", "-s", "/opt/path", "ghost"),
		setup: defs("", ""), want: ran("/usr/local/bin:/bin:/usr/bin\n")},
	{name: "without ENV_SUPATH there is a built-in path for root", caller: "root",
		args: words("-l", "-s", "/opt/path"), setup: defs("ENV_PATH /x\n", ""),
		want: ran("/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin\n")},
	{name: "ENV_ROOTPATH is the path of root", caller: "root", args: words("-l", "-s", "/opt/path"),
		setup: defs("ENV_ROOTPATH /r\n", ""), want: ran("/r\n")},
	{name: "ENV_SUPATH comes before ENV_ROOTPATH", caller: "root", args: words("-l", "-s", "/opt/path"),
		setup: defs("ENV_ROOTPATH /r\nENV_SUPATH /s\n", ""), want: ran("/s\n")},
	{name: "the settings of su come before login.defs", args: words("-l", "-s", "/opt/path", "ghost"),
		setup: defs("ENV_PATH /a\n", "ENV_PATH /usr/bin:/su\n"), want: ran("/usr/bin:/su\n")},
	{name: "a comment and an equals sign in the settings", args: words("-l", "-s", "/opt/path", "ghost"),
		setup: defs("# ENV_PATH /no\nENV_PATH=/yes # more\n", ""), want: ran("/yes\n")},
	{name: "ALWAYS_SET_PATH sets the path without a login", args: words("-s", "/opt/path", "ghost"),
		setup: defs("ENV_PATH /usr/bin:/p\nALWAYS_SET_PATH yes\n", ""), want: ran("/usr/bin:/p\n")},
	{name: "ALWAYS_SET_PATH in the settings of su", args: words("-s", "/opt/path", "ghost"),
		setup: defs("ENV_PATH /usr/bin:/p\n", "ALWAYS_SET_PATH YES\n"), want: ran("/usr/bin:/p\n")},
	{name: "ALWAYS_SET_PATH sets root's path", caller: "root", args: words("-s", "/opt/path"),
		setup: defs("ENV_SUPATH /usr/bin:/s\nALWAYS_SET_PATH yes\n", ""), want: ran("/usr/bin:/s\n")},
	{name: "ALWAYS_SET_PATH no keeps the caller's path", args: words("-s", "/opt/path", "ghost"),
		setup: defs("ENV_PATH /p\nALWAYS_SET_PATH no\n", ""), want: ran(callerPath + "\n")},
	{name: "ALWAYS_SET_PATH says nothing under -m", args: words("-m", "-s", "/opt/path", "ghost"),
		setup: defs("ENV_PATH /p\nALWAYS_SET_PATH yes\n", ""), want: ran(callerPath + "\n")},
	{name: "missing settings are no error", args: words("-l", "-s", "/opt/path", "ghost"),
		want:  ran("/usr/local/bin:/bin:/usr/bin\n"),
		setup: func(t *testing.T) { defs("", "")(t); must(t, "rm", "/etc/login.defs", "/etc/default/su") }},

	{name: "an entry without an equals sign is dropped", odd: words("env=no equals sign", "env=A=1"),
		args: words("-m", "ghost", "-c", variables)},
	{name: "an entry without a name is dropped", odd: words("env==x", "env=A=1"),
		args: words("-m", "ghost", "-c", variables)},
	{name: "of two entries with one name one arrives", odd: words("env=A=1", "env=A=2"),
		args: words("-m", "ghost", "-c", variables)},
	{name: "of two PATHs a login has none", odd: words("env=PATH=/a", "env=PATH=/b"),
		args: words("-l", "ghost", "-c", "tr '\\0' '\\n' </proc/$$/environ | grep PATH="),
		want: ran("PATH=" + debianPath + "\n")},
	{name: "of two HOMEs the target's arrives", odd: words("env=HOME=/a", "env=HOME=/b"),
		args: words("ghost", "-c", "tr '\\0' '\\n' </proc/$$/environ | /usr/bin/grep HOME=")},
	{name: "a newline in a variable passes", args: words("ghost", "-c", `echo "$A"`), env: with("A=1\nB=2"),
		want: ran("1\nB=2\n")},
	{name: "a value of a hundred thousand bytes passes", args: words("ghost", "-c", "echo ${#A}"),
		env: with("A=" + strings.Repeat("x", 100_000)), want: ran("100000\n")},
	{name: "two megabytes of environment pass", odd: words("fill=2000000", "stack=60000000"),
		args: words("ghost", "-c", "wc -c </proc/$$/environ | cut -c 1"), want: ran("2\n")},
	{name: "a hundred thousand variables pass", odd: words("entries=100000", "stack=60000000"),
		args: words("ghost", "-c", "env | grep -cE '^E[0-9]+='"), want: ran("100000\n")},
	{name: "a hundred thousand variables do not pass a login", odd: words("entries=100000", "stack=60000000"),
		args: words("-l", "ghost", "-c", "env | grep -cE '^E[0-9]+='"), want: outcome{"0\n", 1, ""}},
	{name: "variables of the dynamic loader do not pass",
		args: words("ghost", "-c", "env | grep -cE '^(LD_|GCONV|TMPDIR|LOCPATH)'"),
		env:  with("LD_LIBRARY_PATH=/x", "LD_PRELOAD=", "GCONV_PATH=/x", "TMPDIR=/x", "LOCPATH=/x"),
		want: outcome{"0\n", 1, ""}},
	{name: "variables of shells pass", args: words("ghost", "-c", "env | grep -cE '^(ENV|BASH_ENV|CDPATH|PS4)'"),
		env: with("ENV=/x", "BASH_ENV=/x", "CDPATH=/x", "PS4=x"), want: ran("4\n")},
	{name: "the caller's runtime directory does not pass",
		args: words("ghost", "-c", "env | grep -cE '^(XDG_|DBUS_)'"),
		env:  with("XDG_RUNTIME_DIR=/x", "XDG_SESSION_ID=1", "DBUS_SESSION_BUS_ADDRESS=x")},
	{name: "the caller's runtime directory passes with -m",
		args: words("-m", "ghost", "-c", "env | grep -cE '^(XDG_|DBUS_)'"),
		env:  with("XDG_RUNTIME_DIR=/x", "XDG_SESSION_ID=1", "DBUS_SESSION_BUS_ADDRESS=x"), want: ran("3\n")},
	{name: "settings of the Go runtime do not pass", args: words("-m", "ghost", "-c", "env | grep -c ^GO"),
		env: with("GODEBUG=x", "GOGC=1", "GOMAXPROCS=2", "GOTRACEBACK=crash")},
	{name: "without any environment a session has four variables", odd: words("umask=022"),
		args: words("ghost", "-c", variables),
		want: ran("HOME=/home/ghost\nLOGNAME=ghost\nSHELL=/bin/sh\nUSER=ghost\n")},
}

// pamEnvironmentStack sets variables in three phases, by a module and by pam_env.
const pamEnvironmentStack = `auth sufficient pam_rootok.so
auth required pam_unix.so
auth required /opt/converse.so env=ONE=auth env=TWO=auth env=HOME=/by/pam
account required /opt/converse.so env=TWO=account
session required /opt/converse.so env=TERM=session env=EMPTY= env=THREE=1 env=THREE setenv=PAST=pam ignore=13
session required pam_env.so readenv=1 envfile=/opt/environment
`

var pamEnvironmentCases = []behaviour{
	{name: "variables of PAM modules arrive", args: words("ghost", "-c", "echo $ONE"), want: ran("auth\n")},
	{name: "the later phase has the last word", args: words("ghost", "-c", "echo $TWO"), want: ran("account\n")},
	{name: "a variable of PAM's comes over HOME", args: words("ghost", "-c", "echo $HOME"), want: ran("/by/pam\n")},
	{name: "a variable of PAM's comes over HOME for a login", args: words("-l", "ghost", "-c", "echo $HOME $PWD"),
		want: ran("/by/pam /home/ghost\n")},
	{name: "a variable of PAM's comes over TERM under -m", args: words("-m", "ghost", "-c", "echo $TERM"),
		want: ran("session\n")},
	{name: "a variable that a module sets past PAM arrives", args: words("ghost", "-c", "echo $PAST"),
		want: ran("pam\n")},
	{name: "a variable that a module sets past PAM comes over the caller's",
		args: words("ghost", "-c", "echo $PAST"), env: with("PAST=caller"), want: ran("pam\n")},
	{name: "a variable that a module sets past PAM is gone in a login", args: words("-l", "ghost", "-c", "echo $PAST"),
		want: ran("\n")},
	{name: "a signal that a module ignores stays ignored", args: words("ghost", "-c", "grep SigIgn /proc/self/status"),
		want: ran("SigIgn:\t0000000000001000\n")},
	{name: "an empty variable of PAM's is empty", args: words("ghost", "-c", "echo ${EMPTY-unset}"),
		env: with("EMPTY=no"), want: ran("\n")},
	{name: "a variable that PAM takes back is not there", args: words("ghost", "-c", "echo ${THREE-unset}"),
		want: ran("unset\n")},
	{name: "a variable that PAM takes back is the caller's", args: words("ghost", "-c", "echo ${THREE-unset}"),
		env: with("THREE=caller"), want: ran("caller\n")},
	{name: "variables of pam_env come over the path of a login", args: words("-l", "-s", "/opt/path", "ghost"),
		want:  ran("/usr/bin:/by/pam_env\n"),
		setup: func(t *testing.T) { file(t, "/opt/environment", "PATH=/usr/bin:/by/pam_env\n", 0o644) }},
	{name: "variables of pam_env come over the caller's", args: words("ghost", "-c", "echo $LANG"),
		env: with("LANG=caller"), want: ran("xx\n"),
		setup: func(t *testing.T) { file(t, "/opt/environment", "LANG=\"xx\"\n", 0o644) }},
}
