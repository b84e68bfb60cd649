// Capsu runs a shell as another user, by file capabilities and PAM, with the
// capabilities that capability.conf grants. start.c has already run when main
// begins: this process is the monitor, and the front waits for it.
package main

import (
	"fmt"
	"os"
	"runtime"

	"capsu/version"

	"golang.org/x/sys/unix"
)

// The main goroutine stays on the thread-group leader: PAM, every change of
// identity, and the fork of the session belong there.
func init() { runtime.LockOSThread() }

func main() { end(capsu()) }

// capsu is the program up to its end: by the signal that whoever waits for the
// front will tell of, or with a status.
func capsu() (by unix.Signal, status int) {
	// A fault of capsu's own ends it like any other; run has closed by then.
	defer func() {
		if r := recover(); r != nil {
			report(fmt.Errorf("internal error: %v", r))
			by, status = 0, exitOwn
		}
	}()
	s, fault := newStart()
	_, posix := valueOf(s.environ, "POSIXLY_CORRECT")
	o, err := parse(os.Args, posix)
	switch {
	case err != nil:
		report(err)
		return 0, exitOwn
	case o.help:
		tell(usage)
		return 0, 0
	case o.version:
		tell("capsu " + version.String() + "\n")
		return 0, 0
	case fault != nil:
		report(fault)
		return 0, exitOwn
	}
	ended, err := run(&o.session, s)
	if ended == nil {
		if err != nil {
			report(err)
		}
		return 0, statusOf(err)
	}
	if err != nil { // what closing said
		aside(describe(err))
	}
	if ended.By == 0 {
		tellSignal(ended.Status)
	}
	return ended.By, statusOfSession(ended.Status)
}
