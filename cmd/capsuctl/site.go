package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"capsu/account"
	"capsu/capability"
	"capsu/policy"
	"capsu/say"
	"capsu/site"
	"capsu/stack"
	"capsu/trustedfile"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// settings decides what capsu.conf says for a caller, if one is named, and a
// target, as capsu does.
func settings(caller *account.User, u *account.User, member func(group string) (bool, error)) (*site.Settings, error) {
	c, err := site.Read(policy.CheckWord)
	if err != nil {
		return nil, err
	}
	var who *site.Who
	if caller != nil {
		who = site.NewWho(func(name string) (bool, error) { return account.HasUID(name, caller.UID) },
			func(group string) (bool, error) {
				groups, err := caller.Groups()
				if err != nil {
					return false, err
				}
				return account.Member(groups, group)
			})
	}
	return c.Decide(who, site.NewWho(func(name string) (bool, error) { return name == u.Name, nil }, member))
}

// ownSecurebits are this process's, as its bounding set is: capsu would find
// the same if it were started here.
func ownSecurebits() (cap.Secbits, error) {
	bits, err := unix.PrctlRetInt(unix.PR_GET_SECUREBITS, 0, 0, 0, 0)
	return cap.Secbits(bits), err
}

// printSettings shows what is set, or with all also what is not.
func printSettings(s *site.Settings, all bool) {
	for _, o := range s.All() {
		if o.Line == 0 && !all {
			continue
		}
		from := "built in"
		if o.Line != 0 {
			from = strings.TrimSpace(fmt.Sprintf("%s:%d %s", o.File, o.Line, o.Block))
		}
		value := o.Value
		if value == "" {
			value = "(not set)"
		}
		fmt.Println(say.Escape(fmt.Sprintf("%-13s %s %s, %s", "site", o.Directive, value, from)))
	}
}

// siteChecker looks at capsu.conf.
type siteChecker struct {
	file          string
	granted       func(cap.Value) bool
	terminalOwner bool
	findings      []finding
}

func (c *siteChecker) find(line int, format string, a ...any) {
	c.findings = append(c.findings, finding{c.file, line, fmt.Sprintf(format, a...)})
}

// run returns the configuration as far as it can be read.
func (c *siteChecker) run() *site.Config {
	conf, faults := site.Check(c.file, policy.CheckWord)
	for _, err := range faults {
		var e *trustedfile.Error
		if errors.As(err, &e) {
			c.find(e.Line, "%v: capsu opens no session", e.Err)
		}
	}
	conf.Each(func(o site.Origin) {
		c.terminalOwner = c.terminalOwner || o.Directive == "TerminalOwner" && strings.EqualFold(o.Value, "on")
	})
	conf.Each(c.directive)
	conf.Blocks(c.block)
	c.modules(conf)
	return conf
}

func (c *siteChecker) directive(o site.Origin) {
	switch words := strings.Fields(o.Value); o.Directive {
	case "CapabilitiesSet":
		for _, word := range words {
			c.change(o.Line, word)
		}
	case "AuthIdentity":
		c.find(o.Line, "AuthIdentity: has no effect any more: modules see the caller; take the line away")
	case "CapabilityFile":
		if err := policy.Check(o.Value); err != nil {
			c.find(o.Line, "%v: capsu opens no session", err)
		}
	case "CapabilityDefault":
		iab, err := policy.ParseIAB(o.Value)
		if err != nil {
			return // all or none
		}
		if err := policy.Beyond(iab, c.granted, capability.Bounded); err != nil {
			c.find(o.Line, "CapabilityDefault: %v: %s", err, refused)
		}
	case "Services":
		for _, name := range words {
			if _, err := stack.Read(name); err != nil {
				c.find(o.Line, "Services: %v", err)
			}
		}
	}
}

// change looks at a word of CapabilitiesSet.
func (c *siteChecker) change(line int, word string) {
	add, value, err := site.Change(word)
	if err != nil {
		return // a fault by now
	}
	builtIn := slices.Contains(site.Closing, value)
	switch {
	case add == builtIn:
		c.find(line, "CapabilitiesSet %s: changes nothing, it is %s the built-in set", word, map[bool]string{true: "in", false: "not in"}[builtIn])
	case add && !c.granted(value):
		c.find(line, "CapabilitiesSet %s: capsu's file does not have it: kept only when root calls", word)
	case !add && value == cap.CHOWN && !c.terminalOwner:
	case !add:
		c.find(line, "CapabilitiesSet %s: closing may need it, and warns then", word)
	}
}

func (c *siteChecker) block(line int, who string, directives int) {
	if directives == 0 {
		c.find(line, "%s: the block is empty", who)
	}
	var err error
	group, isGroup := strings.CutPrefix(who, "@")
	if isGroup {
		var canonical bool
		if _, canonical, err = account.Group(group); err == nil && !canonical {
			c.find(line, "%s: the name service has another name for this group: the block applies to nobody", who)
		}
	} else {
		_, err = account.ByName(who)
	}
	switch {
	case errors.Is(err, account.ErrUnknown):
		c.find(line, "%s: no such %s: the block applies to nobody", who, map[bool]string{true: "group", false: "user"}[isGroup])
	case err != nil:
		c.find(line, "%v", err)
	}
}

// modules looks for session modules whose closing needs more than is kept, and
// for those that ask who calls and are told of somebody else.
func (c *siteChecker) modules(conf *site.Config) {
	s, err := conf.Decide(nil, nil)
	if err != nil {
		return
	}
	_, _, services := policies(conf)
	for _, service := range services {
		modules, err := stack.Read(service)
		if err != nil {
			continue // filecaps tells of it
		}
		for _, m := range modules {
			if who := m.Mistakes(); who != "" {
				c.find(0, "%s in %s:%d %s", m.Name, m.File, m.Line, who)
			}
			for _, value := range m.Closing() {
				if !slices.Contains(s.MonitorSet, value) {
					c.find(0, "%s in %s:%d needs %v to close its session: CapabilitiesSet +%v keeps it", m.Name, m.File, m.Line, value, value)
				}
			}
		}
	}
}

// policies returns the policy files and defaults that a configuration names,
// for anybody, and the services.
func policies(conf *site.Config) (files []string, defaults []site.Origin, all []string) {
	files, all = []string{policy.DefaultFile}, slices.Clone(services)
	conf.Each(func(o site.Origin) {
		switch o.Directive {
		case "CapabilityFile":
			if o.Block == "" { // the default is nobody's then
				files[0] = o.Value
			} else {
				files = append(files, o.Value)
			}
		case "CapabilityDefault":
			defaults = append(defaults, o)
		case "Services":
			all = append(all, strings.Fields(o.Value)...)
		}
	})
	slices.Sort(files[1:])
	slices.Sort(all)
	return slices.Compact(files), defaults, slices.Compact(all)
}
