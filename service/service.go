// Package service knows where the files of PAM services are (pam.d(5)).
//
// Nothing is privileged while it runs, and any thread may call it. It reads no file and
// does no work at the start of a program.
package service

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Directories are the directories where Linux-PAM looks for service files, in order.
var Directories = []string{"/etc/pam.d", "/usr/lib/pam.d", "/usr/share/pam.d"}

// ErrNone says that no directory has a file of that name.
var ErrNone = errors.New("no file of that name in /etc/pam.d")

// legacy is the file that Linux-PAM reads if there is no /etc/pam.d.
const legacy = "/etc/pam.conf"

// Exists fails with ErrNone if a service has no file of its own: libpam would use the
// service "other" without a word. If there is no /etc/pam.d, an /etc/pam.conf is enough.
func Exists(name string) error {
	there := func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	}
	for _, dir := range Directories {
		if there(filepath.Join(dir, name)) {
			return nil
		}
	}
	if _, err := os.Stat(Directories[0]); errors.Is(err, fs.ErrNotExist) && there(legacy) {
		return nil
	}
	return ErrNone
}
