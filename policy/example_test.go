package policy_test

import (
	"fmt"
	"os"

	"capsu/policy"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// draft writes rules to a file. A policy must be root's, but Parameters.Draft accepts a
// file of any owner.
func draft(rules string) (path string, remove func()) {
	f, err := os.CreateTemp("", "capability.conf")
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if _, err := f.WriteString(rules); err != nil {
		panic(err)
	}
	return f.Name(), func() { os.Remove(f.Name()) }
}

// The first rule that names the target decides, here by one of their groups.
func ExampleDecide() {
	path, remove := draft(`
^cap_net_raw          alpha
^cap_net_bind_service @web
none                  *
`)
	defer remove()
	subject := policy.Subject{Caller: "alpha", Target: "ghost",
		Member: func(group string) (bool, error) { return group == "web", nil }}
	d, err := policy.Decide(policy.Parameters{File: path, Draft: true}, subject)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("line %d, by %s: %s %v\n", d.Line, d.Match, d.Action, d.IAB)
	// Output: line 3, by @web: set ^cap_net_bind_service
}

// A target without a rule keeps what the modules of the PAM stack give it,
// unless the site requires a rule.
func ExampleDecide_withoutARule() {
	path, remove := draft("^cap_net_raw alpha\n")
	defer remove()
	p := policy.Parameters{File: path, Draft: true}
	d, err := policy.Decide(p, policy.Subject{Caller: "alpha", Target: "ghost"})
	fmt.Println(d.Action, err)
	p.Require = true
	_, err = policy.Decide(p, policy.Subject{Caller: "alpha", Target: "ghost"})
	fmt.Println(err.(*policy.Error).Err)
	// Output:
	// ignore <nil>
	// ghost: no rule names the target, and CapabilityRequire is on
}

// Rules also returns faulty rules, so that a program can report all of them.
func ExampleRules() {
	path, remove := draft("^cap_net_raw alpha beta\nnet_raw ghost\n")
	defer remove()
	for r, err := range policy.Rules(path) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(r.Line, r.Word, r.Who, r.Fault)
	}
	// Output:
	// 1 ^cap_net_raw [alpha beta] <nil>
	// 2 net_raw [ghost] unknown capability "net_raw"
}

// A tuple must not exceed the permitted set of capsu's file.
func ExampleBeyond() {
	iab, err := policy.ParseIAB("^cap_net_raw,cap_kill")
	if err != nil {
		fmt.Println(err)
		return
	}
	permitted := func(c cap.Value) bool { return c == cap.SETUID }
	bounding := func(cap.Value) bool { return true }
	fmt.Println(policy.Beyond(iab, permitted, bounding))
	// Output: cap_net_raw: Ambient, but not in capsu's permitted set
}
