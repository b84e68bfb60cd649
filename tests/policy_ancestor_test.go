//go:build privileged

package tests

import (
	"os"
	"strings"
	"testing"
)

// Only the file's own directory was checked. A user who could rename a directory above it put
// another one, with another root's file, in its place.
func TestRulesBelowADirectoryThatOthersCanReplaceMeanNoSession(t *testing.T) {
	const make = "mkdir -p /opt/above/middle/below && echo 'none *' >/opt/above/middle/below/rules; "
	const rules = "/opt/above/middle/below/rules"
	for name, c := range map[string]struct{ script, file, want string }{
		"writable by others": {"chmod 777 /opt/above", rules, "/opt/above above it: writable by others"},
		"sticky":             {"chmod 1777 /opt/above", rules, "/opt/above above it: writable by others"},
		"of another owner":   {"chown alpha /opt/above", rules, "/opt/above above it: owner is uid"},
		"of a group": {"chgrp team /opt/above/middle; chmod g+w /opt/above/middle", rules,
			"/opt/above/middle above it: writable by group 7000"},
		"by a list": {"setfacl -m u:alpha:rwx /opt/above", rules,
			"/opt/above above it: writable by its access control list"},
		"by a link": {"mkdir -m 777 /opt/above/open; ln -s ../middle/below /opt/above/open/link",
			"/opt/above/open/link/rules",
			"/opt/above/open above it: writable by others"},
		"dots": {"mkdir -m 777 /opt/above/open", "/opt/above/open/../middle/below/rules",
			"/opt/above/open above it: writable by others"},
		"missing": {"chmod 777 /opt/above; rm " + rules, rules, "/opt/above above it: writable by others"},
		"of proc": {"true", "/proc/self/comm", "/proc above it: on a file system that keeps no files (proc)"},
		"of sysfs": {"true", "/sys/kernel/mm/transparent_hugepage/enabled",
			"/sys above it: on a file system that keeps no files (sysfs)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Cleanup(func() { os.RemoveAll("/opt/above") })
			must(t, "sh", "-c", "umask 022; "+make+c.script)
			site(t, "CapabilityFile "+c.file)
			sessions := recorded(t)
			expectRefusal(t, capsu(t, "ghost", "-c", "echo in"), c.file+": "+c.want)
			if got := sessions(); got != "" {
				t.Errorf("a session was opened: %q", got)
			}
			if out, errs, status := ctl("check"); status != 1 || !strings.Contains(out+errs, c.file+": ") ||
				name != "missing" && !strings.Contains(out, c.file+": "+c.want) {
				t.Errorf("check: %d, %q, %q", status, out, errs)
			}
		})
	}
	t.Run("nobody can replace it", func(t *testing.T) {
		t.Cleanup(func() { os.RemoveAll("/opt/above") })
		must(t, "sh", "-c", "umask 022; "+make+"ln -s above/middle /opt/link")
		t.Cleanup(func() { os.Remove("/opt/link") })
		for _, path := range []string{rules, "/opt/link/below/rules", "/opt/../opt/link/./below//rules", "/dev/null"} {
			site(t, "CapabilityFile "+path)
			expectRun(t, capsu(t, "ghost", "-c", "echo in"), "in\n")
		}
	})
}
