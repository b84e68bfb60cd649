package trustedfile

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// walk goes to path from the root, as the kernel does, and checks each directory on the way:
// a user who can write one can put another file in the place of what is below. It follows
// symbolic links, and returns the status of the file. If the file is missing, it fails with
// unix.ENOENT.
func walk(path string) (*unix.Stat_t, error) {
	path, err := absolute(path)
	if err != nil {
		return nil, err
	}
	at, links := "/", 0
	names := strings.Split(path, "/")
	fd, err := enter(unix.AT_FDCWD, "/", at, len(names) == 2)
	if err != nil {
		return nil, err
	}
	defer func() { unix.Close(fd) }()
	for {
		for len(names) > 0 && (names[0] == "" || names[0] == ".") {
			names = names[1:]
		}
		var st unix.Stat_t
		if len(names) == 0 { // a directory
			return &st, unix.Fstat(fd, &st)
		}
		name := names[0]
		names = names[1:]
		if err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return nil, err
		}
		to, from := "", fd
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFLNK:
			var target string
			if target, err = readlink(fd, name); err != nil {
				return nil, err
			}
			if links++; links > 40 { // the kernel's limit, path_resolution(7)
				return nil, unix.ELOOP
			}
			names = append(strings.Split(target, "/"), names...)
			if !strings.HasPrefix(target, "/") {
				continue
			}
			from, to, at = unix.AT_FDCWD, "/", "/"
		case unix.S_IFDIR:
			to, at = name, filepath.Join(at, name)
		default:
			if len(names) > 0 {
				return nil, unix.ENOTDIR
			}
			return &st, nil
		}
		next, err := enter(from, to, at, len(names) <= 1)
		if err != nil {
			return nil, err
		}
		unix.Close(fd)
		fd = next
	}
}

func absolute(path string) (string, error) {
	if filepath.IsAbs(path) {
		return path, nil
	}
	dir, err := unix.Getwd()
	return dir + "/" + path, err
}

func readlink(fd int, name string) (string, error) {
	var buf [unix.PathMax]byte
	n, err := unix.Readlinkat(fd, name, buf[:])
	return string(buf[:max(n, 0)]), err
}

// enter opens and checks a directory. last tells whether the file is in it.
func enter(at int, name, dir string, last bool) (int, error) {
	fd, err := unix.Openat(at, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil {
		if err = checkOwner(fd, &st); err == nil {
			err = checkKept(fd, &st)
		}
	}
	if err == nil {
		return fd, nil
	}
	unix.Close(fd)
	if last {
		return -1, fmt.Errorf("its directory %s: %w", dir, err)
	}
	return -1, fmt.Errorf("%s above it: %w", dir, err)
}

// notKept are the file systems whose files are views of a kernel's or a process's state.
var notKept = map[int64]string{
	unix.PROC_SUPER_MAGIC: "proc", unix.SYSFS_MAGIC: "sysfs", unix.DEBUGFS_MAGIC: "debugfs",
	unix.TRACEFS_MAGIC: "tracefs", unix.CGROUP_SUPER_MAGIC: "cgroup", unix.CGROUP2_SUPER_MAGIC: "cgroup2",
	unix.SECURITYFS_MAGIC: "securityfs", unix.SELINUX_MAGIC: "selinuxfs", unix.SMACK_MAGIC: "smackfs",
	unix.BPF_FS_MAGIC: "bpf", unix.PSTOREFS_MAGIC: "pstore", unix.EFIVARFS_MAGIC: "efivarfs",
	unix.BINFMTFS_MAGIC: "binfmt_misc", unix.DEVPTS_SUPER_MAGIC: "devpts", unix.NSFS_MAGIC: "nsfs",
	unix.HUGETLBFS_MAGIC: "hugetlbfs", 0x62656570: "configfs", 0x19800202: "mqueue", 0x65735543: "fusectl",
}

// checkKept fails if a file is of a file system that keeps no files, or of one that a
// process makes up (FUSE) and that is not the system's root: its owners may be made up too.
func checkKept(fd int, st *unix.Stat_t) error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return err
	}
	kind := int64(fs.Type)
	if name, found := notKept[kind]; found {
		return fmt.Errorf("on a file system that keeps no files (%s)", name)
	}
	var root unix.Stat_t
	if kind != unix.FUSE_SUPER_MAGIC {
		return nil
	}
	if err := unix.Stat("/", &root); err != nil {
		return err
	}
	if root.Dev != st.Dev {
		return errors.New("on a file system that a process provides (FUSE)")
	}
	return nil
}
