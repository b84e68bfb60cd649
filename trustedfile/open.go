// Package trustedfile opens configuration that decides about other accounts, and reads it
// as lines of text. It opens a file once, and checks on that descriptor that only root can
// write it. The policy and the site configuration use it.
//
// Nothing is privileged while it runs. It changes and prints nothing, and any thread may
// call it.
package trustedfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrMissing says that a file does not exist, and that only root could have removed it.
var ErrMissing = errors.New("no such file")

// Error is a fault in a file.
type Error struct {
	File string
	Line int // 0: the file as a whole
	Err  error
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Open opens a file and checks, on that descriptor, that only root can write it. It checks
// every directory on the way to it too, also behind symbolic links. It fails with ErrMissing
// if the file does not exist. The errors do not name the file.
func Open(path string) (*os.File, error) { return open(path, false) }

// OpenDraft opens a file without the check of who can write it. It must be a regular file
// or /dev/null.
func OpenDraft(path string) (*os.File, error) { return open(path, true) }

func open(path string, draft bool) (*os.File, error) {
	// O_NONBLOCK, because the open of a FIFO waits for a writer.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err == unix.ENOENT {
		return nil, missing(path, draft)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot be opened: %w", err)
	}
	err = check(fd, path, draft)
	if err == nil {
		err = unix.SetNonblock(fd, false)
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// missing returns ErrMissing if only root could have removed the file: it is no broken
// symbolic link, and only root can write the directories on the way to it.
func missing(path string, draft bool) error {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err == nil {
		return errors.New("symbolic link to a file that does not exist")
	}
	if draft {
		return ErrMissing
	}
	switch _, err := walk(path); err {
	case unix.ENOENT:
		return ErrMissing
	case nil:
		return errReplaced
	default:
		return err
	}
}

var errReplaced = errors.New("replaced while it was opened")

func check(fd int, path string, draft bool) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if !draft {
		seen, err := walk(path)
		if err == unix.ENOENT || err == nil && (seen.Dev != st.Dev || seen.Ino != st.Ino) {
			return errReplaced
		}
		if err != nil {
			return err
		}
	}
	if st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == unix.Mkdev(1, 3) {
		return nil // /dev/null: an empty file, on purpose
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return errors.New("not a regular file")
	}
	if draft {
		return nil
	}
	if err := checkKept(fd, &st); err != nil {
		return err
	}
	return checkOwner(fd, &st)
}

// checkOwner fails if an account other than root's can change a file: as its owner, or by
// write permission for others, for a group other than root's or by an access control list.
func checkOwner(fd int, st *unix.Stat_t) error {
	switch {
	case st.Uid != 0:
		return fmt.Errorf("owner is uid %d, not root", st.Uid)
	case st.Mode&0o002 != 0:
		return errors.New("writable by others")
	case st.Mode&0o020 != 0 && st.Gid != 0:
		return fmt.Errorf("writable by group %d", st.Gid)
	}
	return checkACL(fd)
}

// A POSIX access control list in its extended attribute has a version and then entries of
// tag, rights and id; linux/posix_acl_xattr.h.
const (
	aclUser  = 0x02
	aclGroup = 0x08
	aclMask  = 0x10
	aclWrite = 0x02
)

func checkACL(fd int) error {
	var buf [4 + 8*512]byte
	// By /proc, since fgetxattr(2) does not take an O_PATH descriptor.
	n, err := unix.Getxattr(fmt.Sprintf("/proc/self/fd/%d", fd), "system.posix_acl_access", buf[:])
	if err == unix.ENODATA || err == unix.ENOTSUP {
		return nil
	}
	if err != nil {
		return fmt.Errorf("access control list: %w", err)
	}
	mask, granted := uint16(aclWrite), false
	for e := buf[4:max(n, 4)]; len(e) >= 8; e = e[8:] {
		tag, rights := binary.LittleEndian.Uint16(e), binary.LittleEndian.Uint16(e[2:])
		switch tag {
		case aclUser, aclGroup:
			id := binary.LittleEndian.Uint32(e[4:])
			granted = granted || id != 0 && rights&aclWrite != 0
		case aclMask:
			mask = rights
		}
	}
	if granted && mask&aclWrite != 0 {
		return errors.New("writable by its access control list")
	}
	return nil
}
