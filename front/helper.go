package front

// #include "wire.h"
import "C"

import (
	"time"

	"capsu/descriptor"

	"golang.org/x/sys/unix"
)

// Answer has a helper of the front's, a process of the caller's, read a line from fd,
// which may be a file that never answers. The line comes by the channel: a message for
// each byte, up to and including the newline; at an end without one a message of two
// bytes, the second an errno or 0. Whoever closes the channel ends the helper, if
// anything can.
func (f *Front) Answer(fd int) (channel int, err error) { return f.help(C.ORDER_READ, fd) }

// Show shows text, as descriptor.Show does: what the monitor may not write itself is
// written by a helper of the front's.
func (f *Front) Show(fd int, text string) {
	descriptor.Show(fd, text, func(rest string, until time.Time) { f.lend(fd, rest, until) })
}

func (f *Front) help(way byte, fd int) (int, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(pair[1])
	err = unix.Sendmsg(f.FD, []byte{way, byte(fd)}, unix.UnixRights(pair[1]), nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
	if err != nil {
		unix.Close(pair[0])
		return -1, err
	}
	return pair[0], nil
}

// lend gives text to a helper and waits until it is written. One that is not done in
// time is not waited for again, and no other one begins on the same descriptor.
func (f *Front) lend(fd int, text string, until time.Time) {
	if f.late[fd] != 0 {
		if !ends(f.late[fd], until) {
			return
		}
		unix.Close(f.late[fd])
		f.late[fd] = 0
	}
	channel, err := f.help(C.ORDER_WRITE, fd)
	if err != nil {
		return
	}
	for rest := []byte(text); len(rest) > 0; {
		n, err := unix.SendmsgN(channel, rest[:min(len(rest), C.HELPER_SLOT)], nil, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
		if err != nil && err != unix.EINTR && (err != unix.EAGAIN || !descriptor.Ready(channel, unix.POLLOUT, time.Until(until))) {
			break
		}
		rest = rest[max(n, 0):]
	}
	unix.Shutdown(channel, unix.SHUT_WR)
	if ends(channel, until) {
		unix.Close(channel)
	} else {
		f.late[fd] = channel
	}
}

// ends waits until a helper has shut its channel down.
func ends(channel int, until time.Time) bool {
	for {
		if descriptor.Ready(channel, unix.POLLIN, time.Until(until)) {
			return true
		}
		if !time.Now().Before(until) {
			return false
		}
	}
}
