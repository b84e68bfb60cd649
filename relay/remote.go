package relay

import (
	"capsu/descriptor"

	"golang.org/x/sys/unix"
)

// Remote watches descriptors 0-2 of a session whose caller is at their other ends. It is
// for an ssh forced command: sshd sends no signal when its client is gone. It reads and
// writes nothing, because the descriptors are the session's.
//
// The caller is gone when the other ends of all descriptors that can tell are closed. The
// reader of standard output may leave alone (ssh host command | head); how to take that is
// up to the command. Files and devices cannot tell, nor can the reading end of a pipe,
// where a hangup is the end of input.
type Remote struct {
	fds  [3]int32 // -1: cannot tell, or is closed at the other end
	open int      // the number of the others
}

// NewRemote finds the descriptors that can tell.
func NewRemote() *Remote {
	r := &Remote{fds: [3]int32{-1, -1, -1}}
	for fd := range r.fds {
		if showsHangup(fd) {
			r.fds[fd] = int32(fd)
			r.open++
		}
	}
	return r
}

// showsHangup tells whether poll(2) shows, without a requested event, that the other end
// of fd is closed. It does so by POLLERR on the writing end of a pipe, and by POLLHUP on a
// terminal and on a socket, unless the peer has only finished writing.
func showsHangup(fd int) bool {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return false
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFIFO:
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		return err == nil && flags&unix.O_ACCMODE == unix.O_WRONLY
	case unix.S_IFSOCK:
		return true
	}
	return descriptor.IsTerminal(fd)
}

// Interests fills in what to poll.
func (r *Remote) Interests(fds []unix.PollFd) {
	for i, fd := range r.fds {
		fds[i] = unix.PollFd{Fd: fd}
	}
}

// Gone tells, once, whether the caller is gone. A descriptor whose other end is closed is
// not polled again, as it would always be ready.
func (r *Remote) Gone(fds []unix.PollFd) bool {
	before := r.open
	for i := range r.fds {
		if r.fds[i] >= 0 && fds[i].Revents != 0 {
			r.fds[i] = -1
			r.open--
		}
	}
	return r.open == 0 && before > 0
}
