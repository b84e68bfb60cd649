package launcher

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

// IDs are the real, effective and saved ids of a process.
type IDs struct{ R, E, S uint32 }

// One returns three equal ids.
func One(id uint32) IDs { return IDs{id, id, id} }

// Identity is who a process is to the kernel.
type Identity struct {
	UID, GID IDs
	Groups   []uint32 // sorted
}

func currentIdentity() (Identity, error) {
	r, e, s := unix.Getresuid()
	rg, eg, sg := unix.Getresgid()
	groups, err := currentGroups()
	return Identity{
		UID:    IDs{uint32(r), uint32(e), uint32(s)},
		GID:    IDs{uint32(rg), uint32(eg), uint32(sg)},
		Groups: groups,
	}, err
}

func currentGroups() ([]uint32, error) {
	list, err := unix.Getgroups()
	if err != nil {
		return nil, fmt.Errorf("getgroups: %w", err)
	}
	groups := make([]uint32, 0, len(list))
	for _, g := range list {
		groups = append(groups, uint32(g))
	}
	slices.Sort(groups)
	return groups, nil
}

// Become gives all threads another identity: groups, then gids, then uids,
// because each step needs the rights of the one before. It reads it back.
func (m *Monitor) Become(id Identity) error {
	return m.With(func() error {
		if err := m.room(); err != nil {
			return err
		}
		var first unsafe.Pointer
		if len(id.Groups) > 0 {
			// SAFETY: kept alive by id; psx hands the address to the kernel on each thread before it returns.
			first = unsafe.Pointer(&id.Groups[0])
		}
		if _, _, errno := psx.Syscall3(unix.SYS_SETGROUPS, uintptr(len(id.Groups)), uintptr(first), 0); errno != 0 {
			return fmt.Errorf("setgroups: %w", errno)
		}
		if err := setIDs("setresgid", unix.SYS_SETRESGID, id.GID); err != nil {
			return err
		}
		m.identity.GID, m.identity.Groups = id.GID, id.Groups
		return m.setUIDs(id.UID)
	})
}

// setUIDs changes the uids of all threads, within With, and reads all back.
func (m *Monitor) setUIDs(id IDs) error {
	if err := setIDs("setresuid", unix.SYS_SETRESUID, id); err != nil {
		return err
	}
	if err := notDumpable(); err != nil {
		return err
	}
	m.identity.UID = id
	return verifyThreads(m.identity, m.permitted&^m.withheld, m.permitted)
}

// GiveUpRoot has a monitor that is uid 0 be another one, in all three places,
// until TakeRoot. With the last uid 0 the kernel would empty Permitted:
// SECBIT_NO_SETUID_FIXUP is on for as long. While threads are changed some are
// uid 0 and some the other uid, which is nobody's who could call or be called:
// nobody but root can signal either.
func (m *Monitor) GiveUpRoot(uid uint32) error {
	return m.With(func() (err error) {
		if err := m.room(); err != nil {
			return err
		}
		if m.securebits, err = unix.PrctlRetInt(unix.PR_GET_SECUREBITS, 0, 0, 0, 0); err != nil {
			return fmt.Errorf("securebits: %w", err)
		}
		if err := setSecurebits(m.securebits | int(cap.SecbitNoSetUIDFixup)); err != nil {
			return err
		}
		m.gaveUp = true
		return m.setUIDs(One(uid))
	})
}

// TakeRoot makes the monitor uid 0 again, with the securebits it had: modules
// close as they have opened. It needs what Shrink may have taken; then the
// monitor stays who it is. Without GiveUpRoot before it, it does nothing.
func (m *Monitor) TakeRoot() error {
	if !m.gaveUp {
		return nil
	}
	for _, c := range []cap.Value{cap.SETUID, cap.SETPCAP} {
		if !m.Has(c) {
			return fmt.Errorf("uid 0: cannot be taken again without %v", c)
		}
	}
	return m.With(func() error {
		if err := m.room(); err != nil {
			return err
		}
		m.gaveUp = false
		if err := m.setUIDs(One(0)); err != nil {
			return err
		}
		return setSecurebits(m.securebits)
	})
}

func setSecurebits(bits int) error {
	if _, _, errno := psx.Syscall6(unix.SYS_PRCTL, unix.PR_SET_SECUREBITS, uintptr(bits), 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("securebits: %w", errno)
	}
	return nil
}

func setIDs(name string, nr uintptr, id IDs) error {
	if _, _, errno := psx.Syscall3(nr, uintptr(id.R), uintptr(id.E), uintptr(id.S)); errno != 0 {
		return fmt.Errorf("%s(%d, %d, %d): %w", name, id.R, id.E, id.S, errno)
	}
	return nil
}

// AsGroup runs f with privilege and, for the file system, with a group's
// rights: a file of that group is then written by those and not by
// CAP_DAC_OVERRIDE, which the monitor does not keep. Only the leader has them.
func (m *Monitor) AsGroup(gid uint32, f func() error) error {
	return m.With(func() (err error) {
		own, err := unix.SetfsgidRetGid(int(gid))
		if err != nil {
			return fmt.Errorf("setfsgid: %w", err)
		}
		defer func() {
			unix.SetfsgidRetGid(own) // With reads it back
			err = errors.Join(err, notDumpable())
		}()
		return f()
	})
}

// notDumpable closes /proc/self to all but root: with fs.suid_dumpable=1 each
// change of identity, the file system's too, opens it.
func notDumpable() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("dumpable: %w", err)
	}
	return nil
}

// putBack gives the leader its saved uid again, after modules have run.
// pam_keyinit changes the real uid by setreuid and back, and the kernel makes
// the effective uid, the target's, the saved one, by which the target could
// signal us. Any other change is a surprise, and stays one.
func (m *Monitor) putBack() error {
	r, e, s := unix.Getresuid()
	now, want := IDs{uint32(r), uint32(e), uint32(s)}, m.identity.UID
	if now == want || now.R != want.R || now.E != want.E {
		return nil
	}
	return setIDs("setresuid", unix.SYS_SETRESUID, want)
}

// Groups returns the groups as they now are, for modules add some (pam_group),
// and takes them for decided.
func (m *Monitor) Groups() ([]uint32, error) {
	groups, err := currentGroups()
	if err != nil {
		return nil, err
	}
	m.identity.Groups = groups
	return groups, m.verify()
}

func (m *Monitor) verify() error { return verifyThreads(m.identity, 0, m.permitted) }

// ThreadError says that a thread is not as decided.
type ThreadError struct {
	TID  int
	What string // the field of /proc/TID/status
	Got  string
	Want string
}

func (e *ThreadError) Error() string {
	return fmt.Sprintf("thread %d: %s is %q, not %q", e.TID, e.What, e.Got, e.Want)
}

// verifyThreads reads every task of this process back from the kernel. Groups
// are compared with the leader's rather than with id: a module may add some,
// but to all threads or not at all.
func verifyThreads(id Identity, effective, permitted uint64) error {
	groups, err := currentGroups()
	if err != nil {
		return err
	}
	want := map[string]string{
		"Uid":    ids(id.UID),
		"Gid":    ids(id.GID),
		"Groups": joined(groups),
		"CapEff": fmt.Sprintf("%016x", effective),
		"CapPrm": fmt.Sprintf("%016x", permitted),
	}
	return eachThread(func(tid int, status []byte) error {
		seen := 0
		for line := range bytes.Lines(status) {
			name, value, _ := bytes.Cut(line, []byte(":"))
			w, compared := want[string(name)]
			if !compared {
				continue
			}
			seen++
			if got := string(bytes.TrimSpace(value)); got != w {
				return &ThreadError{tid, string(name), got, w}
			}
		}
		if seen != len(want) {
			return &ThreadError{tid, "number of fields", strconv.Itoa(seen), strconv.Itoa(len(want))}
		}
		return nil
	})
}

// ids is how /proc shows them; the fourth, the file system's, follows the effective one.
func ids(id IDs) string { return fmt.Sprintf("%d\t%d\t%d\t%d", id.R, id.E, id.S, id.E) }

func joined(groups []uint32) string {
	var b []byte
	for i, g := range groups {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendUint(b, uint64(g), 10)
	}
	return string(b)
}

// eachThread calls f with the status of each task of this process. A thread
// that ended meanwhile is passed over.
func eachThread(f func(tid int, status []byte) error) error {
	// unix.Open, not os.Open: that would start the runtime's poller.
	dir, err := unix.Open("/proc/self/task", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("/proc/self/task: %w", err)
	}
	defer unix.Close(dir)
	var names []string
	for buf := make([]byte, 4096); ; {
		n, err := unix.ReadDirent(dir, buf)
		if err != nil {
			return fmt.Errorf("/proc/self/task: %w", err)
		}
		if n == 0 {
			break
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
	for _, name := range names {
		tid, err := strconv.Atoi(name)
		if err != nil {
			return fmt.Errorf("/proc/self/task: %q", name)
		}
		status, err := readAt(dir, name+"/status")
		if err == unix.ENOENT || err == unix.ESRCH {
			continue
		}
		if err != nil {
			return fmt.Errorf("/proc/self/task/%s/status: %w", name, err)
		}
		if err := f(tid, status); err != nil {
			return err
		}
	}
	return nil
}

func readAt(dir int, name string) ([]byte, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var all []byte
	for buf := make([]byte, 8192); ; {
		n, err := unix.Read(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return all, err
		}
		all = append(all, buf[:n]...)
	}
}

// Identity returns what the monitor was last made to be.
func (m *Monitor) Identity() Identity { return m.identity }
