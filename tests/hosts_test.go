//go:build privileged

package tests

import (
	"os"
	"strings"
	"testing"
)

// Unusual hosts and callers: preloaded libraries, locked securebits, and root without the
// capabilities that the file gives to other callers.

const preloads = "/etc/ld.so.preload"

// preloaded puts a library before each program of the world, for the time of a test. The
// library has a function of the C library's.
func preloaded(t *testing.T, name string) {
	t.Helper()
	compile(t, "/opt/preload.so", "-shared", "-fPIC", "-fno-builtin", "-DNAME="+name, "programs/preload.c")
	if _, err := os.Stat(preloads); err == nil {
		t.Fatal(preloads + " is there already")
	}
	file(t, preloads, "/opt/preload.so\n", 0o644)
}

// A library between capsu and the C library would have the last word on ids and threads. capsu
// does not start.
func TestAPreloadedLibraryThatHasCapsusFunctionsIsRefused(t *testing.T) {
	for _, name := range strings.Fields("setresuid setgroups getuid pthread_create setrlimit syscall initgroups") {
		t.Run(name, func(t *testing.T) {
			preloaded(t, name)
			r := capsu(t, "ghost", "-c", "echo in")
			expectRefusal(t, r, name)
			if wrong := clearly(r); wrong != "" {
				t.Error(wrong)
			}
			if strings.Contains(r.stderr, "Password") {
				t.Error("it asks for a password")
			}
		})
	}
}

// A library with other functions does no harm.
func TestAPreloadedLibraryOfOtherFunctionsIsNoMatter(t *testing.T) {
	preloaded(t, "rename")
	expectRun(t, capsu(t, "ghost", "-c", "id -un"), "ghost\n")
}

// hardened are the securebits of hosts where uid 0 has no capabilities: NOROOT,
// locked, and with NO_SETUID_FIXUP, locked.
var hardened = map[string]string{"NOROOT": "1", "NOROOT locked": "3", "PURE1E": "15", "all of them": "239"}

func TestHostsWhereRootHasNothingHaveSessions(t *testing.T) {
	compile(t, "/opt/odd", "programs/odd.c")
	compile(t, "/opt/probe", "programs/probe.c")
	for name, bits := range hardened {
		t.Run(name, func(t *testing.T) {
			policy(t, "^cap_net_raw ghost\n")
			if bits == "239" { // with NO_CAP_AMBIENT_RAISE
				policy(t, "cap_net_raw ghost\n")
			}
			file(t, "/opt/probed", "", 0o666)
			sessions := recorded(t)
			r := call{caller: "root", program: "/opt/odd", args: []string{id(t, "-u", "alpha"), id(t, "-g", "alpha"),
				"securebits=" + bits, "env=PATH=/bin", "--", program, "ghost", "-s", "/opt/probe", "-c", "/opt/probed"},
				stdin: password + "\n"}.run(t)
			expectRun(t, r, "")
			got := factsOf(must(t, "cat", "/opt/probed"))
			ghost := id(t, "-u", "ghost")
			if got["Securebits"] != bits || got["CapInh"] != hex(netRaw) || !strings.HasPrefix(got["Uid"], ghost) {
				t.Errorf("the session is %v", got)
			}
			expectClosed(t, sessions)
		})
	}
}

// Root has by itself what capsu's file gives to other callers.
func TestRootNeedsNoFileCapabilities(t *testing.T) {
	must(t, "install", "-D", "-m", "755", program, "/opt/plain/x")
	t.Cleanup(func() { os.RemoveAll("/opt/plain") })
	in := words("ghost", "-c", "id -un; grep -E '^Cap(Prm|Amb)' /proc/self/status")
	nothing := "ghost\nCapPrm:\t" + hex(0) + "\nCapAmb:\t" + hex(0) + "\n"
	for name, c := range map[string]call{
		"a copy without file capabilities":      {program: "/opt/plain/x"},
		"no_new_privs":                          {setpriv: words("--no-new-privs")},
		"no_new_privs, and a copy":              {program: "/opt/plain/x", setpriv: words("--no-new-privs")},
		"without setpcap in the bounding set":   {setpriv: words("--bounding-set", "-setpcap")},
		"a copy, without setpcap in the bounds": {program: "/opt/plain/x", setpriv: words("--bounding-set", "-setpcap")},
	} {
		t.Run(name, func(t *testing.T) {
			sessions := recorded(t)
			c.caller, c.args, c.empty = "root", in, true
			expectRun(t, c.run(t), nothing)
			if got := sessions(); got != "open_session capsu ghost root\nclose_session capsu ghost root\n" {
				t.Errorf("records %q", got)
			}
		})
	}
	policy(t, "^cap_net_raw ghost\n")
	// Inheritable capabilities that are permitted need no CAP_SETPCAP.
	for _, c := range []call{{program: "/opt/plain/x"}, {setpriv: words("--bounding-set", "-setpcap")}} {
		c.caller, c.args, c.empty = "root", in, true
		expectRun(t, c.run(t), "ghost\nCapPrm:\t"+hex(netRaw)+"\nCapAmb:\t"+hex(netRaw)+"\n")
	}
}

// A refusal names what root lacks and a session needs.
func TestRootWithoutWhatASessionNeedsIsRefused(t *testing.T) {
	policy(t, "!cap_chown ghost\n")
	needed := map[string]string{"setpcap": "bounding set", "setuid": "cap_setuid", "setgid": "cap_setgid"}
	for missing, says := range needed {
		c := call{caller: "root", setpriv: []string{"--bounding-set", "-" + missing}, empty: true}
		c.args = []string{"ghost", "-c", "echo in"}
		expectRefusal(t, c.run(t), says)
	}
}

// Other callers do need the file's capabilities.
func TestOthersNeedTheFilesCapabilities(t *testing.T) {
	must(t, "install", "-D", "-m", "755", program, "/opt/plain/x")
	t.Cleanup(func() { os.RemoveAll("/opt/plain") })
	in := words("ghost", "-c", "echo in")
	expectRefusal(t, call{program: "/opt/plain/x", args: in}.run(t), "no file capabilities", "hint: ")
	expectRefusal(t, call{setpriv: words("--no-new-privs"), args: in}.run(t), "no_new_privs: ", "hint: ")
}
