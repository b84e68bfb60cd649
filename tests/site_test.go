//go:build privileged

package tests

import (
	"os"
	"strings"
	"testing"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

func TestFaultsOfTheSiteConfigurationMeanNoSession(t *testing.T) {
	for text, want := range map[string]string{
		"# x\nCapabilityEngine on":   `:2: unknown directive "CapabilityEngine"`,
		"CapabilitiesEngine maybe":   `:1: CapabilitiesEngine: "maybe" is neither on nor off`,
		"CapabilitiesRootRevoke yes": `:1: CapabilitiesRootRevoke: "yes" is neither on nor off`,
		"CapabilitiesSet cap_chown": `:1: CapabilitiesSet: "cap_chown": a capability needs one + or ` +
			`- before it`,
		"CapabilitiesSet +cap_x":  `:1: CapabilitiesSet: unknown capability "cap_x"`,
		"CapabilitiesMode pure":   `:1: CapabilitiesMode: "pure" is none of hybrid, pure1e, nopriv`,
		"RootTarget":              `:1: RootTarget: takes one value`,
		"CapabilityFile rules":    `:1: CapabilityFile: "rules" does not begin with /`,
		"CapabilityDefault cap_x": `:1: CapabilityDefault: unknown capability "cap_x"`,
		"CapabilityRequire maybe": `:1: CapabilityRequire: "maybe" is neither on nor off`,
		"AuthIdentity root":       `:1: AuthIdentity: "root" is none of guard, caller`,
		"Pty maybe":               `:1: Pty: "maybe" is none of auto, on, off`,
		"TerminalOwner maybe":     `:1: TerminalOwner: "maybe" is neither on nor off`,
		"Services ../x":           `:1: Services: "../x" is no name of a PAM service`,
		"SessionGrace 1.5":        `:1: SessionGrace: "1.5" is not a whole number of seconds up to 3600`,
		"Pty on\nPty on":          `:2: Pty: stands in line 1 already`,
		// also in a block that does not apply
		"<Caller nobody-here>\nPty x\n</Caller>":   `:2: Pty: "x" is none of auto, on, off`,
		"<Target ghost>\nRootTarget on\n</Target>": `:2: RootTarget: is used before the target is known`,
		"Pty on\r":       `:1: control character 0x0d`,
		"<Caller alpha>": `:1: <Caller alpha>: is not closed`,
	} {
		site(t, text)
		for _, caller := range []string{"alpha", "root"} {
			r := call{caller: caller, args: []string{"ghost", "-c", "echo in"}}.run(t)
			expectRefusal(t, r, "capsu: "+siteFile+want, "capsu: hint: ")
			if strings.Contains(r.stderr, "Password") {
				t.Errorf("%q: asked for a password", text)
			}
		}
		if out, errs, status := ctl("check"); status != 1 || !strings.Contains(out, siteFile+want) {
			t.Errorf("check of %q: %d, %q %q", text, status, out, errs)
		}
		if e, status := explain(t, "ghost"); status != 1 || !strings.Contains(e.Error, siteFile+want) {
			t.Errorf("explain with %q: %d, %+v", text, status, e)
		}
	}
	// these work all the same
	if r := capsu(t, "--version"); r.status != 0 {
		t.Errorf("--version: %+v", r)
	}
}

func TestSiteConfigurationThatOthersMayWriteIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"others":  {"chmod o+w " + siteFile, "writable by others"},
		"a group": {"chown root:team " + siteFile + "; chmod g+w " + siteFile, "writable by group"},
		"an ACL":  {"setfacl -m u:alpha:rw " + siteFile, "writable by its access control list"},
		"owner":   {"chown alpha " + siteFile, "owner is uid"},
		"dangling": {"rm " + siteFile + "; ln -s /opt/no-such " + siteFile,
			"symbolic link to a file that does not exist"},
		"FIFO": {"rm " + siteFile + "; mkfifo " + siteFile, "not a regular file"},
		"link into a directory of others": {"mkdir -p -m 777 /opt/open; echo >/opt/open/c; ln -sf /opt/open/c " +
			siteFile, "its directory /opt/open: writable by others"},
	} {
		t.Run(name, func(t *testing.T) {
			// Engine off skips none of these checks
			site(t, "CapabilitiesEngine off")
			must(t, "sh", "-c", c.script)
			t.Cleanup(func() { os.Remove(siteFile) })
			for _, caller := range []string{"alpha", "root"} {
				expectRefusal(t, call{caller: caller, args: []string{"ghost", "-c", "echo in"}}.run(t),
					"capsu: "+siteFile+": "+c.want)
			}
			if out, _, status := ctl("check"); status != 1 || !strings.Contains(out, siteFile+": "+c.want) {
				t.Errorf("check: %d, %q", status, out)
			}
		})
	}
	t.Run("missing and /dev/null are the defaults", func(t *testing.T) {
		site(t, "")
		os.Remove(siteFile)
		expectRun(t, capsu(t, "ghost", "-c", "echo in"), "in\n")
		must(t, "ln", "-s", "/dev/null", siteFile)
		expectRun(t, capsu(t, "ghost", "-c", "echo in"), "in\n")
		os.Remove(siteFile)
	})
}

func TestEngineOffAsksNoRuleButLeavesTheStackItsOwn(t *testing.T) {
	policy(t, "^cap_net_raw,!cap_chown ghost\n")
	site(t, "")
	expectTuple(t, inspect(t, call{args: []string{"ghost"}}), tuple{netRaw, netRaw, netRaw, chown}) // the default: on
	for _, text := range []string{"CapabilitiesEngine off",
		"CapabilitiesEngine off\nCapabilityDefault ^cap_net_raw\nCapabilityRequire on",
		"<Caller alpha>\nCapabilitiesEngine off\n</Caller>", "<Target ghost>\nCapabilitiesEngine off\n</Target>"} {
		site(t, text)
		expectTuple(t, inspect(t, call{args: []string{"ghost"}}), tuple{})
	}
	policy(t, "cap_nonsense *\n") // not even a broken one
	expectTuple(t, inspect(t, call{args: []string{"ghost"}}), tuple{})
	file(t, other, "^cap_net_raw,cap_kill *\n", 0o644)
	for _, args := range []string{"", "keepcaps defer"} {
		stack(t, withModule("alpha", args))
		expectTuple(t, inspect(t, call{args: []string{"ghost"}}), tuple{i: netRaw | kill, p: netRaw, a: netRaw})
	}
}

func TestTheLeaderKeepsWhatTheSetSaysAndNoOtherThreadAnything(t *testing.T) {
	const raw, bind = 1 << cap.NET_RAW, 1 << cap.NET_BIND_SERVICE
	for text, want := range map[string]uint64{
		"":                           closingSet,
		"CapabilitiesSet -cap_chown": closingSet &^ chown,
		"CapabilitiesSet +CAP_NET_RAW -cap_kill +cap_net_bind_service": closingSet&^kill | raw | bind,
		// a set in a block starts from the built-in one
		"CapabilitiesSet +cap_net_raw\n<Caller alpha>\nCapabilitiesSet -cap_chown\n</Caller>": closingSet &^ chown,
		"CapabilitiesSet +cap_sys_admin": closingSet, // capsu's file does not have it
		"CapabilitiesSet -cap_setuid -cap_setgid -cap_setpcap -cap_kill -cap_chown -cap_audit_write": 0,
	} {
		site(t, text)
		r := during(t, call{args: []string{"ghost"}}, func(_, monitor string) {
			leaderIs(t, monitor, map[string]string{"CapPrm": hex(want), "CapEff": hex(0), "CapInh": hex(0)})
		})
		told := strings.Contains(r.stderr, "closing needs cap_setuid") // then modules close as the guard
		if r.status != 0 || told != strings.Contains(text, "-cap_setuid") || !told && strings.Contains(r.stderr, "warning") {
			t.Errorf("%q: status %d, %q", text, r.status, r.stderr)
		}
	}
	// root has more to choose from
	site(t, "CapabilitiesSet +cap_sys_admin")
	during(t, call{caller: "root", args: []string{"ghost"}}, func(_, monitor string) {
		leaderIs(t, monitor, map[string]string{"CapPrm": hex(closingSet | 1<<cap.SYS_ADMIN), "CapEff": hex(0)})
	})
}

// If closing needs a capability that CapabilitiesSet has removed, capsu names the directive,
// and nothing worse happens.
func TestRemovedCapabilityThatClosingNeedsIsToldAtClose(t *testing.T) {
	compile(t, "/opt/give.so", "-shared", "-fPIC", "modules/give.c", "-lpam")
	file(t, "/opt/given", "", 0o644)
	stack(t, above(service, "session required /opt/give.so /opt/given"))
	owner := func() string { return strings.TrimSpace(must(t, "stat", "-c", "%U", "/opt/given")) }
	for _, c := range []struct {
		text, warning string
		owner         string
	}{
		{"", "", "root"},
		{"CapabilitiesSet -cap_kill", "", "root"},
		{"# first\nCapabilitiesSet -cap_chown",
			"capsu: warning: " + siteFile + ":2: CapabilitiesSet -cap_chown: closing needs cap_chown\n", "ghost"},
	} {
		t.Run(c.text, func(t *testing.T) {
			site(t, c.text)
			must(t, "chown", "root", "/opt/given")
			sessions := recorded(t)
			r := capsu(t, "ghost", "-c", "stat -c %U /opt/given; exit 7")
			if r.status != 7 || r.stdout != "ghost\n" || strings.Contains(r.stderr, "warning") != (c.warning != "") ||
				!strings.Contains(r.stderr, c.warning) {
				t.Errorf("%+v", r)
			}
			if owner() != c.owner || !strings.Contains(sessions(), "close_session") {
				t.Errorf("owner %s, records %q", owner(), sessions())
			}
		})
	}
	t.Run("root calls and cannot be uid 0 again", func(t *testing.T) {
		stack(t, service)
		site(t, "CapabilitiesSet -cap_setuid")
		sessions := recorded(t)
		r := call{caller: "root", args: []string{"ghost", "-c", "exit 7"}}.run(t)
		if r.status != 7 || !strings.Contains(r.stderr,
			"capsu: warning: "+siteFile+":1: CapabilitiesSet -cap_setuid: closing needs cap_setuid\n") ||
			!strings.Contains(sessions(), "close_session") {
			t.Errorf("%+v, records %q", r, sessions())
		}
	})
	for _, caller := range []string{"alpha", "root"} {
		t.Run("the front is killed, no cap_kill, "+caller, func(t *testing.T) {
			stack(t, service)
			site(t, "CapabilitiesSet -cap_kill")
			sessions := recorded(t)
			during(t, call{caller: caller, args: []string{"ghost"}}, func(_, monitor string) {
				front := strings.TrimSpace(must(t, "ps", "-o", "ppid=", "-p", monitor))
				must(t, "kill", "-KILL", front)
				eventually(t, "the monitor's end", func() bool { _, err := os.Stat("/proc/" + monitor); return err != nil })
			})
			if !strings.Contains(sessions(), "close_session") {
				t.Error("PAM was not closed")
			}
		})
	}
}

func TestRulesDefaultsAndRequirementsOfTheSite(t *testing.T) {
	policy(t, "^cap_net_raw beta\n")
	file(t, "/etc/other-rules", "^cap_net_bind_service ghost\n", 0o644)
	for text, want := range map[string]tuple{
		"":                                             {},
		"CapabilityFile /etc/other-rules":              {netBind, netBind, netBind, nothing},
		"CapabilityFile /dev/null":                     {},
		"CapabilityDefault ^cap_net_raw":               {netRaw, netRaw, netRaw, nothing},
		"CapabilityDefault cap_kill,!cap_chown":        {i: kill, blocked: chown},
		"CapabilityDefault all":                        {i: chown | kill},
		"CapabilityDefault none\nCapabilityRequire on": {},
		"CapabilityDefault ^cap_net_raw\nCapabilityFile /etc/other-rules\nCapabilityRequire on": {netBind, netBind,
			netBind, nothing},
		"CapabilityRequire on\n<Target ghost>\nCapabilityRequire off\n</Target>": {},
	} {
		t.Run(text, func(t *testing.T) {
			site(t, text)
			expectTuple(t, inspect(t, call{args: []string{"ghost"}, setpriv: fullInheritable}), want)
		})
	}
	for text, want := range map[string]string{
		"CapabilityRequire on": policyFile +
			": ghost: no rule names the target, and CapabilityRequire is on",
		"CapabilityFile /etc/no-such":      "/etc/no-such: no such file",
		"CapabilityFile /home/ghost/rules": "/home/ghost/rules: its directory /home/ghost: owner is uid",
		"CapabilityDefault ^cap_sys_admin": siteFile +
			":1: CapabilityDefault ^cap_sys_admin: cap_sys_admin: Ambient, but not in capsu's permitted set",
		"<Target @ghost>\nCapabilityRequire on\n</Target>": "CapabilityRequire is on",
	} {
		t.Run(text, func(t *testing.T) {
			file(t, "/home/ghost/rules", "all *\n", 0o644)
			site(t, text)
			sessions := recorded(t)
			expectRefusal(t, capsu(t, "ghost", "-c", "echo in"), "capsu: ", want)
			if sessions() != "" {
				t.Errorf("a session was opened: %q", sessions())
			}
			if e, status := explain(t, "--caller", "alpha", "ghost"); status != 1 || !strings.Contains(e.Error, want) {
				t.Errorf("explain: %d, %+v", status, e)
			}
		})
	}
}

func TestSiteConfigurationIsReadOnceForTheWholeSession(t *testing.T) {
	policy(t, "^cap_net_raw ghost\n")
	site(t, "CapabilitiesSet -cap_chown")
	h := hold(t, stage{"auth", "auth"})
	if err := os.WriteFile(siteFile, []byte("nonsense\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	os.Remove(gates + "/auth")
	leaderIs(t, h.monitor, map[string]string{"CapPrm": hex(closingSet &^ chown), "CapEff": hex(0)})
}
