//go:build privileged

package tests

import (
	"fmt"
	"strings"
	"testing"
)

// The caller's real uid for the modules, and the guard's again: if either
// change does not succeed there is no session. strace counts setresuid thread by
// thread, so the process may also end in libpsx, which finds threads that differ.
func TestAuthIdentityThatCannotBeChangedIsNoSession(t *testing.T) {
	site(t, "AuthIdentity caller")
	for _, c := range []struct{ when, status int }{
		{2, 1}, // becoming the caller
		{3, 1}, // and the guard again
		{99, 7},
	} {
		t.Run(fmt.Sprint("call ", c.when), func(t *testing.T) {
			sessions := recorded(t)
			r := call{caller: "root", wrapper: []string{"strace", "-u", "alpha", "-f", "-qq", "-o", "/dev/null", "-e", "trace=setresuid", "-e", "signal=none",
				"-e", fmt.Sprintf("inject=setresuid:error=EPERM:when=%d", c.when)}, args: []string{"ghost", "-c", "exit 7"}}.run(t)
			if r.status != c.status || c.status == 1 && !strings.Contains(r.stderr, "capsu: ") {
				t.Errorf("status %d, want %d: %q", r.status, c.status, r.stderr)
			}
			if got := sessions(); strings.Contains(got, "session") != (c.status == 7) {
				t.Errorf("records: %q", got)
			}
			eventually(t, "the end of all processes", func() bool { return len(processes()) == 0 })
		})
	}
}
