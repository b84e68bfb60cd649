package site

import (
	"strings"

	"capsu/trustedfile"
)

// Who is somebody whom blocks may name. Each name is asked for once, also over
// several decisions: a session sees one answer.
type Who struct {
	named, member func(name string) (bool, error)
	known         map[string]bool
}

// NewWho returns somebody by two questions: whether a user name is his, and
// whether he belongs to the named group.
func NewWho(named, member func(name string) (bool, error)) *Who {
	return &Who{named, member, map[string]bool{}}
}

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

// Decide returns what holds for a caller and a target: the defaults, the top
// level, and each block that names one of them, of which the last one that says
// something wins. The target is nil as long as it is not known: what is used
// before then stands in no Target block. A caller who is nil is in no block.
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
			if err := l.set(s, l.words); err != nil { // parse has tried it
				return nil, &trustedfile.Error{File: c.File, Line: l.line, Err: err}
			}
			s.origins[l.name] = Origin{l.name, strings.Join(l.words, " "), c.File, l.line, in.String()}
		}
	}
	return s, nil
}

// Each calls f for every directive of the file, in order.
func (c *Config) Each(f func(o Origin)) {
	for i := range c.scopes {
		for _, l := range c.scopes[i].lines {
			f(Origin{l.name, strings.Join(l.words, " "), c.File, l.line, c.scopes[i].String()})
		}
	}
}

// Blocks calls f for every block: whom it names, a user or @group.
func (c *Config) Blocks(f func(line int, who string, directives int)) {
	for _, in := range c.scopes[1:] {
		f(in.line, in.who, len(in.lines))
	}
}
