//go:build privileged

package tests

import (
	"strconv"
	"strings"
	"testing"
)

// typing runs a script of alpha's on a terminal, where $P is the program under test. Steps are
// pairs: a text that must come on the screen, and the keys that are typed then. "@NAME" waits
// until a program of that name is in the foreground; no other case may run a program of that
// name, because cases run at the same time. The screen is the outcome's says.
func typing(script string, steps ...string) func(t *testing.T) outcome {
	return typingAs("alpha", script, steps...)
}

func typingAs(caller, script string, steps ...string) func(t *testing.T) outcome {
	return func(t *testing.T) outcome {
		t.Helper()
		x := onTerminal(t, caller, "P="+underTest.path+"; "+script)
		for i := 0; i < len(steps); i += 2 {
			if name, waits := strings.CutPrefix(steps[i], "@"); waits {
				inForeground(t, name)
			} else {
				x.await(steps[i])
			}
			if i+1 < len(steps) {
				x.typed(steps[i+1])
			}
		}
		return outcome{status: x.end(), says: x.screen()}
	}
}

// whole runs a command and shows whether the terminal has the same modes as before, and the
// status.
func whole(script string) string {
	return `a=$(stty -g); ` + script +
		`; s=$?; [ "$a" = "$(stty -g)" ] && echo modes kept || echo modes changed; echo "status $s"`
}

// sameTerminal tells whether a session with these options has the caller's terminal.
func sameTerminal(options string) string {
	return "n=$(tty); $P " + options + ` ghost -c "[ \$(tty) = $n ] && echo caller\'s || echo own"`
}

var right = words("Password: ", password+"\n")

func rightAnd(steps ...string) []string { return append(append([]string{}, right...), steps...) }

const kept = "\nmodes kept\nstatus "

var terminalCases = []behaviour{
	{name: "the password is asked on the terminal without echo",
		do:   typing(whole("$P ghost -c 'echo in the session'"), right...),
		want: outcome{says: "^password: \nin the session" + kept + "0\n$"}},
	{name: "a wrong password on the terminal is refused",
		do:   typing(whole("$P ghost -c 'echo in the session'"), "Password: ", "wrong\n"),
		want: outcome{says: "^password: \n[^\n]*(?-i:Authentication failure)" + kept + "1\n$"}},
	{name: "an empty password on the terminal is refused",
		do:   typing(whole("$P ghost -c 'echo in the session'"), "Password: ", "\n"),
		want: outcome{says: "^password: \n[^\n]*(?-i:Authentication failure)" + kept + "1\n$"}},
	{name: "a key is erased in a password",
		do:   typing(whole("$P ghost -c 'echo in the session'"), "Password: ", "opex\x7fn sesame\n"),
		want: outcome{says: "in the session" + kept + "0\n$"}},
	{name: "a line is killed in a password",
		do:   typing(whole("$P ghost -c 'echo in the session'"), "Password: ", "wrong\x15"+password+"\n"),
		want: outcome{says: "in the session" + kept + "0\n$"}},
	{name: "Ctrl-D at the prompt is no password",
		do:   typing(whole("$P ghost -c 'echo in the session'"), "Password: ", "\x04"),
		want: outcome{says: "^password: .*" + kept + "1\n$"}},
	{name: "Ctrl-C at the prompt ends the attempt",
		do: typing(whole("$P ghost -c 'echo in the session'"), "Password: ", "\x03")},
	{name: "Ctrl-backslash at the prompt ends the attempt",
		do: typing(whole("ulimit -c 0; $P ghost -c 'echo in the session'"), "Password: ", "\x1c")},
	{name: "the terminal of a session is a terminal",
		do:   typing(whole("$P ghost -c 'test -t 0 && test -t 1 && test -t 2 && echo it is'"), right...),
		want: outcome{says: "it is" + kept + "0\n$"}},
	{name: "the terminal of a session has a name", do: typing(whole("$P ghost -c tty"), right...),
		want: outcome{says: "\n/dev/pts/[0-9]+" + kept + "0\n$"}},
	{name: "the terminal of a session has the size of the caller's",
		do:   typing("stty rows 33 cols 99; "+whole("$P ghost -c 'stty size'"), right...),
		want: outcome{says: "33 99" + kept + "0\n$"}},
	{name: "the terminal of a session echoes",
		do:   typing(whole("$P ghost -c 'stty -a | grep -ow -- -\\\\?echo'"), right...),
		want: outcome{says: "\necho" + kept + "0\n$"}},
	{name: "a session with stdout elsewhere asks on the terminal",
		do:   typing(whole("$P ghost -c 'echo in the session' | tr a-z A-Z"), right...),
		want: outcome{says: "^password: \nIN THE SESSION" + kept + "0\n$"}},
	{name: "a session reads a line of the terminal",
		do:   typing(whole("$P ghost -c 'echo ready; read -r a; echo got $a'"), rightAnd("ready", "hello\n")...),
		want: outcome{says: "got hello" + kept + "0\n$"}},
	{name: "a shell is left by exit", do: typing(whole("PS1='> ' $P ghost"), rightAnd("> ", "echo $0 in $(id -un)\n",
		"sh in ghost\n> ", "exit 7\n")...), want: outcome{says: kept + "7\n$"}},
	{name: "a shell is left by Ctrl-D", do: typing(whole("PS1='> ' $P ghost"), rightAnd("> ", "\x04")...),
		want: outcome{says: kept + "0\n$"}},
	{name: "a shell has job control", do: typing(whole("$P beta"), rightAnd("beta@", "tail -f /dev/null | cat\n",
		"@tail", "\x1a", "Stopped",
		"kill %1; set -o | grep monitor; exit\n")...), want: outcome{says: "monitor +\ton.*" + kept}},
	{name: "Ctrl-C reaches what the shell runs and not the shell",
		do: typing(whole("PS1='> ' $P ghost"),
			rightAnd("> ", "sleep 1000\n", "@sleep", "\x03", "^C", "echo still $0; exit 3\n")...),
		want: outcome{says: "still sh.*" + kept + "3\n$"}},
	{name: "a login on the terminal starts a login shell",
		do:   typing(whole("$P - beta"), rightAnd("beta@", "echo $0 in $PWD; exit 4\n")...),
		want: outcome{says: "-bash in /home/beta\n.*" + kept + "4\n$"}},
	{name: "the session of a signal ends with its number", do: typing(whole("$P ghost -c 'kill -TERM $$'"), right...),
		want: outcome{says: kept + "143\n$"}},
	{name: "root is asked nothing on the terminal", do: typingAs("root", whole("$P ghost -c 'echo in the session'")),
		want: outcome{says: "^in the session" + kept + "0\n$"}},
	{name: "-T after -P leaves the caller's terminal", do: typingAs("root", whole(sameTerminal("-P -T")))},
	{name: "-P after -T gives a terminal of its own", do: typingAs("root", whole(sameTerminal("-T -P")))},
	{name: "a hangup ends a shell", do: hangup, want: outcome{says: "ended"}},
	{name: "an expired password is changed on the terminal", setup: expire,
		want: outcome{says: "new password: .*retype[^\n]*\n.*changed" + kept + "0\n$"},
		do: typing(whole("$P stale -c 'echo changed'"), rightAnd("Current password: ", password+"\n",
			"New password: ", "Wq7!hhTfe2-zz\n", "Retype new password: ", "Wq7!hhTfe2-zz\n")...)},
	{name: "an expired account is refused on the terminal",
		do:   typing(whole("$P expired -c 'echo in the session'"), right...),
		want: outcome{says: "expired.*" + kept + "1\n$"}},
	{name: "what is typed before the prompt is not the password",
		do: typing(whole("read -r -p 'ready? '; $P ghost -c 'echo in the session'"), "ready? ", "\n"+password+"\n",
			"Password: ", "wrong\n"),
		want: outcome{says: "(?-i:Authentication failure)" + kept + "1\n$"}},
	{name: "information of a module is shown on the terminal", setup: also("auth [info=to know]"),
		do:   typing(whole("PS1='> ' $P ghost"), rightAnd("> ", "exit\n")...),
		want: outcome{says: "to know\n.*" + kept + "0\n$"}},
	{name: "a session command keeps the terminal",
		do:   typing(whole("$P ghost --session-command 'echo asked >/dev/tty'"), right...),
		want: outcome{says: "asked" + kept + "0\n$"}},
}

// hangup closes the terminal under a shell that waits for a line.
func hangup(t *testing.T) outcome {
	t.Helper()
	x := onTerminal(t, "alpha", "PS1='> ' exec "+underTest.path+" ghost")
	x.await("Password: ")
	x.typed(password + "\n")
	x.await("> ")
	x.typed("echo pid $$.\n")
	x.await("\npid ")
	x.await(".\n> ")
	_, rest, _ := strings.Cut(x.screen(), "\npid ")
	pid, err := strconv.Atoi(rest[:strings.Index(rest, ".")])
	if err != nil {
		t.Fatal(err)
	}
	x.master.Close()
	x.cmd.Wait()
	eventually(t, "the shell's end", func() bool { return gone(pid) })
	return outcome{says: "ended"}
}
