//go:build privileged

package tests

import (
	"strings"
	"testing"
)

// also puts lines for modules/converse.so into the usual service, each at the top of its phase.
func also(lines ...string) func(t *testing.T) {
	return func(t *testing.T) {
		text := service
		for _, line := range lines {
			phase, rest, _ := strings.Cut(line, " ")
			text = above(text, phase+" required /opt/converse.so "+rest)
		}
		bothServices(t, text)
	}
}

// failure is the line by which a failed authentication is known. Programs that wait for it
// (expect, ansible) read its capital letter.
const failure = "(?-i:: Authentication failure)\n"

const denied = failure + "|user .* does not exist"

var pamCases = []behaviour{
	{name: "a wrong password is refused", args: words("ghost", "-c", "echo in"), stdin: "wrong\n",
		want: refused(failure + "$")},
	{name: "a wrong password is refused for a login", args: words("-l", "ghost", "-c", "echo in"), stdin: "wrong\n",
		want: refused(failure + "$")},
	{name: "the caller's own password is not the target's", args: words("ghost", "-c", "echo in"),
		stdin: "sesame open\n", want: refused(failure + "$")},
	{name: "an empty password is refused", args: words("ghost", "-c", "echo in"), stdin: "\n",
		want: refused(failure + "$")},
	{name: "a locked account is refused", args: words("locked", "-c", "echo in"),
		want: refused(failure + "$")},
	{name: "an account without a usable password is refused", args: words("star", "-c", "echo in"),
		want: refused(failure + "$")},
	{name: "an account with an empty password asks nothing", args: words("free", "-c", "cat"), stdin: "first\n",
		want: ran("first\n")},
	{name: "an unknown user is refused", args: words("nobodyofthisname", "-c", "echo in")},
	{name: "a name of four kilobytes is refused", args: words(strings.Repeat("x", 4096), "-c", "echo in"),
		want: refused(denied)},
	{name: "a path as the name is refused", args: words("../ghost", "-c", "echo in"), want: refused(denied)},
	{name: "a name with a blank at its end is refused", args: words("ghost ", "-c", "echo in"), want: refused(denied)},
	{name: "a group's name is no user's", args: words("team", "-c", "echo in"), want: refused(denied)},
	{name: "a name in capitals is another name", args: words("GHOST", "-c", "echo in"), want: refused(denied)},
	{name: "an unknown user is refused when root calls", caller: "root",
		args: words("nobodyofthisname", "-c", "echo in"),
		want: refused("^(su|capsu): user nobodyofthisname does not exist")},
	{name: "an expired account is refused in words of its own", args: words("expired", "-c", "echo in"),
		want: refused("expired.*expired")},
	{name: "an expired account is refused when root calls", caller: "root", args: words("expired", "-c", "echo in"),
		want: refused("expired.*expired")},
	{name: "an expired password is asked to be changed", args: words("stale", "-c", "echo in"), input: "wrong\n",
		setup: expire, want: outcome{"Changing password for stale.\n", 1, "current password: "}},
	{name: "an expired password is changed through standard input", args: words("stale", "-c", "echo changed; cat"),
		input: password + "\nWq7!hhTfe2-zz\nWq7!hhTfe2-zz\nrest\n", setup: expire,
		want: outcome{"Changing password for stale.\nchanged\nrest\n", 0, "new password: .*retype"}},
	{name: "an expired password that is not changed is no session", args: words("stale", "-c", "echo in"),
		input: password + "\nWq7!hhTfe2-zz\nanother\n", setup: expire,
		want: outcome{"Changing password for stale.\n", 1, "new password: .*do not match"}},
	{name: "an expired password is to be changed when root calls", caller: "root",
		args: words("stale", "-c", "echo in"), setup: expire,
		want: outcome{"Changing password for stale.\n", 1, "current password: "}},
	{name: "root is asked for no password", caller: "root", args: words("ghost", "-c", "id -un; cat"), input: "rest\n",
		want: ran("ghost\nrest\n")},
	{name: "nologin of the account phase refuses", args: words("ghost", "-c", "echo in"), setup: nologin,
		want: refused("machine down")},
	{name: "nologin of the account phase refuses when root calls", caller: "root",
		args: words("ghost", "-c", "echo in"), setup: nologin, want: refused("machine down")},
	{name: "an account phase that denies is refused", args: words("ghost", "-c", "echo in"),
		setup: also("account fail=6"), want: refused("permission denied")},
	{name: "an account phase that denies is refused when root calls", caller: "root",
		args: words("ghost", "-c", "echo in"), setup: also("account fail=6"), want: refused("permission denied")},
	{name: "setcred that fails is no session", args: words("ghost", "-c", "echo in"), setup: also("auth setcred=17"),
		want: refused("credentials|pam_setcred")},
	{name: "open_session that fails is no session", args: words("ghost", "-c", "echo in"),
		setup: also("session fail=14"), want: refused("session")},
	{name: "an authentication phase that denies is refused", args: words("ghost", "-c", "echo in"),
		setup: also("auth fail=6")},
	{name: "a module that cannot be found is refused", args: words("ghost", "-c", "echo in"),
		want:  refused("module is unknown"),
		setup: func(t *testing.T) { bothServices(t, "auth required pam_no_such_module.so\n"+service) }},
	{name: "information of a module is shown before a shell", args: words("ghost"), input: "echo in\n",
		setup: also("auth [info=to know]"), do: everything("ghost"), want: ran("to know")},
	{name: "information of an authentication module is shown before a command", args: words("ghost", "-c", "echo in"),
		setup: also("auth [info=to know]"), want: ran("to know\nin\n")},
	{name: "information of an account module is shown before a session command",
		args: words("ghost", "--session-command", "echo in"), setup: also("account [info=to know]"),
		want: ran("to know\nin\n")},
	{name: "information of a session module is not shown before a command", args: words("ghost", "-c", "echo in"),
		setup: also("session [info=to know]"), want: ran("in\n")},
	{name: "information of a session module is not shown before a command of a login",
		args: words("-l", "ghost", "-c", "echo in"), setup: also("session [info=to know]"), want: ran("in\n")},
	{name: "information of a session module is not shown before a shell", setup: also("session [info=to know]"),
		do: everything("ghost"), want: ran("")},
	{name: "information of a session module is shown before a login", setup: also("session [info=to know]"),
		do: everything("-l", "ghost"), want: ran("to know")},
	{name: "an error of a module is shown before a command", args: words("ghost", "-c", "echo in"),
		setup: also("session [error=amiss here]"), want: outcome{"in\n", 0, "amiss here\n"}},
	{name: "an error of a module is shown before a shell", args: words("ghost"), input: "echo in\n",
		setup: also("account [error=amiss here]"), want: outcome{"in\n", 0, "amiss here\n"}},
	{name: "another user of a module's is followed",
		args: words("ghost", "-c", "id -un; id -nG; echo $HOME $USER $SHELL $0"), setup: also("auth user=beta")},
	{name: "another user of a module's is followed when root calls", caller: "root",
		args: words("-l", "ghost", "-c", "id -un; id -nG; pwd"), setup: also("account user=beta")},
	{name: "another user of a module's who does not exist is refused", args: words("ghost", "-c", "echo in"),
		setup: also("account user=nobodyofthisname"), want: refused("user not known")},
	{name: "a session is closed in the service that opened it", setup: also(), do: closings("ghost", "-c", "exit 3"),
		want: outcome{"open_session  ghost alpha\nclose_session  ghost alpha\n", 3, ""}},
	{name: "a login session is closed in the service that opened it", setup: also(),
		do:   closings("-", "ghost", "-c", "exit 3"),
		want: outcome{"open_session -l ghost alpha\nclose_session -l ghost alpha\n", 3, ""}},
	{name: "a session whose shell is not there is closed", setup: also(), do: closings("-s", "/opt/none", "ghost"),
		want: outcome{"open_session  ghost alpha\nclose_session  ghost alpha\n", 127, "no such file"}},
	{name: "a session whose shell may not be executed is closed", setup: also(),
		do:   closings("-s", "/opt/plain", "ghost"),
		want: outcome{"open_session  ghost alpha\nclose_session  ghost alpha\n", 126, "permission denied"}},
	{name: "a session of root's caller is closed", setup: also(), do: closings("badshell"),
		want: outcome{"open_session  badshell alpha\nclose_session  badshell alpha\n", 127, "no such file"}},
}

func expire(t *testing.T) {
	bothServices(t, service)
	setPassword(t, "stale", password)
	must(t, "chage", "-d", "0", "stale")
}

func nologin(t *testing.T) {
	also("account fail=0")(t)
	bothServices(t, above(service, "account required pam_nologin.so"))
	file(t, "/run/nologin", "machine down\n", 0o644)
}

// everything runs a shell whose script prints nothing, and returns what came on either stream:
// the programs may show information on different ones.
func everything(args ...string) func(t *testing.T) outcome {
	return func(t *testing.T) outcome {
		t.Helper()
		r := call{program: underTest.path, args: args, stdin: password + "\ntrue\n"}.run(t)
		return outcome{strings.TrimSpace(r.stdout + said(r).says), r.status, ""}
	}
}

// closings shows the sessions that PAM opened and closed.
func closings(args ...string) func(t *testing.T) outcome {
	return func(t *testing.T) outcome {
		t.Helper()
		sessions := recorded(t)
		o := said(call{program: underTest.path, args: args}.run(t))
		o.stdout += strings.ReplaceAll(sessions(), " "+underTest.name, " ")
		return o
	}
}

var stdinCases = []behaviour{
	{name: "the rest of standard input is left to the command", args: words("ghost", "-c", "cat"),
		input: "first\nsecond\n", want: ran("first\nsecond\n")},
	{name: "bytes that are no text are left to the command", args: words("ghost", "-c", "od -An -tx1"),
		input: "\x00\xff\r\n", want: ran(" 00 ff 0d 0a\n")},
	{name: "a megabyte is left to the command", args: words("ghost", "-c", "wc -c"), input: strings.Repeat("x", 1<<20),
		want: ran("1048576\n")},
	{name: "a password without a newline is a password", args: words("ghost", "-c", "cat"), stdin: password,
		want: ran("")},
	{name: "a carriage return is part of the password", args: words("ghost", "-c", "cat"), stdin: password + "\r\n",
		want: refused(failure + "$")},
	{name: "a blank is part of the password", args: words("ghost", "-c", "cat"), stdin: password + " \n",
		want: refused(failure + "$")},
	{name: "an end of input is no password", args: words("ghost", "-c", "cat"),
		wrapper: words("sh", "-c", `exec "$@" </dev/null`, "sh"), want: refused(".")},
	{name: "a closed standard input is no password", args: words("ghost", "-c", "cat"),
		wrapper: words("sh", "-c", `exec "$@" <&-`, "sh"), want: refused(".")},
	{name: "a NUL does not end a password", args: words("ghost", "-c", "echo in"), stdin: password + "\x00more\n"},
	{name: "a NUL before the password is no password", args: words("ghost", "-c", "echo in"),
		stdin: "\x00" + password + "\n", want: refused(".")},
	{name: "a password of 64 kilobytes is refused", args: words("ghost", "-c", "cat"),
		stdin: strings.Repeat("x", 65536) + "\nrest\n", want: refused(".")},
	{name: "a wrong password of 511 bytes is a wrong password", args: words("ghost", "-c", "cat"),
		stdin: strings.Repeat("x", 511) + "\n", want: refused(".")},
	{name: "a first line that is empty is not passed over", args: words("ghost", "-c", "cat"),
		stdin: "\n" + password + "\n", want: refused(failure + "$")},
}

// twoQuestions asks for more than a password.
const twoQuestions = `auth required pam_unix.so
auth required /opt/converse.so [show=Colour: =red] [ask=Code: =123 4]
account required pam_unix.so
session required pam_unix.so
`

var questionCases = []behaviour{
	{name: "each question takes a line of standard input", args: words("ghost", "-c", "cat"),
		input: "red\n123 4\nrest\n", want: outcome{"rest\n", 0, "colour: .*code: "}},
	{name: "a question with echo is answered wrongly", args: words("ghost", "-c", "cat"), input: "blue\n123 4\n",
		want: refused("colour: .*" + failure + "$")},
	{name: "a second question is answered wrongly", args: words("ghost", "-c", "cat"), input: "red\n1\n",
		want: refused("code: .*" + failure + "$")},
	{name: "a second question meets the end of input", args: words("ghost", "-c", "cat"), input: "red\n",
		want: refused("code: ")},
	{name: "a question with echo is asked before a login", args: words("-", "ghost", "-c", "cat"),
		input: "red\n123 4\nrest\n", want: outcome{"rest\n", 0, "colour: .*code: "}},
	{name: "questions on a terminal show an answer that may be seen",
		do: typing(`$P ghost -c 'echo in the session'; echo "status $?"`, "Password: ", password+"\n", "Colour: ",
			"red\n", "Code: ", "123 4\n", "status"),
		want: outcome{says: "^password: \ncolour: red\ncode: \nin the session\nstatus 0"}},
}
