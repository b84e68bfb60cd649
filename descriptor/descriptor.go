// Package descriptor finds out what the caller's descriptors 0-2 are, and reads and writes
// those on which no call can hang.
//
// A caller's file system (FUSE) may never answer a call, and a process that waits for it
// cannot be killed. So no function here asks a file system, except Show without lend.
// Nothing is privileged while it runs, and any thread may call it.
package descriptor

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Kind is the kind of a descriptor's file.
type Kind int

// The kinds. A call may hang on Other only.
const (
	Other    Kind = iota // a file, or an unknown device
	Terminal             // a read returns one line, outside of raw mode
	Stream               // a pipe or a socket
	Null                 // /dev/null
)

// Of returns the kind of fd; Other if fd is not open.
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

// stat returns the mode and the device number of fd that the kernel knows, by statx(2)
// with AT_STATX_DONT_SYNC. EACCES and EIO are a file system's errors. Any other error means
// that there is no statx(2), as in some sandboxes; then stat uses fstat(2).
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

// ReadNow reads a pipe or socket without waiting (RWF_NOWAIT, preadv2(2)). After poll(2) a
// plain read may still wait, if another process has read the bytes first. Pipes can do it
// since Linux 6.4, FIFOs with a name cannot: then the error is EOPNOTSUPP. Errors that a
// sandbox may have made are EOPNOTSUPP too; a read in another way shows the real ones.
func ReadNow(fd int, p []byte) (int, error) { return now(unix.SYS_PREADV2, fd, p) }

// WriteNow is ReadNow for writing.
func WriteNow(fd int, p []byte) (int, error) { return now(unix.SYS_PWRITEV2, fd, p) }

func now(call uintptr, fd int, p []byte) (int, error) {
	part := unix.Iovec{Base: &p[0]}
	part.SetLen(len(p))
	// SAFETY: part and p outlive the call, and their lengths are right.
	n, _, errno := unix.Syscall6(call, uintptr(fd), uintptr(unsafe.Pointer(&part)), 1, ^uintptr(0), ^uintptr(0), unix.RWF_NOWAIT)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EAGAIN, unix.EINTR, unix.EPIPE:
		return 0, errno
	}
	return 0, unix.EOPNOTSUPP
}

// Ready waits until fd is ready for event (POLLIN or POLLOUT), or its other end is closed.
// It returns false after timeout or a signal.
func Ready(fd int, event int16, timeout time.Duration) bool {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: event}}
	n, err := unix.Poll(fds[:], int(max(timeout, 0)/time.Millisecond))
	return err == nil && n > 0
}

// Readable tells whether fd can be read now, or is at its end. Unlike Ready it reports a poll(2)
// that fails, for decisions that must not go on without an answer.
func Readable(fd int) (bool, error) {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds[:], 0)
		if err != unix.EINTR {
			return n > 0, err
		}
	}
}

// Patience is how long output waits for its reader. It is short, as output decides nothing.
const Patience = time.Second

// Show writes text, as far as its reader takes it within Patience: a full pipe or a stopped
// terminal must not hold up the writer. If a call on fd may hang, lend gets the text, or
// what is left of it; without lend Show writes it nevertheless. It does not use os.File,
// which ends the process if the reader of standard output is gone.
func Show(fd int, text string, lend func(rest string, until time.Time)) {
	const slot = 4096 // the bytes that a ready pipe takes without blocking (PIPE_BUF)
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
