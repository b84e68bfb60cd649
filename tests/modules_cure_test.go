//go:build privileged

package tests

import (
	"strings"
	"testing"
)

// Version 0.1 refused these services and named a remedy. Now they work as they are.

// On Debian pam_wheel reads the real uid, also without use_uid. In version 0.1 that was the
// guard's: members of the group were refused, and a line that denies a group let its members
// in.
func TestPamWheelKnowsTheCaller(t *testing.T) {
	in := []string{"ghost", "-c", "echo in"}
	for args, letsIn := range map[string]bool{
		"group=many1": true, "use_uid group=many1": true, "deny group=many1": false, "deny use_uid group=many1": false,
		"group=team": false, "use_uid group=team": false, "deny group=team": true, "deny use_uid group=team": true,
	} {
		stack(t, "auth required pam_wheel.so "+args+"\n"+service)
		site(t, "")
		if found := checked(t, siteFile); len(found) != 0 {
			t.Errorf("%s: check says %q", args, found)
		}
		if r := capsu(t, in...); letsIn {
			expectRun(t, r, "in\n")
		} else {
			expectRefusal(t, r, neutral)
		}
	}
}

// In version 0.1 these modules could not write, because they did not have uid 0.
func TestSessionModulesWriteRootsFiles(t *testing.T) {
	for _, module := range []string{"pam_loginuid.so", "pam_timestamp.so", "pam_xauth.so", "pam_mkhomedir.so"} {
		stack(t, service+"session required "+module+"\n")
		r := capsu(t, "ghost", "-c", "echo in; cat /proc/self/loginuid; echo")
		if r.status != 0 || !strings.HasPrefix(r.stdout, "in\n") {
			t.Errorf("%s: status %d, %q, %q", module, r.status, r.stdout, r.stderr)
		}
		if own := strings.HasSuffix(r.stdout, "\n"+id(t, "-u", "ghost")+"\n"); own != (module == "pam_loginuid.so") {
			t.Errorf("%s: login uid: %q", module, r.stdout)
		}
	}
}
