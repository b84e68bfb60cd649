package records

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// entry has the fields of an entry in utmp that a test checks. It has the entry's size.
type entry struct {
	Type    int16
	_       int16
	Pid     int32
	Line    [32]byte
	ID      [4]byte
	User    [32]byte
	Host    [256]byte
	_       [4]byte
	Session int32
	Sec     int32
	Usec    int32
	_       [36]byte
}

func text(b []byte) string { return strings.TrimRight(string(b), "\x00") }

func entries(t *testing.T, path string) (all []entry) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for {
		var e entry
		if binary.Read(f, binary.NativeEndian, &e) != nil {
			return all
		}
		all = append(all, e)
	}
}

func files(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	was := []string{utmpFile, wtmpFile, btmpFile}
	utmpFile, wtmpFile, btmpFile = filepath.Join(dir, "utmp"), filepath.Join(dir, "wtmp"), filepath.Join(dir, "btmp")
	t.Cleanup(func() { utmpFile, wtmpFile, btmpFile = was[0], was[1], was[2] })
	for _, f := range []string{utmpFile, wtmpFile, btmpFile} {
		if err := os.WriteFile(f, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLoginIsEnteredAndWhatWasThereComesBack(t *testing.T) {
	files(t)
	first, second, inner := login{terminal: "/dev/pts/300"}, login{terminal: "/dev/tty7"}, login{terminal: "/dev/pts/300"}
	if err := first.open("alpha"); err != nil {
		t.Fatal(err)
	}
	first.ours.ut_pid = 1 // another process's, as for login(1)
	if err := second.open("other"); err != nil {
		t.Fatal(err)
	}
	before := entries(t, utmpFile)
	if err := inner.open("ghost"); err != nil {
		t.Fatal(err)
	}
	now := entries(t, utmpFile)
	if len(now) != 2 || text(now[0].User[:]) != "ghost" || text(now[0].Line[:]) != "pts/300" ||
		text(now[0].ID[:]) != "/300" || int(now[0].Pid) != os.Getpid() || now[0].Type != 7 {
		t.Errorf("%+v", now)
	}
	if err := inner.close(); err != nil {
		t.Fatal(err)
	}
	if after := entries(t, utmpFile); len(after) != 2 || after[0] != before[0] || after[1] != before[1] {
		t.Errorf("%+v, want %+v", after, before)
	}
	log := entries(t, wtmpFile)
	if len(log) != 4 || text(log[2].User[:]) != "ghost" || log[2].Type != 7 || log[3].Type != 8 ||
		text(log[3].User[:]) != "" {
		t.Errorf("wtmp: %+v", log)
	}
}

func TestLoginThatIsNotOursAnyMoreIsLeftAlone(t *testing.T) {
	files(t)
	l := login{terminal: "/dev/pts/3"}
	if err := l.open("ghost"); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(utmpFile)
	if err != nil {
		t.Fatal(err)
	}
	raw[4]++ // the pid
	if err := os.WriteFile(utmpFile, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, utmpFile); text(got[0].User[:]) != "ghost" {
		t.Errorf("%+v", got)
	}
	// ours, with nothing before it: it ends
	l = login{terminal: "/dev/pts/4"}
	if err := l.open("beta"); err != nil {
		t.Fatal(err)
	}
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, utmpFile); len(got) != 2 || got[1].Type != 8 || text(got[1].User[:]) != "" {
		t.Errorf("%+v", got)
	}
}

func TestFilesThatAreNotThereArePassedOverAndNotMade(t *testing.T) {
	files(t)
	for _, f := range []string{utmpFile, wtmpFile, btmpFile} {
		os.Remove(f)
	}
	a := &Attempt{Target: "ghost", Terminal: "/dev/pts/3"}
	l := login{terminal: a.Terminal}
	if err := l.open(a.Target); err != nil {
		t.Fatal(err)
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
	if err := a.failedLogin(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(btmpFile); err == nil {
		t.Error("btmp was made")
	}
}

func TestFailedLoginNamesOnlyUsers(t *testing.T) {
	files(t)
	for _, a := range []*Attempt{{Target: "ghost", Known: true, Terminal: "/dev/tty1"}, {Target: "open sesame"},
		{Target: strings.Repeat("x", 40), Known: true, Terminal: "/dev/" + strings.Repeat("y", 40)}} {
		if err := a.failedLogin(); err != nil {
			t.Fatal(err)
		}
	}
	got := entries(t, btmpFile)
	if len(got) != 3 || text(got[0].User[:]) != "ghost" || text(got[0].Line[:]) != "tty1" ||
		text(got[1].User[:]) != "(unknown)" || text(got[1].Line[:]) != "" || got[0].Type != 6 || got[0].Sec == 0 {
		t.Errorf("%+v", got)
	}
	if text(got[2].User[:]) != strings.Repeat("x", 32) || text(got[2].Line[:]) != strings.Repeat("y", 32) {
		t.Errorf("a long name: %+v", got[2])
	}
}

func TestAuditFieldsCannotBeForged(t *testing.T) {
	a := &Attempt{Caller: `al"pha res=success`, Target: "gh ost\n", Terminal: "/dev/pts/1 res=success",
		Program: "/opt/bin/capsu"}
	want := `op=su acct=6768206F73740A caller=616C22706861207265733D73756363657373 iab="^cap_kill" ` +
		`exe="/opt/bin/capsu" hostname=? addr=? terminal=7074732F31207265733D73756363657373 res=failed`
	if got := a.auditText("^cap_kill", false); got != want {
		t.Errorf("%s", got)
	}
	a = &Attempt{Caller: "alpha", Target: "ghost", Program: "/x"}
	if got := a.auditText("",
		true); got != `op=su acct="ghost" caller="alpha" iab="" exe="/x" hostname=? addr=? terminal=? res=success` {
		t.Errorf("%s", got)
	}
}

// A part of a record that another program had left made every later one unreadable.
func TestPartOfARecordThatAnotherHasLeftIsCutOff(t *testing.T) {
	files(t)
	a := &Attempt{Target: "ghost", Known: true, Terminal: "/dev/pts/3"}
	l := login{terminal: a.Terminal}
	for range 2 {
		if err := errors.Join(a.failedLogin(), l.open("ghost"), l.close()); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{utmpFile, wtmpFile, btmpFile} {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				t.Fatal(err)
			}
			f.WriteString(strings.Repeat("?", 100))
			f.Close()
		}
	}
	if err := errors.Join(a.failedLogin(), l.open("ghost"), l.close()); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{utmpFile: 1, wtmpFile: 6, btmpFile: 3} {
		got := entries(t, path)
		if st, err := os.Stat(path); err != nil || st.Size() != int64(want*binary.Size(entry{})) || len(got) != want {
			t.Errorf("%s: %d entries in %d bytes, want %d entries (%v)", path, len(got), st.Size(), want, err)
		}
		for _, e := range got {
			if text(e.Line[:]) != "pts/3" {
				t.Errorf("%s: %+v", path, e)
			}
		}
	}
}

// Every user who can read a file can lock it. Four locks cost a login a second each.
func TestLocksOfOthersCostALoginOneSecondInAll(t *testing.T) {
	files(t)
	for _, path := range []string{utmpFile, wtmpFile} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_RDLCK}); err != nil {
			t.Fatal(err)
		}
	}
	l := login{terminal: "/dev/pts/3", patience: patience}
	opened := l.open("ghost")
	if l.patience != 0 { // the end of the login does not wait again
		t.Errorf("%d hundredths of a second are left", l.patience)
	}
	for _, err := range []error{opened, l.close()} {
		want := utmpFile + ": locked by another process; written without the lock\n" +
			wtmpFile + ": locked by another process; written without the lock"
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if got := entries(t, wtmpFile); len(got) != 2 || text(got[0].User[:]) != "ghost" || got[1].Type != 8 {
		t.Errorf("%+v", got)
	}
	if got := entries(t, utmpFile); len(got) != 1 || got[0].Type != 8 {
		t.Errorf("%+v", got)
	}
}

// The kernel cut a record with a name of some thousand bytes off before its result.
func TestAuditRecordOfLongNamesHasItsResult(t *testing.T) {
	for name, long := range map[string]string{"plain": strings.Repeat("x", 4500),
		"not plain": strings.Repeat("x ", 2250)} {
		a := &Attempt{Caller: long, Target: long, Terminal: "/dev/" + long, Program: "/" + long}
		tuple := strings.Repeat("!%cap_checkpoint_restore,", 41) // longer than any
		got := a.auditText(tuple, false)
		cut := auditField(long[:509] + "...")
		if len(got) > 8000 || !strings.HasSuffix(got, " res=failed") ||
			!strings.Contains(got, tuple) || !strings.Contains(got, " acct="+cut+" caller="+cut+" ") {
			t.Errorf("%s: %d bytes: %s", name, len(got), got)
		}
	}
	a := &Attempt{Target: strings.Repeat("x", 512), Caller: "alpha"}
	if got := a.auditText("", true); !strings.Contains(got, `acct="`+a.Target+`"`) {
		t.Errorf("%s", got)
	}
}
