//go:build privileged

package tests

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// Random policies, for comparisons of capsu with pam_cap.so and with capsuctl.

// The users and groups of the random files.
var oracleUsers, oracleGroups = names("orau", 6), names("orag", 6)

// names are a prefix with numbers.
func names(prefix string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint(prefix, i))
	}
	return all
}

// makeOracleUsers makes users in random groups, primary and supplementary.
func makeOracleUsers(t *testing.T, r *rand.Rand) {
	t.Helper()
	for _, g := range oracleGroups {
		must(t, "groupadd", g)
		t.Cleanup(func() { must(t, "groupdel", g) })
	}
	for _, u := range oracleUsers {
		args := []string{"-N", "-g", oracleGroups[r.IntN(len(oracleGroups))]}
		var more []string
		for _, g := range oracleGroups {
			if r.IntN(3) == 0 {
				more = append(more, g)
			}
		}
		account(t, u, append(args, "-G", strings.Join(more, ","))...)
	}
}

// randomFile is a capability.conf with what people write, and with faults.
func randomFile(r *rand.Rand) string {
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	rarely := func(n int) bool { return r.IntN(n) == 0 }
	blank := func() string { return pick(" ", " ", " ", "\t", "  ", " \t ") }
	capability := func() string {
		v := r.IntN(int(cap.MaxBits()))
		name := cap.Value(v).String()
		switch r.IntN(14) {
		case 0:
			return strings.ToUpper(name)
		case 1:
			return fmt.Sprint(r.IntN(70))
		case 2:
			return fmt.Sprintf("%#o", v)
		case 3:
			return fmt.Sprintf("%#x", v)
		case 4:
			return pick("cap_nonsense", "chown", "cap_", "08", "1x", "-1", "", "cap_chown=p", "CAP_MAC_OVERRIDE")
		}
		return name
	}
	tuple := func() string {
		if rarely(6) {
			return pick("all", "none", "none", "All", "NONE", "all,none")
		}
		var items []string
		for range 1 + r.IntN(4) {
			prefix := ""
			for range r.IntN(3) {
				prefix += pick("!", "^", "%")
			}
			items = append(items, prefix+capability())
		}
		text := strings.Join(items, ",")
		if rarely(10) {
			text += pick(",", ",,", "^", ",!")
		}
		return text
	}
	who := func() string {
		switch r.IntN(12) {
		case 0:
			return pick("*", "*", "**", "o*")
		case 1:
			return pick("#", "# ", "#orau1", "nosuch", "@nosuch", "@", "@*", "0", "@@orag1", "orau1,orau2", "ORAU1",
				"@orau1", "orag1")
		case 2, 3, 4, 5:
			return "@" + pick(oracleGroups...)
		}
		return pick(oracleUsers...)
	}
	var text strings.Builder
	for range r.IntN(9) {
		line := ""
		switch {
		case rarely(12):
			line = pick("", " ", "\t", "# a comment", "#"+tuple()+" "+who(), "  #"+who())
		default:
			if rarely(10) {
				line = blank()
			}
			line += tuple()
			for range r.IntN(4) {
				line += blank() + who()
			}
			if rarely(10) {
				line += blank()
			}
		}
		if rarely(150) {
			line += pick("\r", "\x00", "\v", "\x1b[m")
		}
		text.WriteString(line + "\n")
	}
	if rarely(10) {
		return strings.TrimSuffix(text.String(), "\n")
	}
	return text.String()
}
