package main

import (
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"

	"capsu/capability"
	"capsu/policy"
	"capsu/say"
	"capsu/service"
	"capsu/site"
	"capsu/stack"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// own has the capabilities that capsu needs for itself, with any stack and policy, and why.
var own = map[cap.Value]string{
	cap.SETUID:      "becomes the guard, uid 0 while modules run, and the target",
	cap.SETGID:      "takes the target's groups",
	cap.SETPCAP:     "sets Inheritable and Bounding, and the securebits with which uid 0 is worth no more",
	cap.KILL:        "ends a session that changed its uid",
	cap.CHOWN:       "gives a terminal to the target, and takes it back",
	cap.AUDIT_WRITE: "writes audit records, its own and those of modules",
}

// services are the PAM services that capsu always uses.
var services = []string{"capsu", "capsu-l"}

// reasons has the capabilities that capsu's file needs, each with the reasons.
type reasons map[cap.Value][]string

func (r reasons) add(c cap.Value, why string) {
	for _, known := range r[c] {
		if known == why {
			return
		}
	}
	r[c] = append(r[c], why)
}

// filecaps shows the smallest set of file capabilities that this site needs.
func filecaps(args []string) int {
	f := newFlags("filecaps [options]")
	why := f.Bool("explain", false, "say which capability is there for what")
	also := f.String("also", "", "add these capabilities, with commas between them")
	asJSON := f.Bool("json", false, "print JSON")
	if status, done := parse(f, args, ""); done {
		return status
	}
	extra, err := policy.ParseList(*also)
	if err != nil {
		warn("error", fmt.Errorf("--also %s: %w", *also, err))
		return exitUsage
	}
	conf, err := site.Read(policy.CheckWord)
	if err != nil {
		return fail(err)
	}
	all := reasons{}
	files, defaults, services := policies(conf)
	err = all.addModules(services)
	all.fold()
	for c, why := range own {
		all.add(c, "capsu: "+why)
	}
	for _, c := range capability.In(extra, cap.Inh) {
		all.add(c, "asked for")
	}
	for _, file := range files {
		err = errors.Join(err, all.addGrants(file))
	}
	for _, o := range defaults {
		if iab, e := policy.ParseIAB(o.Value); e == nil { // otherwise it is all or none
			all.addAmbient(iab, fmt.Sprintf("%s:%d: granted as Ambient by CapabilityDefault", o.File, o.Line))
		}
	}
	if err != nil {
		return fail(err)
	}
	if *asJSON {
		err = all.printJSON()
	} else {
		all.print(*why)
	}
	if err != nil {
		return fail(err)
	}
	return exitGood
}

// addModules adds what the modules of the services need. It skips a service that is not
// installed.
func (r reasons) addModules(services []string) error {
	for _, name := range services {
		if service.Exists(name) != nil {
			warn("note", fmt.Errorf("PAM service %s: is not installed", name))
			continue
		}
		modules, err := stack.Read(name)
		if err != nil {
			return fmt.Errorf("PAM service %s: %w", name, err)
		}
		for _, m := range modules {
			list, known := m.Needs()
			if !known {
				warn("note", fmt.Errorf("%s:%d: %s: what it needs is not known; --also adds capabilities", m.File, m.Line, m.Name))
			}
			for _, n := range list {
				for _, c := range n.Caps {
					r.add(c, fmt.Sprintf("%s:%d: %s: %s", m.File, m.Line, m.Name, n.Why))
				}
			}
		}
	}
	return nil
}

// fold removes CAP_DAC_READ_SEARCH if CAP_DAC_OVERRIDE is there, which also allows reading
// and searching (generic_permission in the kernel's fs/namei.c).
func (r reasons) fold() {
	if r[cap.DAC_OVERRIDE] == nil {
		return
	}
	for _, why := range r[cap.DAC_READ_SEARCH] {
		r.add(cap.DAC_OVERRIDE, why)
	}
	delete(r, cap.DAC_READ_SEARCH)
}

// addGrants adds the capabilities that rules grant as Ambient: capsu can grant only its own.
func (r reasons) addGrants(file string) error {
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		return nil // check reports a file that must exist
	}
	for rule, err := range policy.Rules(file) {
		if err != nil {
			return err
		}
		if rule.IAB == nil || len(rule.Who) == 0 {
			continue // check reports it
		}
		r.addAmbient(rule.IAB, fmt.Sprintf("%s:%d: granted as Ambient to %s", file, rule.Line, strings.Join(rule.Who, " ")))
	}
	return nil
}

func (r reasons) addAmbient(iab *cap.IAB, why string) {
	for _, c := range capability.In(iab, cap.Amb) {
		r.add(c, why)
	}
}

func (r reasons) sorted() (list []cap.Value) {
	for c := range r {
		list = append(list, c)
	}
	sort.Slice(list, func(i, j int) bool { return list[i] < list[j] })
	return list
}

// text returns the set as setcap(8) takes it: permitted, not effective.
func (r reasons) text() string {
	var names []string
	for _, c := range r.sorted() {
		names = append(names, c.String())
	}
	return strings.Join(names, ",") + "=p"
}

func (r reasons) print(why bool) {
	if !why {
		fmt.Println(r.text())
		return
	}
	for _, c := range r.sorted() {
		fmt.Println(c)
		for _, reason := range r[c] {
			fmt.Println("    " + say.Escape(reason))
		}
	}
}

func (r reasons) printJSON() error {
	why := map[string][]string{}
	for c, list := range r {
		why[c.String()] = list
	}
	return printJSON(struct {
		Setcap  string              `json:"setcap"`
		Reasons map[string][]string `json:"reasons"`
	}{r.text(), why})
}
