//go:build privileged

package tests

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// capsuctl, and what it prints.

// explained is what 'capsuctl explain --json' prints, every key of it.
type explained struct {
	User, Config                                  string
	Line                                          int
	Rule, Match, Action, IAB, Authenticate, Error string
}

// ctl runs capsuctl as alpha, without privilege.
func ctl(args ...string) (stdout, stderr string, status int) {
	cmd := exec.Command("setpriv",
		append([]string{"--reuid", "alpha", "--regid", "alpha", "--init-groups", controller}, args...)...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &errs, "/"
	cmd.Run()
	return out.String(), errs.String(), shellStatus(cmd.ProcessState)
}

// explain runs 'capsuctl explain --json'.
func explain(t *testing.T, args ...string) (explained, int) {
	t.Helper()
	out, errs, status := ctl(append([]string{"explain", "--json"}, args...)...)
	var keys map[string]any
	var e explained
	for _, to := range []any{&keys, &e} {
		if err := json.Unmarshal([]byte(out), to); err != nil {
			t.Fatalf("%q: %v: %q, %q", args, err, out, errs)
		}
	}
	if len(keys) != 9 {
		t.Errorf("keys %v", keys)
	}
	return e, status
}

// checked returns what 'capsuctl check --json' finds in a file, each as "LINE: text".
func checked(t *testing.T, path string, args ...string) (lines []string) {
	t.Helper()
	out, errs, status := ctl(append([]string{"check", "--json"}, args...)...)
	var list []struct {
		File, Text string
		Line       json.Number
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil || status == 2 {
		t.Fatalf("%v: %d, %q, %q", err, status, out, errs)
	}
	for _, f := range list {
		if f.File == path {
			lines = append(lines, f.Line.String()+": "+f.Text)
		}
	}
	return lines
}

// setting is an element of what 'capsuctl explain --site --json' prints.
type setting struct {
	Directive, Value, File, Block string
	Line                          int
}

// settings runs 'capsuctl explain --site' for a caller and a target; the result is by
// directive.
func settings(t *testing.T, caller, target string) map[string]setting {
	t.Helper()
	out, errs, status := ctl("explain", "--site", "--json", "--caller", caller, target)
	var list []setting
	if err := json.Unmarshal([]byte(out), &list); err != nil || status != 0 {
		t.Fatalf("%v: %d, %q, %q", err, status, out, errs)
	}
	all := map[string]setting{}
	for _, s := range list {
		all[s.Directive] = s
	}
	return all
}
