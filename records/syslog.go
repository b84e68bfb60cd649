// Package records writes what happened where administrators look for it: the
// system log, btmp, utmp and wtmp, the kernel's audit.
//
// The system log needs no privilege. The other records need CAP_AUDIT_WRITE and
// the rights of the group utmp, which Attempt.Privileged gives. Call it on the
// thread-group leader.
package records

/*
#include <stdlib.h>
#include <syslog.h>

static void write_line(const char *ident, const char *line)
{
	openlog(ident, LOG_PID, LOG_AUTHPRIV);
	syslog(LOG_NOTICE, "%s", line);
	closelog();
}
*/
import "C"

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"capsu/say"
)

// Attempt is who tries to become whom, and where. What the records say of it
// is what su writes (util-linux su), with the capabilities at the end.
type Attempt struct {
	Caller   string
	Target   string // as typed; the passwd entry's own name once that is known
	Known    bool   // Target is a user's name
	Terminal string // name of the terminal, with its /dev/; empty: none
	Program  string // path of this program

	// Privileged runs f with what the records need. nil: only the system log is written.
	Privileged func(f func() error) error

	recorded bool
}

// Opened records a session and the tuple it has (cap_text_formats(7)).
func (a *Attempt) Opened(tuple string) {
	a.record(a.line("")+" iab="+tuple, func() error { return audit(a.auditText(tuple, true)) })
}

// Failed records an attempt without a session, and why. After Opened, or a
// second time, it does nothing.
func (a *Attempt) Failed(reason string) {
	a.record(a.line("FAILED SU ")+": "+say.Escape(reason), func() error { return audit(a.auditText("", false)) })
}

// Denied is Failed, of somebody whom the stack did not let in: that is a
// failed login, too.
func (a *Attempt) Denied(reason string) {
	a.record(a.line("FAILED SU ")+": "+say.Escape(reason), func() error {
		return errors.Join(a.failedLogin(), audit(a.auditText("", false)))
	})
}

// Renamed records that a module made another user of the target.
func (a *Attempt) Renamed(name string) {
	syslog(a.line("") + ": PAM_USER is now " + say.Escape(name))
	a.Target, a.Known = name, true
}

// Note tells the system log, line by line, what is no record but has nobody
// else to hear it.
func (a *Attempt) Note(text string) {
	for line := range strings.Lines(text) {
		syslog(a.line("") + ": " + say.Escape(strings.TrimSuffix(line, "\n")))
	}
}

// record writes the system log's line first, which needs nothing. What else
// cannot be written is told there.
func (a *Attempt) record(line string, privileged func() error) {
	if a.recorded {
		return
	}
	a.recorded = true
	syslog(line)
	if a.Privileged == nil {
		return
	}
	a.note(a.Privileged(privileged))
}

// note tells the system log which record could not be written.
func (a *Attempt) note(err error) {
	if err != nil {
		syslog(a.line("") + ": record: " + say.Escape(err.Error()))
	}
}

func (a *Attempt) line(result string) string {
	where := strings.TrimPrefix(a.Terminal, "/dev/")
	if where == "" {
		where = "none"
	}
	return fmt.Sprintf("%s(to %s) %s on %s", result, say.Escape(a.Target), say.Escape(a.Caller), say.Escape(where))
}

// syslog writes one line by syslog(3), facility authpriv, level notice. It
// waits for a log daemon that is there and does not read, as su and the PAM
// modules do.
func syslog(line string) {
	ident, text := C.CString("capsu"), C.CString(line)
	// SAFETY: both are used by nobody after the call, which closes the log.
	defer C.free(unsafe.Pointer(ident))
	defer C.free(unsafe.Pointer(text))
	C.write_line(ident, text)
}
