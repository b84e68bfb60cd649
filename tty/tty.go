// Package tty sets the modes of a terminal for a while, and makes pseudo-terminals.
//
// Nothing is privileged while it runs, except in Pty.Give. Any thread may call it, in a
// process that ignores SIGTTIN and SIGTTOU. The functions that a session calls many times
// allocate nothing.
package tty

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Modes changes the modes of a terminal for a while. The zero value with FD set has changed
// nothing.
type Modes struct {
	FD int

	found unix.Termios // those to restore
	ours  unix.Termios // those set, as the terminal has taken them
	set   bool
}

// Raw passes every byte through as it is (cfmakeraw in termios(3)).
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

// Prompt sets the modes for one line, with or without echo, and discards what was typed
// before.
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

// change applies new modes. It does nothing if those set before are still there.
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
	if err := ioctl(m.FD, unix.TCGETS, unsafe.Pointer(&m.ours)); err != nil {
		m.set = false
		m.putBack(unix.TCSETS)
		return err
	}
	return nil
}

// putBack sets the modes that were found. It tries three times: a terminal left without
// echo is worth the trouble.
func (m *Modes) putBack(how uint) {
	for range 3 {
		if ioctl(m.FD, how, unsafe.Pointer(&m.found)) == nil {
			return
		}
	}
}

// Restore restores the modes found. flush discards input that was typed and not read, so
// that the shell does not get half a password. If the modes have changed since, they stay:
// a shell that has taken its terminal back has set its own.
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
	m.putBack(how)
}

// Foreground tells whether this process is in the foreground process group of a terminal.
// It is true for any descriptor that is not this process's controlling terminal, because
// reading that stops no process. That holds for the master of another session's terminal
// too, which answers these ioctls for its slave.
func Foreground(fd int) bool {
	var group, session int32
	if ioctl(fd, unix.TIOCGPGRP, unsafe.Pointer(&group)) != nil || int(group) == unix.Getpgrp() {
		return true
	}
	own, err := unix.Getsid(0)
	return err == nil && (ioctl(fd, unix.TIOCGSID, unsafe.Pointer(&session)) != nil || int(session) != own)
}

// CopySize sets the window size of one terminal to that of another, if both have one.
func CopySize(from, to int) {
	var size unix.Winsize
	if ioctl(from, unix.TIOCGWINSZ, unsafe.Pointer(&size)) == nil {
		ioctl(to, unix.TIOCSWINSZ, unsafe.Pointer(&size))
	}
}

// Own opens this process's controlling terminal anew if fd is that terminal, otherwise it
// returns -1. The new descriptor is non-blocking. It has its own open file description, so
// that the caller's stays blocking.
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

// OwnedBy tells whether fd is this process's controlling terminal and uid its owner. It
// must be the terminal's own device, not /dev/tty or a master.
func OwnedBy(fd int, uid uint32) bool {
	var st unix.Stat_t
	var device uint32
	var session int32
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Uid != uid ||
		ioctl(fd, unix.TIOCGDEV, unsafe.Pointer(&device)) != nil || ioctl(fd, unix.TIOCGSID, unsafe.Pointer(&session)) != nil {
		return false
	}
	own, err := unix.Getsid(0)
	// /dev/console stands for another device, but is a terminal too.
	console := st.Rdev == unix.Mkdev(5, 1)
	return err == nil && int(session) == own && (console || st.Rdev == unix.Mkdev(device>>8&0xfff, device&0xff|device>>12&0xfff00))
}

func ioctl(fd int, request uint, arg unsafe.Pointer) error {
	// SAFETY: each caller passes what its request reads or writes, ioctl_tty(2).
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}
