package relay

import (
	"os"
	"strings"
	"testing"
	"time"

	"capsu/tty"

	"golang.org/x/sys/unix"
)

// ends has the caller's ends of two descriptors.
type ends struct {
	t        *testing.T
	r        *Relay
	in, out  int      // the caller's: it writes to in, and reads what the session shows from out
	terminal *tty.Pty // the session's own
}

// carried makes a relay between the session's pseudo-terminal and two pipes, or a terminal.
func carried(t *testing.T, onTerminal bool) *ends {
	t.Helper()
	e := &ends{t: t}
	var in, out [2]int
	if onTerminal {
		p := opened(t)
		in, out = [2]int{p.Slave, p.Master}, [2]int{p.Master, p.Slave}
	} else {
		for _, pipe := range []*[2]int{&in, &out} {
			if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
		}
	}
	e.in, e.out = in[1], out[0]
	unix.SetNonblock(e.out, true)
	e.terminal = opened(t)
	e.r = New(e.terminal, Ends{In: in[0], Out: out[1]})
	t.Cleanup(e.r.Close)
	return e
}

func opened(t *testing.T) *tty.Pty {
	t.Helper()
	p, err := tty.Open(-1, -1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// turn polls and carries until what returns true, or nothing happens any more.
func (e *ends) turn(what func() bool) (gone bool) {
	e.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if what() {
			return gone
		}
		var fds [3]unix.PollFd
		e.r.Interests(fds[:])
		unix.Poll(fds[:], 20) // a terminal passes bytes on after a moment
		if gone = e.r.Carry(fds[:]); gone {
			return true
		}
	}
	e.t.Fatal("it does not happen")
	return false
}

func (e *ends) write(fd int, text string) {
	e.t.Helper()
	if n, err := unix.Write(fd, []byte(text)); err != nil || n != len(text) {
		e.t.Fatal(n, err)
	}
}

// reads reads fd while the relay turns, until it has read want.
func (e *ends) reads(fd int, want string) {
	e.t.Helper()
	unix.SetNonblock(fd, true)
	var got strings.Builder
	e.turn(func() bool {
		var b [4096]byte
		if n, err := unix.Read(fd, b[:]); err == nil {
			got.Write(b[:n])
		}
		return got.Len() >= len(want)
	})
	if got.String() != want {
		e.t.Errorf("%q, want %q", got.String(), want)
	}
}

func TestBytesGoBothWaysByPipes(t *testing.T) {
	e := carried(t, false)
	if !e.r.Resume() || e.r.Keys() {
		t.Error("a pipe is no terminal, and always in the foreground")
	}
	e.write(e.in, "to the session\n")
	e.reads(e.terminal.Slave, "to the session\n")
	e.write(e.terminal.Slave, "to the caller\n")
	e.reads(e.out, "to the caller\r\n")
}

func TestKeysOfATerminalAreTheSessions(t *testing.T) {
	e := carried(t, true)
	if !e.r.Resume() || !e.r.Keys() {
		t.Error("a terminal has keys")
	}
	e.write(e.in, "\x03\r") // raw mode: no signal in this terminal, but a key in the session's
	e.turn(func() bool {
		n, _ := unix.IoctlGetInt(e.terminal.Slave, unix.TIOCINQ)
		return n > 0
	})
	e.write(e.terminal.Slave, "shown\n")
	e.reads(e.out, "shown\r\n")
}

func TestATerminalHasItsModesBackWhenTheSessionStops(t *testing.T) {
	e := carried(t, true)
	modes := func() uint32 {
		m, err := unix.IoctlGetTermios(e.r.from, unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		return m.Lflag
	}
	found := modes()
	e.r.Resume()
	if raw := modes(); raw == found || raw&unix.ICANON != 0 {
		t.Errorf("not raw while the session runs: %#x", raw)
	}
	e.write(e.terminal.Slave, "last words")
	e.r.Suspend()
	if modes() != found {
		t.Errorf("stopped: %#x, want %#x", modes(), found)
	}
	var b [64]byte
	if n, err := unix.Read(e.out, b[:]); err != nil || string(b[:n]) != "last words" {
		t.Errorf("shown before the stop: %q, %v", b[:max(n, 0)], err)
	}
	var fds [3]unix.PollFd
	if e.r.Interests(fds[:]); fds[1].Fd >= 0 || fds[0].Events != 0 {
		t.Errorf("a stopped session is read, or its caller: %v", fds)
	}
	e.r.Resume()
	e.r.Abandon()
	if modes() != found {
		t.Error("left raw behind a caller who has gone")
	}
}

// The relay keeps the modes of a shell that has taken its terminal back.
func TestModesThatAreNoLongerOursStay(t *testing.T) {
	e := carried(t, true)
	e.r.Resume()
	m, err := unix.IoctlGetTermios(e.r.from, unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	m.Lflag |= unix.ECHO
	if err := unix.IoctlSetTermios(e.r.from, unix.TCSETS, m); err != nil {
		t.Fatal(err)
	}
	e.r.Close()
	if now, _ := unix.IoctlGetTermios(e.r.from, unix.TCGETS); now.Lflag != m.Lflag {
		t.Errorf("%#x, want %#x", now.Lflag, m.Lflag)
	}
}

func TestTheEndOfInputIsTypedAsAKey(t *testing.T) {
	for given, keys := range map[string]string{"line\n": "line\n", "half": "half"} {
		e := carried(t, false)
		e.r.Resume()
		e.write(e.in, given)
		e.reads0(keys)
		unix.Close(e.in)
		e.turn(func() bool { return e.r.ended && e.r.toSession.empty() })
		unix.SetNonblock(e.terminal.Slave, false)
		if n, err := unix.Read(e.terminal.Slave, make([]byte, 16)); n != 0 || err != nil {
			t.Errorf("after %q: %d bytes, %v, want an end", given, n, err)
		}
	}
}

// reads0 waits until the session has read what is typed. It reads half a line only once the
// line's end has come.
func (e *ends) reads0(typed string) {
	e.t.Helper()
	if strings.HasSuffix(typed, "\n") {
		e.reads(e.terminal.Slave, typed)
		return
	}
	e.turn(func() bool { return e.r.midline })
	unix.Write(e.terminal.Master, []byte{4}) // ends the rest of the line
	e.reads(e.terminal.Slave, typed)
}

// After the caller is gone, the relay drops what the session writes.
func TestAReaderThatHasLeftIsTold(t *testing.T) {
	e := carried(t, false)
	e.r.Resume()
	unix.Close(e.out)
	e.write(e.terminal.Slave, "for nobody")
	if !e.turn(func() bool { return false }) {
		t.Error("not told")
	}
	e.write(e.terminal.Slave, "nor this")
	e.r.Drain() // returns at once
}

func TestATerminalThatHangsUpIsTold(t *testing.T) {
	e := carried(t, true)
	e.r.Resume()
	unix.Close(e.in)
	if !e.turn(func() bool { return false }) {
		t.Error("not told")
	}
}

// A reader that does not read must not hold up the session, nor get an old screen later.
func TestAReaderThatDoesNotReadKeepsNothing(t *testing.T) {
	e := carried(t, false)
	e.r.Resume()
	slave := os.NewFile(uintptr(e.terminal.Slave), "slave")
	e.terminal.Slave = -1
	defer slave.Close()
	done := make(chan bool)
	go func() {
		defer close(done)
		slave.Write([]byte(strings.Repeat("0123456789abcdef", 20<<10))) // more than all buffers hold
	}()
	for range 1000 {
		var fds [3]unix.PollFd
		e.r.Interests(fds[:])
		if n, _ := unix.Poll(fds[:], 200); n == 0 {
			break // nothing is ready: the pipe is full
		}
		if e.r.Carry(fds[:]) {
			t.Fatal("gone")
		}
	}
	begun := time.Now()
	e.r.Drain()
	if waited := time.Since(begun); waited < 500*time.Millisecond {
		t.Errorf("waited %v for a reader that may be slow", waited)
	}
	e.r.Abandon()
	e.turn(func() bool { // the relay drops what is written now
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
}
