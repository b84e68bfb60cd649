// Package trustedfile opens configuration that decides about other people's
// accounts, and reads it as lines of text. It opens a file once and checks that
// descriptor: nobody but root could have written it. The policy and the site
// configuration share it.
//
// The package needs no privilege, changes nothing and prints nothing; it may be
// called from any thread.
package trustedfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrMissing says that a file is not there, and that only root could have removed it.
var ErrMissing = errors.New("no such file")

// Error is a fault in a file: object, then fault.
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

// Open opens a file and checks, on that descriptor, that nobody but root could
// have written it (spec 5.2). The directory it stands in, also the one behind
// a symbolic link, is held to the same. The errors do not name the file.
func Open(path string) (*os.File, error) { return open(path, false) }

// OpenDraft opens a file of whose writers nothing is asked: one's own draft.
// It must be a file all the same.
func OpenDraft(path string) (*os.File, error) { return open(path, true) }

func open(path string, draft bool) (*os.File, error) {
	// Non-blocking, or a FIFO would wait for its writer.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err == unix.ENOENT {
		return nil, missing(path)
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

// missing makes sure that a file which is not there is not there by root's
// will: no link to somewhere else, and nobody else could have removed it.
func missing(path string) error {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err == nil {
		return errors.New("symbolic link to a file that does not exist")
	}
	if err := checkDirectory(filepath.Dir(path)); err != nil && err != unix.ENOENT {
		return err
	}
	return ErrMissing
}

func check(fd int, path string, draft bool) error {
	if !draft {
		if err := checkLinks(path); err != nil {
			return err
		}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == unix.Mkdev(1, 3) {
		return nil // /dev/null: no rules, on purpose
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return errors.New("not a regular file")
	}
	if draft {
		return nil
	}
	return rootsOwn(fd, &st)
}

// checkLinks checks the directory of path, and of each file it is a link to.
func checkLinks(path string) error {
	for range 40 { // as the kernel
		if err := checkDirectory(filepath.Dir(path)); err != nil {
			return err
		}
		to, err := os.Readlink(path)
		if errors.Is(err, unix.EINVAL) {
			return nil // no link: the file itself
		}
		if err != nil {
			return err
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return unix.ELOOP
}

func checkDirectory(dir string) error {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if err := rootsOwn(fd, &st); err != nil {
		return fmt.Errorf("its directory %s: %w", dir, err)
	}
	return nil
}

// rootsOwn refuses what somebody other than root could have changed: another
// owner, or write permission for others, for a group other than root's, or by
// an access control list.
func rootsOwn(fd int, st *unix.Stat_t) error {
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

// POSIX ACL in an extended attribute: a version, then entries of tag, rights
// and id; linux/posix_acl_xattr.h.
const (
	aclUser  = 0x02
	aclGroup = 0x08
	aclMask  = 0x10
	aclWrite = 0x02
)

func checkACL(fd int) error {
	var buf [4 + 8*512]byte
	// Through /proc: fgetxattr does not take an O_PATH descriptor.
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
