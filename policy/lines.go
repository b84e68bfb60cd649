package policy

import (
	"bytes"
	"io"
	"iter"

	"capsu/trustedfile"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

func delimiter(c byte) bool { return c == ' ' || c == '\t' }

// cut splits off the first word. The rest begins with the delimiter.
func cut(line []byte) (word, rest []byte) {
	begin := 0
	for begin < len(line) && delimiter(line[begin]) {
		begin++
	}
	end := begin
	for end < len(line) && !delimiter(line[end]) {
		end++
	}
	return line[begin:end], line[end:]
}

func trim(line []byte) string { return string(bytes.Trim(line, " \t")) }

// Rule is a line of a policy. Rules returns them all; Decide does not use it.
type Rule struct {
	Line    int
	Text    string // trimmed
	Length  int    // in bytes, without the newline
	Word    string // the grant: a tuple's text, all or none
	Who     []string
	NotText error // why the line is not text; nil if it is
	Fault   error // why Word grants nothing; nil if it does
	Action  Action
	IAB     *cap.IAB
}

// Rules returns every rule of a file, even those that no session reaches. It skips comments
// and empty lines, unless they are not text. An error is the file's, and comes last. Rules
// does not check who may write the file.
func Rules(path string) iter.Seq2[Rule, error] {
	return func(yield func(Rule, error) bool) {
		f, err := trustedfile.OpenDraft(path)
		if err != nil {
			yield(Rule{}, &Error{File: path, Err: err})
			return
		}
		defer f.Close()
		for lines := trustedfile.NewLines(f); ; {
			line, err := lines.Next()
			if err == io.EOF {
				return
			}
			r := Rule{Line: lines.Number, Text: trim(line), Length: len(line), NotText: err}
			if line == nil && err != nil {
				yield(r, &Error{File: path, Line: r.Line, Err: err})
				return
			}
			word, rest := cut(line)
			if comment := len(word) == 0 || word[0] == '#'; comment && err == nil {
				continue
			}
			r.Word = string(word)
			for word, rest = cut(rest); len(word) != 0; word, rest = cut(rest) {
				r.Who = append(r.Who, string(word))
			}
			r.Action, r.IAB, r.Fault = parseRule(r.Word)
			if !yield(r, nil) {
				return
			}
		}
	}
}
