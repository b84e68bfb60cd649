package main

import (
	"fmt"

	"capsu/front"
	"capsu/pamconv"

	"golang.org/x/sys/unix"
)

// outside is the front as a prompt sees it. A key stops or ends the prompt that waits, and
// nothing else.
type outside struct {
	*front.Front
	voice *voice
}

func (o outside) Descriptor() int { return o.FD }

func (o outside) Begin() error { return interrupted(o.Ending()) }

func (o outside) Event() (stop, again bool, err error) {
	switch e := o.Front.Event(); e.Signal {
	case unix.SIGTSTP:
		return true, false, nil
	case unix.SIGCONT: // the front was stopped by SIGSTOP, and the terminal was a shell's meanwhile
		return false, true, nil
	case unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP:
		return false, false, interrupted(e.Signal)
	}
	return false, false, nil
}

func (o outside) Stop(sig unix.Signal) (stopped bool, err error) {
	stopped, ending, err := o.Front.Stop(sig)
	if err == nil {
		err = interrupted(ending)
	}
	return stopped, err
}

func (o outside) Show(fd int, text string) { o.voice.show(fd, text) }

// interrupted returns the error of a prompt that a signal ends; nil without one.
func interrupted(sig unix.Signal) error {
	switch sig {
	case 0:
		return nil
	case unix.SIGHUP:
		return pamconv.ErrHangup
	}
	return fmt.Errorf("interrupted by %s", unix.SignalName(sig))
}
