// Package site reads the site configuration, capsu.conf(5), and decides which
// settings a session has: its top level, and the blocks that name the caller or
// the target.
//
// The file is opened and checked as the policy is (package trustedfile), and
// read once. Whatever in it is not clear is an error, and an error means no
// session; a missing file means the defaults.
//
// The package needs no privilege, changes nothing and prints nothing; it may be
// called from any thread. Names are resolved by what the caller passes in, and
// only when a block asks.
package site

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"capsu/capability"
	"capsu/trustedfile"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// DefaultFile is the site configuration.
const DefaultFile = "/etc/capsu.conf"

// Closing is the monitor's built-in set: what it keeps while the session runs,
// because closing may need it. CapabilitiesSet starts from it.
var Closing = []cap.Value{cap.CHOWN, cap.KILL, cap.SETGID, cap.SETUID, cap.SETPCAP, cap.AUDIT_WRITE}

// Mode is a libcap mode of the session. Empty: none, securebits are as found.
type Mode string

const (
	Hybrid Mode = "hybrid"
	Pure1E Mode = "pure1e"
	NoPriv Mode = "nopriv"
)

// Pty is whether sessions get a pseudo-terminal where the command line says nothing.
type Pty string

const (
	PtyAuto Pty = "auto" // when standard input and output are terminals
	PtyOn   Pty = "on"
	PtyOff  Pty = "off"
)

// Settings are what holds for one session: values, and where each came from.
type Settings struct {
	Engine     bool        // capability.conf and CapabilityDefault are asked
	RootRevoke bool        // uid 0 is worth nothing to a session, and given up by a root caller's monitor
	MonitorSet []cap.Value // the monitor's capabilities while the session runs, sorted
	Mode       Mode
	RootTarget bool // uid 0 may be a target for callers other than root
	File       string
	Default    string // pam_cap.so's default=; empty: none
	Require    bool
	Grace      time.Duration // between SIGTERM and SIGKILL

	Pty           Pty
	TerminalOwner bool     // a login's terminal is the target's while it lasts
	Services      []string // what --service may name

	file    string
	origins map[string]Origin
}

// Origin is where a setting came from.
type Origin struct {
	Directive string `json:"directive"`
	Value     string `json:"value"`
	File      string `json:"file"`  // empty: built in
	Line      int    `json:"line"`  // 0: built in
	Block     string `json:"block"` // as <Caller NAME>; empty: the top level
}

// Origin returns where a directive's value came from; its name as in Names.
func (s *Settings) Origin(directive string) Origin { return s.origins[directive] }

// All returns every directive's value and origin, in the order of Names.
func (s *Settings) All() []Origin {
	all := make([]Origin, len(directives))
	for i, d := range directives {
		all[i] = s.origins[d.name]
	}
	return all
}

// Fault makes an error of a setting that cannot be followed: the line it came
// from, then what is wrong.
func (s *Settings) Fault(directive string, err error) error {
	o := s.origins[directive]
	return &trustedfile.Error{File: s.file, Line: o.Line, Err: &settingError{directive, o.Value, err}}
}

type settingError struct {
	directive, value string
	err              error
}

func (e *settingError) Error() string { return e.directive + " " + e.value + ": " + e.err.Error() }
func (e *settingError) Unwrap() error { return e.err }

// Target tells why a user must not be the target of a caller, both named by their uids: uid 0
// is not, for callers other than root, unless RootTarget is on.
func (s *Settings) Target(name string, uid, caller uint32) error {
	if uid == 0 && caller != 0 && !s.RootTarget {
		return fmt.Errorf("%s: uid 0 is not a target for callers other than root (RootTarget is off)", name)
	}
	return nil
}

// Removed returns what CapabilitiesSet took from the built-in set.
func (s *Settings) Removed() (caps []cap.Value) {
	for _, c := range Closing {
		if !slices.Contains(s.MonitorSet, c) {
			caps = append(caps, c)
		}
	}
	return caps
}

// Names returns the directives as they are written in documents, without those
// that have no effect any more.
func Names() (names []string) {
	for _, d := range directives {
		names = append(names, d.name)
	}
	return names
}

// Early tells whether a directive is used before the target is known, and so
// may not stand in a Target block.
func Early(name string) bool {
	d := find(name)
	return d != nil && d.early
}

// defaults are the settings without a file.
func defaults(file string) *Settings {
	s := &Settings{MonitorSet: Closing, file: file, origins: map[string]Origin{}}
	for _, d := range directives {
		if d.value != "" {
			// The table's own words; a test reads every one of them.
			_ = d.set(s, strings.Fields(d.value))
		}
		s.origins[d.name] = Origin{Directive: d.name, Value: d.value}
	}
	o := s.origins["CapabilitiesSet"]
	o.Value = strings.Join(capability.Names(s.MonitorSet), " ")
	s.origins["CapabilitiesSet"] = o
	return s
}
