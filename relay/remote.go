package relay

import (
	"capsu/descriptor"

	"golang.org/x/sys/unix"
)

// Remote watches descriptors 0 to 2 of a session whose caller is at their other
// end and has no other way to say that they are gone (an ssh forced command: sshd
// signals nobody). It reads and writes nothing: they are the session's.
//
// A caller is gone who is gone from all of them: the reader of standard output alone
// may leave (ssh host command | head), which is between it and the command. Not
// counted are those that cannot tell: files, devices, and the reading end of a
// pipe, where a hangup means no more than the end of input.
type Remote struct {
	fds  [3]int32 // -1: cannot tell, or has told
	open int      // how many have not told
}

// NewRemote looks which of the descriptors can tell.
func NewRemote() *Remote {
	r := &Remote{fds: [3]int32{-1, -1, -1}}
	for fd := range r.fds {
		if tells(fd) {
			r.fds[fd] = int32(fd)
			r.open++
		}
	}
	return r
}

// tells tells whether poll(2) shows on fd, unasked, that the other end is gone:
// POLLERR on the writing end of a pipe, POLLHUP on a socket whose peer has
// closed it (not one that has only finished writing), and on a terminal.
func tells(fd int) bool {
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

// Interests fills in what to wait for.
func (r *Remote) Interests(fds []unix.PollFd) {
	for i, fd := range r.fds {
		fds[i] = unix.PollFd{Fd: fd}
	}
}

// Gone tells, once, whether the caller is. What has told is not polled again:
// it would tell for ever.
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
