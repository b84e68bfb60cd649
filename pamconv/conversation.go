package pamconv

import (
	"cmp"
	"errors"
	"fmt"
	"unsafe"

	"capsu/descriptor"
	"capsu/tty"

	"github.com/msteinert/pam/v2"
	"golang.org/x/sys/unix"
)

// maxReply is PAM_MAX_RESP_SIZE: a reply must be shorter.
const maxReply = 512

// Conversation answers the messages of PAM modules: prompts by a person at a
// terminal, or by a line of standard input when that is not a terminal; the
// rest by printing. What misc_conv does, apart from the faults it forgives.
type Conversation struct {
	In, Out, Err int // descriptors: answers, TEXT_INFO, prompts and ERROR_MSG

	// Silent leaves out TEXT_INFO, as su does once a session is opened that is no
	// login at a terminal.
	Silent bool
	// Refuse fails every prompt at once: nobody may be asked, and In is not read.
	Refuse bool
	// Tell gets TEXT_INFO and ERROR_MSG in place of Out and Err, if it is not nil.
	Tell func(text string)

	// Outside is what may happen while a prompt waits; nil: nothing.
	Outside Outside
	// Waiting runs wait, which waits for a person, with nothing privileged.
	// nil: run it as it is.
	Waiting func(wait func() error) error

	reply [maxReply]byte // the one place a secret is in, until wiped
	used  int
	lent  int // the channel of Outside.Answer while a prompt waits, or 0
	fault error

	failed func(status error) (delay bool) // Transaction.OnFailure, or nil
}

// Outside is the caller's shell, as the front tells of it.
type Outside interface {
	// Descriptor is polled beside In while a prompt waits.
	Descriptor() int
	// Begin forgets the keys that came when no prompt waited. An error ends the prompt.
	Begin() error
	// Event is called when Descriptor is readable. stop asks for Stop, again for
	// the prompt to be shown anew; an error ends it.
	Event() (stop, again bool, err error)
	// Stop stops what the caller's shell sees, by SIGTSTP or SIGTTIN, and returns
	// when it goes on. stopped is false if there is nobody who could continue it.
	Stop(sig unix.Signal) (stopped bool, err error)
	// Gone tells whether nobody waits any more who could want to read what modules say.
	Gone() bool
	// Show writes to Out or Err, as far as that is taken.
	Show(fd int, text string)
	// Answer has another process read a line from In, which may be a file that keeps
	// its reader for ever. channel hands out a message for each byte, up to and including
	// the newline, and at an end without one a message of two bytes: the second is
	// an errno, or 0.
	Answer(fd int) (channel int, err error)
}

// The ways a prompt ends without an answer.
var (
	ErrEndOfInput  = errors.New("end of input")
	ErrReplyLength = fmt.Errorf("answer of %d bytes or more", maxReply)
	ErrReplyNUL    = errors.New("answer with a NUL byte")
	ErrBackground  = errors.New("not in the foreground")
	ErrHangup      = errors.New("terminal hung up")
	ErrStyle       = errors.New("unknown message style")
)

// PromptError is a prompt that was refused (Conversation.Refuse).
type PromptError struct{ Text string }

func (e *PromptError) Error() string {
	return fmt.Sprintf("%q cannot be asked: prompts are off", e.Text)
}

// RespondPAM answers one message. It is called back from C on the leader, so
// nothing may leave it but by return: a panic becomes an error, PAM_CONV_ERR.
func (c *Conversation) RespondPAM(style pam.Style, text string) (answer string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("conversation: %v", r)
		}
		if err != nil {
			c.wipe()
			c.fault = err
			answer = ""
		}
	}()
	switch style {
	case pam.PromptEchoOff, pam.PromptEchoOn:
		return c.prompt(text, style == pam.PromptEchoOn)
	case pam.TextInfo:
		if c.Silent {
			return "", nil
		}
		c.show(c.Out, text)
		return "", nil
	case pam.ErrorMsg:
		c.show(c.Err, text)
		return "", nil
	default:
		return "", ErrStyle
	}
}

func (c *Conversation) show(fd int, text string) {
	if c.Tell != nil {
		c.Tell(text)
		return
	}
	if c.Outside != nil && c.Outside.Gone() {
		return
	}
	c.write(fd, text+"\n")
}

func (c *Conversation) write(fd int, text string) {
	if c.Outside == nil {
		descriptor.Show(fd, text, nil)
		return
	}
	c.Outside.Show(fd, text)
}

// prompt reads one answer into c.reply. The string it returns is that buffer:
// the library copies it at once into memory that PAM owns and wipes.
func (c *Conversation) prompt(text string, echo bool) (string, error) {
	if c.fault != nil {
		return "", c.fault // who has ended one prompt is not asked again by the next module
	}
	if c.Refuse {
		return "", &PromptError{text}
	}
	c.wipe()
	wait := func() error { return c.read(text, echo) }
	var err error
	if c.Waiting != nil {
		err = c.Waiting(wait)
	} else {
		err = wait()
	}
	if err != nil {
		return "", err
	}
	// SAFETY: c outlives the transaction, and nobody keeps the string.
	return unsafe.String(&c.reply[0], c.used), nil
}

// errStop says that the prompt has to be stopped and shown again, errAgain that
// it has been.
var (
	errStop  = errors.New("stopped")
	errAgain = errors.New("continued")
)

// read shows the prompt and takes a line, again after each stop.
func (c *Conversation) read(text string, echo bool) error {
	if c.Outside != nil {
		if err := c.Outside.Begin(); err != nil {
			return err
		}
	}
	defer c.endAnswer()
	kind := descriptor.Of(c.In)
	onTerminal := kind == descriptor.Terminal
	for {
		if onTerminal && !tty.Foreground(c.In) {
			// Under su the first touch of the terminal stops it, and fg continues it.
			if stopped, err := c.stop(unix.SIGTTIN); err != nil {
				return err
			} else if !stopped {
				return ErrBackground
			}
			continue
		}
		err := c.ask(text, echo, kind)
		if err == errAgain {
			c.wipe()
			continue
		}
		if err != errStop {
			return err
		}
		if onTerminal {
			c.wipe() // what was typed has been discarded
			if !tty.Foreground(c.In) {
				continue
			}
		}
		if _, err := c.stop(unix.SIGTSTP); err != nil {
			return err
		}
	}
}

func (c *Conversation) stop(sig unix.Signal) (stopped bool, err error) {
	if c.Outside == nil {
		return false, nil
	}
	return c.Outside.Stop(sig)
}

// ask shows the prompt and takes a line, with the terminal's modes set for it
// and put back on every way out.
func (c *Conversation) ask(text string, echo bool, kind descriptor.Kind) error {
	if kind == descriptor.Terminal {
		modes := tty.Modes{FD: c.In}
		if err := modes.Prompt(echo); err != nil {
			return err
		}
		// The newline that was not echoed comes after the modes are back.
		defer func() {
			modes.Restore(true)
			if !echo {
				c.write(c.Err, "\n")
			}
		}()
	}
	c.write(c.Err, text)
	return c.line(kind)
}

// line takes a line. A terminal hands out one at a time, so a read cannot go
// past it. All else is read byte by byte: what follows the newline is the session's.
func (c *Conversation) line(kind descriptor.Kind) error {
	onTerminal := kind == descriptor.Terminal
	if err := c.beginAnswer(kind == descriptor.Other); err != nil {
		return err
	}
	for {
		switch err := c.poll(); {
		case err == errAgain && !onTerminal:
			continue // nobody has disturbed it
		case err != nil:
			return err
		}
		if c.used == maxReply {
			return ErrReplyLength
		}
		if onTerminal && !tty.Foreground(c.In) {
			return errStop // the front was stopped behind our back: what is typed is for the shell
		}
		n, err := c.some(kind)
		switch {
		case err == unix.EINTR || err == unix.EAGAIN:
			continue
		case err == unix.EIO:
			return ErrHangup
		case err != nil:
			return err
		case n == 0 && c.used == 0:
			return ErrEndOfInput
		}
		c.used += n
		last := c.used - 1
		newline := n > 0 && c.reply[last] == '\n'
		if newline {
			c.reply[last] = 0
			c.used = last
		}
		// Without a newline a terminal's line ends by its end-of-file key.
		if newline || n == 0 || onTerminal && c.used < maxReply {
			return c.checkReply()
		}
	}
}

// some reads some of the answer, where poll has said that there is something.
func (c *Conversation) some(kind descriptor.Kind) (int, error) {
	most := 1
	switch {
	case c.lent != 0:
		return c.fromAnswer()
	case kind == descriptor.Terminal:
		most = maxReply
	case kind == descriptor.Stream:
		n, err := descriptor.ReadNow(c.In, c.reply[c.used:c.used+1])
		if err != unix.EOPNOTSUPP {
			return n, err
		}
		if err := c.beginAnswer(true); err != nil || c.lent != 0 {
			return 0, cmp.Or(err, error(unix.EAGAIN))
		}
	}
	return unix.Read(c.In, c.reply[c.used:min(c.used+most, maxReply)])
}

func (c *Conversation) checkReply() error {
	if c.used >= maxReply {
		return ErrReplyLength
	}
	for _, b := range c.reply[:c.used] {
		if b == 0 {
			return ErrReplyNUL
		}
	}
	return nil
}

// poll waits until there is something to read, heeding what happens outside.
func (c *Conversation) poll() error {
	for {
		in := c.In
		if c.lent != 0 {
			in = c.lent
		}
		fds := []unix.PollFd{{Fd: int32(in), Events: unix.POLLIN}, {Fd: -1}}
		if c.Outside != nil {
			fds[1] = unix.PollFd{Fd: int32(c.Outside.Descriptor()), Events: unix.POLLIN}
		}
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			return err
		}
		if fds[1].Revents != 0 {
			stop, again, err := c.Outside.Event()
			switch {
			case err != nil:
				return err
			case stop:
				return errStop
			case again:
				return errAgain
			}
			continue
		}
		if fds[0].Revents != 0 {
			return nil
		}
	}
}

// wipe overwrites the reply buffer.
func (c *Conversation) wipe() {
	clear(c.reply[:])
	c.used = 0
}
