// Package records writes what happened where administrators look for it.
//
// It needs no privilege for the system log. Call it on the thread-group leader
// with an empty Effective set.
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
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// Attempt is who tries to become whom, and where. What the records say of it
// is what su writes (util-linux su), with the capabilities at the end.
type Attempt struct {
	Caller   string
	Target   string // as typed; the passwd entry's own name once that is known
	Terminal string // name of the terminal, with its /dev/; empty: none

	recorded bool
}

// Opened records a session and the tuple it has (cap_text_formats(7)).
func (a *Attempt) Opened(tuple string) { a.write(a.line("") + " iab=" + tuple) }

// Failed records an attempt without a session, and why. After Opened, or a
// second time, it does nothing.
func (a *Attempt) Failed(reason string) { a.write(a.line("FAILED SU ") + ": " + Escape(reason)) }

func (a *Attempt) write(line string) {
	if !a.recorded {
		a.recorded = true
		syslog(line)
	}
}

func (a *Attempt) line(result string) string {
	where := strings.TrimPrefix(a.Terminal, "/dev/")
	if where == "" {
		where = "none"
	}
	return fmt.Sprintf("%s(to %s) %s on %s", result, Escape(a.Target), Escape(a.Caller), Escape(where))
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

// Escape shows text on one line of printing characters, quoting the others as
// Go does: a name or a terminal must not write a second line or move a cursor.
func Escape(s string) string {
	foreign := func(r rune) bool { return !strconv.IsPrint(r) }
	if utf8.ValidString(s) && strings.IndexFunc(s, foreign) < 0 {
		return s
	}
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}
