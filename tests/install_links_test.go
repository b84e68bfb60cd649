//go:build privileged

package tests

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Under umask 000 the directories were open to all, and a later run wrote through a symbolic
// link that another user had put there.
func TestInstallingLeavesNothingOpenAndFollowsNoLinkOfOthers(t *testing.T) {
	stage := t.TempDir()
	must(t, "chmod", "755", stage)
	install := func(args ...string) (string, error) {
		cmd := exec.Command("sh", append([]string{"-c", `umask 000; exec ../install.sh "$@"`, "sh", "--prefix", prefix,
			"--destdir", stage}, args...)...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := install(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if open := must(t, "find", stage, "!", "-type", "l", "-perm", "/022"); open != "" {
		t.Errorf("others can write %s", open)
	}
	if odd := must(t, "find", stage, "-type", "d", "!", "-perm", "755", "-o", "-type", "f", "!", "-perm", "755", "!",
		"-perm", "644"); odd != "" {
		t.Errorf("of another mode: %s", odd)
	}
	file(t, "/opt/victim", "victim\n", 0o600)
	must(t, "mkdir", "/opt/victims")
	t.Cleanup(func() { must(t, "rm", "-r", "/opt/victims") })
	share := stage + prefix + "/share"
	for name, c := range map[string]struct{ script, link string }{
		"the record":  {"chmod 777 $0/capsu; ln -s /opt/victim $0/capsu/installed.new", share + "/capsu/installed.new"},
		"a directory": {"chmod 1777 $0; mv $0/man $0/away; ln -s /opt/victims $0/man", share + "/man"},
		"of a group": {"chgrp team $0; chmod 775 $0; mv $0/capsu $0/away; ln -s /opt/victims $0/capsu",
			share + "/capsu"},
		"of an owner":  {"chown alpha $0; mv $0/capsu $0/away; ln -s /opt/victims $0/capsu", share + "/capsu"},
		"dangling too": {"chmod 777 $0/capsu; ln -sf /opt/victims/new $0/capsu/installed", share + "/capsu/installed"},
	} {
		t.Run(name, func(t *testing.T) {
			must(t, "cp", "-a", share, share+".before")
			t.Cleanup(func() { must(t, "sh", "-c", "rm -r $0; mv $0.before $0", share) })
			must(t, "sh", "-c", c.script, share)
			for _, args := range [][]string{nil, {"--uninstall"}} {
				out, err := install(args...)
				want := "install.sh: " + c.link + ": a symbolic link in a directory that others may write"
				if err == nil || !strings.Contains(out, want) {
					t.Errorf("%q: %v: %s", args, err, out)
				}
			}
			if got := must(t, "cat", "/opt/victim"); got != "victim\n" {
				t.Errorf("the victim has %q", got)
			}
			if made, err := os.ReadDir("/opt/victims"); err != nil || len(made) > 0 {
				t.Errorf("made there: %v (%v)", made, err)
			}
		})
	}
}
