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

// Limits are the resource limits of a process, indexed by RLIMIT_*; getrlimit(2).
type Limits [C.RLIM_NLIMITS]unix.Rlimit

// Sanitise sets the session's limits as su does before it opens the session. Until then
// they are the caller's. It must run on the leader.
func Sanitise() { C.interpose_sanitise() }

// SessionLimits returns the session's limits: the caller's, as su and then modules have
// changed them. It must run on the leader, as the record has no lock.
func SessionLimits() (limits Limits) {
	for r := range limits {
		limits[r] = unix.Rlimit{Cur: uint64(C.privilege.limits[r].rlim_cur), Max: uint64(C.privilege.limits[r].rlim_max)}
	}
	return limits
}

// SettleFiles sets the monitor's limit of open files to start, but at least USUAL_FILES
// as far as the hard limit allows. The Go runtime has lifted the soft limit to the hard
// one at its start. The error is setrlimit(2)'s.
func SettleFiles(start unix.Rlimit) error {
	start.Cur = min(max(start.Cur, C.USUAL_FILES), start.Max)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &start); err != nil {
		return fmt.Errorf("setrlimit: %w", err)
	}
	return nil
}

// least has the limits below which no dynamically linked program starts, measured and
// rounded down.
var least = []struct {
	resource int
	value    uint64 // bytes, files or seconds
	name     string // as in limits.conf(5)
}{
	{unix.RLIMIT_NOFILE, 4, "nofile"},
	{unix.RLIMIT_AS, 2_500_000, "as"},
	{unix.RLIMIT_DATA, 65_536, "data"},
	{unix.RLIMIT_STACK, 12_288, "stack"},
	{unix.RLIMIT_CPU, 1, "cpu"},
}

// LimitError says that a limit of the session is too low for any program to start.
type LimitError struct {
	Name  string // as in limits.conf(5)
	Least uint64 // bytes, files or seconds
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("limit %s (RLIMIT_%s): below %d, too low to start a program", e.Name, strings.ToUpper(e.Name), e.Least)
}

// Startable fails with a LimitError if a shell cannot start with these limits.
func (l Limits) Startable() error {
	for _, limit := range least {
		if l[limit.resource].Cur < limit.value {
			return &LimitError{limit.name, limit.value}
		}
	}
	return nil
}
