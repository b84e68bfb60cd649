package stack_test

import (
	"fmt"
	"os"
	"path/filepath"

	"capsu/service"
	"capsu/stack"
)

// Read returns the modules in a service's file and in the files that it includes. Needs
// returns what a module needs, besides the capabilities that capsu has for itself.
func ExampleRead() {
	dir, err := os.MkdirTemp("", "pam.d")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	for name, text := range map[string]string{
		"capsu":       "@include common-auth\nsession required pam_mkhomedir.so umask=077\n",
		"common-auth": "auth required pam_faildelay.so delay=2000000\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			panic(err)
		}
	}
	defer func(was []string) { service.Directories = was }(service.Directories)
	service.Directories = []string{dir}

	modules, err := stack.Read("capsu")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range modules {
		fmt.Printf("%s:%d %s %s %v\n", filepath.Base(m.File), m.Line, m.Type, m.Name, m.Args)
		needs, _ := m.Needs()
		for _, need := range needs {
			fmt.Printf("  needs %v: %s\n", need.Caps, need.Why)
		}
	}
	// Output:
	// common-auth:1 auth pam_faildelay.so [delay=2000000]
	// capsu:2 session pam_mkhomedir.so [umask=077]
	//   needs [cap_chown cap_fowner]: makes a home
}
