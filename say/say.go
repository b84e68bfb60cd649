// Package say is how capsu's programs put things to people: on one line, in printing
// characters, with what to do about a fault.
//
// It decides and prints nothing, needs no privilege, and may be called from any thread.
package say

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Escape shows text on one line of printing characters, quoting the others as
// Go does: a name or a terminal must not write a second line or move a cursor.
func Escape(s string) string {
	foreign := func(r rune) bool { return !strconv.IsPrint(r) }
	if utf8.ValidString(s) && strings.IndexFunc(s, foreign) < 0 {
		return s
	}
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// hinted carries the remedy with the fault.
type hinted struct {
	err  error
	hint string
}

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }

// Hinted is the error of a format, as fmt.Errorf makes it, with what to do about it.
func Hinted(hint, format string, a ...any) error { return &hinted{fmt.Errorf(format, a...), hint} }

// HintOf returns what an error made by Hinted says to do, or nothing.
func HintOf(err error) string {
	var h *hinted
	if errors.As(err, &h) {
		return h.hint
	}
	return ""
}

// Lines shows an error of a program, and what to do about it unless hint is empty. Joined
// errors have a line each, the same ones once.
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
