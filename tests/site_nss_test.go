//go:build privileged

package tests

import (
	"os"
	"strings"
	"testing"
)

// directory makes users and groups in another source of the name service than /etc/passwd:
// libnss-extrausers. /var/lib/extrausers is hidden for the test.
func directory(t *testing.T) {
	t.Helper()
	const extra = "/var/lib/extrausers"
	must(t, "mount", "-t", "tmpfs", "-o", "mode=755", "extra", extra)
	t.Cleanup(func() { must(t, "umount", extra) })
	hash := strings.TrimSpace(must(t, "sh", "-c", "grep ^ghost: /etc/shadow | cut -d: -f2"))
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(extra+"/"+name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("passwd",
		"xcaller:x:5001:5001::/opt:/bin/sh\nxtarget:x:5002:5002::/opt:/bin/sh\nxother:x:5003:5002::/opt:/bin/sh\n",
		0o644)
	write("group", "xcaller:x:5001:\nxtargets:x:5002:\nxops:x:5010:xcaller\nxnet:x:5011:xtarget,ghost\n", 0o644)
	write("shadow", "xcaller:*:19000::::::\nxtarget:"+hash+":19000::::::\nxother:"+hash+":19000::::::\n", 0o640)
	conf := must(t, "cat", "/etc/nsswitch.conf")
	var lines []string
	for line := range strings.Lines(conf) {
		for _, db := range []string{"passwd:", "group:", "shadow:"} {
			if strings.HasPrefix(line, db) {
				line = db + " files extrausers\n"
			}
		}
		lines = append(lines, line)
	}
	file(t, "/etc/nsswitch.conf", strings.Join(lines, ""), 0o644)
	if got := must(t, "getent", "passwd", "xtarget"); !strings.HasPrefix(got, "xtarget:") {
		t.Fatalf("the name service does not know: %q", got)
	}
}

func TestAccountsOfADirectoryCallAreTargetsAndHaveRules(t *testing.T) {
	directory(t)
	policy(t, "none xother\n^cap_net_raw @xnet\n^cap_net_bind_service @xtargets\n")
	site(t, "")
	caller := call{caller: "xcaller"}
	as := func(target string) call { c := caller; c.args = []string{target}; return c }
	for target, want := range map[string]tuple{
		"xtarget": {netRaw, netRaw, netRaw, nothing}, // by a supplementary group of the directory
		"ghost":   {netRaw, netRaw, netRaw, nothing}, // a local user in a group of the directory
		"xother":  {},                                // by name
	} {
		s := inspect(t, as(target))
		expectTuple(t, s, want)
		if uid := id(t, "-u", target); s.status["Uid"] != four(uid) {
			t.Errorf("%s: uid %s", target, s.status["Uid"])
		}
		if e, status := explain(t, "--caller", "xcaller", target); status != 0 || e.Match == "" {
			t.Errorf("explain: %+v", e)
		}
	}
	if s := inspect(t, as("xtarget")); s.status["Groups"] != "5002 5011" || s.status["Gid"] != four("5002") {
		t.Errorf("groups %q, gid %q", s.status["Groups"], s.status["Gid"])
	}
	// by the primary group
	policy(t, "^cap_net_bind_service @xtargets\n")
	expectTuple(t, inspect(t, as("xother")), tuple{netBind, netBind, netBind, nothing})

	// blocks for callers and targets of the directory
	policy(t, "^cap_net_raw *\n")
	for text, want := range map[string]tuple{
		"<Caller xcaller>\nCapabilitiesEngine off\n</Caller>":  {},
		"<Caller @xops>\nCapabilitiesEngine off\n</Caller>":    {},
		"<Caller @xcaller>\nCapabilitiesEngine off\n</Caller>": {},
		"<Caller @xnet>\nCapabilitiesEngine off\n</Caller>":    {netRaw, netRaw, netRaw, nothing},
		"<Target xtarget>\nCapabilitiesEngine off\n</Target>":  {},
		"<Target @xnet>\nCapabilitiesEngine off\n</Target>":    {},
		"<Target xother>\nCapabilitiesEngine off\n</Target>":   {netRaw, netRaw, netRaw, nothing},
	} {
		site(t, text)
		expectTuple(t, inspect(t, as("xtarget")), want)
	}
	// without the directory its users do not exist
	file(t, "/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\n", 0o644)
	expectRefusal(t, capsu(t, "xtarget", "-c", "echo in"), neutral)
}

// Two names of one uid are one caller: the kernel knows the uid only.
func TestCallerBlocksGoByTheUid(t *testing.T) {
	account(t, "alpha2", "-o", "-u", id(t, "-u", "alpha"), "-g", "alpha", "-s", "/bin/sh")
	policy(t, "^cap_net_raw ghost\n")
	site(t, "<Caller alpha2>\nCapabilitiesEngine off\n</Caller>")
	expectTuple(t, inspect(t, call{args: []string{"ghost"}}), tuple{})
	site(t, "<Caller beta>\nCapabilitiesEngine off\n</Caller>")
	expectTuple(t, inspect(t, call{args: []string{"ghost"}}), tuple{netRaw, netRaw, netRaw, nothing})
}
