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

// maxReply is PAM_MAX_RESP_SIZE, in bytes. A reply must be shorter.
const maxReply = 512

// Conversation answers the messages of PAM modules (pam_conv(3)). It prints texts, and
// answers a prompt with a line from the caller's terminal, or from standard input if that
// is not a terminal. It does what misc_conv(3) does, but fails for faulty answers that
// misc_conv lets pass.
type Conversation struct {
	In, Out, Err int // descriptors: answers, TEXT_INFO, prompts and ERROR_MSG

	// Silent drops TEXT_INFO, as su does after authentication, except for a login
	// without a command.
	Silent bool
	// Refuse fails every prompt at once, with a PromptError. In is not read.
	Refuse bool
	// Tell gets TEXT_INFO and ERROR_MSG instead of Out and Err, unless it is nil.
	Tell func(text string)

	// Outside handles what happens while a prompt waits; nil: nothing does.
	Outside Outside
	// Waiting runs wait, which waits for the caller, with nothing effective. If it is
	// nil, wait runs with the privilege of the PAM call.
	Waiting func(wait func() error) error

	reply   [maxReply]byte // a secret is nowhere else; wipe clears it
	used    int            // bytes of reply
	channel int            // of the helper that reads the answer (Outside.Answer), or 0
	fault   error          // why a prompt of this PAM call was not answered

	failed func(status error) (delay bool) // Transaction.OnFailure, or nil
}

// Outside is the front, as a prompt needs it.
type Outside interface {
	// Descriptor is polled beside In while a prompt waits.
	Descriptor() int
	// Begin drops keys from before the prompt. An error ends the prompt.
	Begin() error
	// Event is called when Descriptor is readable. stop means that the prompt has to call
	// Stop, again that it has to be shown again. An error ends it.
	Event() (stop, again bool, err error)
	// Stop stops the front by SIGTSTP or SIGTTIN and returns when it is continued.
	// stopped is false if the kernel has not stopped it: no shell could continue it.
	Stop(sig unix.Signal) (stopped bool, err error)
	// Gone tells whether the front has ended, so that the caller reads no messages.
	Gone() bool
	// Show writes to Out or Err, as far as their readers take it.
	Show(fd int, text string)
	// Answer has a helper read a line from In, which may never answer. The line comes by
	// channel; front.Front.Answer says how.
	Answer(fd int) (channel int, err error)
}

// The reasons for which a prompt has no answer.
var (
	ErrEndOfInput  = errors.New("end of input")
	ErrReplyLength = fmt.Errorf("answer of %d bytes or more", maxReply)
	ErrReplyNUL    = errors.New("answer with a NUL byte")
	ErrBackground  = errors.New("not in the foreground")
	ErrHangup      = errors.New("terminal hung up")
	ErrStyle       = errors.New("unknown message style")
)

// PromptError is a prompt that Conversation.Refuse has refused.
type PromptError struct{ Text string }

func (e *PromptError) Error() string {
	return fmt.Sprintf("%q cannot be asked: prompts are off", e.Text)
}

// RespondPAM answers one message. C calls it, on the leader, so a panic must not leave it:
// it becomes an error. The library makes PAM_CONV_ERR of an error.
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

// prompt reads one answer into c.reply. The string that it returns is that buffer. The
// library copies it at once into memory that PAM owns and wipes.
func (c *Conversation) prompt(text string, echo bool) (string, error) {
	if c.fault != nil {
		return "", c.fault // the caller has ended a prompt: the next module must not ask again
	}
	if c.Refuse {
		return "", &PromptError{text}
	}
	c.wipe()
	wait := func() error { return c.readAnswer(text, echo) }
	var err error
	if c.Waiting != nil {
		err = c.Waiting(wait)
	} else {
		err = wait()
	}
	if err != nil {
		return "", err
	}
	// SAFETY: c outlives the transaction, and the library does not keep the string.
	return unsafe.String(&c.reply[0], c.used), nil
}

// errStop says that the front has to be stopped. errAgain says that it was stopped, and
// that the prompt has to be shown again.
var (
	errStop  = errors.New("stopped")
	errAgain = errors.New("continued")
)

// readAnswer shows the prompt and reads a line. It does so again after each stop.
func (c *Conversation) readAnswer(text string, echo bool) error {
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
			// su stops when it first touches the terminal, and fg continues it.
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
			c.wipe() // the terminal has discarded its part of the line
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

// ask sets the terminal's modes, shows the prompt, reads a line and restores the modes on
// every return.
func (c *Conversation) ask(text string, echo bool, kind descriptor.Kind) error {
	if kind == descriptor.Terminal {
		modes := tty.Modes{FD: c.In}
		if err := modes.Prompt(echo); err != nil {
			return err
		}
		// The terminal has not echoed the newline, so write one after the modes are back.
		defer func() {
			modes.Restore(true)
			if !echo {
				c.write(c.Err, "\n")
			}
		}()
	}
	c.write(c.Err, text)
	return c.readLine(kind)
}

// readLine reads a line. A terminal returns one line per read(2). Other files are read
// byte by byte, since what follows the newline is the session's.
func (c *Conversation) readLine(kind descriptor.Kind) error {
	onTerminal := kind == descriptor.Terminal
	if err := c.beginAnswer(kind == descriptor.Other); err != nil {
		return err
	}
	for {
		switch err := c.poll(); {
		case err == errAgain && !onTerminal:
			continue // a prompt that is not on a terminal need not be shown again
		case err != nil:
			return err
		}
		if c.used == maxReply {
			return ErrReplyLength
		}
		if onTerminal && !tty.Foreground(c.In) {
			return errStop // the front was stopped by SIGSTOP: what is typed is for the shell
		}
		n, err := c.readSome(kind)
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
		// On a terminal the end-of-file key ends a line without a newline.
		if newline || n == 0 || onTerminal && c.used < maxReply {
			return c.checkReply()
		}
	}
}

// readSome reads a part of the answer, once poll has found something to read.
func (c *Conversation) readSome(kind descriptor.Kind) (int, error) {
	most := 1
	switch {
	case c.channel != 0:
		return c.takeAnswer()
	case kind == descriptor.Terminal:
		most = maxReply
	case kind == descriptor.Stream:
		n, err := descriptor.ReadNow(c.In, c.reply[c.used:c.used+1])
		if err != unix.EOPNOTSUPP {
			return n, err
		}
		if err := c.beginAnswer(true); err != nil || c.channel != 0 {
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

// poll waits until there is something to read, and handles events of the front.
func (c *Conversation) poll() error {
	for {
		in := c.In
		if c.channel != 0 {
			in = c.channel
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
