package tty

import (
	"errors"
	"fmt"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Pty is a pseudo-terminal, pts(4).
type Pty struct {
	Master int    // non-blocking
	Slave  int    // -1 once it has been handed over
	Name   string // the slave's, /dev/pts/N

	mapped bool // MapNewlines has turned the mapping off
}

// Open makes a pseudo-terminal with the modes of the terminal modes and the window size of
// the terminal size, both descriptors. If modes is no terminal, the new one does not echo,
// since its input is not typed. The error names the system call or file.
func Open(modes, size int) (*Pty, error) {
	p := &Pty{Slave: -1}
	var err error
	if p.Master, err = unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("/dev/ptmx: %w", err)
	}
	if err := p.open(modes); err != nil {
		return nil, errors.Join(fmt.Errorf("pseudo-terminal: %w", err), p.Close())
	}
	CopySize(size, p.Master)
	return p, nil
}

func (p *Pty) open(modes int) error {
	var locked, number int32
	if err := ioctl(p.Master, unix.TIOCSPTLCK, unsafe.Pointer(&locked)); err != nil {
		return err
	}
	if err := ioctl(p.Master, unix.TIOCGPTN, unsafe.Pointer(&number)); err != nil {
		return err
	}
	p.Name = "/dev/pts/" + strconv.Itoa(int(number))
	// By the master, not by the name, since anything may be mounted on /dev/pts.
	slave, err := peer(p.Master)
	if err != nil {
		return err
	}
	p.Slave = slave
	var t unix.Termios
	if ioctl(modes, unix.TCGETS, unsafe.Pointer(&t)) != nil {
		if err := ioctl(slave, unix.TCGETS, unsafe.Pointer(&t)); err != nil {
			return err
		}
		t.Lflag &^= unix.ECHO
	}
	return ioctl(slave, unix.TCSETS, unsafe.Pointer(&t))
}

// peer opens the slave by TIOCGPTPEER, ioctl_tty(2).
func peer(master int) (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// Give makes uid and gid the slave's owner and group, with the mode of a terminal (0620).
// The file system's uid must be the one that has opened it. It needs CAP_CHOWN only if
// devpts has not set the two already, as distributions mount it. Without that capability
// the mode is 0600, so that write(1) and wall(1) do not reach the terminal.
func (p *Pty) Give(uid, gid uint32) error {
	var st unix.Stat_t
	err := unix.Fstat(p.Slave, &st)
	mode := uint32(0o620)
	if err == nil && (st.Uid != uid || st.Gid != gid) {
		if err = unix.Fchown(p.Slave, int(uid), int(gid)); err == unix.EPERM && st.Uid == uid {
			mode, err = 0o600, nil
		}
	}
	if err == nil {
		err = unix.Fchmod(p.Slave, mode)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	return nil
}

// MapNewlines turns the mapping of a newline to carriage return and newline (ONLCR in
// termios(3)) off, or on again if it was on. A caller's terminal that is not raw does it
// itself.
func (p *Pty) MapNewlines(on bool) error {
	var t unix.Termios
	err := ioctl(p.Master, unix.TCGETS, unsafe.Pointer(&t))
	if err == nil && !on {
		p.mapped = t.Oflag&unix.ONLCR != 0
		t.Oflag &^= unix.ONLCR
	} else if p.mapped {
		t.Oflag |= unix.ONLCR
	}
	if err == nil {
		err = ioctl(p.Master, unix.TCSETS, unsafe.Pointer(&t))
	}
	if err != nil {
		return fmt.Errorf("pseudo-terminal: %w", err)
	}
	return nil
}

// HandOver closes the slave in this process, once a child has it.
func (p *Pty) HandOver() error {
	fd := p.Slave
	p.Slave = -1
	return unix.Close(fd)
}

// NameOr returns the slave's name, or other if p is nil.
func (p *Pty) NameOr(other string) string {
	if p == nil {
		return other
	}
	return p.Name
}

// Close closes what is open. It does nothing if p is nil.
func (p *Pty) Close() (err error) {
	if p == nil {
		return nil
	}
	if p.Slave >= 0 {
		err = p.HandOver()
	}
	return errors.Join(err, unix.Close(p.Master))
}

// Signal sends SIGINT, SIGQUIT or SIGTSTP to the slave's foreground process group, as a key
// does; TIOCSIG in the kernel's drivers/tty/pty.c.
func (p *Pty) Signal(sig unix.Signal) {
	unix.Syscall(unix.SYS_IOCTL, uintptr(p.Master), unix.TIOCSIG, uintptr(sig))
}

// EndOfFile returns the slave's end-of-file character, and whether the slave reads its
// input by lines (ICANON); termios(3).
func (p *Pty) EndOfFile() (char byte, lines bool) {
	var t unix.Termios
	if ioctl(p.Master, unix.TCGETS, unsafe.Pointer(&t)) != nil {
		return 4, true
	}
	return t.Cc[unix.VEOF], t.Lflag&unix.ICANON != 0
}
