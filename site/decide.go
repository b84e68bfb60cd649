package site

import (
	"strings"

	"capsu/trustedfile"
)

// Who is a caller or target, whom blocks may name. It looks each name up once, so that all
// decisions of a session see the same answer.
type Who struct {
	named, member func(name string) (bool, error)
	known         map[string]bool
}

// NewWho returns a Who by two functions: named tells whether a user name is theirs, member
// whether they belong to a group.
func NewWho(named, member func(name string) (bool, error)) *Who {
	return &Who{named, member, map[string]bool{}}
}

// is tells whether name, a user or @group, names w. nil has no names.
func (w *Who) is(name string) (bool, error) {
	if w == nil {
		return false, nil
	}
	is, known := w.known[name]
	if known {
		return is, nil
	}
	var err error
	if group, isGroup := strings.CutPrefix(name, "@"); isGroup {
		is, err = w.member(group)
	} else {
		is, err = w.named(name)
	}
	if err == nil {
		w.known[name] = is
	}
	return is, err
}

// Decide returns the settings for a caller and a target. It starts from the defaults and
// applies the top level and then, in order, the blocks that name one of the two. A nil
// caller or target is in no block: pass nil for a target that is not known yet. Directives
// used before the target is known cannot stand in a Target block. Decide fails if a name
// cannot be looked up.
func (c *Config) Decide(caller, target *Who) (*Settings, error) {
	s := defaults(c.File)
	for i := range c.scopes {
		in := &c.scopes[i]
		applies, err := in.kind == "", error(nil)
		switch in.kind {
		case callers:
			applies, err = caller.is(in.who)
		case targets:
			applies, err = target.is(in.who)
		}
		if err != nil {
			return nil, &trustedfile.Error{File: c.File, Line: in.line, Err: err}
		}
		if !applies {
			continue
		}
		for _, l := range in.lines {
			if err := l.set(s, l.words); err != nil { // does not happen: parse has tried it
				return nil, &trustedfile.Error{File: c.File, Line: l.line, Err: err}
			}
			s.origins[l.name] = Origin{l.name, strings.Join(l.words, " "), c.File, l.line, in.String()}
		}
	}
	return s, nil
}

// Each calls f for every directive in the file, in order.
func (c *Config) Each(f func(o Origin)) {
	for i := range c.scopes {
		for _, l := range c.scopes[i].lines {
			f(Origin{l.name, strings.Join(l.words, " "), c.File, l.line, c.scopes[i].String()})
		}
	}
}

// Blocks calls f for every block; who is the user or @group that it names.
func (c *Config) Blocks(f func(line int, who string, directives int)) {
	for _, in := range c.scopes[1:] {
		f(in.line, in.who, len(in.lines))
	}
}
