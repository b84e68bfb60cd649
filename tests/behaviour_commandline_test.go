//go:build privileged

package tests

import (
	"regexp"
	"testing"
)

// argv shows the shell's arguments, as the kernel has them.
const argv = `tr '\0' '|' </proc/$$/cmdline; echo`

var commandLineCases = []behaviour{
	{name: "without a command the shell reads standard input after the password", args: words("ghost"),
		input: "echo $0\n", want: ran("sh\n")},
	{name: "a command is run by -c", args: words("ghost", "-c", "echo in"), want: ran("in\n")},
	{name: "a command is run by --command", args: words("ghost", "--command", "echo in"), want: ran("in\n")},
	{name: "a long option takes its argument after an equals sign", args: words("--command=echo in", "ghost"),
		want: ran("in\n")},
	{name: "a short option takes its argument in the same word", args: words("-cecho in", "ghost"), want: ran("in\n")},
	{name: "an argument may begin with a dash", args: words("-c", "-x", "ghost"),
		want: outcome{"", 2, "requires an argument"}},
	{name: "options may stand before the user", args: words("-l", "-c", "echo $0", "ghost"), want: ran("-sh\n")},
	{name: "options may stand after the user", args: words("ghost", "-l", "-c", "echo $0"), want: ran("-sh\n")},
	{name: "options may stand among the arguments", args: words("ghost", "zero", "-c", "echo $0 $1", "one"),
		want: ran("zero one\n")},
	{name: "POSIXLY_CORRECT ends the options at the user", args: words("ghost", "-l"), input: "echo $0\n",
		env: words("PATH=/usr/bin:/bin", "POSIXLY_CORRECT=1"), want: ran("sh\n")},
	{name: "two dashes end the options", args: words("--", "ghost", "-c", "echo plain"), want: ran("plain\n")},
	{name: "two dashes after the user end the options", args: words("ghost", "--", "-c", "echo plain"),
		want: ran("plain\n")},
	{name: "two dashes before the user hide a name that begins with a dash", args: words("--", "-c", "x"),
		want: refused(denied)},
	{name: "an abbreviation of --command is understood", args: words("--com", "echo in", "ghost"), want: ran("in\n")},
	{name: "an abbreviation of --login is understood", args: words("--lo", "ghost", "-c", "echo $0"), want: ran("-sh\n")},
	{name: "an abbreviation of --shell is understood", args: words("--she=/bin/bash", "ghost", "-c", "echo $0"),
		want: ran("bash\n")},
	{name: "an abbreviation of --preserve-environment is understood",
		args: words("--pre", "ghost", "-c", "echo $HOME"), want: ran("/home/alpha\n")},
	{name: "an ambiguous abbreviation is refused", args: words("--s", "x", "ghost"), want: refused("--s.*\nTry '")},
	{name: "short options may be in one word", args: words("-flc", "echo $0 *", "ghost"), want: ran("-sh *\n")},
	{name: "a dash alone is a login", args: words("-", "ghost", "-c", "echo $0"), want: ran("-sh\n")},
	{name: "a dash may come after options", args: words("-c", "echo $0", "-", "ghost"), want: ran("-sh\n")},
	{name: "a dash may come after two dashes", args: words("--", "-", "ghost"), input: "echo $0\n", want: ran("-sh\n")},
	{name: "a dash beside --login is the same", args: words("-l", "-", "ghost", "-c", "echo $0"), want: ran("-sh\n")},
	{name: "a dash after the user is the shell's", args: words("ghost", "-"), input: argv + "\n", want: ran("sh|-|\n")},
	{name: "a second dash is a user's name", args: words("-", "-"), want: refused(denied)},
	{name: "of two commands the last counts", args: words("-c", "echo one", "-c", "echo two", "ghost"),
		want: ran("two\n")},
	{name: "of two shells the last counts", args: words("-s", "/bin/sh", "-s", "/bin/bash", "ghost", "-c", "echo $0"),
		want: ran("bash\n")},
	{name: "a command after --session-command counts",
		args: words("--session-command", "echo one", "-c", "echo two", "ghost"), want: ran("two\n")},
	{name: "an empty command is a command", args: words("-c", "", "ghost"), input: "echo from stdin\n", want: ran("")},
	{name: "an empty user is refused", args: words("", "-c", "echo in"), want: refused("user")},
	{name: "a number is a user's uid", args: words("4711", "-c", "id -un"),
		setup: func(t *testing.T) { must(t, "usermod", "-u", "4711", "many") }},
	{name: "no user means root", args: words("-c", "id -u"), caller: "root", want: ran("0\n")},
	{name: "a dash and no user is a login of root", args: words("-", "-c", "echo $0 $HOME"), caller: "root",
		want: ran("-bash /root\n")},
	{name: "help goes to standard output", do: shows("--login.*--command.*--shell", "--help"),
		want: outcome{says: "shown"}},
	{name: "-h is help", do: shows("--login", "-h"), want: outcome{says: "shown"}},
	{name: "help is shown whatever else is said", do: shows("--login", "-l", "-h", "ghost", "x"),
		want: outcome{says: "shown"}},
	{name: "the version goes to standard output", do: shows(`^(su|capsu) .*\d`, "--version"),
		want: outcome{says: "shown"}},
	{name: "-V is the version", do: shows(`^(su|capsu) .*\d`, "-V"), want: outcome{says: "shown"}},
	{name: "an unknown short option is refused", args: words("-x", "ghost"), want: refused("x.*\nTry '")},
	{name: "an unknown letter in a cluster is refused", args: words("-lx", "ghost"), want: refused("x.*\nTry '")},
	{name: "an unknown long option is refused", args: words("--foo", "ghost"), want: refused("--foo.*\nTry '")},
	{name: "a missing argument of a short option is refused", args: words("ghost", "-c"), want: refused("c.*\nTry '")},
	{name: "a missing argument of a long option is refused", args: words("ghost", "--shell"),
		want: refused("--shell.*\nTry '")},
	{name: "an argument that an option does not take is refused", args: words("--login=yes", "ghost"),
		want: refused("--login.*\nTry '")},
	{name: "an option of runuser is refused", args: words("-u", "ghost", "true"), want: refused("Try '")},
	{name: "-m and -w exclude each other", args: words("-m", "-w", "A", "ghost"),
		want: refused("-m.*-w|(-m|--preserve).*whitelist")},
	{name: "-w and -p exclude each other", args: words("-w", "A", "-p", "ghost"),
		want: refused("-m.*-w|(-m|--preserve).*whitelist")},
	{name: "-w and -m exclude each other also for a login", args: words("-w", "A", "-l", "-m", "ghost"),
		want: refused("-m.*-w|(-m|--preserve).*whitelist")},
	{name: "-m with --login is ignored with a warning", args: words("-m", "-l", "ghost", "-c", "echo $HOME"),
		want: outcome{"/home/ghost\n", 0, "ignor.*-m|-m.*ignor|ignor.*--preserve"}},
	{name: "-m with a dash is ignored with a warning", args: words("-m", "-", "ghost", "-c", "echo $HOME"),
		want: outcome{"/home/ghost\n", 0, "ignor.*-m|-m.*ignor|ignor.*--preserve"}},
	{name: "-w without --login is ignored", args: words("-w", "HOME", "ghost", "-c", "echo $HOME"),
		want: ran("/home/ghost\n")},
	{name: "-g is refused for others than root", args: words("-g", "team", "ghost", "-c", "id"),
		want: refused("only root")},
	{name: "-G is refused for others than root", args: words("-G", "team", "ghost", "-c", "id"),
		want: refused("only root")},
	{name: "an empty shell path is not the target's shell", args: words("-s", "", "ghost", "-c", "echo in")},
	{name: "root is not a target for others by a second name", args: words("toor", "-c", "id -u")},
	{name: "root is a target for others", args: words("root", "-s", "/bin/sh", "-c", "id -u"), setup: func(t *testing.T) {
		setPassword(t, "root", password)
	}},
}

// shows makes a call that asks for no password. It returns "shown" if standard output matches
// says: help and versions differ between the programs.
func shows(says string, args ...string) func(t *testing.T) outcome {
	return func(t *testing.T) outcome {
		t.Helper()
		r := call{program: underTest.path, args: args}.run(t)
		if !regexp.MustCompile(`(?s)`+says).MatchString(r.stdout) || r.stderr != "" {
			t.Errorf("%q shows %q, says %q", args, r.stdout, r.stderr)
		}
		return outcome{"", r.status, "shown"}
	}
}
