//go:build privileged

package tests

import (
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// logged stands in for the log daemon for the time of a test. What it returns
// gives capsu's own lines, without time and pid, once one has come.
func logged(t *testing.T) func() string {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: "/dev/log", Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod("/dev/log", 0o666); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var text strings.Builder
	go func() {
		for buf := make([]byte, 64<<10); ; {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			// <85>Nov 24 16:34:16 capsu[123]: text
			line := string(buf[:n])
			if at := strings.Index(line, " capsu["); at >= 0 && strings.HasPrefix(line, "<85>") {
				if _, own, found := strings.Cut(line[at:], "]: "); found {
					mu.Lock()
					text.WriteString(own + "\n")
					mu.Unlock()
				}
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); os.Remove("/dev/log") })
	return func() string {
		t.Helper()
		var got string
		eventually(t, "a line in the system log", func() bool {
			time.Sleep(20 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			var own []string
			for line := range strings.Lines(text.String()) {
				if strings.Contains(line, "(to ") {
					own = append(own, line)
				}
			}
			got = strings.Join(own, "")
			return got != ""
		})
		return got
	}
}

func TestSystemLogHasTheLinesOfSuWithTheTuple(t *testing.T) {
	for name, c := range map[string]struct {
		rules string
		args  []string
		stdin string
		want  string
	}{
		"a tuple":        {"^cap_net_raw,cap_kill,!cap_chown ghost", nil, "", "(to ghost) alpha on none iab=!cap_chown,cap_kill,^cap_net_raw\n"},
		"no rule":        {"", nil, "", "(to ghost) alpha on none iab=\n"},
		"all":            {"all ghost", nil, "", "(to ghost) alpha on none iab=cap_chown,cap_kill\n"},
		"less":           {"^cap_net_raw,cap_kill ghost", []string{"--drop", "cap_net_raw"}, "", "(to ghost) alpha on none iab=cap_kill\n"},
		"wrong password": {"", nil, "wrong\n", "FAILED SU (to ghost) alpha on none: pam_authenticate: Authentication failure\n"},
		"more":           {"", []string{"-C", "cap_kill"}, "", "FAILED SU (to ghost) alpha on none: Inheritable cap_kill: more than the grant\n"},
	} {
		t.Run(name, func(t *testing.T) {
			log := logged(t)
			policy(t, c.rules+"\n")
			call{setpriv: fullInheritable, stdin: c.stdin, args: append(c.args, "ghost", "-c", "true")}.run(t)
			if got := log(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	t.Run("unknown user with a name that is no text", func(t *testing.T) {
		log := logged(t)
		call{args: []string{"gh\x1b[2J\nost", "-c", "true"}}.run(t)
		if got := log(); !strings.HasPrefix(got, `FAILED SU (to gh\x1b[2J\nost) alpha on none: pam_authenticate: `) || strings.Count(got, "\n") != 1 {
			t.Errorf("%q", got)
		}
	})
	t.Run("on a terminal", func(t *testing.T) {
		log := logged(t)
		x := onTerminal(t, "alpha", program+" ghost -c true")
		x.expect("Password: ")
		x.typed(password + "\n")
		x.end()
		if got := log(); !strings.HasPrefix(got, "(to ghost) alpha on pts/") || !strings.HasSuffix(got, " iab=\n") {
			t.Errorf("%q", got)
		}
	})
}
