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
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

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

// Subject is who asks for whom. Group membership is asked for by name, once
// for each group that a rule above the deciding one names.
type Subject struct {
	Caller string // name of the real uid that started capsu
	Target string // the passwd entry's own name
	// Member tells whether the target belongs to the named group.
	Member func(group string) (bool, error)
}

// Decision is what the policy says of a Subject, and why.
type Decision struct {
	File   string
	Line   int    // of the deciding rule; 0 if none
	Rule   string // the line's text, trimmed
	Match  string // the word that matched: a user, @group or *
	Action Action
	IAB    *cap.IAB // with Set: the tuple; its Bound vector is what is blocked
}

// Error is a fault in a policy file: object, then fault.
type Error struct {
	File string
	Line int // 0: the file as a whole
	Err  error
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Decide returns what the first rule that names the target says.
// A missing file at the default place means no rules (spec 5.2).
func Decide(path string, s Subject) (Decision, error) {
	f, err := open(path)
	if errors.Is(err, errMissing) && path == DefaultFile {
		return Decision{File: path, Action: Ignore}, nil
	}
	if err != nil {
		return Decision{}, &Error{File: path, Err: err}
	}
	defer f.Close()
	return decide(f, path, s)
}

// decide looks for the first matching line. Lines up to it must be text: a
// control character or a byte-order mark there may hide a rule from a reader.
func decide(r io.Reader, path string, s Subject) (Decision, error) {
	d := Decision{File: path, Action: Ignore}
	lines := bufio.NewReaderSize(r, 64<<10)
	groups := map[string]bool{}
	for n := 1; ; n++ {
		line, err := readLine(lines)
		if err == io.EOF {
			return d, nil
		}
		fail := func(err error) (Decision, error) {
			return Decision{}, &Error{File: path, Line: n, Err: err}
		}
		if err != nil {
			return fail(err)
		}
		if err := checkText(line, n); err != nil {
			return fail(err)
		}
		word, who := cut(line)
		if word == "" || word[0] == '#' {
			continue
		}
		match, err := find(who, s, groups)
		if err != nil {
			return fail(err)
		}
		if match == "" {
			continue
		}
		d.Line, d.Rule, d.Match = n, strings.Trim(line, delimiters), match
		if d.Action, d.IAB, err = parseRule(word); err != nil {
			return fail(err)
		}
		return d, nil
	}
}

// readLine returns the next line without its newline, of whatever length: one
// line is one rule.
func readLine(r *bufio.Reader) (string, error) {
	var long []byte
	for {
		part, err := r.ReadSlice('\n')
		switch {
		case err == bufio.ErrBufferFull:
			long = append(long, part...)
			continue
		case err == io.EOF && len(long)+len(part) > 0, err == nil:
			if long != nil {
				part = append(long, part...)
			}
			return strings.TrimSuffix(string(part), "\n"), nil
		}
		return "", err
	}
}

const delimiters = " \t"

// cut splits off the first word. It returns the rest from the delimiter on.
func cut(s string) (word, rest string) {
	s = strings.TrimLeft(s, delimiters)
	if i := strings.IndexAny(s, delimiters); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// find returns the first word of who that names the target: a user name,
// @group, or * alone. Anything that does not start with @ is a user name.
func find(who string, s Subject, groups map[string]bool) (string, error) {
	for word, rest := cut(who); word != ""; word, rest = cut(rest) {
		if word[0] != '@' {
			if word == "*" || word == s.Target {
				return word, nil
			}
			continue
		}
		member, known := groups[word]
		if !known {
			var err error
			if member, err = s.Member(word[1:]); err != nil {
				return "", err
			}
			groups[word] = member
		}
		if member {
			return word, nil
		}
	}
	return "", nil
}

func checkText(line string, n int) error {
	if n == 1 && strings.HasPrefix(line, "\ufeff") {
		return errors.New("byte-order mark")
	}
	for i := 0; i < len(line); i++ {
		if c := line[i]; c < ' ' && c != '\t' || c == 0x7f {
			return fmt.Errorf("control character 0x%02x", c)
		}
	}
	return nil
}

func parseRule(word string) (Action, *cap.IAB, error) {
	switch word {
	case "all":
		return All, nil, nil
	case "none":
		return None, nil, nil
	}
	iab, err := ParseIAB(word)
	return Set, iab, err
}
