package front

// #include "wire.h"
import "C"

import (
	"time"

	"capsu/descriptor"

	"golang.org/x/sys/unix"
)

// Answer has a helper of the front read a line from fd, one of descriptors 0-2, whose file
// system may never answer. The line comes by the channel, one message per byte, with the
// newline. If it ends without a newline, a message of two bytes follows, the second an
// errno or 0. To end the helper, close the channel; a helper that waits for a file system
// may not end. The error is socketpair(2)'s or sendmsg(2)'s.
func (f *Front) Answer(fd int) (channel int, err error) { return f.askHelper(C.ORDER_READ, fd) }

// Show shows text on fd, one of descriptors 0-2, as descriptor.Show does. What the monitor
// must not write itself a helper of the front writes.
func (f *Front) Show(fd int, text string) {
	descriptor.Show(fd, text, func(rest string, until time.Time) { f.writeByHelper(fd, rest, until) })
}

// askHelper sends the order and a channel to the front, and returns our end of it.
func (f *Front) askHelper(way byte, fd int) (int, error) {
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

// writeByHelper gives text to a helper and waits, until the given time, until it is
// written. No other helper begins on the same descriptor before an earlier one is done.
func (f *Front) writeByHelper(fd int, text string, until time.Time) {
	if f.late[fd] != 0 {
		if !waitShut(f.late[fd], until) {
			return
		}
		unix.Close(f.late[fd])
		f.late[fd] = 0
	}
	channel, err := f.askHelper(C.ORDER_WRITE, fd)
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
	if waitShut(channel, until) {
		unix.Close(channel)
	} else {
		f.late[fd] = channel
	}
}

// waitShut waits until a helper has shut its channel down; false: not by then.
func waitShut(channel int, until time.Time) bool {
	for {
		if descriptor.Ready(channel, unix.POLLIN, time.Until(until)) {
			return true
		}
		if !time.Now().Before(until) {
			return false
		}
	}
}
