//go:build privileged

package tests

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// On a full disk a part of a record stayed, and lastb(1) and last(1) could read no later one.
func TestRecordOnAFullDiskIsWholeOrNotThere(t *testing.T) {
	const size, before = 384, 10 // the eleventh record crosses the end of the only page
	failed := func() { call{args: words("ghost", "-c", "true"), stdin: "wrong\n"}.run(t) }
	login := func() {
		x := onTerminal(t, "alpha", program+" -l ghost -c true")
		x.await("Password: ")
		x.typed(password + "\n")
		x.end()
	}
	for path, c := range map[string]struct {
		attempt func()
		adds    int
	}{"/var/log/btmp": {failed, 1}, "/var/log/wtmp": {login, 2}, "/run/utmp": {login, 1}} {
		t.Run(path, func(t *testing.T) {
			const disk = "/opt/full"
			must(t, "mkdir", "-p", disk)
			must(t, "mount", "-t", "tmpfs", "-o", "size=4k", "small", disk)
			t.Cleanup(func() { must(t, "umount", disk) })
			must(t, "touch", disk+"/file", path)
			must(t, "mount", "--bind", disk+"/file", path)
			t.Cleanup(func() { must(t, "umount", path); os.Remove(path) })
			must(t, "chgrp", "utmp", path)
			must(t, "chmod", "664", path)
			record := append([]byte{8, 0, 0, 0, 1, 0, 0, 0}, make([]byte, size-8)...)
			copy(record[8:], "tty9")
			old := bytes.Repeat(record, before)
			if err := os.WriteFile(path, old, 0o660); err != nil {
				t.Fatal(err)
			}
			log := logged(t)
			c.attempt()
			if raw, err := os.ReadFile(path); err != nil || !bytes.Equal(raw, old) {
				t.Errorf("%d bytes, want the %d from before (%v)", len(raw), len(old), err)
			}
			if got := log(); !strings.Contains(got, ": record: "+path+": no space left on device") {
				t.Errorf("the log has %q", got)
			}
			must(t, "mount", "-o", "remount,size=64k", disk)
			c.attempt()
			if got := entries(t, path); len(got) != before+c.adds || got[before].kind == 8 && c.adds == 2 {
				t.Errorf("once there is room: %+v", got)
			}
		})
	}
}

// Every user who can read utmp and wtmp can lock them. A login was then four seconds late.
func TestLoginIsRecordedWhateverLocksOthersHold(t *testing.T) {
	logins(t)
	for _, path := range []string{"/run/utmp", "/var/log/wtmp"} {
		must(t, "chmod", "664", path)
		f, err := os.Open(path) // for reading: alpha can do that
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_RDLCK}); err != nil {
			t.Fatal(err)
		}
	}
	log := logged(t)
	x := onTerminal(t, "alpha", program+" -l ghost -c 'echo begun; read -r line'")
	x.await("Password: ")
	x.typed(password + "\n")
	x.await("begun\n")
	if got := entries(t, "/run/utmp"); len(got) != 1 || got[0].user != "ghost" {
		t.Errorf("utmp: %+v", got)
	}
	x.typed("\n")
	x.end()
	if got := entries(t, "/var/log/wtmp"); len(got) != 2 || got[0].user != "ghost" || got[1].kind != 8 {
		t.Errorf("wtmp: %+v", got)
	}
	if got := log(); strings.Count(got, "/run/utmp: locked by another process; written without the lock") != 2 {
		t.Errorf("the log has %q", got)
	}
}
