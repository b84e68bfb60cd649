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

// readSettings reads capsu.conf and decides the settings for a caller, which may be nil, and
// a target, as capsu does. member tells whether the target belongs to a group.
func readSettings(caller *account.User, u *account.User, member func(group string) (bool, error)) (*site.Settings, error) {
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

// ownSecurebits returns this process's securebits. capsu finds the same ones if the same
// process starts it.
func ownSecurebits() (cap.Secbits, error) {
	bits, err := unix.PrctlRetInt(unix.PR_GET_SECUREBITS, 0, 0, 0, 0)
	return cap.Secbits(bits), err
}

// printSettings prints the settings of capsu.conf; with all, the defaults too.
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

// siteChecker checks capsu.conf.
type siteChecker struct {
	file          string
	granted       func(cap.Value) bool
	terminalOwner bool
	findings      []finding
}

func (c *siteChecker) report(line int, format string, a ...any) {
	c.findings = append(c.findings, finding{c.file, line, fmt.Sprintf(format, a...)})
}

// run collects the findings, and returns the configuration as far as it can be read.
func (c *siteChecker) run() *site.Config {
	conf, faults := site.Check(c.file, policy.CheckWord)
	for _, err := range faults {
		var e *trustedfile.Error
		if errors.As(err, &e) {
			c.report(e.Line, "%v: capsu opens no session", e.Err)
		}
	}
	conf.Each(func(o site.Origin) {
		c.terminalOwner = c.terminalOwner || o.Directive == "TerminalOwner" && strings.EqualFold(o.Value, "on")
	})
	conf.Each(c.checkDirective)
	conf.Blocks(c.checkBlock)
	c.checkModules(conf)
	return conf
}

func (c *siteChecker) checkDirective(o site.Origin) {
	switch words := strings.Fields(o.Value); o.Directive {
	case "CapabilitiesSet":
		for _, word := range words {
			c.checkChange(o.Line, word)
		}
	case "AuthIdentity":
		c.report(o.Line, "AuthIdentity: has no effect any more: modules see the caller; take the line away")
	case "CapabilityFile":
		if err := policy.Check(o.Value); err != nil {
			c.report(o.Line, "%v: capsu opens no session", err)
		}
	case "CapabilityDefault":
		iab, err := policy.ParseIAB(o.Value)
		if err != nil {
			return // it is all or none, or a fault that is reported already
		}
		if err := policy.Beyond(iab, c.granted, capability.Bounded); err != nil {
			c.report(o.Line, "CapabilityDefault: %v: %s", err, refused)
		}
	case "Services":
		for _, name := range words {
			if _, err := stack.Read(name); err != nil {
				c.report(o.Line, "Services: %v", err)
			}
		}
	}
}

// checkChange checks a word of CapabilitiesSet.
func (c *siteChecker) checkChange(line int, word string) {
	add, value, err := site.Change(word)
	if err != nil {
		return // reported already, as a fault
	}
	builtIn := slices.Contains(site.Closing, value)
	switch {
	case add == builtIn:
		c.report(line, "CapabilitiesSet %s: changes nothing, it is %s the built-in set", word, map[bool]string{true: "in", false: "not in"}[builtIn])
	case add && !c.granted(value):
		c.report(line, "CapabilitiesSet %s: capsu's file does not have it: kept only when root calls", word)
	case !add && value == cap.CHOWN && !c.terminalOwner:
	case !add:
		c.report(line, "CapabilitiesSet %s: closing may need it, and warns then", word)
	}
}

// checkBlock checks the name of a block.
func (c *siteChecker) checkBlock(line int, who string, directives int) {
	if directives == 0 {
		c.report(line, "%s: the block is empty", who)
	}
	var err error
	group, isGroup := strings.CutPrefix(who, "@")
	if isGroup {
		var canonical bool
		if _, canonical, err = account.Group(group); err == nil && !canonical {
			c.report(line, "%s: the name service has another name for this group: the block applies to nobody", who)
		}
	} else {
		_, err = account.ByName(who)
	}
	switch {
	case errors.Is(err, account.ErrUnknown):
		c.report(line, "%s: no such %s: the block applies to nobody", who, map[bool]string{true: "group", false: "user"}[isGroup])
	case err != nil:
		c.report(line, "%v", err)
	}
}

// checkModules reports session modules that need a capability to close which the monitor
// does not keep, and modules that take another user for the caller.
func (c *siteChecker) checkModules(conf *site.Config) {
	s, err := conf.Decide(nil, nil)
	if err != nil {
		return
	}
	_, _, services := policies(conf)
	for _, service := range services {
		modules, err := stack.Read(service)
		if err != nil {
			continue // filecaps reports it
		}
		for _, m := range modules {
			if who := m.Mistakes(); who != "" {
				c.report(0, "%s in %s:%d %s", m.Name, m.File, m.Line, who)
			}
			for _, value := range m.Closing() {
				if !slices.Contains(s.MonitorSet, value) {
					c.report(0, "%s in %s:%d needs %v to close its session: CapabilitiesSet +%v keeps it", m.Name, m.File, m.Line, value, value)
				}
			}
		}
	}
}

// policies returns the policy files, defaults and services that a configuration names, at
// the top level or in a block.
func policies(conf *site.Config) (files []string, defaults []site.Origin, all []string) {
	files, all = []string{policy.DefaultFile}, slices.Clone(services)
	conf.Each(func(o site.Origin) {
		switch o.Directive {
		case "CapabilityFile":
			if o.Block == "" { // it replaces the default for all
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
