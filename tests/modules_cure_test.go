//go:build privileged

package tests

import (
	"strings"
	"testing"
)

// What doc/modules.md names as remedies, tried.

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
