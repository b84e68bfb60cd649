//go:build privileged

package tests

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// PAM services with our own modules, which stand in tests/modules.

// above puts lines into a service, each above pam_unix.so of its phase.
func above(text string, lines ...string) string {
	for _, line := range lines {
		phase, _, _ := strings.Cut(line, " ")
		first := phase + " required pam_unix.so"
		text = strings.Replace(text, first, line+"\n"+first, 1)
	}
	return text
}

// inEachPhase is the usual service with one of our modules in every phase.
func inEachPhase(module string) string {
	return above(service, "auth required "+module, "account required "+module, "session required "+module)
}

// limiting is the usual service with pam_limits.
func limiting() string { return above(service, "session required pam_limits.so") }

// pamPhases are the phases as our modules name them.
var pamPhases = []string{"auth", "account", "setcred", "open", "close", "delete", "end"}

// misbehaving is the usual service with modules/misbehave.c, which does the deeds, each as
// PHASE=DEED, in every phase.
func misbehaving(deeds string) string {
	return inEachPhase("/opt/misbehave.so FILE=/opt/reached " + deeds)
}

// helperSays is the file to which helpers write.
const helperSays = "/opt/helper.report"

// helping is the usual service with modules/helper.c, which starts a program, in every phase.
func helping(orders string) string {
	return inEachPhase("/opt/helper.so OUT=" + helperSays + " " + orders)
}

// helperReports runs a session with a program, and returns what the helpers wrote.
func helperReports(t *testing.T, path, orders string) string {
	t.Helper()
	suAndCapsu(t, helping(orders))
	file(t, helperSays, "", 0o666)
	c := call{program: path, args: []string{"ghost", "-c", "echo in"}}
	if r := c.run(t); r.status != 0 || r.stdout != "in\n" {
		t.Errorf("%s, %s: status %d, %q, %q", path, orders, r.status, r.stdout, r.stderr)
	}
	return must(t, "cat", helperSays)
}

// helperMay are the capabilities that a helper may have in a phase.
func helperMay(t *testing.T, phase string) uint64 {
	t.Helper()
	if slices.Contains([]string{"close", "delete", "end"}, phase) {
		return closingSet & fileSet(t)
	}
	return fileSet(t)
}

// The files of shedding: root's, the target's link to it, and what the module says.
const (
	secret   = "/opt/roots-secret"
	theLink  = "/home/ghost/theirs"
	shedSays = "/opt/shed.report"
)

// shedding is the usual service with modules/shed.c, which sheds its privilege, in every phase.
func shedding(how string) string {
	return inEachPhase(fmt.Sprintf("/opt/shed.so OUT=%s LINK=%s SECRET=%s %s", shedSays, theLink, secret, how))
}

// shortly returns the kinds of attempt of an attack's lines, once each.
func shortly(lines string) string {
	var kinds []string
	for line := range strings.Lines(lines) {
		if kind := strings.Fields(line)[0]; !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return strings.Join(kinds, " ")
}
