//go:build privileged

package tests

import (
	"strings"
	"testing"
)

// A module may change the target (PAM_USER), as modules do that map names of a directory. The
// session must then have nothing of the first target.
func TestAnotherUserOfAModulesIsFollowedCompletely(t *testing.T) {
	compile(t, "/opt/converse.so", "-shared", "-fPIC", "modules/converse.c", "-lpam")
	policy(t, "^cap_net_raw ghost\n^cap_net_bind_service,cap_kill @team\n")
	show := "id -un; id -nG; pwd; echo $HOME $USER $LOGNAME $SHELL $0; grep CapAmb /proc/self/status"
	want := "beta\nbeta team\n/home/beta\n/home/beta beta beta /bin/bash -bash\nCapAmb:\t0000000000000400\n"
	for name, c := range map[string]struct{ phase, caller string }{
		"while authenticating":                 {"auth", "alpha"},
		"in the account phase":                 {"account", "alpha"},
		"in the account phase when root calls": {"account", "root"},
	} {
		t.Run(name, func(t *testing.T) {
			// after the first target has been authenticated
			file(t, "/etc/pam.d/capsu-l", service+c.phase+" required /opt/converse.so user=beta\n", 0o644)
			sessions, log := recorded(t), logged(t)
			expectRun(t, call{caller: c.caller, args: []string{"-", "ghost", "-c", show}}.run(t), want)
			if got, want := sessions(),
				"open_session capsu-l beta "+c.caller+"\nclose_session capsu-l beta "+c.caller+"\n"; got != want {
				t.Errorf("sessions %q, want %q", got, want)
			}
			lines := "(to ghost) " + c.caller + " on none: PAM_USER is now beta\n(to beta) " + c.caller +
				" on none iab=cap_kill,^cap_net_bind_service\n"
			eventually(t, "both lines in the system log", func() bool { return log() == lines })
		})
	}
	t.Run("when the session is opened it is too late", func(t *testing.T) {
		stack(t, service+"session required /opt/converse.so user=beta\n")
		sessions, log := recorded(t), logged(t)
		expectRefusal(t, capsu(t, "ghost", "-c", "echo in"), "PAM_USER: is beta, after ghost was decided on")
		if got := log(); got != "FAILED SU (to ghost) alpha on none: PAM_USER: is beta, after ghost was decided on\n" {
			t.Errorf("the log has %q", got)
		}
		if got := sessions(); !strings.Contains(got, "close_session") {
			t.Errorf("sessions %q", got)
		}
	})
	for name, c := range map[string]struct{ user, want string }{
		"root":                  {"root", "capsu: root: uid 0 is not a target"},
		"the guard":             {"capsu", "capsu: the guard is not a target"},
		"nobody":                {"nobodyofthisname", "no such user"},
		"who has no valid rule": {"many", "unknown capability"},
	} {
		t.Run("into "+name+" it is refused", func(t *testing.T) {
			account(t, "many", "-s", "/bin/sh")
			policy(t, "cap_no many\n")
			stack(t, "auth required pam_unix.so\nauth required /opt/converse.so user="+c.user+
				"\naccount required pam_permit.so\nsession required pam_permit.so\n")
			log := logged(t)
			expectRefusal(t, capsu(t, "ghost", "-c", "echo in"), c.want)
			if got := log(); !strings.Contains(got, "FAILED SU (to ") {
				t.Errorf("the log has %q", got)
			}
		})
	}
}
