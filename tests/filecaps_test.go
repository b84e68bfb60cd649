//go:build privileged

package tests

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"capsu/capability"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

func TestFileCapabilitiesAreTheSmallestThatDo(t *testing.T) {
	policy(t, "^cap_net_raw ghost\n^cap_sys_time,cap_kill beta\n!cap_chown,cap_syslog alpha\n^cap_wake_alarm\n")
	stack(t, service)
	out, errs, status := ctl("filecaps")
	const want = "cap_chown,cap_kill,cap_setgid,cap_setuid,cap_setpcap,cap_net_raw,cap_sys_time,cap_audit_write=p\n"
	if out != want || status != 0 {
		t.Errorf("status %d, %q, want %q; %q", status, out, want, errs)
	}
	out, _, _ = ctl("filecaps", "--explain")
	for _, part := range []string{"cap_net_raw\n    " + policyFile + ":1: granted as Ambient to ghost\n",
		"cap_chown\n    /etc/pam.d/capsu:4: pam_unix.so: writes /etc/shadow"} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is missing in %q", part, out)
		}
	}
	if out, _, _ := ctl("filecaps", "--also", "cap_sys_boot"); !strings.Contains(out, "cap_sys_boot") {
		t.Errorf("--also: %q", out)
	}
	if _, errs, status := ctl("filecaps", "--also", "nonsense"); status != 2 || !strings.Contains(errs, "nonsense") {
		t.Errorf("--also nonsense: %d, %q", status, errs)
	}
	stack(t, "auth required pam_of_somebody.so\n"+service)
	if _, errs, _ := ctl("filecaps"); !strings.Contains(errs,
		"/etc/pam.d/capsu:1: pam_of_somebody.so: what it needs is not known") {
		t.Errorf("an unknown module: %q", errs)
	}
}

// stock installs the services as install.sh leaves them, on the distribution's own stacks, and
// a policy without rules.
func stock(t *testing.T) {
	t.Helper()
	for _, name := range []string{"capsu", "capsu-l"} {
		file(t, "/etc/pam.d/"+name, must(t, "cat", "../pam.d/"+name), 0o644)
	}
	policy(t, "")
}

// stockCapabilities are those that capsuctl filecaps prints for stock.
func stockCapabilities(t *testing.T) (all []cap.Value) {
	t.Helper()
	text := strings.TrimSpace(must(t, controller, "filecaps"))
	names, permitted := strings.CutSuffix(text, "=p")
	if !permitted {
		t.Fatalf("%q: not permitted only", text)
	}
	for name := range strings.SplitSeq(names, ",") {
		c, err := cap.FromName(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

// proofs has, for each capability of the stock stack, a check that fails without it. lacks says
// that the capability is missing in this run.
var proofs = map[cap.Value]func(t *testing.T, lacks bool) error{
	cap.SETUID:       beginsASession,
	cap.SETGID:       beginsASession,
	cap.SETPCAP:      beginsASession,
	cap.CHOWN:        changesAPassword,
	cap.DAC_OVERRIDE: changesAPassword,
	cap.FOWNER:       changesAPassword,
	cap.KILL:         endsASession,
	cap.AUDIT_WRITE:  isHeardByTheKernel,
	cap.SYS_RESOURCE: raisesALimit,
}

// The set that capsuctl filecaps prints for the stock stacks is enough, and each of its
// capabilities is needed. TestBehaviour runs with the same set.
func TestEachFileCapabilityOfTheStockStackIsNeeded(t *testing.T) {
	stock(t)
	all := stockCapabilities(t)
	t.Logf("%v", all)
	account(t, "stale", "-s", "/bin/sh")
	for _, c := range all {
		t.Run(c.String(), func(t *testing.T) {
			proof := proofs[c]
			if proof == nil {
				t.Fatal("nothing shows that it is needed")
			}
			give(t, all)
			if err := proof(t, false); err != nil && capability.Bounded(c) {
				t.Errorf("with it: %v", err)
			} else if err == nil && !capability.Bounded(c) {
				t.Error("done, and nobody here can have it")
			}
			give(t, minus(all, c))
			if err := proof(t, true); err == nil {
				t.Error("done without it")
			} else {
				t.Logf("without it: %v", err)
			}
		})
	}
}

// wrote returns an error unless the call succeeded and the session wrote text.
func wrote(r result, text string) error {
	if r.status != 0 || !strings.HasSuffix(r.stdout, text) {
		return fmt.Errorf("status %d, stdout %q, stderr %q", r.status, r.stdout, r.stderr)
	}
	return nil
}

func beginsASession(t *testing.T, _ bool) error {
	return wrote(call{program: measured, args: []string{"ghost", "-c", "id -un"}}.run(t), "ghost\n")
}

func changesAPassword(t *testing.T, _ bool) error {
	setPassword(t, "stale", password)
	must(t, "chage", "-d", "0", "stale")
	before := must(t, "grep", "^stale:", "/etc/shadow")
	const better = "Wq7!hhTfe2-zz\n"
	r := call{program: measured, args: []string{"stale", "-c", "echo in"},
		stdin: password + "\n" + password + "\n" + better + better}.run(t)
	if err := wrote(r, "in\n"); err != nil {
		return err
	}
	if must(t, "grep", "^stale:", "/etc/shadow") == before {
		return fmt.Errorf("/etc/shadow is as it was")
	}
	return nil
}

// The session ignores signals to end until the gate opens. With the capability the monitor
// kills it. Without, the session only gets SIGHUP when the monitor is gone, and goes on.
func endsASession(t *testing.T, lacks bool) error {
	makeGates(t)
	begun, gate := gates+"/begun", gates+"/open"
	os.Remove(begun)
	cmd := call{program: measured, args: []string{"ghost", "-c", "trap '' HUP TERM; touch " + begun + "; until [ -e " +
		gate + " ]; do sleep 0.05; done; echo survived"}}.command(t.Context())
	cmd.Stdin = strings.NewReader(password + "\n")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitFile(t, begun)
	cmd.Process.Signal(syscall.SIGTERM)
	if lacks {
		file(t, gate, "", 0o644)
	}
	cmd.Wait()
	if strings.Contains(out.String(), "survived") {
		return fmt.Errorf("the session outlives capsu: %q", out.String())
	}
	return nil
}

// The kernel answers each audit record of the modules, also where it keeps none.
func isHeardByTheKernel(t *testing.T, _ bool) error {
	cmd := exec.Command("strace", "-f", "-u", "alpha", "-e", "trace=recvfrom", "-e", "signal=none", "-o",
		"/opt/audit.trace", measured, "ghost", "-c", "true")
	cmd.Stdin = strings.NewReader(password + "\n")
	t.Cleanup(func() { os.Remove("/opt/audit.trace") })
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	answers := must(t, "cat", "/opt/audit.trace")
	if strings.Contains(answers, "error=-EPERM") || !strings.Contains(answers, "{error=0, ") {
		refusal, _, _ := strings.Cut(answers, "\n")
		return fmt.Errorf("the kernel answers %s", refusal)
	}
	return nil
}

// Debian 13 sets a hard limit in limits.d. A caller with a lower one needs the capability for
// it.
func raisesALimit(t *testing.T, _ bool) error {
	lower := call{program: measured, wrapper: []string{"sh", "-c", `ulimit -c 0; exec "$0" "$@"`},
		args: []string{"ghost", "-c", "ulimit -Hc"}}
	return wrote(lower.run(t), "unlimited\n")
}

// onlyStockCapabilities takes from the installed program, for the time of a test, all
// capabilities but those of stock.
func onlyStockCapabilities(t *testing.T) {
	t.Helper()
	before := strings.Fields(must(t, "getcap", program))[1]
	t.Cleanup(func() { must(t, "setcap", before, program) })
	t.Run("with the file capabilities of the stock stack", func(t *testing.T) {
		stock(t)
		must(t, "setcap", setcapText(stockCapabilities(t)), program)
	})
}
