//go:build privileged

package tests

import (
	"context"
	"os/exec"
	"strings"
	"testing"
)

// secured are the bits of libcap's mode PURE1E: NOROOT, NO_SETUID_FIXUP and
// NO_CAP_AMBIENT_RAISE with their locks, and the lock of KEEP_CAPS. First as capsh shows them,
// then in hexadecimal.
const (
	secured    = "0357"
	securedHex = "0xef"
)

func TestModesAreThoseOfLibcap(t *testing.T) {
	bounding := ownBounding(t)
	for name, c := range map[string]struct {
		text, rules string
		caller      call
		want        tuple
		bits, nnp   string
	}{
		"none set": {"", "^cap_net_raw ghost", call{}, tuple{netRaw, netRaw, netRaw, nothing},
			"00", "0"},
		"hybrid": {"CapabilitiesMode hybrid", "^cap_net_raw ghost", call{},
			tuple{netRaw, netRaw, netRaw, nothing}, "00", "0"},
		"hybrid, other bits found": {"CapabilitiesMode hybrid", "^cap_net_raw ghost",
			call{caller: "root", setpriv: []string{"--securebits", "+no_setuid_fixup"}},
			tuple{netRaw, netRaw, netRaw, nothing}, "00", "0"},
		"none set, other bits found": {"", "",
			call{caller: "root", setpriv: []string{"--securebits", "+no_setuid_fixup"}}, tuple{}, "04", "0"},
		"pure1e": {"CapabilitiesMode pure1e", "cap_net_raw,!cap_chown ghost", call{},
			tuple{i: netRaw, blocked: chown}, secured, "0"},
		"pure1e, all": {"CapabilitiesMode pure1e", "all ghost", call{setpriv: fullInheritable},
			tuple{i: chown | kill}, secured, "0"},
		"pure1e, no rule": {"CapabilitiesMode pure1e", "", call{}, tuple{}, secured, "0"},
		"pure1e, root calls": {"CapabilitiesMode pure1e", "cap_net_raw ghost", call{caller: "root"},
			tuple{i: netRaw}, secured, "0"},
		"nopriv, no rule": {"CapabilitiesMode nopriv", "", call{}, tuple{blocked: bounding}, secured, "1"},
		"nopriv, none": {"CapabilitiesMode nopriv", "none ghost", call{}, tuple{blocked: bounding},
			secured, "1"},
		"nopriv, all": {"CapabilitiesMode nopriv", "all ghost", call{setpriv: fullInheritable},
			tuple{blocked: bounding}, secured, "1"},
		"nopriv, only blocked": {"CapabilitiesMode nopriv", "!cap_chown ghost", call{},
			tuple{blocked: bounding}, secured, "1"},
		"nopriv, root calls": {"CapabilitiesMode nopriv", "all ghost", call{caller: "root"},
			tuple{blocked: bounding}, secured, "1"},
		"nopriv in a block, engine off": {"CapabilitiesEngine off\n<Target @ghost>\nCapabilitiesMode nopriv\n</Target>",
			"^cap_net_raw ghost", call{}, tuple{blocked: bounding}, secured, "1"},
		"hybrid in a block wins": {"CapabilitiesMode nopriv\n<Caller alpha>\nCapabilitiesMode hybrid\n</Caller>",
			"^cap_net_raw ghost", call{}, tuple{netRaw, netRaw, netRaw, nothing}, "00", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			site(t, c.text)
			policy(t, c.rules+"\n")
			c.caller.args = []string{"ghost"}
			s := inspect(t, c.caller)
			if s.securebits != c.bits || s.status["NoNewPrivs"] != c.nnp {
				t.Errorf("securebits %s, want %s; no_new_privs %s, want %s", s.securebits, c.bits, s.status["NoNewPrivs"], c.nnp)
			}
			s.status["NoNewPrivs"] = "0"
			expectTuple(t, s, c.want)
		})
	}
	t.Run("uid 0", func(t *testing.T) {
		policy(t, "cap_net_raw root\n")
		for text, bits := range map[string]string{
			"CapabilitiesMode hybrid": "03", // the mode, then RootRevoke
			"CapabilitiesMode pure1e": secured,
		} {
			site(t, text)
			s := inspect(t, call{caller: "root", args: []string{"root"}})
			if s.securebits != bits {
				t.Errorf("%s: securebits %s, want %s", text, s.securebits, bits)
			}
			expectTuple(t, s, tuple{i: netRaw})
		}
	})
}

func TestModesRefuseWhatContradictsThem(t *testing.T) {
	for name, c := range map[string]struct {
		text, rules, target string
		want                string
	}{
		"pure1e, Ambient": {"CapabilitiesMode pure1e", "^cap_net_raw ghost", "ghost",
			":1: CapabilitiesMode pure1e: allows no Ambient capability, and cap_net_raw is granted"},
		"pure1e, Ambient by default": {"CapabilitiesMode pure1e\nCapabilityDefault ^cap_net_raw", "", "ghost",
			":1: CapabilitiesMode pure1e: allows no Ambient capability"},
		"nopriv, Inheritable": {"CapabilitiesMode nopriv", "cap_net_raw ghost", "ghost",
			":1: CapabilitiesMode nopriv: allows no grant, and cap_net_raw is granted"},
		"pure1e, uid 0, no revoke": {"CapabilitiesMode pure1e\nCapabilitiesRootRevoke off", "", "root",
			":1: CapabilitiesMode pure1e: contradicts CapabilitiesRootRevoke off"},
		"nopriv, uid 0, no revoke": {"CapabilitiesMode nopriv\nCapabilitiesRootRevoke off", "", "root",
			":1: CapabilitiesMode nopriv: contradicts CapabilitiesRootRevoke off"},
	} {
		t.Run(name, func(t *testing.T) {
			site(t, c.text)
			policy(t, c.rules+"\n")
			expectRefusal(t, call{caller: "root", args: []string{c.target, "-c", "echo in"}}.run(t), "capsu: "+siteFile+c.want)
			if e, status := explain(t, "--caller", "root", c.target); status != 1 ||
				!strings.HasPrefix(e.Error, siteFile+c.want) {
				t.Errorf("explain: %d, %+v", status, e)
			}
		})
	}
	t.Run("pure1e, Ambient by a module", func(t *testing.T) {
		site(t, "CapabilitiesMode pure1e")
		policy(t, "")
		file(t, other, "^cap_net_raw *\n", 0o644)
		stack(t, withModule("alpha", ""))
		expectRefusal(t, capsu(t, "ghost", "-c", "echo in"), "ambient set")
	})
}

// onPure1E runs capsu as alpha on a host where NOROOT is locked.
func onPure1E(t *testing.T, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	argv := append([]string{id(t, "-u", "alpha"), id(t, "-g", "alpha"), "securebits=" + securedHex, "--", program},
		args...)
	cmd := exec.CommandContext(ctx, "/opt/odd", argv...)
	var out, errs strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(password+"\n"), &out, &errs
	cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("hangs: %q", errs.String())
	}
	return result{stdout: out.String(), stderr: errs.String(), status: shellStatus(cmd.ProcessState)}
}

func TestCallerOnAPure1EHost(t *testing.T) {
	compile(t, "/opt/odd", "programs/odd.c")
	file(t, "/etc/shadow", must(t, "cat", "/etc/shadow"), 0o640)
	setPassword(t, "root", password)
	const show = "grep -E '^Cap(Inh|Amb|Prm)' /proc/self/status | tr -d '\\n" +
		"'; /usr/sbin/capsh --print | grep -o \"Securebits: [0-9]*.0x[0-9a-f]*\""
	inheritable := "CapInh:\t" + hex(netRaw) + "CapPrm:\t" + hex(0) + "CapAmb:\t" + hex(0)
	policy(t, "cap_net_raw ghost root\n")
	for _, text := range []string{"", "CapabilitiesMode pure1e", "RootTarget on"} {
		site(t, text)
		target := map[bool]string{true: "root", false: "ghost"}[text == "RootTarget on"]
		r := onPure1E(t, target, "-c", show)
		if r.status != 0 || !strings.HasPrefix(r.stdout, inheritable) || !strings.Contains(r.stdout, "/"+securedHex) {
			t.Errorf("%q: %+v", text, r)
		}
	}
	site(t, "CapabilitiesMode nopriv")
	policy(t, "")
	if r := onPure1E(t, "ghost", "-c", "grep CapBnd /proc/self/status"); r.stdout != "CapBnd:\t"+hex(0)+"\n" {
		t.Errorf("nopriv: %+v", r)
	}
	site(t, "CapabilitiesMode hybrid")
	expectRefusal(t, onPure1E(t, "ghost", "-c", "echo in"),
		"capsu: "+siteFile+":1: CapabilitiesMode hybrid: the securebits that capsu was started with (0xef) are locked")
	site(t, "")
	policy(t, "^cap_net_raw ghost\n")
	expectRefusal(t, onPure1E(t, "ghost", "-c", "echo in"), "capsu: "+policyFile+
		":1: cap_net_raw: granted as Ambient, which the securebits that capsu was started with (0xef) forbid")
}

// If the session cannot have what a deferred pam_cap.so grants as Ambient, it is refused. The
// grant is not dropped silently.
func TestPure1eRefusesAmbientOfADeferredModule(t *testing.T) {
	file(t, other, "^cap_net_raw *\n", 0o644)
	site(t, "CapabilitiesMode pure1e")
	policy(t, "")
	stack(t, withModule("alpha", "keepcaps defer"))
	expectRefusal(t, capsu(t, "ghost", "-c", "echo in"), "ambient set")
	file(t, other, "cap_net_raw *\n", 0o644)
	s := inspect(t, call{args: []string{"ghost"}})
	expectTuple(t, s, tuple{i: netRaw})
}
