// Package relay carries bytes between the caller's descriptors and the session's
// pseudo-terminal, and tells when the caller is gone.
//
// It needs no privilege; its functions are called from one thread, in the loop that
// polls what Interests asks for.
package relay

import (
	"time"

	"capsu/descriptor"
	"capsu/tty"

	"golang.org/x/sys/unix"
)

// Relay carries bytes between the caller's descriptors 0 and 1 and the
// session's pseudo-terminal. It allocates nothing once it is made: the
// runtime does not collect garbage.
type Relay struct {
	t       *tty.Pty
	from    int  // the caller's descriptor that input comes from
	in, out int  // from and the caller's output; opened anew, non-blocking, where they are its terminal
	inNow   bool // in is a pipe or a socket, of which the kernel reads without waiting
	outNow  bool // likewise
	ownOut  bool // out was opened anew
	most    int  // bytes that out takes at once when it is ready, or oneWrite
	modes   tty.Modes
	keys    bool // in is a terminal

	reading bool // in is ours to read: a terminal only in the foreground
	paused  bool // the session is stopped
	ended   bool // in has no more
	midline bool // what the session was given does not end a line
	hungUp  bool // the session has closed its terminal
	broken  bool // nobody takes the output any more

	toSession, toCaller queue
}

// queue is bytes that wait to be written.
type queue struct {
	bytes    [32 << 10]byte
	from, to int
}

func (q *queue) empty() bool { return q.from == q.to }

// fill reads once into an empty queue.
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

// flush writes once, no more than a pipe takes without blocking if need be.
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

// plain is how many bytes, 1 to 128, a terminal hands on in one piece.
func (q *queue) plain() int {
	n := 0
	for n < 128 && q.from+n < q.to && q.bytes[q.from+n] >= ' ' {
		n++
	}
	return max(n, 1)
}

const (
	pipeful = 4096 // PIPE_BUF: what a pipe that is ready takes without blocking
	// oneWrite is what a terminal that is ready takes: what its output processing
	// hands on at once, up to a control character or that alone.
	oneWrite = -1
	// drained is more than a pseudo-terminal holds.
	drained = 128 << 10
)

// New returns the relay between the caller's descriptors and t, the session's pseudo-terminal.
func New(t *tty.Pty, in, out int) *Relay {
	r := &Relay{t: t, from: in, in: in, out: out, modes: tty.Modes{FD: in}, keys: descriptor.IsTerminal(in),
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

// Close puts the caller's terminal back.
func (r *Relay) Close() {
	r.modes.Restore(false)
	if r.in != r.from {
		unix.Close(r.in)
	}
	if r.ownOut {
		unix.Close(r.out)
	}
}

// Keys tells whether keys are typed to the session: standard input is a terminal.
func (r *Relay) Keys() bool { return r.keys }

// Abandon is for a caller who is gone: what is written from now on is for nobody.
func (r *Relay) Abandon() {
	r.modes.Restore(false)
	r.reading, r.ended, r.broken = false, true, true
	r.toCaller.from = r.toCaller.to // or the session would wait to write more
}

// Resume goes on after a start or a stop, and tells whether in the foreground.
func (r *Relay) Resume() bool {
	r.paused = false
	foreground := tty.Foreground(r.from)
	r.reading = foreground && !r.broken
	if r.keys && r.reading {
		r.modes.Raw()
		r.Resize()
	}
	return foreground
}

// Resize passes the size of the caller's window on, unless the session is stopped.
func (r *Relay) Resize() {
	if r.paused {
		return
	}
	if r.keys {
		tty.CopySize(r.in, r.t.Master)
	} else {
		tty.CopySize(r.out, r.t.Master)
	}
}

// Suspend shows what there is and gives the terminal back.
func (r *Relay) Suspend() {
	r.Drain()
	r.modes.Restore(false)
	r.reading, r.paused = false, true
}

// Interests fills in what to wait for: in, the session's terminal, out.
func (r *Relay) Interests(fds []unix.PollFd) {
	for i := range fds {
		fds[i] = unix.PollFd{Fd: -1}
	}
	if ready := r.reading && r.toSession.empty(); !r.ended && (ready || r.keys) {
		fds[0].Fd = int32(r.in) // of a terminal, also to hear of a hangup
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
			fds[1].Fd = int32(r.t.Master)
		}
	}
	if !r.toCaller.empty() {
		fds[2] = unix.PollFd{Fd: int32(r.out), Events: unix.POLLOUT}
	}
}

// Carry does what poll found ready. gone says that the caller's side has been
// closed: his terminal has hung up, or nobody reads what the session writes.
func (r *Relay) Carry(fds []unix.PollFd) (gone bool) {
	if fds[0].Revents != 0 && !r.ended {
		gone = r.take(fds[0].Revents)
	}
	if r.paused {
		return gone // since poll looked
	}
	if fds[1].Revents&unix.POLLOUT != 0 || !r.toSession.empty() {
		r.give()
	}
	if fds[2].Revents != 0 {
		gone = r.show() || gone
	}
	if fds[1].Revents&^unix.POLLOUT != 0 {
		// A screenful at a time, as long as both sides keep up.
		for range 16 {
			if !r.toCaller.empty() || !r.read() {
				break
			}
			gone = r.show() || gone
		}
	}
	return gone
}

// take reads from the caller.
func (r *Relay) take(events int16) (gone bool) {
	if r.keys && events&unix.POLLIN == 0 { // hung up
		r.ended = true
		return true
	}
	if !r.reading {
		return false // stopped, or in the background, since poll looked
	}
	if r.keys && !tty.Foreground(r.from) {
		r.reading = false // the front was stopped behind our back: its SIGCONT will tell
		return false
	}
	n, err := r.toSession.fill(r.in, r.inNow)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
	case err != nil || n == 0:
		r.ended = true
		if r.keys { // raw, so no key has said so
			return true
		}
		r.endOfFile()
	}
	return false
}

// endOfFile types the session's end-of-file key: twice, if a line is begun,
// which the first one only sends.
func (r *Relay) endOfFile() {
	char, lines := r.t.EndOfFile()
	r.toSession.bytes[0], r.toSession.bytes[1] = char, char
	r.toSession.from, r.toSession.to = 0, 1
	if lines && r.midline {
		r.toSession.to = 2
	}
}

// give writes to the session.
func (r *Relay) give() {
	if r.toSession.empty() || r.hungUp {
		return
	}
	last := r.toSession.bytes[r.toSession.to-1]
	switch err := r.toSession.flush(r.t.Master, len(r.toSession.bytes), false); err {
	case nil, unix.EAGAIN, unix.EINTR:
		r.midline = last != '\n'
	default:
		r.toSession.from = r.toSession.to
	}
}

// read takes what the session has written, and tells whether there was any.
func (r *Relay) read() bool {
	n, err := r.toCaller.fill(r.t.Master, false)
	if err != nil && err != unix.EAGAIN && err != unix.EINTR || err == nil && n == 0 {
		r.hungUp = true
	}
	return n > 0
}

// show writes to the caller what he takes now: who waited for a reader that
// does not read would hear of nothing else, not even that the session has to end.
func (r *Relay) show() (gone bool) {
	if r.broken {
		r.toCaller.from = r.toCaller.to
		return false
	}
	if !r.ownOut && !descriptor.Ready(r.out, unix.POLLOUT, 0) {
		return false
	}
	most := r.most
	if most == oneWrite {
		most = r.toCaller.plain()
	}
	switch err := r.toCaller.flush(r.out, most, r.outNow); err {
	case nil, unix.EAGAIN, unix.EINTR:
		return false
	}
	r.broken = true
	r.toCaller.from = r.toCaller.to
	return true
}

// Drain shows what has been written until now, as far as it is taken.
func (r *Relay) Drain() {
	until := time.Now().Add(descriptor.Patience)
	for left := drained; left > 0 && time.Now().Before(until); {
		if r.toCaller.empty() {
			if r.hungUp || !r.read() {
				return
			}
			left -= r.toCaller.to
		}
		descriptor.Ready(r.out, unix.POLLOUT, time.Until(until)) // interrupted or not: time tells
		from := r.toCaller.from
		if r.show(); r.toCaller.from != from {
			until = time.Now().Add(descriptor.Patience)
		}
	}
}
