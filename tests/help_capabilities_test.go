//go:build privileged

package tests

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"capsu/capability"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// Capabilities, as bits: the tuple of a session, and the sets of files and processes.

// Capability numbers of linux/capability.h.
const (
	chown      = 1 << 0
	kill       = 1 << 5
	netBind    = 1 << 10
	netRaw     = 1 << 13
	nothing    = 0
	allGroups  = 60
	teamNumber = "7000"
)

// tuple is the capabilities that a session must have, as bits: Inheritable; Permitted, which
// equals Effective; Ambient; and what is blocked, which is missing in Bounding.
type tuple struct{ i, p, a, blocked uint64 }

// expectTuple checks the capabilities of a session, and that it may gain some by execve.
func expectTuple(t *testing.T, s session, want tuple) {
	t.Helper()
	for field, bits := range map[string]uint64{
		"CapInh": want.i, "CapPrm": want.p, "CapEff": want.p, "CapAmb": want.a,
		"CapBnd": ownBounding(t) &^ want.blocked,
	} {
		if got, w := s.status[field], fmt.Sprintf("%016x", bits); got != w {
			t.Errorf("%s is %s, want %s", field, got, w)
		}
	}
	if s.status["NoNewPrivs"] != "0" {
		t.Errorf("NoNewPrivs is %s", s.status["NoNewPrivs"])
	}
}

// fullInheritable starts capsu from a process with Inheritable chown and kill.
var fullInheritable = []string{"--inh-caps", "+chown,+kill"}

// ownBounding is the bounding set of the tests. It differs from machine to machine.
func ownBounding(t *testing.T) uint64 {
	t.Helper()
	bits, err := strconv.ParseUint(statusOf(t, strconv.Itoa(os.Getpid()))["CapBnd"], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return bits
}

// fileSet is the permitted set of the installed program's file, as bits, without what this
// machine cannot give.
func fileSet(t *testing.T) (bits uint64) {
	t.Helper()
	set, err := cap.GetFile(program)
	if err != nil {
		t.Fatal(err)
	}
	for c := cap.Value(0); c < cap.MaxBits(); c++ {
		if on, _ := set.GetFlag(cap.Permitted, c); on {
			bits |= 1 << c
		}
	}
	return bits & ownBounding(t)
}

// closingSet is what the monitor keeps by default while a session runs, to close it.
const closingSet = 1<<cap.SETUID | 1<<cap.SETGID | 1<<cap.SETPCAP | 1<<cap.KILL | 1<<cap.CHOWN | 1<<cap.AUDIT_WRITE

// bits is one vector of a tuple of libcap's, as bits.
func bits(t *testing.T, iab *cap.IAB, v cap.Vector) (set uint64) {
	t.Helper()
	for c := cap.Value(0); c < cap.MaxBits(); c++ {
		on, err := iab.GetVector(v, c)
		if err != nil {
			t.Fatal(err)
		}
		if on {
			set |= 1 << c
		}
	}
	return set
}

// hex is bits as /proc shows them.
func hex(bits uint64) string { return fmt.Sprintf("%016x", bits) }

// bounded returns all capabilities that a file can give on this machine.
func bounded() (all []cap.Value) {
	for c := cap.Value(0); c < cap.MaxBits(); c++ {
		if capability.Bounded(c) {
			all = append(all, c)
		}
	}
	return all
}

// minus returns capabilities without some.
func minus(from []cap.Value, what ...cap.Value) (left []cap.Value) {
	for _, c := range from {
		if !slices.Contains(what, c) {
			left = append(left, c)
		}
	}
	return left
}

// setcapText is capabilities as setcap(8) reads them, as permitted.
func setcapText(caps []cap.Value) string {
	var names []string
	for _, c := range caps {
		names = append(names, c.String())
	}
	return strings.Join(names, ",") + "=p"
}

// give installs the measured program anew, with these file capabilities.
func give(t *testing.T, caps []cap.Value) {
	t.Helper()
	must(t, "install", "-D", "-m", "755", program, measured)
	must(t, "setcap", setcapText(caps), measured)
}

// parseTuple reads a tuple as cap.IAB prints it.
func parseTuple(t *testing.T, text string) (want tuple) {
	t.Helper()
	iab, err := cap.IABFromText(text)
	if err != nil {
		t.Fatal(err)
	}
	return tuple{i: bits(t, iab, cap.Inh), a: bits(t, iab, cap.Amb), blocked: bits(t, iab, cap.Bound)}
}
