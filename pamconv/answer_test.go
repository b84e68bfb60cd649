package pamconv

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/msteinert/pam/v2"
	"golang.org/x/sys/unix"
)

// helped is an Outside whose helper is the test, at the other end of the channel.
type helped struct {
	quiet  int // a descriptor on which nothing happens
	helper func(channel int)
	begun  int
}

func (h *helped) Descriptor() int              { return h.quiet }
func (*helped) Begin() error                   { return nil }
func (*helped) Event() (bool, bool, error)     { return false, false, errEvent }
func (*helped) Stop(unix.Signal) (bool, error) { return false, nil }
func (*helped) Gone() bool                     { return false }
func (*helped) Show(int, string)               {}

func (h *helped) Answer(int) (int, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	h.begun++
	go h.helper(pair[1])
	return pair[0], nil
}

// messages sends an answer as a helper does, then more, and ends.
func messages(answer string, after ...byte) func(channel int) {
	return func(channel int) {
		for i := range len(answer) {
			unix.Write(channel, []byte{answer[i]})
		}
		if after != nil {
			unix.Write(channel, after)
		}
		unix.Close(channel)
	}
}

func TestAnAnswerThatAHelperReads(t *testing.T) {
	for name, c := range map[string]struct {
		helper func(channel int)
		answer string
		err    error
	}{
		"a line":       {messages("secret\n"), "secret", nil},
		"an empty one": {messages("\n"), "", nil},
		"no newline":   {messages("secret", 'E', 0), "secret", nil},
		"nothing":      {messages("", 'E', 0), "", ErrEndOfInput},
		"a directory":  {messages("", 'E', byte(unix.EISDIR)), "", unix.EISDIR},
		"a NUL":        {messages("a\x00b\n"), "", ErrReplyNUL},
		"the longest":  {messages(strings.Repeat("x", maxReply-1) + "\n"), strings.Repeat("x", maxReply-1), nil},
		"too long":     {messages(strings.Repeat("x", maxReply), 'E', 0), "", ErrReplyLength},
		"it ends":      {messages("secr"), "", ErrHelper},
		"at once":      {messages(""), "", ErrHelper},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := os.Open("/etc/passwd") // the conversation must not read it
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			quiet, _, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer quiet.Close()
			outside := &helped{quiet: int(quiet.Fd()), helper: c.helper}
			conv := &Conversation{In: int(file.Fd()), Outside: outside}
			answer, err := conv.RespondPAM(pam.PromptEchoOff, "secret? ")
			if answer != c.answer || !errors.Is(err, c.err) {
				t.Errorf("%q, %v; want %q, %v", answer, err, c.answer, c.err)
			}
			if at, err := unix.Seek(conv.In, 0, 1); at != 0 || err != nil || outside.begun != 1 || conv.channel != 0 {
				t.Errorf("offset %d, %v; %d helpers, lent %d", at, err, outside.begun, conv.channel)
			}
			if conv.wipe(); conv.reply != [maxReply]byte{} {
				t.Error("the reply was not wiped")
			}
		})
	}
}

// If a prompt ends without an answer, its helper's channel is closed.
func TestAPromptThatEndsClosesTheChannel(t *testing.T) {
	file, err := os.Open("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	closed := make(chan error)
	outside := &helped{quiet: int(r.Fd()), helper: func(channel int) {
		w.Close() // an event
		n, err := unix.Read(channel, make([]byte, 1))
		if n != 0 {
			err = errors.New("something came")
		}
		closed <- err
	}}
	conv := &Conversation{In: int(file.Fd()), Outside: outside}
	if _, err := conv.RespondPAM(pam.PromptEchoOff, ""); !errors.Is(err, errEvent) {
		t.Errorf("got %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}
