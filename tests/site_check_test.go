//go:build privileged

package tests

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestCheckFindsWhatHasNoEffectInTheSiteConfiguration(t *testing.T) {
	policy(t, "")
	site(t, "CapabilitiesSet +cap_kill -cap_net_raw +cap_sys_admin -cap_chown -cap_setgid",
		"CapabilityFile /etc/no-such-rules", "Services capsu no-such-service", "CapabilityDefault ^cap_sys_admin",
		"<Caller nobody-here>", "</Caller>", "<Target @no-group>", "Pty on", "</Target>", "Pty maybe", "Nonsense")
	want := []string{
		`10: Pty: "maybe" is none of auto, on, off: capsu opens no session`,
		`11: unknown directive "Nonsense": capsu opens no session`,
		"1: CapabilitiesSet +cap_kill: changes nothing, it is in the built-in set",
		"1: CapabilitiesSet -cap_net_raw: changes nothing, it is not in the built-in set",
		"1: CapabilitiesSet +cap_sys_admin: capsu's file does not have it: kept only when root calls",
		"1: CapabilitiesSet -cap_setgid: closing may need it, and warns then",
		"2: /etc/no-such-rules: no such file: capsu opens no session",
		"3: Services: no-such-service: no file of that name in /etc/pam.d",
		"4: CapabilityDefault: cap_sys_admin: Ambient, " +
			"but not in capsu's permitted set: pam_cap.so changes nothing, capsu refuses the session",
		"5: nobody-here: the block is empty",
		"5: nobody-here: no such user: the block applies to nobody",
		"7: @no-group: no such group: the block applies to nobody",
	}
	file(t, "/etc/no-such-rules", "", 0o644)
	if got := checked(t, siteFile); slices.Contains(got, want[6]) {
		t.Errorf("a file that is there is found missing: %q", got)
	}
	must(t, "rm", "/etc/no-such-rules")
	out, errs, status := ctl("check") // the rules of that file cannot be looked at
	if status != 1 || !strings.Contains(out+errs, "/etc/no-such-rules") {
		t.Errorf("%d %q %q", status, out, errs)
	}
	got := checked(t, siteFile, policyFile)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// the draft is read, and the file in use is not
	file(t, "/opt/draft.conf", "TerminalOwner on\nCapabilitiesSet -cap_chown\n", 0o644)
	if got := checked(t, "/opt/draft.conf", "--conf", "/opt/draft.conf", policyFile); !slices.Equal(got,
		[]string{"2: CapabilitiesSet -cap_chown: closing may need it, and warns then"}) {
		t.Errorf("draft: %q", got)
	}
	if got := checked(t, siteFile, "--conf", "/opt/draft.conf", policyFile); got != nil {
		t.Errorf("beside a draft: %q", got)
	}
}

func TestCheckReadsThePolicyThatTheSiteNames(t *testing.T) {
	file(t, "/etc/rules-one", "cap_nonsense ghost\n", 0o644)
	file(t, "/etc/rules-two", "^cap_net_raw ghost\nall beta\n", 0o644)
	policy(t, "cap_bad *\n")
	site(t, "CapabilityFile /etc/rules-one", "CapabilitiesMode pure1e", "<Caller alpha>",
		"CapabilityFile /etc/rules-two", "</Caller>")
	if got := checked(t, "/etc/rules-one"); len(got) != 1 ||
		!strings.Contains(got[0], `1: unknown capability "cap_nonsense"`) {
		t.Errorf("%q", got)
	}
	if got := checked(t, "/etc/rules-two"); len(got) != 1 ||
		!strings.Contains(got[0], "1: "+siteFile+":2: CapabilitiesMode pure1e: allows no Ambient capability") {
		t.Errorf("%q", got)
	}
	if got := checked(t, policyFile); got != nil {
		t.Errorf("nobody's policy: %q", got)
	}
}

// The site's own files and defaults count among what capsu's file must have.
func TestFilecapsHasWhatTheSiteGrants(t *testing.T) {
	policy(t, "^cap_wake_alarm ghost\n")
	filecaps := func() string {
		out, errs, status := ctl("filecaps")
		if status != 0 {
			t.Fatalf("%d %q %q", status, out, errs)
		}
		return out
	}
	site(t, "")
	if got := filecaps(); !strings.Contains(got, "cap_wake_alarm") || strings.Contains(got, "cap_syslog") {
		t.Errorf("%q", got)
	}
	file(t, "/etc/rules-one", "^cap_syslog ghost\n", 0o644)
	file(t, "/etc/rules-two", "^cap_lease ghost\n", 0o644)
	site(t, "CapabilityFile /etc/rules-one", "CapabilityDefault ^cap_sys_nice", "<Target beta>",
		"CapabilityFile /etc/rules-two", "CapabilityDefault ^cap_sys_boot", "</Target>")
	got := filecaps()
	for _, c := range []string{"cap_syslog", "cap_lease", "cap_sys_nice", "cap_sys_boot"} {
		if !strings.Contains(got, c) {
			t.Errorf("%s is missing in %q", c, got)
		}
	}
	if strings.Contains(got, "cap_wake_alarm") {
		t.Errorf("a policy that nobody reads counts: %q", got)
	}
	site(t, "nonsense")
	if out, errs, status := ctl("filecaps"); status != 1 || out != "" ||
		!strings.Contains(errs, siteFile+":1: unknown directive") {
		t.Errorf("%d %q %q", status, out, errs)
	}
}

func TestExplainShowsWhatAppliesAndFromWhere(t *testing.T) {
	policy(t, "^cap_net_raw ghost\n")
	site(t, "SessionGrace 5", "<Caller @team>", "CapabilitiesSet -cap_chown", "SessionGrace 7", "</Caller>",
		"<Target ghost>", "Pty off", "</Target>")
	out, _, status := ctl("explain", "--caller", "beta", "ghost")
	for _, line := range []string{
		"site          CapabilitiesSet -cap_chown, " + siteFile + ":3 <Caller @team>\n",
		"site          SessionGrace 7, " + siteFile + ":4 <Caller @team>\n",
		"site          Pty off, " + siteFile + ":7 <Target ghost>\n",
		"Ambient       cap_net_raw\n",
	} {
		if status != 0 || !strings.Contains(out, line) {
			t.Errorf("%d, %q is missing in %q", status, line, out)
		}
	}
	if strings.Contains(out, "CapabilitiesEngine") {
		t.Errorf("what is built in is shown: %q", out)
	}
	for caller, want := range map[string]setting{
		"beta":  {"SessionGrace", "7", siteFile, "<Caller @team>", 4},
		"alpha": {"SessionGrace", "5", siteFile, "", 1},
	} {
		if got := settings(t, caller, "ghost")["SessionGrace"]; got != want {
			t.Errorf("%s: %+v", caller, got)
		}
	}
	out, _, _ = ctl("explain", "--site", "ghost")
	for _, line := range []string{"site          CapabilitiesEngine on, built in\n",
		"site          CapabilitiesMode (not set), built in\n", "SessionGrace 5, " + siteFile + ":1\n"} {
		if !strings.Contains(out, line) {
			t.Errorf("%q is missing in %q", line, out)
		}
	}
	site(t, "CapabilitiesEngine off", "CapabilitiesMode nopriv")
	if out, _, _ := ctl("explain",
		"ghost"); !strings.Contains(out, "empty, and nothing in Bounding: CapabilitiesMode nopriv") {
		t.Errorf("%q", out)
	}
	site(t, "CapabilitiesEngine off")
	if out, _, _ := ctl("explain", "ghost"); !strings.Contains(out, "not asked: CapabilitiesEngine off") {
		t.Errorf("%q", out)
	}
}

// With unmount_on_close pam_namespace unmounts what it has mounted. That needs CAP_SYS_ADMIN,
// and without it the module says nothing. So check names it.
func TestModuleThatNeedsMoreToCloseGetsItBySet(t *testing.T) {
	must(t, "mkdir", "-p", "/opt/poly")
	file(t, "/etc/security/namespace.conf", "/opt/poly tmpfs tmpfs root\n", 0o644)
	closing := func(text, args string) (unmounted, found bool) {
		site(t, text)
		stack(t, above(service, "session required pam_namespace.so "+args))
		trace := t.TempDir() + "/trace"
		c := call{caller: "root",
			wrapper: []string{"strace", "-f", "-qq", "-e", "trace=umount2", "-e", "signal=none", "-o", trace},
			args:    []string{"ghost", "-c", "findmnt -n -o FSTYPE /opt/poly"}}
		expectRun(t, c.run(t), "tmpfs\n")
		for _, line := range checked(t, siteFile) {
			found = found || strings.Contains(line, "pam_namespace.so in /etc/pam.d/capsu:") &&
				strings.Contains(line, "CapabilitiesSet +cap_sys_admin keeps it")
		}
		// by a name, or since Linux-PAM 1.7 by a descriptor
		return regexp.MustCompile(`umount2\("(/opt/poly|/proc/self/fd/\d+)", \w+\) += 0\b`).MatchString(must(t, "cat",
			trace)), found
	}
	for _, c := range []struct {
		text, args       string
		unmounted, found bool
	}{
		{"", "", false, false}, // the kernel does, with the last process
		{"", "unmount_on_close", false, true},
		{"CapabilitiesSet +cap_sys_admin", "unmount_on_close", true, false},
	} {
		if unmounted, found := closing(c.text, c.args); unmounted != c.unmounted || found != c.found {
			t.Errorf("%+v: unmounted %v, found %v", c, unmounted, found)
		}
	}
}
