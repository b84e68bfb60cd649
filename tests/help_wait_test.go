//go:build privileged

package tests

import (
	"bytes"
	"os"
	"sync"
	"testing"
	"time"
)

// Waiting: a test waits for a condition, never for a time. How long that takes
// is no part of any test; after patience the test fails.

// patience is the time after which a command counts as hanging.
const patience = 60 * time.Second

// lifetime is the time after which a process that a test holds is killed, in case the
// test hangs. No test takes so long on any machine.
const lifetime = 10 * patience

// eventually waits until so returns true. If it never does, the test fails with
// what did not come, and with what seen returns.
func eventually(t *testing.T, what string, so func() bool, seen ...func() string) {
	t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().Before(end) {
			continue
		}
		for _, text := range seen {
			what += "; " + text()
		}
		t.Fatalf("does not come: %s", what)
	}
}

// awaitFile waits until a file exists.
func awaitFile(t *testing.T, path string) {
	t.Helper()
	eventually(t, path, func() bool {
		_, err := os.Stat(path)
		return err == nil
	})
}

// awaitNoProcess waits until no process of capsu is left.
func awaitNoProcess(t *testing.T) {
	t.Helper()
	eventually(t, "the end of capsu's processes", func() bool { return len(processes()) == 0 })
}

// lockedBuffer is a buffer that a command writes while a test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
