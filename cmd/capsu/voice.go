package main

import (
	"capsu/descriptor"
	"capsu/front"
	"capsu/say"
)

// voice writes to the caller, on standard output and error. It writes nothing once the
// front has ended, because the caller's terminal then shows something else.
type voice struct {
	front *front.Front      // nil: the process has not been split in two
	log   func(text string) // under --forced-command aside writes there; otherwise nil
}

// say writes to standard error, tell to standard output.
func (v *voice) say(text string)  { v.show(2, text) }
func (v *voice) tell(text string) { v.show(1, text) }

func (v *voice) show(fd int, text string) {
	switch {
	case v.front == nil:
		descriptor.Show(fd, text, nil)
	case !v.front.Gone():
		v.front.Show(fd, text)
	}
}

// aside writes a text that decides nothing, such as a warning. Under --forced-command it
// goes to the system log, as standard output and error are the session's.
func (v *voice) aside(text string) {
	switch {
	case text == "":
	case v.log != nil:
		v.log(text)
	default:
		v.say(text)
	}
}

func (v *voice) warn(err error) { v.aside("capsu: warning: " + say.Escape(err.Error()) + "\n") }

// report writes an error and what to do about it.
func (v *voice) report(err error) { v.say(describe(err)) }
