package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"capsu/account"
	"capsu/capability"
	"capsu/policy"
	"capsu/say"
	"capsu/site"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// explanation is what a user would get. capsuctl(8) documents the keys of its JSON.
type explanation struct {
	User         string `json:"user"`
	Config       string `json:"config"`
	Line         int    `json:"line"`
	Rule         string `json:"rule"`
	Match        string `json:"match"`
	Action       string `json:"action"`
	IAB          string `json:"iab"`
	Authenticate string `json:"authenticate"`
	Error        string `json:"error"`

	tuple    *cap.IAB
	settings *site.Settings
}

// explain shows the decision for a user, and its reason.
func explain(args []string) int {
	f := newFlags("explain [options] USER")
	var p policy.Parameters
	f.StringVar(&p.File, "config", "", "read this policy; warn only, if others may write it")
	f.StringVar(&p.Default, "default", "", "what a user without a rule gets, as pam_cap.so has it with default=")
	f.BoolVar(&p.Require, "require", false, "refuse a user without a rule, as CapabilityRequire on does")
	autoauth := f.Bool("autoauth", false, "answer authenticate as pam_cap.so does with autoauth")
	caller := f.String("caller", "", "the caller (default: a user other than root whom no Caller block names)")
	prog := f.String("program", "", "compare with the file capabilities of this capsu")
	showSite := f.Bool("site", false, "show every setting of capsu.conf for caller and user instead, and its origin")
	asJSON := f.Bool("json", false, "print JSON")
	if status, done := parse(f, args, "USER"); done {
		return status
	}
	p.Draft = p.File != ""
	if p.Draft {
		if err := policy.Check(p.File); err != nil {
			warn("warning", fmt.Errorf("%w; capsu would refuse it", err))
		}
	}
	e := explanation{User: f.Arg(0), Config: cmp.Or(p.File, policy.DefaultFile), Authenticate: "ignore"}
	if err := e.decide(p, *caller, *prog, *autoauth); err != nil {
		e.Error, e.Action, e.IAB, e.tuple = err.Error(), "", "", nil
	}
	switch {
	case *showSite && e.settings == nil:
		return fail(errors.New(e.Error))
	case *showSite && *asJSON:
		return printAnswer(e.settings.All())
	case *showSite:
		printSettings(e.settings, true)
		return exitGood
	case *asJSON:
		if err := printJSON(e); err != nil {
			return fail(err)
		}
	default:
		e.print()
	}
	if e.Error == "" {
		return exitGood
	}
	if !*asJSON {
		fail(errors.New(e.Error))
	}
	return exitFinding
}

// decide fills in the explanation as capsu would decide. Without privilege it does not know
// all that capsu knows.
func (e *explanation) decide(p policy.Parameters, caller, program string, autoauth bool) error {
	var c *account.User
	if caller != "" {
		var err error
		if c, err = account.ByName(caller); err != nil {
			return fmt.Errorf("--caller: %w", err)
		}
	}
	rootCalls := c != nil && c.UID == 0
	u, err := account.ByName(e.User)
	if err != nil {
		return err
	}
	if autoauth {
		e.Authenticate = "success"
	}
	var groups []uint32
	member := func(group string) (bool, error) {
		if groups == nil { // looked up only if a rule or a block names a group
			var err error
			if groups, err = u.Groups(); err != nil {
				return false, err
			}
		}
		return account.Member(groups, group)
	}
	if e.settings, err = readSettings(c, u, member); err != nil {
		return err
	}
	bits, err := e.applySite(&p, c, u)
	if err != nil {
		return err
	}
	d := policy.Decision{Action: policy.Ignore}
	if e.settings.Engine {
		d, err = policy.Decide(p, policy.Subject{Caller: caller, Target: u.Name, Member: member})
	}
	e.Line, e.Rule, e.Match, e.Action, e.tuple = d.Line, d.Rule, d.Match, string(d.Action), d.IAB
	if d.Line != 0 {
		e.Authenticate = "success"
	}
	if err != nil || d.Action != policy.Set {
		return err
	}
	e.IAB = d.IAB.String()
	granted := capability.Bounded // root's permitted set is its bounding set
	if !rootCalls {
		if granted = permitted(program); granted == nil {
			granted = func(cap.Value) bool { return true }
		}
	}
	if err := policy.Beyond(d.IAB, granted, capability.Bounded); err != nil {
		return e.settings.OfRule(d.File, d.Line, err)
	}
	return e.settings.OfRule(d.File, d.Line, e.settings.Grantable(d.IAB, bits))
}

// applySite applies the settings of capsu.conf that the command line does not replace, and
// returns the session's securebits.
func (e *explanation) applySite(p *policy.Parameters, caller, u *account.User) (cap.Secbits, error) {
	s := e.settings
	p.File = cmp.Or(p.File, s.File)
	p.Default = cmp.Or(p.Default, s.Default)
	p.Require = p.Require || s.Require
	e.Config = p.File
	if caller != nil {
		if err := s.Target(u.Name, u.UID, caller.UID); err != nil {
			return 0, err
		}
	}
	found, err := ownSecurebits()
	if err != nil {
		return 0, err
	}
	return s.Securebits(found, u.UID == 0)
}

// print prints the explanation as text.
func (e *explanation) print() {
	row := func(name, value string) { fmt.Printf("%-13s %s\n", name, say.Escape(value)) }
	row("user", e.User)
	if e.settings != nil {
		printSettings(e.settings, false)
	}
	switch {
	case e.Error != "" && e.Line == 0: // the error says all
		return
	case e.Line != 0:
		row("rule", fmt.Sprintf("%s:%d: %s", e.Config, e.Line, e.Rule))
		row("because", map[bool]string{true: "it names everybody", false: "it names " + e.Match}[e.Match == "*"])
	case e.Match == "default":
		row("rule", "none in "+e.Config+"; the default: "+e.Rule)
	default:
		row("rule", "none in "+e.Config)
	}
	switch {
	case e.Error == "" && e.settings.Mode == site.NoPriv:
		row("tuple", "empty, and nothing in Bounding: CapabilitiesMode nopriv")
		e.Action = "" // the action does not count
	case !e.settings.Engine:
		row("policy", "not asked: CapabilitiesEngine off")
	}
	switch policy.Action(e.Action) {
	case policy.Set:
		row("Inheritable", names(e.tuple, cap.Inh))
		row("Ambient", names(e.tuple, cap.Amb))
		row("blocked", names(e.tuple, cap.Bound))
	case policy.All:
		row("tuple", "what the modules of the stack gave, and the caller's Inheritable set")
	case policy.None:
		row("tuple", "Inheritable and Ambient empty, Bounding as it is")
	case policy.Ignore:
		row("tuple", "what the modules of the stack gave; without such a module nothing")
	default:
		if e.Error != "" {
			row("tuple", "no session")
		}
	}
	row("authenticate", e.Authenticate+" (pam_cap.so's word in its authenticate phase)")
}

func names(iab *cap.IAB, v cap.Vector) string {
	if all := capability.Names(capability.In(iab, v)); len(all) != 0 {
		return strings.Join(all, ",")
	}
	return "nothing"
}
