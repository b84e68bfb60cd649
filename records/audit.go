package records

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// userRoleChange is AUDIT_USER_ROLE_CHANGE of libaudit.h, which shadow's su uses too.
const userRoleChange = 2300

// audit sends one record to the kernel's audit system, which adds uid, login uid and
// session. It needs CAP_AUDIT_WRITE effective. If the kernel has no audit, it does nothing.
func audit(text string) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_AUDIT)
	if err == unix.EPROTONOSUPPORT || err == unix.EAFNOSUPPORT || err == unix.EINVAL {
		return nil
	}
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer unix.Close(fd)
	// struct nlmsghdr, linux/netlink.h, then the text with its NUL.
	message := make([]byte, unix.NLMSG_HDRLEN, unix.NLMSG_HDRLEN+len(text)+1)
	message = append(append(message, text...), 0)
	binary.NativeEndian.PutUint32(message, uint32(len(message)))
	binary.NativeEndian.PutUint16(message[4:], userRoleChange)
	binary.NativeEndian.PutUint16(message[6:], unix.NLM_F_REQUEST)
	err = unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	if err == unix.ECONNREFUSED { // the kernel's audit does not listen
		return nil
	}
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// auditText returns the record of an attempt, with its fields as libaudit writes them.
func (a *Attempt) auditText(tuple string, opened bool) string {
	terminal := strings.TrimPrefix(a.Terminal, "/dev/")
	if terminal == "" {
		terminal = "?"
	}
	result := "failed"
	if opened {
		result = "success"
	}
	return fmt.Sprintf("op=su acct=%s caller=%s iab=%s exe=%s hostname=? addr=? terminal=%s res=%s",
		auditField(a.Target), auditField(a.Caller), quoted(tuple), auditField(a.Program), bare(terminal), result)
}

// longest is how many bytes of a name or path a record has; a tuple is whole. The kernel cuts
// a record off at some 8 KB (AUDIT_MESSAGE_TEXT_MAX), and its result stands at the end.
const longest = 512

// shorten takes the end off a value that is too long, and puts "..." in its place.
func shorten(value string) string {
	if len(value) <= longest {
		return value
	}
	return value[:longest-3] + "..."
}

// auditField returns a value that a user may have chosen, so that it cannot end its field:
// in quotes, or in hexadecimal if it has a byte that could (audit_encode_nv_string(3)).
// A long value is shortened.
func auditField(value string) string { return quoted(shorten(value)) }

func quoted(value string) string {
	if plain(value) {
		return `"` + value + `"`
	}
	return fmt.Sprintf("%X", value)
}

func bare(value string) string {
	value = shorten(value)
	if plain(value) {
		return value
	}
	return fmt.Sprintf("%X", value)
}

func plain(value string) bool {
	for i := 0; i < len(value); i++ {
		if c := value[i]; c == '"' || c < 0x21 || c > 0x7e {
			return false
		}
	}
	return true
}
