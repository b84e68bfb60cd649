//go:build privileged

package tests

import (
	"encoding/binary"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// Records: of PAM sessions, in the system log, and in utmp and its kin.

// records is the file that /opt/record writes: pam_exec runs it at each opening and closing.
const records = "/opt/records"

// recording is the part of service that writes the records.
const recording = `session optional pam_exec.so quiet type=open_session /opt/record
session optional pam_exec.so quiet type=close_session /opt/record
`

// recorded empties the records. What it returns gives the openings and closings since then.
func recorded(t *testing.T) func() string {
	t.Helper()
	if err := os.Truncate(records, 0); err != nil {
		t.Fatal(err)
	}
	return func() string {
		text, err := os.ReadFile(records)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

// closedRecord is the record of a closing of alpha's session as ghost.
const closedRecord = "close_session capsu ghost alpha\n"

// expectClosed waits for the end of capsu, and checks that PAM was closed once.
func expectClosed(t *testing.T, sessions func() string) {
	t.Helper()
	awaitNoProcess(t)
	if got := sessions(); !strings.HasSuffix(got, closedRecord) || strings.Count(got, closedRecord) != 1 {
		t.Errorf("records %q", got)
	}
}

// listen stands in for the log daemon: it gives each message to heard, until stop is called.
func listen(t *testing.T, heard func(line string)) (stop func()) {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: "/dev/log", Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod("/dev/log", 0o666); err != nil {
		t.Fatal(err)
	}
	go func() {
		for buf := make([]byte, 64<<10); ; {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			heard(string(buf[:n]))
		}
	}()
	return func() { conn.Close(); os.Remove("/dev/log") }
}

// logged stands in for the log daemon for the time of a test. What it returns waits for a line
// of the program under test, and gives all of them, without time and pid.
func logged(t *testing.T) func() string {
	t.Helper()
	var mu sync.Mutex
	var text strings.Builder
	t.Cleanup(listen(t, func(line string) {
		// <85>Nov 24 16:34:16 capsu[123]: text
		if at := strings.Index(line, " "+underTest.name+"["); at >= 0 && strings.HasPrefix(line, underTest.priority) {
			if _, own, found := strings.Cut(line[at:], "]: "); found {
				mu.Lock()
				text.WriteString(own + "\n")
				mu.Unlock()
			}
		}
	}))
	return func() string {
		t.Helper()
		var got string
		eventually(t, "a line in the system log", func() bool {
			time.Sleep(20 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			var own []string
			for line := range strings.Lines(text.String()) {
				if strings.Contains(line, "(to ") || strings.Contains(line, "left by its caller") {
					own = append(own, line)
				}
			}
			got = strings.Join(own, "")
			return got != ""
		})
		return got
	}
}

// entry is the part of an entry of utmp(5) that tests look at.
type entry struct {
	kind       int16
	pid        int32
	line, user string
}

// entries reads a file of such entries.
func entries(t *testing.T, path string) (all []entry) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const size = 384
	text := func(b []byte) string { return strings.TrimRight(string(b), "\x00") }
	for ; len(raw) >= size; raw = raw[size:] {
		all = append(all, entry{
			int16(binary.NativeEndian.Uint16(raw)), int32(binary.NativeEndian.Uint32(raw[4:])), text(raw[8:40]),
			text(raw[44:76]),
		})
	}
	return all
}

// logins makes btmp, wtmp and utmp, empty, with the distribution's owner and mode.
func logins(t *testing.T) {
	t.Helper()
	for _, path := range []string{"/var/log/btmp", "/var/log/wtmp", "/run/utmp"} {
		file(t, path, "", 0o660)
		must(t, "chgrp", "utmp", path)
	}
}
