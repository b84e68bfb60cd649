// Package tty sets the modes of a terminal for a while, and makes
// pseudo-terminals.
//
// It needs no privilege but where it says so. Its functions may be called from
// any thread of a process that ignores SIGTTIN and SIGTTOU; those that are
// called again and again allocate nothing.
package tty

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Modes are the modes of a terminal, changed for a while. The zero value with
// FD set has changed nothing.
type Modes struct {
	FD int

	found unix.Termios // to be put back
	ours  unix.Termios // as the terminal has taken them
	set   bool
}

// Raw hands every key and every byte through as it is (cfmakeraw in termios(3)).
func (m *Modes) Raw() error {
	return m.change(func() error {
		raw := m.found // not term.MakeRaw, which allocates
		raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
		raw.Oflag &^= unix.OPOST
		raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
		raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
		raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
		return ioctl(m.FD, unix.TCSETS, unsafe.Pointer(&raw))
	})
}

// Prompt takes one line, with or without echo, and discards what was typed before.
func (m *Modes) Prompt(echo bool) error {
	return m.change(func() error {
		line := m.found
		line.Lflag |= unix.ICANON | unix.ISIG | unix.ECHO
		if !echo {
			line.Lflag &^= unix.ECHO | unix.ECHONL
		}
		line.Iflag |= unix.ICRNL
		return ioctl(m.FD, unix.TCSETSF, unsafe.Pointer(&line))
	})
}

// change remembers what it found, unless that is still our own.
func (m *Modes) change(apply func() error) error {
	var now unix.Termios
	if err := ioctl(m.FD, unix.TCGETS, unsafe.Pointer(&now)); err != nil {
		return err
	}
	if m.set && now == m.ours {
		return nil
	}
	m.found = now
	if err := apply(); err != nil {
		return err
	}
	m.set = true
	return ioctl(m.FD, unix.TCGETS, unsafe.Pointer(&m.ours))
}

// Restore puts back what was found. With flush, what was typed and not read is
// discarded, so that half a password reaches nobody. Modes that are no longer
// ours stay: a shell that has taken its terminal back has set its own.
func (m *Modes) Restore(flush bool) {
	if !m.set {
		return
	}
	m.set = false
	var now unix.Termios
	if ioctl(m.FD, unix.TCGETS, unsafe.Pointer(&now)) == nil && now != m.ours {
		return
	}
	how := uint(unix.TCSETS)
	if flush {
		how = unix.TCSETSF
	}
	// More than once: a terminal left without echo is worth the trouble.
	for range 3 {
		if ioctl(m.FD, how, unsafe.Pointer(&m.found)) == nil {
			return
		}
	}
}

// Foreground tells whether a terminal's foreground process group is this
// process's. A descriptor that is not this process's controlling terminal
// keeps nobody from reading: it counts as foreground. So does the master of
// another session's, which answers for that.
func Foreground(fd int) bool {
	var group, session int32
	if ioctl(fd, unix.TIOCGPGRP, unsafe.Pointer(&group)) != nil || int(group) == unix.Getpgrp() {
		return true
	}
	own, err := unix.Getsid(0)
	return err == nil && (ioctl(fd, unix.TIOCGSID, unsafe.Pointer(&session)) != nil || int(session) != own)
}

// CopySize gives one terminal the window size of another, as far as both have one.
func CopySize(from, to int) {
	var size unix.Winsize
	if ioctl(from, unix.TIOCGWINSZ, unsafe.Pointer(&size)) == nil {
		ioctl(to, unix.TIOCSWINSZ, unsafe.Pointer(&size))
	}
}

// Own opens this process's controlling terminal anew, if that is what fd is:
// with a description of its own, which may be non-blocking without a change to
// the caller's. -1 if it is another terminal, or none.
func Own(fd int) int {
	own, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	var a, b uint32
	if ioctl(fd, unix.TIOCGDEV, unsafe.Pointer(&a)) == nil && ioctl(own, unix.TIOCGDEV, unsafe.Pointer(&b)) == nil && a == b {
		return own
	}
	unix.Close(own)
	return -1
}

// OwnedBy tells whether fd is this process's controlling terminal, by the name
// of the device itself (not /dev/tty, not a master), and belongs to a user.
func OwnedBy(fd int, uid uint32) bool {
	var st unix.Stat_t
	var device uint32
	var session int32
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Uid != uid ||
		ioctl(fd, unix.TIOCGDEV, unsafe.Pointer(&device)) != nil || ioctl(fd, unix.TIOCGSID, unsafe.Pointer(&session)) != nil {
		return false
	}
	own, err := unix.Getsid(0)
	// The console stands for another device, which is a terminal all the same.
	console := st.Rdev == unix.Mkdev(5, 1)
	return err == nil && int(session) == own && (console || st.Rdev == unix.Mkdev(device>>8&0xfff, device&0xff|device>>12&0xfff00))
}

func ioctl(fd int, request uint, arg unsafe.Pointer) error {
	// SAFETY: each caller passes what its request reads or writes: ioctl_tty(2).
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}
