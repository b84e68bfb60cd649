package pamconv

import (
	"errors"

	"golang.org/x/sys/unix"
)

// This file has a helper read the answer: the monitor must not touch an In that may never
// answer.

// ErrHelper says that the helper ended before the answer was complete.
var ErrHelper = errors.New("the process that reads the answer has ended")

// beginAnswer starts a helper that reads the answer, if one is needed and none runs yet.
// Without Outside there is no helper.
func (c *Conversation) beginAnswer(needed bool) error {
	if !needed || c.Outside == nil || c.channel != 0 {
		return nil
	}
	channel, err := c.Outside.Answer(c.In)
	if err == nil {
		c.channel = channel
	}
	return err
}

// takeAnswer takes one byte of the answer from the helper, none at its end.
func (c *Conversation) takeAnswer() (int, error) {
	var message [2]byte
	defer clear(message[:]) // a secret stays in c.reply alone
	n, err := unix.Read(c.channel, message[:])
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return 0, ErrHelper
	case n == 1:
		c.reply[c.used] = message[0]
		return 1, nil
	case message[1] != 0:
		return 0, unix.Errno(message[1])
	}
	return 0, nil
}

// endAnswer closes the channel, which ends the helper.
func (c *Conversation) endAnswer() {
	if c.channel > 0 {
		unix.Close(c.channel)
	}
	c.channel = 0
}
