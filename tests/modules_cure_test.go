//go:build privileged

package tests

import (
	"strings"
	"testing"
)

// What doc/modules.md names as remedies, tried.

// On Debian pam_wheel looks at the real uid, also without use_uid: the guard's.
// A line that denies a group then denies nobody.
func TestPamWheelKnowsTheCallerByAuthIdentity(t *testing.T) {
	in := []string{"ghost", "-c", "echo in"}
	for _, args := range []string{"group=many1", "use_uid group=many1"} {
		stack(t, "auth required pam_wheel.so "+args+"\n"+service)
		site(t, "")
		expectRefusal(t, capsu(t, in...), neutral)
		if found := checked(t, siteFile); len(found) != 1 || !strings.Contains(found[0], "pam_wheel.so in /etc/pam.d/capsu:1 takes the guard for the caller") {
			t.Errorf("check says %q", found)
		}
		site(t, "AuthIdentity caller")
		if found := checked(t, siteFile); len(found) != 0 {
			t.Errorf("with the caller shown, check says %q", found)
		}
		expectRun(t, capsu(t, in...), "in\n")
	}
	stack(t, "auth required pam_wheel.so deny group=many1\n"+service)
	site(t, "AuthIdentity caller")
	expectRefusal(t, capsu(t, in...), neutral)
}

func TestPamLoginuidWorksInTheAccountPhase(t *testing.T) {
	stack(t, service+"account required pam_loginuid.so\n")
	expectRun(t, capsu(t, "ghost", "-c", "cat /proc/self/loginuid; echo"), id(t, "-u", "ghost")+"\n")
}

// A module that cannot write root's files for the target fails; optional, it
// keeps nobody from his session.
func TestModulesThatCannotWriteRootsFilesMayBeOptional(t *testing.T) {
	for _, module := range []string{"pam_loginuid.so", "pam_timestamp.so", "pam_xauth.so", "pam_mkhomedir.so"} {
		stack(t, service+"session optional "+module+"\n")
		r := capsu(t, "ghost", "-c", "echo in")
		if r.status != 0 || !strings.HasSuffix(r.stdout, "in\n") {
			t.Errorf("%s: status %d, %q, %q", module, r.status, r.stdout, r.stderr)
		}
	}
}
