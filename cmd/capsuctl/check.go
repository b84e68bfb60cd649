package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"capsu/account"
	"capsu/capability"
	"capsu/policy"
	"capsu/say"
	"capsu/site"
	"capsu/stack"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// finding is something that an administrator should know about a configuration file.
type finding struct {
	File string `json:"file"`
	Line int    `json:"line"` // 0: the file as a whole
	Text string `json:"text"`
}

// What the two programs do with a faulty rule.
const (
	refused    = "pam_cap.so changes nothing, capsu refuses the session"
	nobody     = "for both programs it matches nobody"
	namesNoOne = "the rule names nobody, and has no effect"
)

// check reports findings in capsu.conf and in the policy.
func check(args []string) int {
	f := newFlags("check [options] [FILE]")
	prog := f.String("program", "", "compare with the file capabilities of this capsu")
	conf := f.String("conf", site.DefaultFile, "read this site configuration, for example a draft, even if others may write it")
	asJSON := f.Bool("json", false, "print JSON")
	if status, done := parse(f, args, "[FILE]"); done {
		return status
	}
	granted := permitted(*prog)
	if granted == nil {
		granted = func(cap.Value) bool { return true }
	}
	s := siteChecker{file: *conf, granted: granted}
	read := s.run()
	findings := s.findings
	files, _, _ := policies(read)
	if f.NArg() != 0 {
		files = f.Args()
	}
	for _, file := range files {
		c := checker{file: file, granted: granted, users: map[string]int{}, groups: map[string]int{}, rules: map[string]int{}}
		if err := c.run(read); err != nil {
			return fail(err)
		}
		findings = append(findings, c.findings...)
	}
	if *asJSON {
		if err := printJSON(append([]finding{}, findings...)); err != nil {
			return fail(err)
		}
	} else {
		for _, f := range findings {
			where := f.File
			if f.Line != 0 {
				where = fmt.Sprintf("%s:%d", f.File, f.Line)
			}
			fmt.Println(say.Escape(where + ": " + f.Text))
		}
	}
	noteModule()
	if len(findings) > 0 {
		return exitFinding
	}
	return exitGood
}

// checker checks the rules of a policy file, in order.
type checker struct {
	file     string
	granted  func(cap.Value) bool
	settings *site.Settings // those of the top level
	findings []finding

	// The lines of earlier rules.
	everybody     int            // the one that names *, or 0
	users, groups map[string]int // by the user or group that they name
	rules         map[string]int // by their text
}

func (c *checker) report(line int, format string, a ...any) {
	c.findings = append(c.findings, finding{c.file, line, fmt.Sprintf(format, a...)})
}

func (c *checker) run(conf *site.Config) (err error) {
	if c.settings, err = conf.Decide(nil, nil); err != nil {
		return err
	}
	if _, err := os.Lstat(c.file); errors.Is(err, os.ErrNotExist) && c.file == policy.DefaultFile {
		warn("note", fmt.Errorf("%s: does not exist: no rules", c.file))
		return nil
	}
	if err := policy.Check(c.file); err != nil {
		var e *policy.Error
		if !errors.As(err, &e) || c.file != c.settings.File {
			warn("warning", fmt.Errorf("%w; capsu would refuse it", err))
		} else {
			c.report(0, "%v: pam_cap.so may read it, capsu opens no session", e.Err)
		}
	}
	for r, err := range policy.Rules(c.file) {
		if err != nil {
			return err
		}
		if r.NotText != nil {
			c.report(r.Line, "%v: pam_cap.so takes it for part of a word, capsu opens no session for a target that no line above names", r.NotText)
		}
		if r.Length > 4095 {
			c.report(r.Line, "%d bytes: pam_cap.so reads what follows the first 4095 as another rule, capsu reads one", r.Length)
		}
		if r.Word == "" || r.Word[0] == '#' {
			continue
		}
		c.checkTuple(r)
		if err := c.checkNames(r); err != nil {
			return err
		}
	}
	return nil
}

// checkTuple checks a rule's grant.
func (c *checker) checkTuple(r policy.Rule) {
	consequence := refused
	if !slices.ContainsFunc(r.Who, exists) {
		consequence = namesNoOne
	}
	if r.Fault != nil {
		if tuple := swapped(r); tuple != "" {
			c.report(r.Line, "%q is %s, and %q a tuple: a rule begins with its tuple: %s", r.Word, kindOf(r.Word), tuple, consequence)
			return
		}
		c.report(r.Line, "%v%s: %s", r.Fault, guessMeant(r), consequence)
		return
	}
	if r.IAB == nil {
		return
	}
	if err := c.settings.Grantable(r.IAB, 0); err != nil {
		c.report(r.Line, "%v", err)
	}
	if values, err := policy.BeyondKernel(r.Word); err == nil {
		for _, v := range values {
			c.report(r.Line, "capability %d: this kernel does not have it; for both programs it has no effect", v)
		}
	}
	var beyond *policy.BeyondError
	if err := policy.Beyond(r.IAB, c.granted, capability.Bounded); errors.As(err, &beyond) {
		if beyond.Bounding || consequence == namesNoOne {
			c.report(r.Line, "%v: %s", err, consequence)
		} else {
			c.report(r.Line, "%v: capsu refuses the session unless root calls; give capsu's file the capability ('capsuctl filecaps')", err)
		}
	}
	for v := range capability.All() {
		ambient, _ := r.IAB.GetVector(cap.Amb, v)
		blocked, _ := r.IAB.GetVector(cap.Bound, v)
		if ambient && blocked {
			c.report(r.Line, "%v: granted as Ambient and blocked: the session has it, and no program that it runs can regain it", v)
		}
		if blocked && (v == cap.SETUID || v == cap.SETGID || v == cap.SETPCAP) {
			c.report(r.Line, "%v: blocked: set-uid programs that the session runs cannot give up root, and may stay root where they think they are not", v)
		}
	}
}

// guessMeant guesses the meaning of a word that is no tuple. It is "" without a guess.
func guessMeant(r policy.Rule) string {
	word := strings.ToLower(r.Word)
	if word == "all" || word == "none" {
		return fmt.Sprintf(" (is %q meant?)", word)
	}
	if _, err := policy.ParseIAB("cap_" + word); err == nil {
		return fmt.Sprintf(" (is %q meant?)", "cap_"+word)
	}
	return ""
}

// swapped returns the tuple that stands after a name, if a rule begins with a name; else "".
func swapped(r policy.Rule) string {
	if !exists(r.Word) {
		return ""
	}
	for _, word := range r.Who {
		if isTuple(word) {
			return word
		}
	}
	return ""
}

// isTuple tells whether a word among the names is a tuple and not a name.
func isTuple(word string) bool {
	_, err := policy.ParseIAB(word)
	return !exists(word) && (word == "all" || word == "none" || err == nil)
}

func kindOf(name string) string {
	switch {
	case name == "*":
		return "everybody"
	case name[0] == '@':
		return "a group"
	}
	return "a user"
}

// checkNames checks the users and groups that a rule names, and whether an earlier rule
// decides for them.
func (c *checker) checkNames(r policy.Rule) error {
	if len(r.Who) == 0 {
		c.report(r.Line, "names nobody: the rule has no effect")
		return nil
	}
	if first := c.rules[r.Text]; first != 0 {
		c.report(r.Line, "the same as line %d", first)
	} else if c.everybody != 0 {
		c.report(r.Line, "never reached: line %d names everybody", c.everybody)
	}
	reached := c.everybody == 0 && c.rules[r.Text] == 0
	if c.rules[r.Text] == 0 {
		c.rules[r.Text] = r.Line
	}
	comment, tuple := false, ""
	if r.Fault != nil {
		tuple = swapped(r) // checkTuple has reported it
	}
	for i, word := range r.Who {
		if strings.HasPrefix(word, "#") && !comment {
			comment = true
			c.checkComment(r.Line, word, r.Who[i+1:])
		}
		if comment && (word[0] == '#' || !exists(word)) {
			continue
		}
		if tuple != "" && isTuple(word) {
			continue
		}
		if slices.Contains(r.Who[:i], word) {
			c.report(r.Line, "%s: named twice", word)
			continue
		}
		if err := c.checkName(r.Line, word, reached); err != nil {
			return err
		}
	}
	return nil
}

// checkComment reports the words after a # at the end of a rule, which begins no comment.
func (c *checker) checkComment(line int, word string, rest []string) {
	text := "begins no comment after a rule: the words after it are names too"
	if real := slices.DeleteFunc(slices.Clone(rest), func(w string) bool { return !exists(w) }); len(real) > 0 {
		text += ", and the rule applies to " + strings.Join(real, ", ")
	}
	c.report(line, "%q %s; a comment stands on a line of its own", word, text)
}

// exists tells whether a word names an existing user or group, or is *.
func exists(word string) bool {
	if group, is := strings.CutPrefix(word, "@"); is {
		_, canonical, err := account.Group(group)
		return err == nil && canonical
	}
	u, err := account.ByName(word)
	return word == "*" || err == nil && u.Name == word
}

// checkName checks one word. reached is false if an earlier rule names *.
func (c *checker) checkName(line int, word string, reached bool) error {
	if word == "*" {
		if reached {
			c.everybody = line
		}
		return nil
	}
	if group, is := strings.CutPrefix(word, "@"); is {
		return c.checkGroup(line, word, group, reached)
	}
	u, err := account.ByName(word)
	switch {
	case looksLikeTuple(word):
		c.report(line, "%q is taken for a user name: a tuple has commas and no blanks", word)
	case strings.Contains(word, "*"):
		c.report(line, "%q is no wildcard, only * alone is: %s", word, nobody)
	case errors.Is(err, account.ErrUnknown):
		c.report(line, "%s: no such user: %s", word, nobody)
	case err != nil:
		return err
	case u.Name != word:
		c.report(line, "%s: the name service calls this user %s: %s", word, u.Name, nobody)
	case reached:
		return c.checkEarlier(line, u)
	}
	return nil
}

func looksLikeTuple(word string) bool {
	bare := strings.ToLower(strings.TrimLeft(word, "!^%"))
	return bare != strings.ToLower(word) || strings.HasPrefix(bare, "cap_") || strings.Contains(bare, ",")
}

func (c *checker) checkGroup(line int, word, group string, reached bool) error {
	_, canonical, err := account.Group(group)
	switch {
	case errors.Is(err, account.ErrUnknown):
		c.report(line, "%s: no such group: %s", word, nobody)
	case err != nil:
		return err
	case !canonical:
		c.report(line, "%s: the name service has another name for this group: %s", word, nobody)
	case !reached:
	case c.groups[group] != 0:
		c.report(line, "%s: line %d decides already", word, c.groups[group])
	default:
		c.groups[group] = line
	}
	return nil
}

// checkEarlier reports an earlier rule that decides for a user.
func (c *checker) checkEarlier(line int, u *account.User) error {
	if first := c.users[u.Name]; first != 0 {
		c.report(line, "%s: line %d decides already", u.Name, first)
		return nil
	}
	c.users[u.Name] = line
	if len(c.groups) == 0 {
		return nil
	}
	groups, err := u.Groups()
	if err != nil {
		return err
	}
	earliest, by := line, ""
	for group, first := range c.groups {
		if first >= earliest {
			continue
		}
		member, err := account.Member(groups, group)
		if err != nil {
			return err
		}
		if member {
			earliest, by = first, group
		}
	}
	if by != "" {
		c.report(line, "%s: belongs to @%s, for which line %d decides already", u.Name, by, earliest)
	}
	return nil
}

// noteModule notes that pam_cap.so is in a service's stack too.
func noteModule() {
	for _, service := range services {
		modules, err := stack.Read(service)
		if err != nil {
			continue // filecaps reports it
		}
		for _, m := range modules {
			if m.Name == "pam_cap.so" {
				warn("note", fmt.Errorf("%s:%d: pam_cap.so is in the stack of %s too: where capsu has no rule, what it grants stands", m.File, m.Line, service))
				return
			}
		}
	}
}
