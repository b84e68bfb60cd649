//go:build privileged

// Package bench measures capsu beside other programs, in one run. It compares ratios, because
// machines are noisy. 'make bench' runs it in a world of its own.
package bench

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"capsu/account"
	"capsu/policy"
)

const dir = "/opt/bench"

// rounds of both sides take turns, so that a slow moment slows both.
const rounds = 7

func must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// median of both sides over the rounds, in nanoseconds.
func compare(t *testing.T, times string, user string, ours func()) (module, us int64) {
	t.Helper()
	var a, b []int64
	for range rounds {
		n, err := strconv.ParseInt(must(t, dir+"/lookup", dir, "bench", user, times), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		a = append(a, n)
		best := int64(-1)
		for range 5 {
			began := time.Now()
			ours()
			if took := time.Since(began).Nanoseconds(); best < 0 || took < best {
				best = took
			}
		}
		b = append(b, best)
	}
	slices.Sort(a)
	slices.Sort(b)
	return a[rounds/2], b[rounds/2]
}

func TestLookUp(t *testing.T) {
	must(t, "mkdir", "-p", dir)
	defer os.RemoveAll(dir)
	must(t, "gcc", "-O2", "-o", dir+"/lookup", "../programs/lookup.c", "-lpam")
	write(t, dir+"/bench", "auth required pam_cap.so config="+dir+"/rules\n")
	user, err := account.ByName("daemon")
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	decide := func(line int) func() {
		return func() {
			var groups []uint32
			d, err := policy.Decide(policy.Parameters{File: dir + "/rules"},
				policy.Subject{Target: user.Name, Member: func(g string) (bool, error) {
					asked++
					if groups == nil {
						var err error
						if groups, err = user.Groups(); err != nil {
							return false, err
						}
					}
					return account.Member(groups, g)
				}})
			if err != nil || d.Line != line {
				t.Fatalf("%+v, %v", d, err)
			}
		}
	}
	row := func(what string, module, us int64, more string) {
		fmt.Printf("%-46s %10.3f ms %10.3f ms %8.2f %s\n", what, float64(module)/1e6, float64(us)/1e6,
			float64(us)/float64(module), more)
	}
	fmt.Printf("%-46s %13s %13s %8s\n", "one look-up", "pam_cap.so", "capsu", "ratio")
	for _, rules := range []int{10, 1000, 100_000} {
		var text strings.Builder
		for n := range rules - 1 {
			fmt.Fprintf(&text, "cap_kill,cap_chown user%d\n", n)
		}
		text.WriteString("cap_kill daemon\n")
		write(t, dir+"/rules", text.String())
		ours := decide(rules)
		module, us := compare(t, "20", "daemon", ours)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		ours()
		runtime.ReadMemStats(&after)
		row(fmt.Sprintf("%d rules, the user on the last line", rules), module, us,
			fmt.Sprintf("%d kB allocated", (after.TotalAlloc-before.TotalAlloc)/1024))
	}

	was, err := os.ReadFile("/etc/group")
	if err != nil {
		t.Fatal(err)
	}
	defer write(t, "/etc/group", string(was))
	text := strings.Builder{}
	text.Write(was)
	for n := range 10_000 {
		member := ""
		if n%10 == 0 {
			member = "daemon"
		}
		fmt.Fprintf(&text, "bench%d:x:%d:%s\n", n, 100_000+n, member)
	}
	write(t, "/etc/group", text.String())
	for what, rules := range map[string]string{
		"in 1000 of 10000 groups, no rule with a group":  "cap_kill daemon\n",
		"in 1000 of 10000 groups, one rule with a group": "cap_kill @bench5000\n",
	} {
		write(t, dir+"/rules", rules)
		asked = 0
		module, us := compare(t, "1", "daemon", decide(1))
		row(what, module, us, fmt.Sprintf("%d groups looked up in %d look-ups", asked, 5*rounds))
	}
}
