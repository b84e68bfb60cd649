package policy

import (
	"fmt"
	"strconv"
	"strings"

	"capsu/capability"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// maxCapability is the first number that libcap does not read.
const maxCapability = 64

// ParseIAB reads the text of a tuple as libcap's C function cap_iab_from_text(3) does:
// prefixes ! ^ % in any order and number, names in any case, numbers in C notation, a
// trailing comma. (cap.IABFromText of libcap's Go package reads less.) Numbers above the
// kernel's last capability have no effect.
func ParseIAB(text string) (*cap.IAB, error) {
	iab := cap.NewIAB()
	err := items(text, func(prefixes string, value cap.Value) error {
		if err := raise(iab, prefixes, value); err != nil {
			return fmt.Errorf("capability %d: %w", value, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return iab, nil
}

// items calls item for each capability of a tuple's text.
func items(text string, item func(prefixes string, value cap.Value) error) error {
	for rest := text; rest != ""; {
		name := strings.TrimLeft(rest, "!^%")
		prefixes := rest[:len(rest)-len(name)]
		if name == "" {
			break // prefixes alone at the end, which libcap allows
		}
		value, n := readCapability(name)
		if n == 0 || n < len(name) && name[n] != ',' {
			word, _, _ := strings.Cut(name, ",")
			return fmt.Errorf("unknown capability %q", word)
		}
		if err := item(prefixes, value); err != nil {
			return err
		}
		rest = strings.TrimPrefix(name[n:], ",")
	}
	return nil
}

// BeyondKernel returns the capabilities in a tuple's text that this kernel does not have.
// They have no effect.
func BeyondKernel(text string) (values []cap.Value, err error) {
	err = items(text, func(_ string, value cap.Value) error {
		if value >= cap.MaxBits() {
			values = append(values, value)
		}
		return nil
	})
	return values, err
}

// ParseList reads names or numbers of capabilities, with commas between them and without
// prefixes. It returns them as Inheritable.
func ParseList(text string) (*cap.IAB, error) {
	if i := strings.IndexAny(text, "!^%"); i >= 0 {
		return nil, fmt.Errorf("prefix %q in a list of capabilities", text[i])
	}
	return ParseIAB(text)
}

// raise sets a capability in the vectors that its prefixes name. Without a prefix that is
// Inheritable; with ! alone it is Bounding only.
func raise(iab *cap.IAB, prefixes string, value cap.Value) error {
	if value >= cap.MaxBits() {
		return nil
	}
	blocked, ambient := strings.Contains(prefixes, "!"), strings.Contains(prefixes, "^")
	if !blocked || ambient || strings.Contains(prefixes, "%") {
		if err := iab.SetVector(cap.Inh, true, value); err != nil {
			return err
		}
	}
	if ambient {
		if err := iab.SetVector(cap.Amb, true, value); err != nil {
			return err
		}
	}
	if blocked {
		return iab.SetVector(cap.Bound, true, value)
	}
	return nil
}

// readCapability reads the name or number at the start of s. n is its length in bytes, 0 if
// there is none.
func readCapability(s string) (value cap.Value, n int) {
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	letter := func(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }
	if digit(s[0]) {
		for n < len(s) && (digit(s[n]) || letter(s[n])) {
			n++
		}
		v, err := parseC(s[:n])
		if err != nil || v >= maxCapability {
			return 0, 0
		}
		return cap.Value(v), n
	}
	for n < len(s) && letter(s[n]) {
		n++
	}
	if n == 0 {
		return 0, 0
	}
	value, err := cap.FromName(strings.ToLower(s[:n]))
	if err != nil {
		return 0, 0
	}
	return value, n
}

// parseC reads a number as strtoul(3) does with base 0: 0x is hexadecimal, a leading 0 is
// octal. All of s must be the number. Go's base 0 reads more (0b, 0o, _).
func parseC(s string) (uint64, error) {
	if hex, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		return strconv.ParseUint(hex, 16, 64)
	}
	if len(s) > 1 && s[0] == '0' {
		return strconv.ParseUint(s[1:], 8, 64)
	}
	return strconv.ParseUint(s, 10, 64)
}

// Beyond fails with a BeyondError if this process cannot give the tuple: permitted must
// have its Ambient capabilities, bounding its Inheritable ones.
func Beyond(iab *cap.IAB, permitted, bounding func(cap.Value) bool) error {
	for c := range capability.All() {
		inheritable, err := iab.GetVector(cap.Inh, c)
		if err != nil {
			return err
		}
		ambient, err := iab.GetVector(cap.Amb, c)
		if err != nil {
			return err
		}
		if inheritable && !bounding(c) {
			return &BeyondError{Capability: c, Bounding: true}
		}
		if ambient && !permitted(c) {
			return &BeyondError{Capability: c}
		}
	}
	return nil
}

// BeyondError names the first capability of a rule that cannot be granted.
type BeyondError struct {
	Capability cap.Value
	Bounding   bool // it is not in the bounding set; otherwise not in the permitted set
}

func (e *BeyondError) Error() string {
	if e.Bounding {
		return fmt.Sprintf("%v: not in the bounding set", e.Capability)
	}
	return fmt.Sprintf("%v: Ambient, but not in capsu's permitted set", e.Capability)
}
