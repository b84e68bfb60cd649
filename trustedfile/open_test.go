package trustedfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// These need no root. tests/ has the cases with other owners.

// A directory above the file's was not looked at, nor was the file system.
func TestWhatOthersCanReplaceIsRefused(t *testing.T) {
	dir := t.TempDir()
	below := filepath.Join(dir, "open", "below")
	if err := errors.Join(os.MkdirAll(below, 0o755), os.Chmod(filepath.Dir(below), 0o777|os.ModeSticky),
		os.WriteFile(filepath.Join(below, "file"), nil, 0o644), os.Symlink("/etc/passwd", filepath.Join(below, "link")),
		os.Symlink("link2", filepath.Join(dir, "link2"))); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(below, "file"):    " above it: ",
		filepath.Join(below, "link"):    " above it: ",
		filepath.Join(below, "missing"): " above it: ",
		filepath.Join(dir, "link2"):     "too many levels of symbolic links",
		"/proc/self/status":             "/proc above it: on a file system that keeps no files (proc)",
		"/proc/version":                 "its directory /proc: on a file system that keeps no files (proc)",
		"/etc/passwd/x":                 "not a directory",
		"/etc":                          "not a regular file",
	} {
		f, err := Open(path)
		if err == nil {
			f.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, ErrMissing) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

func TestWhatOnlyRootCanReplaceIsOpened(t *testing.T) {
	for _, path := range []string{"/etc/passwd", "/etc/../etc/./passwd", "/dev/null"} {
		f, err := Open(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		f.Close()
	}
	for _, path := range []string{"/etc/no-such", "/no-such/file"} {
		if _, err := Open(path); err != ErrMissing {
			t.Errorf("%s: %v", path, err)
		}
	}
}
