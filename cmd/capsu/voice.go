package main

import (
	"capsu/descriptor"
	"capsu/front"
	"capsu/say"
)

// voice is how this process speaks to its caller: on standard output and error, unless
// the front has left. Then the caller reads something else there.
type voice struct {
	front *front.Front      // nil: the process has not been split in two
	log   func(text string) // nil; under --forced-command what is said aside goes there
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

// aside says what does not decide whether there is a session. Under --forced-command,
// where all that can be seen is the session's, it goes to the system log.
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

// report says an error and what to do about it.
func (v *voice) report(err error) { v.say(describe(err)) }
