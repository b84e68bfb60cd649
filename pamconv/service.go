package pamconv

import (
	"errors"

	"golang.org/x/sys/unix"
)

// serviceDirs is where Linux-PAM looks for a service file, pam.conf(5).
var serviceDirs = []string{"/etc/pam.d/", "/usr/lib/pam.d/", "/usr/share/pam.d/"}

// ErrNoService says that a service has no file of its own.
var ErrNoService = errors.New("no file of that name in /etc/pam.d")

// CheckService makes sure that a service has a file of its own: libpam would
// quietly use the service "other" in its place. Where there is no /etc/pam.d
// at all, /etc/pam.conf decides, and libpam reads it.
func CheckService(service string) error {
	var st unix.Stat_t
	for _, dir := range serviceDirs {
		if unix.Stat(dir+service, &st) == nil {
			return nil
		}
	}
	if unix.Stat(serviceDirs[0], &st) == unix.ENOENT && unix.Stat("/etc/pam.conf", &st) == nil {
		return nil
	}
	return ErrNoService
}
