package launcher

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// nLimits is RLIM_NLIMITS of linux/resource.h.
const nLimits = 16

// Limits are the resource limits of a process, by number; getrlimit(2).
type Limits [nLimits]unix.Rlimit

// ReadLimits returns this process's limits.
func ReadLimits() (l Limits, err error) {
	for r := range l {
		if err := unix.Getrlimit(r, &l[r]); err != nil {
			return l, fmt.Errorf("getrlimit %d: %w", r, err)
		}
	}
	return l, nil
}

// LimitError says that a limit, lowered by a module, leaves no room to go on.
type LimitError struct {
	Name  string // as in limits.conf(5)
	Least uint64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("limit %s: a PAM module has set it below %d, which capsu itself needs", e.Name, e.Least)
}

// kept are the limits without which the monitor cannot change identity or
// capabilities (libpsx: a queued signal and a descriptor for it), or fork.
var kept = []struct {
	resource int
	least    uint64
	name     string
}{
	{unix.RLIMIT_SIGPENDING, MinPending, "sigpending"},
	{unix.RLIMIT_NOFILE, 16, "nofile"},
	{unix.RLIMIT_NPROC, 0, "nproc"},
	{unix.RLIMIT_AS, 2 << 30, "as"}, // the runtime ends the process when it cannot have more
	{unix.RLIMIT_DATA, 128 << 20, "data"},
	{unix.RLIMIT_STACK, 0, "stack"},
	{unix.RLIMIT_FSIZE, 0, "fsize"},
	{unix.RLIMIT_CPU, 0, "cpu"},
}

// room gives the monitor back the limits that are its own, after modules have
// run (pam_limits): in full where CAP_SYS_RESOURCE allows it, else as far as
// the hard limit goes. No call on all threads may come before it.
func (m *Monitor) room() error {
	for _, k := range kept {
		var l unix.Rlimit
		if err := unix.Getrlimit(k.resource, &l); err != nil {
			return fmt.Errorf("getrlimit: %w", err)
		}
		own := m.limits[k.resource]
		if l == own {
			continue
		}
		if unix.Setrlimit(k.resource, &own) == nil {
			continue
		}
		l.Cur = l.Max
		if err := unix.Setrlimit(k.resource, &l); err != nil {
			return fmt.Errorf("setrlimit %s: %w", k.name, err)
		}
		if l.Max < k.least {
			return &LimitError{k.name, k.least}
		}
	}
	return nil
}

// SettleFiles undoes what the Go runtime does at its start: it lifts the soft
// limit of open files to the hard one, which pam_limits would take for the
// caller's. At least 1024 stay where the hard limit allows it.
func SettleFiles(start unix.Rlimit) error {
	start.Cur = min(max(start.Cur, 1024), start.Max)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &start); err != nil {
		return fmt.Errorf("setrlimit: %w", err)
	}
	return nil
}

// ForSession returns what a session's limits shall be: what the modules set
// between before and after, and otherwise the caller's as they were at start.
// What su resets is reset: file size and address space stay lifted, for a limit
// of the caller's must not cut short what another account writes; open files
// are 1024; priorities (nice, rtprio) are not to be raised.
func ForSession(start, before, after Limits) Limits {
	session := after
	for r := range session {
		switch {
		case after[r].Cur != before[r].Cur:
		case r == unix.RLIMIT_FSIZE || r == unix.RLIMIT_AS:
		case r == unix.RLIMIT_NICE || r == unix.RLIMIT_RTPRIO:
			if after[r] == before[r] {
				session[r] = unix.Rlimit{}
			}
		case r == unix.RLIMIT_NOFILE:
			session[r].Cur = min(1024, after[r].Max)
		default:
			session[r].Cur = min(start[r].Cur, after[r].Max)
		}
	}
	return session
}
