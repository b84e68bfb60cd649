package interpose

/*
#include "interpose.h"
*/
import "C"

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Limits are the resource limits of a process, by number; getrlimit(2).
type Limits [C.RLIM_NLIMITS]unix.Rlimit

// Sanitise makes the limits what su makes them before it opens the session.
// Until then they are the caller's. It must run on the leader.
func Sanitise() { C.interpose_sanitise() }

// SessionLimits returns the limits of the session to come: the caller's, what su
// makes of them, and what modules have set.
func SessionLimits() (limits Limits) {
	for r := range limits {
		limits[r] = unix.Rlimit{Cur: uint64(C.privilege.limits[r].rlim_cur), Max: uint64(C.privilege.limits[r].rlim_max)}
	}
	return limits
}

// SettleFiles undoes what the Go runtime does at its start: it lifts the soft
// limit of open files to the hard one. USUAL_FILES stay where the hard limit
// allows it.
func SettleFiles(start unix.Rlimit) error {
	start.Cur = min(max(start.Cur, C.USUAL_FILES), start.Max)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &start); err != nil {
		return fmt.Errorf("setrlimit: %w", err)
	}
	return nil
}

// least is what a dynamically linked program needs to start at all, measured and
// rounded down: below it no shell runs.
var least = []struct {
	resource int
	bytes    uint64 // or files, or seconds
	name     string // as in limits.conf(5)
}{
	{unix.RLIMIT_NOFILE, 4, "nofile"},
	{unix.RLIMIT_AS, 2_500_000, "as"},
	{unix.RLIMIT_DATA, 65_536, "data"},
	{unix.RLIMIT_STACK, 12_288, "stack"},
	{unix.RLIMIT_CPU, 1, "cpu"},
}

// LimitError says that with a limit of the session no program starts.
type LimitError struct {
	Name  string // as in limits.conf(5)
	Least uint64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("limit %s (RLIMIT_%s): below %d, too low to start a program", e.Name, strings.ToUpper(e.Name), e.Least)
}

// Startable fails if a session with these limits could not start its shell.
func (l Limits) Startable() error {
	for _, limit := range least {
		if l[limit.resource].Cur < limit.bytes {
			return &LimitError{limit.name, limit.bytes}
		}
	}
	return nil
}
