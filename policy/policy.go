// Package policy reads capability.conf and decides the tuple of a session. It reads the
// file as pam_cap.so does (pam_cap.c in libcap), and is stricter in one respect: pam_cap.so
// ignores a rule that it cannot apply. Here that is an error, and an error means no session.
//
// If no rule matches, the Decision's Action is Ignore: the session keeps what the modules
// of the PAM stack have given it.
//
// Nothing is privileged while it runs. It changes and prints nothing, and any thread may
// call it. It looks names up by functions that it is given, and only if a rule has them.
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

// DefaultFile is the default of pam_cap.so, too.
const DefaultFile = "/etc/security/capability.conf"

// Action says how the decision changes the tuple that the modules leave.
type Action string

const (
	Ignore Action = "ignore" // no rule: keep it
	Set    Action = "set"    // replace Inheritable and Ambient, block Bounding
	All    Action = "all"    // keep it, and add the caller's Inheritable
	None   Action = "none"   // empty Inheritable and Ambient, leave Bounding
)

// Parameters are the site's settings for the policy.
type Parameters struct {
	File    string // pam_cap.so's config=; empty: DefaultFile
	Default string // pam_cap.so's default=: the grant of targets without a rule; empty: none
	Require bool   // refuse a target without a rule and without a default
	// Draft skips the check of who may write the file. It is for a draft that grants
	// nothing yet.
	Draft bool
}

// Subject is a caller with a target. Decide calls Member once for each group that it meets
// in the rules.
type Subject struct {
	Caller string // the caller's name
	Target string // the passwd entry's own name
	// Member tells whether the target belongs to the named group.
	Member func(group string) (bool, error)
}

// Decision is the policy's decision for a Subject, and its reason. With an error it names
// the rule at fault, and has no Action.
type Decision struct {
	File   string
	Line   int    // of the deciding rule; 0 if none
	Rule   string // the rule's line, trimmed; or the default
	Match  string // the word that matched: a user, @group or *; or "default"
	Action Action
	IAB    *cap.IAB // with Set: the tuple; its Bound vector has the blocked capabilities
}

// Error is a fault in a policy file.
type Error = trustedfile.Error

// ErrNoRule says that Require refuses a target without a rule and without a default.
var ErrNoRule = errors.New("no rule names the target, and CapabilityRequire is on")

// Decide returns the decision of the first rule that names the target, otherwise that of
// the default. If DefaultFile is missing, there are no rules; any other missing file is an
// error. Errors are an *Error, or name the default.
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

// Check fails if Decide would not open a file. It does not read it.
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

// decide finds the first matching line. The lines up to it must be text, as a control
// character or a byte-order mark may hide a rule from a reader.
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

// find returns the first word of a rule that names the target: @group, * alone, or a user
// name, which is any other word.
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

// CheckWord fails if a rule's first word, or a default, is not a tuple, all or none.
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
