package site_test

import (
	"fmt"
	"os"
	"slices"

	"capsu/policy"
	"capsu/site"
)

// draft writes a site configuration to a file.
func draft(text string) (path string, remove func()) {
	f, err := os.CreateTemp("", "capsu.conf")
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		panic(err)
	}
	return f.Name(), func() { os.Remove(f.Name()) }
}

// account is a user with a name and groups.
func account(name string, groups ...string) *site.Who {
	return site.NewWho(func(n string) (bool, error) { return n == name, nil },
		func(g string) (bool, error) { return slices.Contains(groups, g), nil })
}

// The last block that names the caller or the target wins over the top level.
func ExampleConfig_Decide() {
	path, remove := draft(`SessionGrace 5
<Caller @operators>
RootTarget on
</Caller>
`)
	defer remove()
	config, faults := site.Check(path, policy.CheckWord)
	if len(faults) > 0 {
		fmt.Println(faults)
		return
	}
	for _, caller := range []*site.Who{account("alpha", "operators"), account("beta")} {
		s, err := config.Decide(caller, account("root"))
		if err != nil {
			fmt.Println(err)
			return
		}
		o := s.Origin("RootTarget")
		fmt.Printf("root as a target: %v (line %d, %s); grace: %v\n", s.RootTarget, o.Line, o.Block, s.Grace)
	}
	// Output:
	// root as a target: true (line 3, <Caller @operators>); grace: 5s
	// root as a target: false (line 0, ); grace: 5s
}

// Check returns every fault in a file. With one fault capsu opens no session.
func ExampleCheck() {
	path, remove := draft("RootTarget perhaps\nCapabilityDefault net_raw\nPty auto\n")
	defer remove()
	_, faults := site.Check(path, policy.CheckWord)
	for _, fault := range faults {
		fmt.Println(fault.Error()[len(path):])
	}
	// Output:
	// :1: RootTarget: "perhaps" is neither on nor off
	// :2: CapabilityDefault: unknown capability "net_raw"
}
