// Capsu runs a shell as another user, by file capabilities and PAM, with the
// capabilities that capability.conf grants. Package front has already split the
// process in two when main begins: this one is the monitor, and the front waits for it.
package main

import (
	"fmt"
	"os"
	"runtime"

	"capsu/front"
	"capsu/request"
	"capsu/version"

	"golang.org/x/sys/unix"
)

// The main goroutine stays on the thread-group leader: PAM, every change of
// identity, and the fork of the session belong there.
func init() { runtime.LockOSThread() }

func main() {
	start, fault := front.Take()
	by, status := capsu(start, fault)
	start.End(by, status)
	os.Exit(status)
}

// capsu is the program up to its end: by the signal that whoever waits for the
// front will tell of, or with a status.
func capsu(start *front.Start, fault error) (by unix.Signal, status int) {
	v := &voice{front: start.Front}
	// A fault of capsu's own ends it like any other; run has closed by then.
	defer func() {
		if r := recover(); r != nil {
			v.report(fmt.Errorf("internal error: %v", r))
			by, status = 0, exitOwn
		}
	}()
	_, posix := request.Value(start.Environ, "POSIXLY_CORRECT")
	o, err := request.Parse(os.Args, posix)
	switch {
	case err != nil:
		v.report(err)
		return 0, exitOwn
	case o.Help:
		v.tell(request.Usage)
		return 0, 0
	case o.Version:
		v.tell("capsu " + version.String() + "\n")
		return 0, 0
	case fault != nil:
		v.report(explain(fault))
		return 0, exitOwn
	}
	ended, err := run(&o.Session, start, v)
	if ended == nil {
		if err != nil {
			v.report(err)
		}
		return 0, statusOf(err)
	}
	if err != nil { // what closing said
		v.aside(describe(err))
	}
	if ended.By == 0 {
		v.aside(signalText(ended.Status))
	}
	return ended.By, statusOfSession(ended.Status)
}
