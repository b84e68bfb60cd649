package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"capsu/capability"
	"capsu/front"
	"capsu/say"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// ownPath returns the path of this program's file, "capsu" without /proc.
func ownPath() string {
	path, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return "capsu"
	}
	return path
}

// setcapCommand returns the command that gives this program's file what it needs: filecaps
// knows what this host's stack and rules ask for.
func setcapCommand() string { return fmt.Sprintf(`setcap "$(capsuctl filecaps)" %s`, ownPath()) }

// explain returns an error that says why there is no monitor, and what to do.
func explain(fault error) error {
	var f *front.Fault
	if !errors.As(fault, &f) {
		return fault
	}
	path, setcap := ownPath(), setcapCommand()
	switch f.Kind {
	case front.NoProc:
		return say.Hinted("mount the proc file system", "/proc/self/exe: %w", f.Err)
	case front.Setid:
		return say.Hinted("as root: chmod u-s,g-s "+path+", then "+setcap, "%s: has a setuid or setgid bit, and must not", path)
	case front.NoFilecaps:
		return say.Hinted("as root: "+setcap, "%s: no file capabilities", path)
	case front.NoPrivilege:
		return explainPrivilege(path, "as root: "+setcap)
	case front.NoGuard:
		return noGuard()
	case front.BadGuard:
		return badGuard("its uid is root's or the caller's")
	case front.NotOurs:
		return say.Hinted("take that library out of /etc/ld.so.preload",
			"%s: a preloaded library defines this function, so PAM modules would not find capsu's", f.Call)
	}
	ids, err := os.ReadFile("/proc/self/uid_map")
	if err == nil && strings.Join(strings.Fields(string(ids)), " ") != "0 0 4294967295" {
		return say.Hinted("start capsu outside the namespace, or map more users and groups into it", "user namespace: %s: %w", f.Call, f.Err)
	}
	return fmt.Errorf("%s: %w", f.Call, f.Err)
}

func noGuard() error {
	return say.Hinted("as root: useradd --system --no-create-home --shell /usr/sbin/nologin "+front.GuardName,
		"guard user %s: does not exist", front.GuardName)
}

func badGuard(why string) error {
	return say.Hinted("give the user "+front.GuardName+" a uid that no person uses", "guard user %s: %s", front.GuardName, why)
}

// explainPrivilege says why the program's file capabilities had no effect.
func explainPrivilege(path, setcap string) error {
	var fs unix.Statfs_t
	if nnp, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err == nil && nnp == 1 {
		return say.Hinted("start capsu from a process without it (not from a sandbox)",
			"no_new_privs: is set, so file capabilities have no effect")
	}
	if err := unix.Statfs(path, &fs); err == nil && fs.Flags&unix.ST_NOSUID != 0 {
		return say.Hinted("mount it without nosuid, or install capsu elsewhere",
			"%s: on a file system mounted nosuid, so file capabilities have no effect", path)
	}
	for _, c := range []cap.Value{cap.SETUID, cap.SETGID, cap.SETPCAP} {
		if !capability.Bounded(c) {
			return say.Hinted("start capsu from a process whose bounding set has it", "bounding set: lacks %v", c)
		}
	}
	return say.Hinted(setcap, "%s: cap_setuid, cap_setgid or cap_setpcap is not permitted "+
		"(the file capabilities are incomplete, or capsu runs in a user namespace)", path)
}
