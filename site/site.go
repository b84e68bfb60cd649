// Package site reads the site configuration, capsu.conf(5), and decides the settings of a
// session: those of the top level, and of the blocks that name the caller or the target.
//
// It opens and checks the file like the policy (package trustedfile), and reads it once.
// A fault in it is an error, and an error means no session. If the file is missing, the
// defaults count.
//
// Nothing is privileged while it runs. It changes and prints nothing, and any thread may
// call it. It looks names up by functions that it is given, and only if a block has names.
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

// DefaultFile is the path of the site configuration.
const DefaultFile = "/etc/capsu.conf"

// Closing is the built-in set of capabilities that the monitor keeps while the session
// runs, because closing may need them. CapabilitiesSet changes it.
var Closing = []cap.Value{cap.CHOWN, cap.KILL, cap.SETGID, cap.SETUID, cap.SETPCAP, cap.AUDIT_WRITE}

// Mode is a libcap mode of the session. If it is empty, the securebits stay as found.
type Mode string

const (
	Hybrid Mode = "hybrid"
	Pure1E Mode = "pure1e"
	NoPriv Mode = "nopriv"
)

// Pty says whether sessions get a pseudo-terminal if the command line does not say it.
type Pty string

const (
	PtyAuto Pty = "auto" // when standard input and output are terminals
	PtyOn   Pty = "on"
	PtyOff  Pty = "off"
)

// Settings are the settings of one session, and where each came from.
type Settings struct {
	Engine     bool        // capability.conf and CapabilityDefault count
	RootRevoke bool        // uid 0 gives a session no capability, and a root caller's monitor gives it up
	MonitorSet []cap.Value // the monitor's capabilities while the session runs, sorted
	Mode       Mode
	RootTarget bool // uid 0 may be a target for callers other than root
	File       string
	Default    string // pam_cap.so's default=; empty: none
	Require    bool
	Grace      time.Duration // between SIGTERM and SIGKILL

	Pty           Pty
	TerminalOwner bool     // the target owns a login's terminal while it lasts
	Services      []string // those that --service may name

	file    string
	origins map[string]Origin
}

// Origin is where a setting came from.
type Origin struct {
	Directive string `json:"directive"`
	Value     string `json:"value"`
	File      string `json:"file"`  // empty: built in
	Line      int    `json:"line"`  // 0: built in
	Block     string `json:"block"` // such as <Caller NAME>; empty: the top level
}

// Origin returns where a directive's value came from. Names has the directives.
func (s *Settings) Origin(directive string) Origin { return s.origins[directive] }

// All returns every directive's value and origin, in the order of Names.
func (s *Settings) All() []Origin {
	all := make([]Origin, len(directives))
	for i, d := range directives {
		all[i] = s.origins[d.name]
	}
	return all
}

// Fault adds a directive, its value, file and line to an error.
func (s *Settings) Fault(directive string, err error) error {
	origin := s.origins[directive]
	return &trustedfile.Error{File: s.file, Line: origin.Line, Err: &settingError{directive, origin.Value, err}}
}

type settingError struct {
	directive, value string
	err              error
}

func (e *settingError) Error() string { return e.directive + " " + e.value + ": " + e.err.Error() }
func (e *settingError) Unwrap() error { return e.err }

// Target fails if a user must not be a target. Unless RootTarget is on, uid 0 is a target
// for uid 0 only.
func (s *Settings) Target(name string, uid, caller uint32) error {
	if uid == 0 && caller != 0 && !s.RootTarget {
		return fmt.Errorf("%s: uid 0 is not a target for callers other than root (RootTarget is off)", name)
	}
	return nil
}

// Removed returns the capabilities that CapabilitiesSet has taken from the built-in set.
func (s *Settings) Removed() (caps []cap.Value) {
	for _, c := range Closing {
		if !slices.Contains(s.MonitorSet, c) {
			caps = append(caps, c)
		}
	}
	return caps
}

// Names returns the names of the directives, as documents spell them, without those of
// version 0.1 that have no effect any more.
func Names() (names []string) {
	for _, d := range directives {
		names = append(names, d.name)
	}
	return names
}

// Early tells whether a directive is used before the target is known, and so cannot stand
// in a Target block.
func Early(name string) bool {
	d := find(name)
	return d != nil && d.early
}

// defaults returns the settings without a file.
func defaults(file string) *Settings {
	s := &Settings{MonitorSet: Closing, file: file, origins: map[string]Origin{}}
	for _, d := range directives {
		if d.value != "" {
			// No error: a test reads every default in the table.
			_ = d.set(s, strings.Fields(d.value))
		}
		s.origins[d.name] = Origin{Directive: d.name, Value: d.value}
	}
	origin := s.origins["CapabilitiesSet"]
	origin.Value = strings.Join(capability.Names(s.MonitorSet), " ")
	s.origins["CapabilitiesSet"] = origin
	return s
}
