//go:build privileged

package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const prefix = "/opt/second"

// script runs install.sh with a prefix of this test's own.
func script(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("../install.sh", append([]string{"--prefix", prefix}, args...)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// pages are where the manual pages go, below the prefix.
func pages(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	sources, err := filepath.Glob("../doc/*.[1-8]")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no manual pages: %v", err)
	}
	for _, source := range sources {
		all["/share/man/man"+source[len(source)-1:]+"/"+filepath.Base(source)] = true
	}
	return all
}

func TestInstallingIsRepeatableAndUninstallingLeavesNothing(t *testing.T) {
	t.Cleanup(func() {
		must(t, "useradd", "--system", "--no-create-home", "-s", "/usr/sbin/nologin", "--user-group", "capsu")
	})
	file(t, "/etc/pam.d/capsu", service, 0o644) // changed since it was installed
	file(t, "/etc/pam.d/capsu-l", service, 0o644)
	for range 2 {
		out, err := script(t)
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for page := range pages(t) {
			if text := must(t, "cat", prefix+page); !strings.Contains(text, ".Nm capsu") {
				t.Errorf("the manual page: %q", text)
			}
		}
		if text := must(t, "cat", prefix+"/share/capsu/examples/capsu-ssh"); text != must(t, "cat", "../pam.d/capsu-ssh") {
			t.Errorf("the example is %q", text)
		}
		if _, err := os.Stat("/etc/pam.d/capsu-ssh"); !os.IsNotExist(err) {
			t.Errorf("a service without a password was put where it works: %v", err)
		}
		if !strings.Contains(out, "verified: "+prefix+"/bin/capsu cap_") ||
			!strings.Contains(out, "/etc/pam.d/capsu was changed since it was installed and stays") {
			t.Errorf("output %q", out)
		}
	}
	if got := must(t, "cat", "/etc/pam.d/capsu"); got != service {
		t.Errorf("a changed service was overwritten: %q", got)
	}
	if got, want := must(t, "cat", "/etc/pam.d/capsu.capsu-new"), must(t, "cat", "../pam.d/capsu"); got != want {
		t.Errorf("the new text is %q", got)
	}
	// the site configuration by the same rule
	file(t, siteFile, "Pty off\n", 0o644)
	if out, err := script(t); err != nil || !strings.Contains(out,
		siteFile+" was changed since it was installed and stays; the new text is in "+siteFile+".capsu-new") {
		t.Errorf("%v: %s", err, out)
	}
	if got := must(t, "cat", siteFile); got != "Pty off\n" {
		t.Errorf("a changed configuration was overwritten: %q", got)
	}
	file(t, siteFile, "nonsense\n", 0o644) // which capabilities would be needed is not to be known
	if out, err := script(t); err == nil || !strings.Contains(out, "capsuctl: "+siteFile+":1: unknown directive") ||
		!strings.Contains(out, "install.sh: capsuctl filecaps: cannot tell") {
		t.Errorf("%v: %s", err, out)
	}
	must(t, "mv", siteFile+".capsu-new", siteFile)
	// a service that was not changed is replaced, and removed with the rest
	must(t, "mv", "/etc/pam.d/capsu.capsu-new", "/etc/pam.d/capsu")
	must(t, "rm", "-f", "/etc/pam.d/capsu-l", "/etc/pam.d/capsu-l.capsu-new")
	if out, err := script(t); err != nil || strings.Contains(out, "changed") {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := script(t, "--uninstall"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	gone := []string{siteFile, siteFile + ".capsu-new", "/etc/pam.d/capsu", "/etc/pam.d/capsu-l",
		prefix + "/bin/capsu", prefix + "/bin/capsuctl", prefix + "/share/capsu"}
	for page := range pages(t) {
		gone = append(gone, prefix+page)
	}
	for _, path := range gone {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s is still there", path)
		}
	}
	if out, err := exec.Command("id", "capsu").CombinedOutput(); err == nil {
		t.Errorf("the guard is still there: %s", out)
	}
}

func TestDryRunAndStagingTouchNothingElse(t *testing.T) {
	before := must(t, "sh", "-c", "cat /etc/passwd; ls -l /etc/pam.d")
	out, err := script(t, "--dry-run")
	if err != nil || !strings.Contains(out, "would run: setcap \"$(capsuctl filecaps)\" "+prefix+"/bin/capsu.new") {
		t.Errorf("%v: %s", err, out)
	}
	stage := t.TempDir()
	out, err = script(t, "--destdir", stage)
	if err != nil || !strings.Contains(out, "setcap \"$("+prefix+"/bin/capsuctl filecaps)\" "+prefix+"/bin/capsu") ||
		!strings.Contains(out, "useradd ") {
		t.Errorf("%v: %s", err, out)
	}
	if caps := must(t, "getcap", stage+prefix+"/bin/capsu"); caps != "" {
		t.Errorf("staged program has capabilities: %s", caps)
	}
	if got := must(t, "cat", stage+"/etc/pam.d/capsu"); got != must(t, "cat", "../pam.d/capsu") {
		t.Error("the staged service is another")
	}
	if after := must(t, "sh", "-c", "cat /etc/passwd; ls -l /etc/pam.d"); after != before {
		t.Errorf("changed:\n%s\n%s", before, after)
	}
	if _, err := os.Stat(prefix + "/bin/capsu"); !os.IsNotExist(err) {
		t.Error("a program was installed")
	}
}

func TestInstallRefusesBadCallsInOneLine(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--no-such"}, "install.sh: --no-such: unknown option"},
		{[]string{"--caps"}, "install.sh: --caps: a value is missing"},
		{[]string{"--caps", "cap_chown;reboot"}, "install.sh: --caps cap_chown;reboot: "},
		{[]string{"--destdir", "relative"}, "install.sh: --destdir relative: must begin with /"},
	} {
		out, err := script(t, c.args...)
		if err == nil || !strings.HasPrefix(out, c.want) || strings.Count(out, "\n") != 1 {
			t.Errorf("%q: %v, %q", c.args, err, out)
		}
	}
	cmd := exec.Command("sh", "-c",
		"cp -r ../install.sh ../packaging ../go.mod ../pam.d /opt/elsewhere && sed -i 's/^go .*/go 99.1/' "+
			"/opt/elsewhere/go.mod && /opt/elsewhere/install.sh")
	must(t, "mkdir", "-p", "/opt/elsewhere")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.HasPrefix(string(out), "install.sh: Go 99.1 or newer is needed; ") ||
		strings.Count(string(out), "\n") != 1 {
		t.Errorf("without a Go that is new enough: %v, %q", err, out)
	}
}
