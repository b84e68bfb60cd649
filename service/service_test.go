package service

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestAServiceWithoutAFileOfItsOwnIsNone(t *testing.T) {
	dir, was := t.TempDir(), Directories
	t.Cleanup(func() { Directories = was })
	Directories = []string{dir, filepath.Join(dir, "missing")}
	if err := os.WriteFile(filepath.Join(dir, "top"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Exists("top"); err != nil {
		t.Errorf("top: %v", err)
	}
	if err := Exists("nowhere"); !errors.Is(err, ErrNone) {
		t.Errorf("nowhere: %v", err)
	}
}
