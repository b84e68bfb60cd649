package policy

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// lines reads a policy a line at a time, of whatever length: one line is one
// rule. What it returns is valid until the next call; nothing is kept.
type lines struct {
	r      *bufio.Reader
	number int
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, 64<<10)} }

// next returns the next line without its newline, or io.EOF. A line that is
// not text comes with an error that says why.
func (l *lines) next() ([]byte, error) {
	var long []byte
	for {
		part, err := l.r.ReadSlice('\n')
		switch {
		case err == bufio.ErrBufferFull:
			long = append(long, part...)
			continue
		case err == io.EOF && len(long)+len(part) > 0, err == nil:
			if long != nil {
				part = append(long, part...)
			}
			l.number++
			line := bytes.TrimSuffix(part, []byte("\n"))
			return line, checkText(line, l.number)
		}
		return nil, err
	}
}

var byteOrderMark = []byte("\ufeff")

func checkText(line []byte, number int) error {
	if number == 1 && bytes.HasPrefix(line, byteOrderMark) {
		return errors.New("byte-order mark")
	}
	for rest := line; ; rest = rest[8:] {
		if len(rest) >= 8 && !suspicious(binary.LittleEndian.Uint64(rest)) {
			continue
		}
		for _, c := range rest[:min(8, len(rest))] {
			if c < ' ' && c != '\t' || c == 0x7f {
				return fmt.Errorf("control character 0x%02x", c)
			}
		}
		if len(rest) <= 8 {
			return nil
		}
	}
}

// suspicious tells whether one of eight bytes may be below a blank or be
// 0x7f: a large policy is read for every session, and most of the time went
// into looking at its bytes one by one.
func suspicious(eight uint64) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	deleted := eight ^ 0x7f*each
	return ((eight-' '*each)&^eight|(deleted-each)&^deleted)&high != 0
}

func delimiter(c byte) bool { return c == ' ' || c == '\t' }

// cut splits off the first word. It returns the rest from the delimiter on.
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

// Rule is a line of a policy as it is read, for who looks at all of them.
type Rule struct {
	Line    int
	Text    string // trimmed
	Length  int    // in bytes, without the newline
	Word    string // what is granted: IAB text, all or none
	Who     []string
	NotText error // why the line is not text; nil if it is
	Fault   error // why its word is no tuple; nil if it is one
	Action  Action
	IAB     *cap.IAB
}

// Rules returns every rule of a file, also the unreachable ones: comments and
// empty lines only where they are at fault. The error, which comes last, is
// the file's.
func Rules(path string) iter.Seq2[Rule, error] {
	return func(yield func(Rule, error) bool) {
		f, err := open(path, true)
		if err != nil {
			yield(Rule{}, &Error{File: path, Err: err})
			return
		}
		defer f.Close()
		for lines := newLines(f); ; {
			line, err := lines.next()
			if err == io.EOF {
				return
			}
			r := Rule{Line: lines.number, Text: trim(line), Length: len(line), NotText: err}
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
