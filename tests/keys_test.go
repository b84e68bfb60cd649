//go:build privileged

package tests

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// thief reads, behind the back of its session, from whatever terminal it has been left.
const thief = `#!/bin/bash
trap '' HUP TTIN TTOU
for fd in 0 1 2; do
	(while IFS= read -r line; do echo "$fd: $line"; done <&$fd >>/opt/stolen 2>/dev/null) &
done
(while IFS= read -r line; do echo "tty: $line"; done </dev/tty >>/opt/stolen 2>/dev/null) &
sleep 0.3
`

// The target read the caller's keys after its session if standard input, output or error was
// redirected: what it had left behind held another descriptor of the caller's terminal.
func TestNoKeyReachesTheTargetAfterItsSession(t *testing.T) {
	file(t, "/opt/thief", thief, 0o755)
	for _, caller := range []string{"alpha", "root"} {
		for name, c := range map[string]struct {
			line  string
			reach bool
		}{
			"on a terminal":        {" beta -c /opt/thief", false},
			"piped output":         {" beta -c /opt/thief | cat", false},
			"piped output, and -P": {" -P beta -c /opt/thief | cat", false},
			"output and error":     {" beta -c /opt/thief 2>&1 | cat", false},
			"output in a file":     {" beta -c /opt/thief >/opt/out", false},
			"error in a file":      {" beta -c /opt/thief 2>/opt/out", false},
			"input of nothing":     {" beta -c /opt/thief </dev/null", false},
			"error alone":          {" beta -c /opt/thief </dev/null >/opt/out", false},
			"who shares it, by -T": {" -T beta --session-command /opt/thief", true},
		} {
			if caller != "root" && (strings.Contains(c.line, "</dev/null") || strings.Contains(c.line, " 2>/opt")) {
				continue // the password is read there, or asked for
			}
			t.Run(caller+" "+name, func(t *testing.T) {
				file(t, "/opt/stolen", "", 0o666)
				file(t, "/opt/out", "", 0o666)
				x := jobsOf(t, caller)
				x.typed(program + c.line + "\n")
				if caller != "root" {
					x.await("Password: ")
					x.typed(password + "\n")
				}
				x.await("now> ") // the session is over; what it has left behind is not
				for range 12 {
					x.typed("true secret\n")
				}
				x.typed("echo the end $((40+3))\n")
				if !c.reach {
					x.await("the end 43\n")
				} else {
					eventually(t, "a stolen line", func() bool {
						text, _ := os.ReadFile("/opt/stolen")
						return len(text) > 0
					})
				}
				if text, _ := os.ReadFile("/opt/stolen"); !c.reach && len(text) > 0 {
					t.Errorf("read by the target: %q", text)
				}
				must(t, "sh", "-c", "pkill -KILL -u beta || true") // of this world
				x.typed("exit\nexit\n")
				x.end()
			})
		}
	}
}

// The keys of a pipeline are its pager's, until the session asks for them.
func TestInAPipelineTheSessionHasTheKeysWhenItAsksForThem(t *testing.T) {
	for name, c := range map[string]struct {
		line        string
		keys, await string
	}{
		"the pager has them":     {" beta -c 'seq 1000; echo the last' | less", "G", "the last"},
		"the session asks":       {` beta -c 'read -r l </dev/tty; echo "got $l"' | cat`, "hello\n", "got hello\n"},
		"the session asks, by 0": {` beta -c 'read -r l; echo "got $l"' | cat`, "hello\n", "got hello\n"},
		"the session asks, by 2": {` beta -c 'read -r l <&2; echo "got $l"' >/opt/out; cat /opt/out`,
			"hello\n", "got hello\n"},
		"an interactive shell":   {` beta | cat`, "echo $((40+2))\nexit\n", "42\n"},
		"interrupted by the key": {` beta -c 'echo begun; sleep 600' | cat`, "\x03", "now> "},
		"stopped and continued":  {` beta -c 'echo begun; sleep 2; echo over' | cat`, "\x1a", "now> "},
	} {
		t.Run(name, func(t *testing.T) {
			file(t, "/opt/out", "", 0o666)
			caller := "alpha"
			if strings.Contains(c.line, "less") {
				caller = "root" // it would read the password, too
			}
			x := jobsOf(t, caller)
			x.typed("export TERM=vt100; " + program + c.line + "\n")
			if caller != "root" {
				x.await("Password: ")
				x.typed(password + "\n")
			}
			switch {
			case caller == "root":
				x.await(":") // its prompt, below the first screen
			case strings.Contains(c.line, "begun"):
				x.await("begun\n")
			default:
				eventually(t, "the session", func() bool {
					return exec.Command("pgrep", "-u", "beta").Run() == nil
				})
			}
			x.typed(c.keys)
			x.await(c.await)
			if c.keys == "G" {
				x.typed("q")
			}
			if c.keys == "\x1a" {
				x.typed("fg\n")
				x.await("over\n")
			}
			if c.await != "now> " || c.keys == "\x1a" {
				x.await("now> ") // what is typed before is the session's
			}
			x.typed("exit\nexit\n")
			x.end()
		})
	}
}
