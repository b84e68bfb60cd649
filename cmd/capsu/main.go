// Capsu runs a shell as another user, by file capabilities and PAM, with the capabilities
// that capability.conf grants.
//
// When main begins, package front has split the process in two. This process is the
// monitor. Its main goroutine runs on the leader, the only thread with privilege; between
// calls of package privilege nothing is effective.
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

// init locks the main goroutine to the leader: PAM, every change of ids and the fork of
// the session must run there.
func init() { runtime.LockOSThread() }

func main() {
	start, fault := front.Take()
	by, status := capsu(start, fault)
	start.End(by, status)
	os.Exit(status)
}

// capsu runs the program and returns how the front shall end: by a signal, or with a
// status if by is 0.
func capsu(start *front.Start, fault error) (by unix.Signal, status int) {
	v := &voice{front: start.Front}
	// A panic is reported like any other error; run has closed everything by then.
	defer func() {
		if r := recover(); r != nil {
			v.report(fmt.Errorf("internal error: %v", r))
			by, status = 0, exitOwn
		}
	}()
	_, posix := request.Value(start.Environ, "POSIXLY_CORRECT")
	options, err := request.Parse(os.Args, posix)
	switch {
	case err != nil:
		v.report(err)
		return 0, exitOwn
	case options.Help:
		v.tell(request.Usage)
		return 0, 0
	case options.Version:
		v.tell("capsu " + version.String() + "\n")
		return 0, 0
	case fault != nil:
		v.report(explain(fault))
		return 0, exitOwn
	}
	ended, err := run(&options.Session, start, v)
	if ended == nil {
		if err != nil {
			v.report(err)
		}
		return 0, statusOf(err)
	}
	if err != nil { // the session has run, but a closing has failed
		v.aside(describe(err))
	}
	if ended.By == 0 {
		v.aside(signalText(ended.Status))
	}
	return ended.By, statusOfSession(ended.Status)
}
