// Package descriptor tells what the caller's descriptors 0 to 2 are, and reads and
// writes those that cannot keep a process for ever.
//
// A file system of the caller's may leave a call unanswered, and a process that waits
// for it cannot be killed. So nothing here asks a file system, but for Show without
// lend. It needs no privilege, and may be called from any thread.
package descriptor

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Kind is what a descriptor is.
type Kind int

// What a process may wait for: all but Other.
const (
	Other    Kind = iota // a file, or a device that is not known
	Terminal             // which hands out a line at a time
	Stream               // a pipe or a socket
	Null                 // /dev/null
)

// Of tells what fd is.
func Of(fd int) Kind {
	switch mode, device := stat(fd); mode & unix.S_IFMT {
	case unix.S_IFIFO, unix.S_IFSOCK:
		return Stream
	case unix.S_IFCHR:
		if device == unix.Mkdev(1, 3) {
			return Null
		}
		if term.IsTerminal(fd) {
			return Terminal
		}
	}
	return Other
}

// stat returns the mode and the device number of fd by what the kernel knows
// (AT_STATX_DONT_SYNC). An answer of the file system's is that it is not for us,
// or broken; another one is that there is no statx(2), as in some sandboxes.
func stat(fd int) (mode uint32, device uint64) {
	var sx unix.Statx_t
	switch err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE, &sx); err {
	case nil:
		return uint32(sx.Mode), unix.Mkdev(sx.Rdev_major, sx.Rdev_minor)
	case unix.EACCES, unix.EIO:
		return 0, 0
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return 0, 0
	}
	return st.Mode, st.Rdev
}

// IsTerminal tells whether fd is a terminal, without asking a file system.
func IsTerminal(fd int) bool { return Of(fd) == Terminal }

// ReadNow reads without waiting, also where others at the same pipe were faster
// than we after poll(2). Of pipes since Linux 6.4, of those with a name not yet:
// EOPNOTSUPP. So it is for other errors, of a sandbox that does not know the call: who
// reads in another way hears of those that are real.
func ReadNow(fd int, p []byte) (int, error) { return now(unix.SYS_PREADV2, fd, p) }

// WriteNow is ReadNow for writing.
func WriteNow(fd int, p []byte) (int, error) { return now(unix.SYS_PWRITEV2, fd, p) }

func now(call uintptr, fd int, p []byte) (int, error) {
	part := unix.Iovec{Base: &p[0]}
	part.SetLen(len(p))
	// SAFETY: part and p outlive the call; both are as long as they say.
	n, _, errno := unix.Syscall6(call, uintptr(fd), uintptr(unsafe.Pointer(&part)), 1, ^uintptr(0), ^uintptr(0), unix.RWF_NOWAIT)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EAGAIN, unix.EINTR, unix.EPIPE:
		return 0, errno
	}
	return 0, unix.EOPNOTSUPP
}

// Ready waits until fd is ready for event (POLLIN or POLLOUT), or has nobody at its other
// end any more; false after timeout, or a signal.
func Ready(fd int, event int16, timeout time.Duration) bool {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: event}}
	n, err := unix.Poll(fds[:], int(max(timeout, 0)/time.Millisecond))
	return err == nil && n > 0
}

// Patience is how long what is shown waits for its reader: it decides nothing.
const Patience = time.Second

// Show writes text, as far as it is taken: a reader that does not
// read (a full pipe, a stopped terminal) must not hold up the writer. What this
// process may not write itself goes to lend; without lend it may, and is on its own.
// Not through os.File, which ends the process when the reader of standard output is
// gone.
func Show(fd int, text string, lend func(rest string, until time.Time)) {
	const slot = 4096 // what a pipe that is ready takes without blocking
	until := time.Now().Add(Patience)
	kind := Of(fd)
	if kind == Other && lend != nil {
		lend(text, until)
		return
	}
	for rest := []byte(text); len(rest) > 0; {
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		n, err := unix.Poll(ready, int(max(time.Until(until), 0)/time.Millisecond))
		switch {
		case err == unix.EINTR:
			continue
		case err == nil && n == 0:
			return
		}
		part := rest[:min(len(rest), slot)]
		if err = unix.EOPNOTSUPP; kind == Stream {
			n, err = WriteNow(fd, part)
		}
		switch {
		case err == unix.EOPNOTSUPP && kind == Stream && lend != nil:
			lend(string(rest), until)
			return
		case err == unix.EOPNOTSUPP:
			n, err = unix.Write(fd, part)
		}
		if err != nil && err != unix.EINTR && err != unix.EAGAIN {
			return
		}
		rest = rest[max(n, 0):]
	}
}
