package main

import (
	"errors"
	"fmt"
	"strings"

	"capsu/account"
	"capsu/policy"
	"capsu/records"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// explanation is what a user would get; the keys are those of the
// specification's section 8.
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

	tuple *cap.IAB
}

func explain(args []string) int {
	f := flags("explain [options] USER")
	var p policy.Parameters
	f.StringVar(&p.File, "config", "", "read this policy; of who else may write it is only warned")
	f.StringVar(&p.Default, "default", "", "what a user without a rule gets, as pam_cap.so's default=")
	f.BoolVar(&p.Require, "require", false, "a user without a rule is refused, as CapabilityRequire on")
	autoauth := f.Bool("autoauth", false, "answer authenticate as pam_cap.so does with autoauth")
	caller := f.String("caller", "", "who asks (default: anybody but root)")
	prog := f.String("program", "", "compare with the file capabilities of this capsu")
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
	e := explanation{User: f.Arg(0), Config: p.File, Authenticate: "ignore"}
	if e.Config == "" {
		e.Config = policy.DefaultFile
	}
	if err := e.decide(p, *caller, *prog, *autoauth); err != nil {
		e.Error, e.Action, e.IAB, e.tuple = err.Error(), "", "", nil
	}
	if *asJSON {
		if err := printJSON(e); err != nil {
			return failed(err)
		}
	} else {
		e.print()
	}
	if e.Error == "" {
		return exitGood
	}
	if !*asJSON {
		failed(errors.New(e.Error))
	}
	return exitFinding
}

// decide fills in the explanation as capsu would decide, as far as somebody
// without privilege can know it.
func (e *explanation) decide(p policy.Parameters, caller, program string, autoauth bool) error {
	rootCalls := false
	if caller != "" {
		c, err := account.ByName(caller)
		if err != nil {
			return fmt.Errorf("--caller: %w", err)
		}
		rootCalls = c.UID == 0
	}
	u, err := account.ByName(e.User)
	if err != nil {
		return err
	}
	if autoauth {
		e.Authenticate = "success"
	}
	var groups []uint32
	d, err := policy.Decide(p, policy.Subject{Caller: caller, Target: u.Name, Member: func(group string) (bool, error) {
		if groups == nil { // only when a rule names a group
			var err error
			if groups, err = u.Groups(); err != nil {
				return false, err
			}
		}
		return account.Member(groups, group)
	}})
	e.Line, e.Rule, e.Match, e.Action, e.tuple = d.Line, d.Rule, d.Match, string(d.Action), d.IAB
	if d.Line != 0 {
		e.Authenticate = "success"
	}
	if err != nil || d.Action != policy.Set {
		return err
	}
	e.IAB = d.IAB.String()
	granted := bounded // root has what its bounding set has
	if !rootCalls {
		if granted = permitted(program); granted == nil {
			granted = func(cap.Value) bool { return true }
		}
	}
	if err := policy.Beyond(d.IAB, granted, bounded); err != nil {
		return &policy.Error{File: d.File, Line: d.Line, Err: err}
	}
	return nil
}

// print is the explanation for people.
func (e *explanation) print() {
	row := func(name, value string) { fmt.Printf("%-13s %s\n", name, records.Escape(value)) }
	row("user", e.User)
	switch {
	case e.Error != "" && e.Line == 0: // there is no more to say than the error
		return
	case e.Line != 0:
		row("rule", fmt.Sprintf("%s:%d: %s", e.Config, e.Line, e.Rule))
		row("because", map[bool]string{true: "it names everybody", false: "it names " + e.Match}[e.Match == "*"])
	case e.Match == "default":
		row("rule", "none in "+e.Config+"; the default: "+e.Rule)
	default:
		row("rule", "none in "+e.Config)
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
		row("tuple", "no session")
	}
	row("authenticate", e.Authenticate+" (pam_cap.so's word in its authenticate phase)")
}

func names(iab *cap.IAB, v cap.Vector) string {
	var all []string
	for c := cap.Value(0); c < cap.MaxBits(); c++ {
		if on, err := iab.GetVector(v, c); err == nil && on {
			all = append(all, c.String())
		}
	}
	if all == nil {
		return "nothing"
	}
	return strings.Join(all, ",")
}
