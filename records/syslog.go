// Package records writes the records of an attempt: to the system log, btmp, utmp, wtmp and
// the kernel's audit.
//
// The system log needs no privilege. The other records need CAP_AUDIT_WRITE and the rights
// of the group utmp, which Attempt.Privileged raises. Call the methods on the leader.
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

// Attempt is one attempt of a caller to become a target. The records say what su of
// util-linux writes, with the tuple added.
type Attempt struct {
	Caller   string
	Target   string // as typed; once it is known, the name in the passwd entry
	Known    bool   // Target is the name of a user
	Terminal string // the terminal's name, which begins with /dev/; empty: none
	Program  string // the path of this program

	// Privileged runs f with the privilege that the records need. If it is nil, only the
	// system log is written.
	Privileged func(f func() error) error

	recorded bool
}

// Opened records a session, with its tuple as text (cap_text_formats(7)).
func (a *Attempt) Opened(tuple string) {
	a.record(a.line("")+" iab="+tuple, func() error { return audit(a.auditText(tuple, true)) })
}

// Failed records that there is no session, and the reason. After Opened, Failed or Denied
// it does nothing.
func (a *Attempt) Failed(reason string) {
	a.record(a.line("FAILED SU ")+": "+say.Escape(reason), func() error { return audit(a.auditText("", false)) })
}

// Denied is Failed for a refusal of the stack, which it also enters in btmp as a failed
// login.
func (a *Attempt) Denied(reason string) {
	a.record(a.line("FAILED SU ")+": "+say.Escape(reason), func() error {
		return errors.Join(a.failedLogin(), audit(a.auditText("", false)))
	})
}

// Renamed records that a module has changed PAM_USER, the target.
func (a *Attempt) Renamed(name string) {
	syslog(a.line("") + ": PAM_USER is now " + say.Escape(name))
	a.Target, a.Known = name, true
}

// Note writes a text that is no record to the system log, line by line. It is for messages
// that have no other reader.
func (a *Attempt) Note(text string) {
	for line := range strings.Lines(text) {
		syslog(a.line("") + ": " + say.Escape(strings.TrimSuffix(line, "\n")))
	}
}

// record writes the line in the system log first, as that needs no privilege, and then the
// others. It does so once.
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

// note writes to the system log which record has failed.
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

// syslog writes one line by syslog(3), facility authpriv, level notice. If the log daemon
// does not read, it waits, as su and the PAM modules do.
func syslog(line string) {
	ident, text := C.CString("capsu"), C.CString(line)
	// SAFETY: C does not use them after the call, which closes the log.
	defer C.free(unsafe.Pointer(ident))
	defer C.free(unsafe.Pointer(text))
	C.write_line(ident, text)
}
