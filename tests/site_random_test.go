//go:build privileged

package tests

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

var (
	siteCases = flag.Int("site.cases", 300, "random capsu.conf files to compare explain with real sessions")
	siteSeed  = flag.Uint64("site.seed", 20261124, "seed for them")
)

// Rules for the random cases. Some grant what capsu can give, some more.
const (
	firstRules  = "^cap_net_raw ghost\ncap_kill,!cap_chown @team\n^cap_sys_admin alpha\nall root\n"
	secondRules = "cap_net_bind_service,!cap_kill ghost alpha\nnone beta\n^cap_net_raw root\n"
)

var randomPeople = []string{"alpha", "beta", "ghost", "root", "@team", "@ghost", "@root", "@many7", "nobody-here",
	"@no-group"}

// randomSite makes a capsu.conf with directives at the top level and some blocks.
func randomSite(r *rand.Rand) string {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	value := map[string]func() string{
		"CapabilitiesEngine":     func() string { return pick("on", "on", "off") },
		"CapabilitiesRootRevoke": func() string { return pick("on", "off", "OFF") },
		"CapabilitiesSet": func() string {
			return pick("-cap_chown", "+cap_net_raw", "+CAP_NET_RAW -cap_chown", "-cap_audit_write +cap_sys_admin",
				"-cap_kill -cap_chown")
		},
		"CapabilitiesMode":  func() string { return pick("hybrid", "hybrid", "pure1e", "nopriv", "NoPriv") },
		"RootTarget":        func() string { return pick("on", "on", "off") },
		"CapabilityFile":    func() string { return pick(policyFile, "/etc/second-rules", "/dev/null") },
		"CapabilityDefault": func() string { return pick("none", "all", "cap_kill", "^cap_net_raw", "!cap_chown") },
		"CapabilityRequire": func() string { return pick("on", "off") },
		"SessionGrace":      func() string { return pick("0", "1", "9") },
	}
	var text strings.Builder
	lines := func(likely int, inTarget bool) {
		names := []string{}
		for name := range value {
			if !inTarget || name != "RootTarget" {
				names = append(names, name)
			}
		}
		slices.Sort(names) // the same for the same seed
		for _, name := range names {
			if r.IntN(10) < likely {
				fmt.Fprintf(&text, "%s %s\n", name, value[name]())
			}
		}
	}
	lines(2, false)
	for range r.IntN(5) {
		kind := pick("Caller", "Target")
		fmt.Fprintf(&text, "<%s %s> # block\n", kind, randomPeople[r.IntN(len(randomPeople))])
		lines(3, kind == "Target")
		fmt.Fprintf(&text, "</%s>\n", kind)
	}
	return text.String()
}

func TestExplainAndSessionsAgreeForRandomSites(t *testing.T) {
	t.Logf("seed %d, %d files", *siteSeed, *siteCases)
	r := rand.New(rand.NewPCG(*siteSeed, 7))
	policy(t, firstRules)
	file(t, "/etc/second-rules", secondRules, 0o644)
	stack(t, strings.ReplaceAll(service, "pam_unix.so nullok", "pam_permit.so")) // with or without a password
	site(t, "")
	ran, refused := 0, 0
	for n := range *siteCases {
		text := randomSite(r)
		caller, target := []string{"alpha", "beta", "root"}[r.IntN(3)], []string{"ghost", "alpha", "beta", "root"}[r.IntN(4)]
		if err := os.WriteFile(siteFile, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		e, status := explain(t, "--caller", caller, target)
		if e.Error != "" {
			refused++
			got := call{caller: caller, args: []string{target, "-c", "echo in"}}.run(t)
			if status != 1 || got.status != 1 || got.stdout != "" || !strings.Contains(got.stderr, "capsu: "+e.Error+"\n") {
				t.Fatalf("case %d of seed %d, %s for %s: explain says %q, the session %+v\n%s", n, *siteSeed, caller,
					target, e.Error, got, text)
			}
			continue
		}
		ran++
		if complaint := agrees(t, e, settings(t, caller, target), caller, target); complaint != "" {
			t.Fatalf("case %d of seed %d, %s for %s: %s\n%s", n, *siteSeed, caller, target, complaint, text)
		}
	}
	t.Logf("%d sessions, %d refusals", ran, refused)
	if *siteCases >= 100 && (ran < *siteCases/3 || refused < *siteCases/20) {
		t.Error("the cases do not try both")
	}
}

// agrees opens the session, and compares it and its monitor with what explain has printed.
func agrees(t *testing.T, e explained, s map[string]setting, caller, target string) (complaint string) {
	t.Helper()
	var i, a, blocked uint64
	switch e.Action {
	case "set":
		granted := parseTuple(t, e.IAB)
		i, a, blocked = granted.i, granted.a, granted.blocked
	case "all":
		i = chown | kill // what the caller has
	}
	bounding, bits, nnp := ownBounding(t), 0, "0"
	word := func(name string) string { return strings.ToLower(s[name].Value) }
	switch word("CapabilitiesMode") {
	case "pure1e":
		bits = 0xef
	case "nopriv":
		bits, nnp, i, a, blocked = 0xef, "1", 0, 0, bounding
	}
	p := a
	if target == "root" {
		if word("CapabilitiesRootRevoke") == "on" {
			bits |= 3
		}
		if bits&1 == 0 {
			p = bounding&^blocked | i // root has all that Bounding leaves
		}
	}
	keep := uint64(closingSet)
	for _, change := range strings.Fields(word("CapabilitiesSet")) {
		c, err := cap.FromName(change[1:])
		switch {
		case err != nil: // the built-in set, which has no signs
		case change[0] == '-':
			keep &^= 1 << c
		case change[0] == '+':
			keep |= 1 << c
		}
	}
	guard, uid := id(t, "-u", "capsu"), id(t, "-u", target)
	monitorUID := strings.Join([]string{guard, uid, guard, uid}, " ")
	switch {
	case caller != "root":
		keep &= fileSet(t)
	case word("CapabilitiesRootRevoke") == "on": // the guard, as for others
	default:
		monitorUID = four("0")
	}
	want := map[string]string{"CapInh": hex(i), "CapAmb": hex(a), "CapPrm": hex(p), "CapBnd": hex(bounding &^ blocked),
		"NoNewPrivs": nnp, "Uid": four(uid)}
	r := during(t, call{caller: caller, empty: true, setpriv: fullInheritable, args: []string{target}},
		func(shell, monitor string) {
			got := readProc(t, shell)
			for field, value := range want {
				if got.status[field] != value {
					complaint += fmt.Sprintf("the session's %s is %s, explained is %s; ", field, got.status[field], value)
				}
			}
			leaderIs(t, monitor, map[string]string{"Uid": monitorUID, "CapPrm": hex(keep), "CapEff": hex(0)})
		})
	if r.status != 0 {
		complaint += fmt.Sprintf("status %d, %q", r.status, r.stderr)
	}
	if got := (call{caller: caller, setpriv: fullInheritable, args: []string{target, "-c",
		"/usr/sbin/capsh --print | grep Securebits:"}}).run(t).stdout; !strings.Contains(got,
		"/0x"+strconv.FormatInt(int64(bits), 16)+"/") {
		complaint += fmt.Sprintf("securebits %q, explained is %#x", got, bits)
	}
	return complaint
}
