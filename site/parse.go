package site

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"capsu/trustedfile"
)

// Config is a site configuration that has been read.
type Config struct {
	File   string
	scopes []scope // the top level first
}

// scope is the top level or a block, with its lines in order.
type scope struct {
	kind  string // "", Caller or Target
	who   string
	line  int
	lines []statement
}

// statement is a line with a directive.
type statement struct {
	*directive
	words []string
	line  int
}

func (s *scope) String() string {
	if s.kind == "" {
		return ""
	}
	return "<" + s.kind + " " + s.who + ">"
}

// Read reads DefaultFile for a session, and fails with the first fault. word checks the
// value of CapabilityDefault, which is in the policy's language. If the file is missing,
// Read returns a Config with the defaults.
func Read(word func(string) error) (*Config, error) {
	f, err := trustedfile.Open(DefaultFile)
	if errors.Is(err, trustedfile.ErrMissing) {
		return missing(DefaultFile), nil
	}
	if err != nil {
		return nil, &trustedfile.Error{File: DefaultFile, Err: err}
	}
	defer f.Close()
	c, faults := parse(f, DefaultFile, word)
	if len(faults) > 0 {
		return nil, faults[0]
	}
	return c, nil
}

// Check reads a file, and returns every fault with what it could read. Only of DefaultFile
// it checks who may write it.
func Check(path string, word func(string) error) (*Config, []error) {
	var faults []error
	if path == DefaultFile {
		f, err := trustedfile.Open(path)
		switch {
		case errors.Is(err, trustedfile.ErrMissing):
			return missing(path), nil
		case err != nil: // go on, to report the faults in it too
			faults = append(faults, &trustedfile.Error{File: path, Err: err})
		default:
			f.Close()
		}
	}
	f, err := trustedfile.OpenDraft(path)
	if err != nil {
		if len(faults) == 0 {
			faults = append(faults, &trustedfile.Error{File: path, Err: err})
		}
		return missing(path), faults
	}
	defer f.Close()
	c, more := parse(f, path, word)
	return c, append(faults, more...)
}

// missing returns the configuration of a file that does not exist.
func missing(path string) *Config { return &Config{File: path, scopes: make([]scope, 1)} }

// parse reads directives and blocks. It goes on after a fault, and returns all faults.
func parse(r io.Reader, path string, word func(string) error) (*Config, []error) {
	c := missing(path)
	p := parser{config: c, word: word, scratch: defaults(path)}
	var faults []error
	lines := trustedfile.NewLines(r)
	for {
		line, err := lines.Next()
		if err == io.EOF {
			break
		}
		if line == nil && err != nil {
			return c, append(faults, &trustedfile.Error{File: path, Line: lines.Number, Err: err})
		}
		if err == nil {
			err = p.line(string(line), lines.Number)
		}
		if err != nil {
			faults = append(faults, &trustedfile.Error{File: path, Line: lines.Number, Err: err})
		}
	}
	if p.open {
		last := &c.scopes[len(c.scopes)-1]
		faults = append(faults, &trustedfile.Error{File: path, Line: last.line, Err: fmt.Errorf("%v: is not closed", last)})
	}
	return c, faults
}

type parser struct {
	config  *Config
	word    func(string) error
	scratch *Settings // values are tried on these settings
	open    bool      // in a block
}

// line reads one line, which may be empty or a comment.
func (p *parser) line(line string, number int) error {
	words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
	for i, w := range words {
		if w[0] == '#' {
			words = words[:i]
			break
		}
	}
	switch {
	case len(words) == 0:
		return nil
	case words[0][0] == '<':
		return p.block(strings.Join(words, " "), number)
	}
	d := find(words[0])
	if d == nil {
		return fmt.Errorf("unknown directive %q", words[0])
	}
	in := &p.config.scopes[0]
	if p.open {
		in = &p.config.scopes[len(p.config.scopes)-1]
	}
	for _, s := range in.lines {
		if s.directive == d {
			return fmt.Errorf("%s: stands in line %d already", d.name, s.line)
		}
	}
	if in.kind == targets && d.early {
		return fmt.Errorf("%s: is used before the target is known, and cannot stand in a Target block", d.name)
	}
	err := d.set(p.scratch, words[1:])
	if err == nil && d.name == "CapabilityDefault" {
		err = p.word(words[1])
	}
	if err != nil {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	in.lines = append(in.lines, statement{d, words[1:], number})
	return nil
}

const (
	callers = "Caller"
	targets = "Target"
)

// block reads the line that begins or ends a block. Blocks do not nest.
func (p *parser) block(text string, number int) error {
	inner, closed := strings.CutSuffix(text[1:], ">")
	words := strings.Fields(inner)
	if !closed || len(words) == 0 {
		return fmt.Errorf("%q is neither <Caller NAME>, <Target NAME> nor the end of one", text)
	}
	if name, is := strings.CutPrefix(words[0], "/"); is && len(words) == 1 {
		kind := p.config.scopes[len(p.config.scopes)-1].kind
		if !p.open || !strings.EqualFold(name, kind) {
			return fmt.Errorf("%q ends no block that is open", text)
		}
		p.open = false
		return nil
	}
	if p.open {
		return fmt.Errorf("%q in a block: blocks do not nest", text)
	}
	kind, err := choose(words[0], callers, targets)
	switch {
	case err != nil:
		return fmt.Errorf("block %w", err)
	case len(words) != 2:
		return fmt.Errorf("<%s ...>: takes one user or @group", kind)
	case words[1] == "*" || words[1] == "@":
		return fmt.Errorf("<%s %s>: names one user or @group", kind, words[1])
	}
	p.config.scopes = append(p.config.scopes, scope{kind: kind, who: words[1], line: number})
	p.open = true
	return nil
}
