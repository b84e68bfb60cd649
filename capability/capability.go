// Package capability lists the kernel's capabilities, and those of a tuple or of this
// thread's bounding set.
//
// Nothing is privileged while it runs. It changes nothing, and any thread may call it.
package capability

import (
	"iter"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// All yields every capability that the kernel knows, in order; capabilities(7).
func All() iter.Seq[cap.Value] {
	return func(yield func(cap.Value) bool) {
		for c := cap.Value(0); c < cap.MaxBits(); c++ {
			if !yield(c) {
				return
			}
		}
	}
}

// Bounded tells whether a capability is in the bounding set of this thread.
func Bounded(c cap.Value) bool {
	has, err := cap.GetBound(c)
	return err == nil && has
}

// In returns the capabilities of one vector of a tuple, in order. For cap.Bound these are
// the blocked ones.
func In(iab *cap.IAB, v cap.Vector) (set []cap.Value) {
	for c := range All() {
		if on, err := iab.GetVector(v, c); err == nil && on {
			set = append(set, c)
		}
	}
	return set
}

// Names returns the names of capabilities, in the order given.
func Names(set []cap.Value) []string {
	names := make([]string, len(set))
	for i, c := range set {
		names[i] = c.String()
	}
	return names
}
