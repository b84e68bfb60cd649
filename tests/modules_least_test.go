//go:build privileged

package tests

import (
	"slices"
	"strings"
	"testing"

	builtIn "capsu/site"
	needs "capsu/stack"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// always are the capabilities without which capsu does not start.
var always = []cap.Value{cap.SETUID, cap.SETGID, cap.SETPCAP}

// keep lets the monitor keep, while the session runs, what the module needs to close it. If
// helpers show what they have, it keeps everything.
func (r row) keep(t *testing.T) {
	t.Helper()
	var keep []cap.Value
	for line := range strings.Lines(r.text(false)) {
		words := strings.Fields(line)
		keep = append(keep, needs.Module{Type: words[0], Name: words[2], Args: words[3:]}.Closing()...)
	}
	if r.shows {
		keep = bounded()
	}
	slices.Sort(keep)
	text := ""
	for _, c := range minus(slices.Compact(keep), builtIn.Closing...) {
		text += " +" + c.String()
	}
	if text != "" {
		site(t, "CapabilitiesSet"+text)
	}
}

// needed is the smallest set of file capabilities, beyond always, with which the module does
// all of its work. It takes the widest capability away first: of two that would do, the
// narrower stays.
func (r row) needed(t *testing.T, does string) []cap.Value {
	t.Helper()
	defer give(t, bounded())
	works := func(caps []cap.Value) bool {
		give(t, append(slices.Clone(always), caps...))
		return r.measure(t, measured, "alpha", false) == does
	}
	if works(nil) {
		return nil
	}
	usual := []cap.Value{cap.SYS_ADMIN, cap.SYS_RESOURCE, cap.DAC_OVERRIDE, cap.DAC_READ_SEARCH, cap.FOWNER, cap.FSETID,
		cap.CHOWN, cap.AUDIT_CONTROL, cap.AUDIT_WRITE, cap.KILL}
	left := minus(bounded(), always...)
	if rare := minus(left, usual...); works(minus(left, rare...)) {
		left = minus(left, rare...)
	}
	for _, c := range append(usual, minus(left, usual...)...) {
		if slices.Contains(left, c) && works(minus(left, c)) {
			left = minus(left, c)
		}
	}
	slices.Sort(left)
	return left
}

// confirmed tells whether the set in the table is the smallest: the module does its work with
// it, and not without any one capability of it.
func (r row) confirmed(t *testing.T, does string, tabled []cap.Value) bool {
	t.Helper()
	defer give(t, bounded())
	works := func(caps []cap.Value) bool {
		give(t, append(slices.Clone(always), caps...))
		return r.measure(t, measured, "alpha", false) == does
	}
	return works(tabled) && !slices.ContainsFunc(tabled, func(c cap.Value) bool { return works(minus(tabled, c)) })
}

// spare takes from a set what the table has for the module of the other Debian only.
func (r row) spare(t *testing.T, does string, tabled []cap.Value) []cap.Value {
	t.Helper()
	left := slices.Clone(tabled)
	for _, c := range r.elsewhere {
		left = minus(left, c)
	}
	if len(left) < len(tabled) && r.confirmed(t, does, left) {
		return left
	}
	return tabled
}

// asInStack is the line of a row, as package stack has it.
func (r row) asInStack() needs.Module {
	return needs.Module{Type: r.phase, Name: "pam_" + r.module + ".so", Args: strings.Fields(r.args)}
}

// tabled is the set that stack/needs.go has for the module of a row: what the measurement must
// find, and what it cannot find.
func (r row) tabled(t *testing.T) (measured, more []cap.Value) {
	t.Helper()
	m := r.asInStack()
	list, known := m.Needs()
	if !known {
		t.Errorf("%s: not in the table", m.Name)
	}
	for _, n := range list {
		if n.Unmeasured {
			more = append(more, n.Caps...)
		} else {
			measured = append(measured, n.Caps...)
		}
	}
	slices.Sort(measured)
	return slices.Compact(measured), more
}
