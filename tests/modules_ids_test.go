//go:build privileged

package tests

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// idsModule is tests/modules/ids.c, which changes identities at random.
const idsModule = "/opt/ids.so"

// identitiesUnder returns what the module has found in a session of a program.
func identitiesUnder(t *testing.T, path, caller, target string, seed int) string {
	t.Helper()
	const log = "/opt/ids.log"
	text := ""
	for _, phase := range []string{"auth", "account", "session"} {
		text += fmt.Sprintf("%s required %s %s %d 0 %s %s %s\n", phase, idsModule, log, seed,
			id(t, "-u", "alpha"), id(t, "-u", "ghost"), id(t, "-u", "beta"))
	}
	for _, name := range []string{"su", "capsu"} {
		file(t, "/etc/pam.d/"+name, text, 0o644)
	}
	file(t, log, "", 0o600)
	r := call{caller: caller, program: path, args: []string{target, "-c", "echo in"}, empty: true}.run(t)
	if r.status != 0 || r.stdout != "in\n" {
		t.Fatalf("%s: status %d, %q, %q", path, r.status, r.stdout, r.stderr)
	}
	found, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return string(found)
}

// Whatever a module does to its uids, by functions or by system call numbers: the result, what
// it reads afterwards, and what it may do are the same as under su.
func TestAModulesChangesOfIdentityAreAsUnderSu(t *testing.T) {
	compile(t, idsModule, "-shared", "-fPIC", "modules/ids.c", "-lpam")
	file(t, "/opt/rootonly", "secret", 0o600)
	site(t, "RootTarget on")
	for _, who := range []struct{ caller, target string }{
		{"alpha", "ghost"}, {"alpha", "root"}, {"alpha", "alpha"}, {"root", "ghost"}, {"root", "root"},
	} {
		for seed := range 6 {
			want := identitiesUnder(t, su, who.caller, who.target, seed)
			got := identitiesUnder(t, program, who.caller, who.target, seed)
			if strings.Count(want, "\n") < 1000 {
				t.Fatalf("the module has written %d lines", strings.Count(want, "\n"))
			}
			if got != want {
				t.Errorf("%s as %s, seed %d:\n%s", who.caller, who.target, seed, firstDifference(want, got))
			}
		}
	}
}

// firstDifference shows where two long texts part, with the lines before.
func firstDifference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			before := strings.Join(a[max(0, i-4):i], "\n")
			return fmt.Sprintf("%s\nsu:    %s\ncapsu: %s", before, a[i], b[i])
		}
	}
	return fmt.Sprintf("%d lines and %d", len(a), len(b))
}
