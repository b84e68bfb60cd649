package site

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// directive is a row of the table of all directives.
type directive struct {
	name  string
	early bool   // used before the target is known: not in Target blocks
	value string // the default, as it is written in a file
	set   func(s *Settings, words []string) error
}

var directives = []directive{
	{"CapabilitiesEngine", false, "on", onOff(func(s *Settings) *bool { return &s.Engine })},
	{"CapabilitiesRootRevoke", false, "on", onOff(func(s *Settings) *bool { return &s.RootRevoke })},
	{"CapabilitiesSet", false, "", setMonitorSet},
	{"CapabilitiesMode", false, "", one(setMode)},
	{"RootTarget", true, "off", onOff(func(s *Settings) *bool { return &s.RootTarget })},
	{"CapabilityFile", false, "/etc/security/capability.conf", one(setFile)},
	{"CapabilityDefault", false, "", one(func(s *Settings, word string) error { s.Default = word; return nil })},
	{"CapabilityRequire", false, "off", onOff(func(s *Settings) *bool { return &s.Require })},
	{"Pty", false, "auto", one(setPty)},
	{"TerminalOwner", false, "off", onOff(func(s *Settings) *bool { return &s.TerminalOwner })},
	{"Services", true, "capsu capsu-l", setServices},
	{"SessionGrace", false, "2", one(setGrace)},
}

// former are directives of version 0.1 that have no effect any more. They are still read,
// so that a configuration with one stays valid.
var former = []directive{
	{"AuthIdentity", true, "", one(func(_ *Settings, word string) error {
		_, err := choose(word, "guard", "caller")
		return err
	})},
}

func find(name string) *directive {
	for _, table := range [][]directive{directives, former} {
		for i := range table {
			if strings.EqualFold(table[i].name, name) {
				return &table[i]
			}
		}
	}
	return nil
}

var errOneValue = errors.New("takes one value")

func one(set func(s *Settings, word string) error) func(*Settings, []string) error {
	return func(s *Settings, words []string) error {
		if len(words) != 1 {
			return errOneValue
		}
		return set(s, words[0])
	}
}

func onOff(field func(*Settings) *bool) func(*Settings, []string) error {
	return one(func(s *Settings, word string) error {
		on := strings.EqualFold(word, "on")
		if !on && !strings.EqualFold(word, "off") {
			return fmt.Errorf("%q is neither on nor off", word)
		}
		*field(s) = on
		return nil
	})
}

// choose returns the word of a list that equals word, in upper or lower case.
func choose[T ~string](word string, list ...T) (T, error) {
	var names []string
	for _, w := range list {
		if strings.EqualFold(word, string(w)) {
			return w, nil
		}
		names = append(names, string(w))
	}
	return "", fmt.Errorf("%q is none of %s", word, strings.Join(names, ", "))
}

func setMode(s *Settings, word string) (err error) {
	s.Mode, err = choose(word, Hybrid, Pure1E, NoPriv)
	return err
}

func setPty(s *Settings, word string) (err error) {
	s.Pty, err = choose(word, PtyAuto, PtyOn, PtyOff)
	return err
}

func setFile(s *Settings, word string) error {
	if word[0] != '/' {
		return fmt.Errorf("%q does not begin with /", word)
	}
	s.File = word
	return nil
}

// setMonitorSet starts from the built-in set each time: a block changes that, not the top
// level's set.
func setMonitorSet(s *Settings, words []string) error {
	if len(words) == 0 {
		return errors.New("takes capabilities, each with + or - before it")
	}
	set, named := slices.Clone(Closing), map[cap.Value]bool{}
	for _, word := range words {
		add, c, err := Change(word)
		if err != nil {
			return err
		}
		if named[c] {
			return fmt.Errorf("%v is named twice", c)
		}
		named[c] = true
		set = slices.DeleteFunc(set, func(k cap.Value) bool { return k == c })
		if add {
			set = append(set, c)
		}
	}
	slices.Sort(set)
	s.MonitorSet = set
	return nil
}

// Change reads a word of CapabilitiesSet, +cap_x or -cap_x. add is true for +.
func Change(word string) (add bool, c cap.Value, err error) {
	name := strings.ToLower(strings.TrimLeft(word, "+-"))
	if len(name) != len(word)-1 {
		return false, 0, fmt.Errorf("%q: a capability needs one + or - before it", word)
	}
	if c, err = cap.FromName(name); err != nil || !strings.HasPrefix(name, "cap_") {
		return false, 0, fmt.Errorf("unknown capability %q", word[1:])
	}
	return word[0] == '+', c, nil
}

// isService tells whether a word can be the name of a PAM service. libpam looks for its
// file in lower case.
func isService(word string) bool {
	return strings.Trim(word, "abcdefghijklmnopqrstuvwxyz0123456789_.-") == "" && word[0] != '.' && word[0] != '-'
}

func setServices(s *Settings, words []string) error {
	if len(words) == 0 {
		return errors.New("takes names of PAM services")
	}
	for i, word := range words {
		if !isService(word) {
			return fmt.Errorf("%q is no name of a PAM service (lower case letters, digits, _ . -)", word)
		}
		if slices.Contains(words[:i], word) {
			return fmt.Errorf("%s is named twice", word)
		}
	}
	s.Services = slices.Clone(words)
	return nil
}

// maxGrace is the highest SessionGrace, in seconds.
const maxGrace = 3600

func setGrace(s *Settings, word string) error {
	seconds, err := strconv.ParseUint(word, 10, 16)
	if err != nil || seconds > maxGrace {
		return fmt.Errorf("%q is not a whole number of seconds up to %d", word, maxGrace)
	}
	s.Grace = time.Duration(seconds) * time.Second
	return nil
}
