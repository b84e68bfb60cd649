//go:build privileged

package tests

import (
	"path/filepath"
	"strings"
	"testing"
)

// What version 0.1 did wrong with modules of other packages. Every test runs under su first,
// and then under capsu, in one world.

// bothPrograms runs a test with su and with capsu, each with the same service.
func bothPrograms(t *testing.T, service string, test func(t *testing.T, path string)) {
	t.Helper()
	for _, path := range []string{su, measured} {
		name := filepath.Base(path)
		file(t, "/etc/pam.d/"+name, service, 0o644)
		t.Run(name, func(t *testing.T) { test(t, path) })
	}
}

const letIn = permitting

// Version 0.1 ended the session, because the module asks its question while its file system uid
// is the target's.
func TestGoogleAuthenticatorAsksAfterItHasShedPrivilege(t *testing.T) {
	worldOfModules(t)
	bothPrograms(t, "auth required pam_google_authenticator.so\n"+letIn, func(t *testing.T, path string) {
		for _, caller := range []string{"alpha", "root"} {
			must(t, "sh", "-euc", googleSecret)
			c := call{caller: caller, program: path, args: []string{"ghost", "-c", "echo in"}, stdin: hotp(sharedKey, 7) + "\n"}
			if r := c.run(t); r.status != 0 || r.stdout != "in\n" {
				t.Errorf("%s, the right code: status %d, %q, %q", caller, r.status, r.stdout, r.stderr)
			}
			if owner := must(t, "stat", "-c", "%U %a", "/home/ghost/.google_authenticator"); owner != "ghost 400\n" {
				t.Errorf("%s: the secret's owner and mode: %s", caller, owner)
			}
			if r := c.run(t); r.status != 1 || r.stdout != "" {
				t.Errorf("%s, the same code again: status %d, %q", caller, r.status, r.stdout)
			}
		}
	})
	must(t, "rm", "-f", "/home/ghost/.google_authenticator")
}

// Version 0.1 failed in pam_setcred, and left the ticket of the authentication behind.
func TestKerberosTicketIsTheTargetsAndGoneAfterTheSession(t *testing.T) {
	worldOfModules(t)
	serve(t, kerberos)
	site(t, "CapabilitiesSet +cap_dac_override +cap_fowner")
	krb5 := "required pam_krb5.so\n"
	bothPrograms(t, "auth "+krb5+"account "+krb5+"session "+krb5, func(t *testing.T, path string) {
		for _, caller := range []string{"alpha", "root"} {
			c := call{caller: caller, program: path, args: []string{"ghost", "-c", ticket}}
			r := c.run(t)
			of := []string{"Default principal: ghost@CAPSU.TEST\n", "krbtgt/CAPSU.TEST@CAPSU.TEST\n", "ghost ghost 600\n"}
			for _, want := range of {
				if !strings.Contains(r.stdout, want) {
					t.Errorf("%s: %q is missing in %q, %q", caller, want, r.stdout, r.stderr)
				}
			}
			if left := must(t, "sh", "-c", caches); left != "" {
				t.Errorf("%s: left over:\n%s", caller, left)
			}
			c.stdin = "wrong\n"
			if r := c.run(t); r.status != 1 || r.stdout != "" {
				t.Errorf("%s, a wrong password: status %d, %q", caller, r.status, r.stdout)
			}
			if left := must(t, "sh", "-c", caches); left != "" {
				t.Errorf("%s, a wrong password: left over:\n%s", caller, left)
			}
			must(t, "sh", "-c", noCaches)
		}
	})
}

// Version 0.1 made the guard's directory, and refused the session.
func TestTmpdirIsMadeForTheTarget(t *testing.T) {
	worldOfModules(t)
	bothPrograms(t, letIn+"session required pam_tmpdir.so\n", func(t *testing.T, path string) {
		for _, caller := range []string{"alpha", "root"} {
			must(t, "rm", "-rf", "/tmp/user")
			r := call{caller: caller, program: path, empty: true,
				args: []string{"ghost", "-c", `echo "$TMPDIR" && stat -c '%U %a' "$TMPDIR" && touch "$TMPDIR/mine"`}}.run(t)
			if want := "/tmp/user/" + id(t, "-u", "ghost") + "\nghost 700\n"; r.status != 0 || r.stdout != want {
				t.Errorf("%s: status %d, %q, %q, want %q", caller, r.status, r.stdout, r.stderr, want)
			}
			if left := must(t, "find", "/tmp/user", "-mindepth", "1", "-maxdepth", "1"); strings.Count(left, "\n") != 1 {
				t.Errorf("%s: more than the target's: %s", caller, left)
			}
		}
	})
}

// At closing a helper has what the monitor keeps for closing, and no more.
func TestHelperAtClosingHasWhatTheMonitorKeeps(t *testing.T) {
	worldOfModules(t)
	must(t, "sh", "-euc", noted)
	file(t, "/etc/pam.d/capsu", letIn+"session required pam_exec.so quiet /opt/m/helper\n", 0o644)
	site(t, "CapabilitiesSet +cap_net_raw -cap_audit_write")
	if r := (call{program: measured, empty: true, args: []string{"ghost", "-c", "true"}}).run(t); r.status != 0 {
		t.Fatalf("status %d, %q", r.status, r.stderr)
	}
	// cap_chown, cap_kill, cap_setgid, cap_setuid, cap_setpcap, cap_net_raw
	for file, want := range map[string]string{"open_session": hex(ownBounding(t)), "close_session": "00000000000021e1"} {
		text := must(t, "cat", "/opt/m/notes/"+file)
		for _, set := range []string{"CapPrm", "CapEff", "CapBnd"} {
			if !strings.Contains(text, set+":\t"+want+"\n") {
				t.Errorf("%s: %s is not %s:\n%s", file, set, want, text)
			}
		}
	}
}
