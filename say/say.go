// Package say makes the texts that capsu's programs show: on one line, in printing
// characters, with a hint what to do about an error.
//
// Nothing is privileged while it runs. It prints nothing, and any thread may call it.
package say

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Escape returns text as one line of printing characters, with the others quoted as in Go.
// A name must not write a second line or move a cursor.
func Escape(s string) string {
	foreign := func(r rune) bool { return !strconv.IsPrint(r) }
	if utf8.ValidString(s) && strings.IndexFunc(s, foreign) < 0 {
		return s
	}
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// hinted is an error with a hint.
type hinted struct {
	err  error
	hint string
}

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }

// Hinted returns an error as fmt.Errorf does, with a hint what to do about it.
func Hinted(hint, format string, a ...any) error { return &hinted{fmt.Errorf(format, a...), hint} }

// HintOf returns the hint of an error that Hinted has made, or "".
func HintOf(err error) string {
	var h *hinted
	if errors.As(err, &h) {
		return h.hint
	}
	return ""
}

// Lines returns the lines that show a program's error, and the hint unless it is "". Joined
// errors get a line each, equal ones only one.
func Lines(program string, err error, hint string) string {
	var text strings.Builder
	said := map[string]bool{}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if said[line] {
			continue
		}
		said[line] = true
		fmt.Fprintf(&text, "%s: %s\n", program, Escape(line))
	}
	if hint != "" {
		fmt.Fprintf(&text, "%s: hint: %s\n", program, Escape(hint))
	}
	return text.String()
}
