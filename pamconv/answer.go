package pamconv

import (
	"errors"

	"golang.org/x/sys/unix"
)

// An answer that another process reads: this one must not touch In, which may keep
// it for ever.

// ErrHelper is a helper that ended before the answer did.
var ErrHelper = errors.New("the process that reads the answer has ended")

// beginAnswer has the answer read by another process if that is needed and there can
// be one. It goes on with one that has begun.
func (c *Conversation) beginAnswer(needed bool) error {
	if !needed || c.Outside == nil || c.lent != 0 {
		return nil
	}
	channel, err := c.Outside.Answer(c.In)
	if err == nil {
		c.lent = channel
	}
	return err
}

// fromAnswer takes one byte of the answer, or none at its end.
func (c *Conversation) fromAnswer() (int, error) {
	var message [2]byte
	defer clear(message[:]) // reply is the one place a secret is in
	n, err := unix.Read(c.lent, message[:])
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

func (c *Conversation) endAnswer() {
	if c.lent > 0 {
		unix.Close(c.lent)
	}
	c.lent = 0
}
