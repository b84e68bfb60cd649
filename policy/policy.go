// Package policy reads capability.conf and decides which inheritable tuple a
// session may have. It reads the file as pam_cap.so does (seeds: pam_cap;
// libcap's pam_cap.c) and is stricter in one respect: what pam_cap.so ignores
// because it cannot do it, is an error here, and an error means no session.
//
// When no rule matches, the Decision's Action is Ignore: the session keeps
// what the modules of the PAM stack gave it.
//
// The package needs no privilege, changes nothing and prints nothing. Names
// are resolved by what the caller passes in, and only when a rule asks.
package policy

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"

	"capsu/trustedfile"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// DefaultFile is where pam_cap.so looks too.
const DefaultFile = "/etc/security/capability.conf"

// Action is what a rule does with the prevailing tuple.
type Action string

const (
	Ignore Action = "ignore" // no rule: leave what is there
	Set    Action = "set"    // replace Inheritable and Ambient, block Bounding
	All    Action = "all"    // pass the prevailing tuple through
	None   Action = "none"   // empty Inheritable and Ambient, leave Bounding
)

// Parameters are what a site sets beside the rules.
type Parameters struct {
	File    string // pam_cap.so's config=; empty: DefaultFile
	Default string // pam_cap.so's default=: the word before the names, for targets without a rule; empty: none
	Require bool   // a target without rule and default is refused
	// Draft does not ask who else may write the file: for one's own draft,
	// which nobody is granted anything by.
	Draft bool
}

// Subject is who asks for whom. Group membership is asked for by name, once
// for each group that a rule above the deciding one names.
type Subject struct {
	Caller string // name of the real uid that started capsu
	Target string // the passwd entry's own name
	// Member tells whether the target belongs to the named group.
	Member func(group string) (bool, error)
}

// Decision is what the policy says of a Subject, and why. Beside an error it
// says which rule is at fault, and has no Action.
type Decision struct {
	File   string
	Line   int    // of the deciding rule; 0 if none
	Rule   string // the line's text, trimmed; of the default: its word
	Match  string // the word that matched: a user, @group or *; or "default"
	Action Action
	IAB    *cap.IAB // with Set: the tuple; its Bound vector is what is blocked
}

// Error is a fault in a policy file.
type Error = trustedfile.Error

// ErrNoRule is what Require makes of a target without rule and default.
var ErrNoRule = errors.New("no rule names the target, and CapabilityRequire is on")

// Decide returns what the first rule that names the target says, else the
// default. A missing file at the default place means no rules (spec 5.2).
func Decide(p Parameters, s Subject) (Decision, error) {
	path := cmp.Or(p.File, DefaultFile)
	d := Decision{File: path, Action: Ignore}
	f, err := open(path, p.Draft)
	switch {
	case errors.Is(err, trustedfile.ErrMissing) && path == DefaultFile:
	case err != nil:
		return Decision{File: path}, &Error{File: path, Err: err}
	default:
		defer f.Close()
		if d, err = decide(f, path, s); err != nil {
			return d, err
		}
	}
	switch {
	case d.Line != 0:
	case p.Default != "":
		d.Rule, d.Match = p.Default, "default"
		if d.Action, d.IAB, err = parseRule(p.Default); err != nil {
			return d, fmt.Errorf("default %s: %w", p.Default, err)
		}
	case p.Require:
		d.Action = ""
		return d, &Error{File: path, Err: fmt.Errorf("%s: %w", s.Target, ErrNoRule)}
	}
	return d, nil
}

func open(path string, draft bool) (*os.File, error) {
	if draft {
		return trustedfile.OpenDraft(path)
	}
	return trustedfile.Open(path)
}

// Check tells why a file must not be relied on as a policy, if it must not:
// what Decide would say of it without reading it.
func Check(path string) error {
	f, err := trustedfile.Open(path)
	if errors.Is(err, trustedfile.ErrMissing) && path == DefaultFile {
		return nil
	}
	if err != nil {
		return &Error{File: path, Err: err}
	}
	return f.Close()
}

// decide looks for the first matching line. Lines up to it must be text: a
// control character or a byte-order mark there may hide a rule from a reader.
func decide(r io.Reader, path string, s Subject) (Decision, error) {
	d := Decision{File: path, Action: Ignore}
	lines := trustedfile.NewLines(r)
	groups := map[string]bool{}
	for {
		line, err := lines.Next()
		if err == io.EOF {
			return d, nil
		}
		var match string
		if err == nil {
			match, err = find(line, s, groups)
		}
		if err == nil && match == "" {
			continue
		}
		if match != "" {
			d.Line, d.Rule, d.Match = lines.Number, trim(line), match
			word, _ := cut(line)
			d.Action, d.IAB, err = parseRule(string(word))
		}
		if err != nil {
			d.Action = ""
			return d, &Error{File: path, Line: lines.Number, Err: err}
		}
		return d, nil
	}
}

// find returns the first word of a rule that names the target: a user name,
// @group, or * alone. Anything that does not start with @ is a user name.
func find(line []byte, s Subject, groups map[string]bool) (string, error) {
	word, rest := cut(line)
	if len(word) == 0 || word[0] == '#' {
		return "", nil
	}
	for word, rest = cut(rest); len(word) != 0; word, rest = cut(rest) {
		if word[0] != '@' {
			if len(word) == 1 && word[0] == '*' || string(word) == s.Target {
				return string(word), nil
			}
			continue
		}
		member, known := groups[string(word)]
		if !known {
			var err error
			if member, err = s.Member(string(word[1:])); err != nil {
				return "", err
			}
			groups[string(word)] = member
		}
		if member {
			return string(word), nil
		}
	}
	return "", nil
}

// CheckWord tells why a rule's first word, or a default, grants nothing: it is
// neither a tuple nor all nor none.
func CheckWord(word string) error {
	_, _, err := parseRule(word)
	return err
}

func parseRule(word string) (Action, *cap.IAB, error) {
	switch word {
	case "all":
		return All, nil, nil
	case "none":
		return None, nil, nil
	}
	iab, err := ParseIAB(word)
	if err != nil {
		return "", nil, err
	}
	return Set, iab, nil
}
