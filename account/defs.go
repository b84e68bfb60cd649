package account

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Defs are the settings of login.defs(5) and /etc/default/su, by their names in lower case.
type Defs map[string]string

// defsFiles are the files in the order in which they are read: the later one wins.
var defsFiles = []string{"/etc/login.defs", "/etc/default/su"}

// The values of PATH without a setting, as su has them.
const (
	userPath = "/usr/local/bin:/bin:/usr/bin"
	rootPath = "/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin"
)

// ReadDefs reads the settings as su does: "NAME value" or "NAME=value", names in any case,
// without quotes and comments (#). The last setting of a name wins. A missing file has no
// settings.
func ReadDefs() (Defs, error) {
	d := Defs{}
	for _, path := range defsFiles {
		text, err := readFile(path)
		if err == unix.ENOENT {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		lines.Buffer(nil, len(text)+1)
		for lines.Scan() {
			line, _, _ := strings.Cut(lines.Text(), "#")
			line = strings.TrimSpace(line)
			if end := strings.IndexAny(line, " \t="); end > 0 {
				value := strings.Trim(line[end:], " \t=")
				d[strings.ToLower(line[:end])] = strings.Trim(value, `"`)
			}
		}
	}
	return d, nil
}

// readFile is os.ReadFile without the runtime's poller. If the poller cannot start, the
// process ends, and a PAM session may be open.
func readFile(path string) (text []byte, err error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	for buf := make([]byte, 8192); ; {
		n, err := unix.Read(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return text, err
		}
		text = append(text, buf[:n]...)
	}
}

// Path returns a user's PATH: ENV_PATH, or for uid 0 ENV_SUPATH, otherwise ENV_ROOTPATH. In
// the files a value may begin with "PATH=".
func (d Defs) Path(uid uint32) string {
	names, path := []string{"env_path"}, userPath
	if uid == 0 {
		names, path = []string{"env_supath", "env_rootpath"}, rootPath
	}
	for _, name := range names {
		if value := strings.TrimPrefix(d[name], "PATH="); value != "" {
			return value
		}
	}
	return path
}

// AlwaysSetPath tells whether sessions that are not logins get that PATH too.
func (d Defs) AlwaysSetPath() bool { return strings.EqualFold(d["always_set_path"], "yes") }
