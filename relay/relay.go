// Package relay carries bytes between the caller's descriptors and the session's
// pseudo-terminal, and tells when the caller is gone.
//
// Nothing is privileged while it runs. Call its functions on one thread, any thread: the
// loop that polls what Interests asks for.
package relay

import (
	"time"

	"capsu/descriptor"
	"capsu/tty"

	"golang.org/x/sys/unix"
)

// Relay carries bytes between two of the caller's descriptors and the session's
// pseudo-terminal. Its methods allocate nothing, since the runtime does not collect
// garbage.
type Relay struct {
	pty     *tty.Pty
	from    int  // the caller's descriptor for input
	in, out int  // from and the caller's output; opened anew, non-blocking, if they are its terminal
	inNow   bool // in is a pipe or a socket: the kernel can read it without waiting
	outNow  bool // out is one
	ownOut  bool // out was opened anew
	most    int  // the bytes that out takes at once when it is ready, or oneWrite
	modes   tty.Modes
	keys    bool // in is a terminal
	yields  bool // and its keys are for other programs, until the session asks for them

	reading bool // the relay may read in: a terminal only in the foreground
	paused  bool // the session is stopped
	ended   bool // in is at its end
	midline bool // the last byte written to the session does not end a line
	hungUp  bool // the session has closed its terminal
	broken  bool // out has no reader any more

	toSession, toCaller queue
}

// queue holds bytes that wait to be written.
type queue struct {
	bytes    [32 << 10]byte
	from, to int
}

func (q *queue) empty() bool { return q.from == q.to }

// fill reads once into an empty queue. now: without waiting, if the kernel can do that.
func (q *queue) fill(fd int, now bool) (int, error) {
	n, err := 0, error(unix.EOPNOTSUPP)
	if now {
		n, err = descriptor.ReadNow(fd, q.bytes[:])
	}
	if err == unix.EOPNOTSUPP {
		n, err = unix.Read(fd, q.bytes[:])
	}
	q.from, q.to = 0, max(n, 0)
	return n, err
}

// flush writes at most that many bytes, once.
func (q *queue) flush(fd, most int, now bool) error {
	part := q.bytes[q.from:min(q.to, q.from+most)]
	n, err := 0, error(unix.EOPNOTSUPP)
	if now {
		n, err = descriptor.WriteNow(fd, part)
	}
	if err == unix.EOPNOTSUPP {
		n, err = unix.Write(fd, part)
	}
	q.from += max(n, 0)
	return err
}

// plainRun returns how many bytes, 1 to 128, a terminal takes in one piece: those before
// the next control character, or that alone.
func (q *queue) plainRun() int {
	n := 0
	for n < 128 && q.from+n < q.to && q.bytes[q.from+n] >= ' ' {
		n++
	}
	return max(n, 1)
}

const (
	pipeful  = 4096      // PIPE_BUF: the bytes that a ready pipe takes without blocking
	oneWrite = -1        // a ready terminal takes plainRun bytes without blocking
	drained  = 128 << 10 // more than a pseudo-terminal holds
)

// Ends are the caller's descriptors that a pseudo-terminal stands for.
type Ends struct {
	In, Out int // what the relay reads and writes
	// Yields: at first the keys are for the other programs of a pipeline.
	Yields   bool
	Replaced [3]bool // the descriptors that become the pseudo-terminal in the session
}

// New returns the relay between the caller's descriptors and the session's
// pseudo-terminal. Resume starts it.
func New(pty *tty.Pty, e Ends) *Relay {
	in, out := e.In, e.Out
	r := &Relay{pty: pty, from: in, yields: e.Yields, in: in, out: out, modes: tty.Modes{FD: in}, keys: descriptor.IsTerminal(in),
		inNow: descriptor.Of(in) == descriptor.Stream, outNow: descriptor.Of(out) == descriptor.Stream}
	if fd := tty.Own(in); fd >= 0 {
		r.in = fd
	}
	switch fd := tty.Own(out); {
	case fd >= 0:
		r.out, r.most, r.ownOut = fd, len(r.toCaller.bytes), true
	case descriptor.IsTerminal(out):
		r.most = oneWrite
	default:
		r.most = pipeful
	}
	return r
}

// Close restores the modes of the caller's terminal, and closes what New has opened.
func (r *Relay) Close() {
	r.modes.Restore(false)
	if r.in != r.from {
		unix.Close(r.in)
	}
	if r.ownOut {
		unix.Close(r.out)
	}
}

// Foreground tells whether the front is in the foreground of the caller's terminal.
func (r *Relay) Foreground() bool { return tty.Foreground(r.from) }

// Claim has Resume give the session the keys, even in a pipeline: it has asked for them.
func (r *Relay) Claim() {
	if r.yields {
		r.pty.MapNewlines(true) // from here on the caller's terminal is raw
	}
	r.yields = false
}

// Keys tells whether the caller can type keys to the session: the input is a terminal, and
// the keys are not another program's.
func (r *Relay) Keys() bool { return r.keys && !r.yields }

// Abandon ends the relay after the caller is gone: it drops the session's output from now
// on.
func (r *Relay) Abandon() {
	r.modes.Restore(false)
	r.reading, r.ended, r.broken = false, true, true
	r.toCaller.from = r.toCaller.to // otherwise the session would wait to write more
}

// Resume starts the relay, or continues it after Suspend. It tells whether the session has
// the keys: the front is in the foreground of the caller's terminal, and no other program's.
func (r *Relay) Resume() bool {
	r.paused = false
	foreground := r.Foreground() && !r.yields
	r.reading = foreground && !r.broken
	if r.keys && r.reading {
		r.modes.Raw()
		r.Resize()
	}
	return foreground
}

// Resize copies the size of the caller's window, unless the session is stopped.
func (r *Relay) Resize() {
	if r.paused {
		return
	}
	if r.keys {
		tty.CopySize(r.in, r.pty.Master)
	} else {
		tty.CopySize(r.out, r.pty.Master)
	}
}

// Suspend writes out the session's output and restores (puts back) the modes of the caller's
// terminal: its shell reads it while the session is stopped, and cannot use raw modes.
func (r *Relay) Suspend() {
	r.Drain()
	r.modes.Restore(false)
	r.reading, r.paused = false, true
}

// Interests fills in what to poll: in, the session's terminal, out.
func (r *Relay) Interests(fds []unix.PollFd) {
	for i := range fds {
		fds[i] = unix.PollFd{Fd: -1}
	}
	if ready := r.reading && r.toSession.empty(); !r.ended && (ready || r.keys) {
		fds[0].Fd = int32(r.in) // a terminal always: poll(2) reports its hangup unasked
		if ready {
			fds[0].Events = unix.POLLIN
		}
	}
	if r.paused {
		return
	}
	if !r.hungUp {
		if r.toCaller.empty() {
			fds[1].Events = unix.POLLIN
		}
		if !r.toSession.empty() {
			fds[1].Events |= unix.POLLOUT
		}
		if fds[1].Events != 0 {
			fds[1].Fd = int32(r.pty.Master)
		}
	}
	if !r.toCaller.empty() {
		fds[2] = unix.PollFd{Fd: int32(r.out), Events: unix.POLLOUT}
	}
}

// Carry reads and writes what poll(2) has found ready. gone says that the caller's side is
// closed: their terminal has hung up, or the reader of the output is gone.
func (r *Relay) Carry(fds []unix.PollFd) (gone bool) {
	if fds[0].Revents != 0 && !r.ended {
		gone = r.readCaller(fds[0].Revents)
	}
	if r.paused {
		return gone // paused since poll(2)
	}
	if fds[1].Revents&unix.POLLOUT != 0 || !r.toSession.empty() {
		r.writeSession()
	}
	if fds[2].Revents != 0 {
		gone = r.writeCaller() || gone
	}
	if fds[1].Revents&^unix.POLLOUT != 0 {
		// A few reads in one turn, as long as both sides keep up.
		for range 16 {
			if !r.toCaller.empty() || !r.readSession() {
				break
			}
			gone = r.writeCaller() || gone
		}
	}
	return gone
}

// readCaller reads the caller's input.
func (r *Relay) readCaller(events int16) (gone bool) {
	if r.keys && events&unix.POLLIN == 0 { // hung up
		r.ended = true
		return true
	}
	if !r.reading {
		return false // stopped or in the background since poll(2)
	}
	if r.keys && !tty.Foreground(r.from) {
		r.reading = false // the front was stopped by SIGSTOP; an event will come with SIGCONT
		return false
	}
	n, err := r.toSession.fill(r.in, r.inNow)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
	case err != nil || n == 0:
		r.ended = true
		if r.keys { // in raw mode no key means the end of input: this is a hangup
			return true
		}
		r.endOfFile()
	}
	return false
}

// endOfFile types the session's end-of-file key. In the middle of a line it types it
// twice, since the first one only sends the line.
func (r *Relay) endOfFile() {
	char, lines := r.pty.EndOfFile()
	r.toSession.bytes[0], r.toSession.bytes[1] = char, char
	r.toSession.from, r.toSession.to = 0, 1
	if lines && r.midline {
		r.toSession.to = 2
	}
}

// writeSession writes the caller's input to the session.
func (r *Relay) writeSession() {
	if r.toSession.empty() || r.hungUp {
		return
	}
	last := r.toSession.bytes[r.toSession.to-1]
	switch err := r.toSession.flush(r.pty.Master, len(r.toSession.bytes), false); err {
	case nil, unix.EAGAIN, unix.EINTR:
		r.midline = last != '\n'
	default:
		r.toSession.from = r.toSession.to
	}
}

// readSession reads the session's output, and tells whether there was any.
func (r *Relay) readSession() bool {
	n, err := r.toCaller.fill(r.pty.Master, false)
	if err != nil && err != unix.EAGAIN && err != unix.EINTR || err == nil && n == 0 {
		r.hungUp = true
	}
	return n > 0
}

// writeCaller writes output to the caller, as much as they take without waiting. If it
// waited for a reader that does not read, Wait could handle nothing, not even a request to
// end the session.
func (r *Relay) writeCaller() (gone bool) {
	if r.broken {
		r.toCaller.from = r.toCaller.to
		return false
	}
	if !r.ownOut && !descriptor.Ready(r.out, unix.POLLOUT, 0) {
		return false
	}
	most := r.most
	if most == oneWrite {
		most = r.toCaller.plainRun()
	}
	switch err := r.toCaller.flush(r.out, most, r.outNow); err {
	case nil, unix.EAGAIN, unix.EINTR:
		return false
	}
	r.broken = true
	r.toCaller.from = r.toCaller.to
	return true
}

// Drain writes the session's output so far to the caller. It gives up if the caller takes
// nothing for descriptor.Patience.
func (r *Relay) Drain() {
	until := time.Now().Add(descriptor.Patience)
	for left := drained; left > 0 && time.Now().Before(until); {
		if r.toCaller.empty() {
			if r.hungUp || !r.readSession() {
				return
			}
			left -= r.toCaller.to
		}
		descriptor.Ready(r.out, unix.POLLOUT, time.Until(until)) // if a signal interrupts it, the loop checks the time
		from := r.toCaller.from
		if r.writeCaller(); r.toCaller.from != from {
			until = time.Now().Add(descriptor.Patience)
		}
	}
}
