//go:build privileged

package tests

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// inTheLog makes a call and shows the program's own lines in the system log.
func inTheLog(c call) func(t *testing.T) outcome {
	return func(t *testing.T) outcome {
		t.Helper()
		log := logged(t)
		c.program = underTest.path
		r := c.run(t)
		return outcome{log(), r.status, ""}
	}
}

// onATerminal is inTheLog for a call on a terminal. It replaces the terminal's number by N.
func onATerminal(caller, script string, steps ...string) func(t *testing.T) outcome {
	return func(t *testing.T) outcome {
		t.Helper()
		log := logged(t)
		status := typingAs(caller, script, steps...)(t).status
		return outcome{regexp.MustCompile(`pts/\d+`).ReplaceAllString(log(), "pts/N"), status, ""}
	}
}

// inBtmp makes a call and shows the entries in btmp.
func inBtmp(c call) func(t *testing.T) outcome {
	return func(t *testing.T) outcome {
		t.Helper()
		logins(t)
		c.program = underTest.path
		r := c.run(t)
		var text strings.Builder
		for _, e := range entries(t, "/var/log/btmp") {
			fmt.Fprintf(&text, "%d %s %q\n", e.kind, e.user, e.line)
		}
		return outcome{text.String(), r.status, ""}
	}
}

func alone(t *testing.T) { bothServices(t, service) }

var recordCases = []behaviour{
	{name: "a session is in the system log", setup: alone, do: inTheLog(call{args: words("ghost", "-c", "true")})},
	{name: "a failed attempt is in the system log", setup: alone,
		do: inTheLog(call{args: words("ghost", "-c", "true"), stdin: "wrong\n"})},
	{name: "a session of root's is in the system log", setup: alone,
		do: inTheLog(call{caller: "root", args: words("-l", "ghost", "-c", "true")})},
	{name: "an expired account is in the system log", setup: alone,
		do: inTheLog(call{args: words("expired", "-c", "true")})},
	{name: "a session on a terminal is in the system log with it", setup: alone,
		do: onATerminal("alpha", "$P ghost -c true", right...)},
	{name: "a failed attempt on a terminal is in the system log with it", setup: alone,
		do: onATerminal("alpha", "$P ghost -c true; exit 0", "Password: ", "wrong\n")},
	{name: "a failed attempt is in btmp", setup: alone,
		do:   inBtmp(call{args: words("ghost", "-c", "true"), stdin: "wrong\n"}),
		want: outcome{"6 ghost \"\"\n", 1, ""}},
	{name: "an expired account is in btmp", setup: alone, do: inBtmp(call{args: words("expired", "-c", "true")}),
		want: outcome{"6 expired \"\"\n", 1, ""}},
	{name: "a session is not in btmp", setup: alone, do: inBtmp(call{args: words("ghost", "-c", "true")}), want: ran("")},
	{name: "a session that cannot be opened is not in btmp", setup: also("session fail=14"),
		do: inBtmp(call{args: words("ghost", "-c", "true")}), want: outcome{status: 1}},
	{name: "a bad command line is not in btmp", setup: alone, do: inBtmp(call{args: words("--foo", "ghost")}),
		want: outcome{status: 1}},
	{name: "a login on a terminal is in utmp and wtmp", setup: alone, do: func(t *testing.T) outcome {
		t.Helper()
		logins(t)
		status := typing("$P -l ghost -c true", right...)(t).status
		return outcome{fmt.Sprintf("%d in wtmp, %d in utmp\n", len(entries(t, "/var/log/wtmp")),
			len(entries(t, "/run/utmp"))), status, ""}
	}},
	{name: "a session that is no login is not in utmp and wtmp", setup: alone, want: ran("0 in wtmp, 0 in utmp\n"),
		do: func(t *testing.T) outcome {
			t.Helper()
			logins(t)
			status := typing("$P ghost -c true", right...)(t).status
			return outcome{fmt.Sprintf("%d in wtmp, %d in utmp\n", len(entries(t, "/var/log/wtmp")),
				len(entries(t, "/run/utmp"))), status, ""}
		}},
}
