package site

import (
	"errors"
	"fmt"
	"strings"

	"capsu/capability"
	"capsu/trustedfile"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// pure1e is libcap's definition: uid 0 is worth nothing, a change of uid
// changes no set, Ambient cannot be raised, all of it locked.
const pure1e = cap.SecbitNoRoot | cap.SecbitNoRootLocked | cap.SecbitNoSetUIDFixup | cap.SecbitNoSetUIDFixupLocked |
	cap.SecbitKeepCapsLocked | cap.SecbitNoCapAmbientRaise | cap.SecbitNoCapAmbientRaiseLocked

// aboutCapabilities are the securebits that modes are made of; those above are
// about what may be executed, and stay as found.
const aboutCapabilities = cap.Secbits(0xff)

// ConflictError says that two things which the site has decided cannot both be had.
type ConflictError struct{ Text string }

func (e *ConflictError) Error() string { return e.Text }

func conflict(format string, a ...any) error { return &ConflictError{fmt.Sprintf(format, a...)} }

// Securebits returns those of a session: as found, then what the mode makes of
// them, then what RootRevoke adds for a session with uid 0.
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

// locked tells whether the way from some securebits to others is locked: each
// bit has its lock beside it.
func locked(found, want cap.Secbits) error {
	for b := cap.Secbits(1); b <= aboutCapabilities; b <<= 2 {
		lock := b << 1
		if found&lock != 0 && (found^want)&(b|lock) != 0 {
			return conflict("the securebits that capsu was started with (%#x) are locked, so %#x cannot be set", int(found), int(want))
		}
	}
	return nil
}

// Grantable tells why a tuple cannot be had with the session's securebits and
// mode, if it cannot. Nothing is granted where iab is nil.
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

// OfRule says of which line the fault of a grant is: of a policy's rule, or with
// line 0 of the default; unless the fault has a line of its own.
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

// Tuple returns what a mode makes of a decision: under NoPriv the tuple is
// empty whatever the rules and modules say, and nothing is left in Bounding.
// nil: the decision stands.
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
