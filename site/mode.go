package site

import (
	"errors"
	"fmt"
	"strings"

	"capsu/capability"
	"capsu/trustedfile"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// pure1e is libcap's definition of the mode PURE1E: uid 0 gives no capability, a change of
// uid changes no set, and Ambient cannot be raised. All of that is locked.
const pure1e = cap.SecbitNoRoot | cap.SecbitNoRootLocked | cap.SecbitNoSetUIDFixup | cap.SecbitNoSetUIDFixupLocked |
	cap.SecbitKeepCapsLocked | cap.SecbitNoCapAmbientRaise | cap.SecbitNoCapAmbientRaiseLocked

// aboutCapabilities are the securebits that a mode sets. Those above it restrict what may
// be executed, and stay as found.
const aboutCapabilities = cap.Secbits(0xff)

// ConflictError says that two settings, or a setting and the process's securebits,
// contradict each other.
type ConflictError struct{ Text string }

func (e *ConflictError) Error() string { return e.Text }

func conflict(format string, a ...any) error { return &ConflictError{fmt.Sprintf(format, a...)} }

// Securebits returns the session's securebits: those found, as the mode changes them, with
// those that RootRevoke adds for a session with uid 0. It fails if a lock forbids the
// change, or if the mode contradicts RootRevoke.
func (s *Settings) Securebits(found cap.Secbits, root bool) (cap.Secbits, error) {
	bits := found
	switch s.Mode {
	case Hybrid:
		bits &^= aboutCapabilities
	case Pure1E, NoPriv:
		if root && !s.RootRevoke {
			return 0, s.Fault("CapabilitiesMode", conflict("contradicts CapabilitiesRootRevoke off for a session with uid 0"))
		}
		bits = bits&^aboutCapabilities | pure1e
	}
	by := "CapabilitiesMode"
	if err := locked(found, bits); err != nil {
		return 0, s.Fault(by, err)
	}
	if root && s.RootRevoke {
		bits |= cap.SecbitNoRoot | cap.SecbitNoRootLocked
		by = "CapabilitiesRootRevoke"
	}
	if err := locked(found, bits); err != nil {
		return 0, s.Fault(by, err)
	}
	return bits, nil
}

// locked fails if a lock forbids the change from found to want. The lock of a bit is the
// next higher bit.
func locked(found, want cap.Secbits) error {
	for b := cap.Secbits(1); b <= aboutCapabilities; b <<= 2 {
		lock := b << 1
		if found&lock != 0 && (found^want)&(b|lock) != 0 {
			return conflict("the securebits that capsu was started with (%#x) are locked, so %#x cannot be set", int(found), int(want))
		}
	}
	return nil
}

// Grantable fails if the session's mode or securebits forbid a tuple. A nil iab grants
// nothing.
func (s *Settings) Grantable(iab *cap.IAB, bits cap.Secbits) error {
	if iab == nil {
		return nil
	}
	inheritable, ambient := capability.Names(capability.In(iab, cap.Inh)), capability.Names(capability.In(iab, cap.Amb))
	switch {
	case s.Mode == NoPriv && len(inheritable) != 0:
		return s.Fault("CapabilitiesMode", conflict("allows no grant, and %s is granted", strings.Join(inheritable, ",")))
	case s.Mode == Pure1E && len(ambient) != 0:
		return s.Fault("CapabilitiesMode", conflict("allows no Ambient capability, and %s is granted", strings.Join(ambient, ",")))
	case bits&cap.SecbitNoCapAmbientRaise != 0 && len(ambient) != 0:
		return conflict("%s: granted as Ambient, which the securebits that capsu was started with (%#x) forbid", strings.Join(ambient, ","), int(bits))
	}
	return nil
}

// OfRule adds file and line to the error of a grant: those of the policy's rule, or of
// CapabilityDefault if line is 0. An error that has a file keeps it.
func (s *Settings) OfRule(file string, line int, err error) error {
	var known *trustedfile.Error
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case line == 0:
		return s.Fault("CapabilityDefault", err)
	}
	return &trustedfile.Error{File: file, Line: line, Err: err}
}

// Tuple returns the tuple that the mode sets in place of the decision's. Under NoPriv it is
// empty and blocks all of Bounding, whatever rules and modules grant. Under other modes it
// is nil, and the decision counts.
func (s *Settings) Tuple() (*cap.IAB, error) {
	if s.Mode != NoPriv {
		return nil, nil
	}
	iab := cap.NewIAB()
	for c := range capability.All() {
		if err := iab.SetVector(cap.Bound, true, c); err != nil {
			return nil, err
		}
	}
	return iab, nil
}
