package launcher

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"capsu/front"
	"capsu/tty"

	"golang.org/x/sys/unix"
)

// plain raises nothing, since the children of these tests have the same uid.
type plain struct{}

func (plain) With(f func() error) error          { return f() }
func (plain) WithOrWithout(f func() error) error { return f() }

// These are values of enum event and enum order in front/wire.h.
const (
	eventTerm, eventInt, eventTstp, eventCont, eventWinch = 0, 2, 4, 8, 9
	orderStop                                             = 0
)

// pairOf returns the monitor's end of a socket to a front, and the front's.
func pairOf(t *testing.T) (*front.Front, int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]) })
	return &front.Front{FD: fds[0]}, fds[1]
}

// session starts a shell script as a session without a pseudo-terminal.
func session(t *testing.T, script string) *Child {
	t.Helper()
	c := &Child{group: true, lead: -1, stops: -1, command: -1}
	var lead [2]int
	if err := c.connect(&lead); err != nil {
		t.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	c.pid, err = syscall.ForkExec("/bin/sh", []string{"sh", "-c", script}, &syscall.ProcAttr{
		Files: []uintptr{null.Fd(), null.Fd(), null.Fd()}, Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err == nil {
		c.pidfd, err = unix.PidfdOpen(c.pid, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func ended(t *testing.T, c *Child, f *front.Front, grace time.Duration) *Result {
	t.Helper()
	r, err := Wait(plain{}, c, f, grace)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func send(t *testing.T, fd int, message ...byte) {
	t.Helper()
	if _, err := unix.Write(fd, message); err != nil {
		t.Fatal(err)
	}
}

func TestASessionEndsAsItEnds(t *testing.T) {
	for script, want := range map[string]unix.WaitStatus{
		"exit 0": 0, "exit 7": 7 << 8, "kill -KILL $$": 9, "sleep 0.1; kill -TERM $$": 15,
	} {
		f, theirs := pairOf(t)
		if r := ended(t, session(t, script), f, time.Second); r.Status != want || r.By != 0 {
			t.Errorf("%s: %#x by %v, want %#x", script, r.Status, r.By, want)
		}
		unix.Close(theirs)
	}
}

func TestTheFrontEndsASession(t *testing.T) {
	for _, c := range []struct {
		name, script string
		message      []byte // nil: the front is gone
		by           unix.Signal
		status       unix.WaitStatus
	}{
		{"TERM", "exec sleep 600", []byte{eventTerm}, unix.SIGTERM, 15},
		{"gone", "exec sleep 600", nil, unix.SIGHUP, 1},
		{"TERM, and the session exits", "trap 'exit 3' TERM; sleep 600 & wait", []byte{eventTerm}, unix.SIGTERM, 3 << 8},
		{"TERM, which is ignored", "trap '' TERM; while :; do sleep 0.1; done", []byte{eventTerm}, unix.SIGTERM, 9},
		{"INT by a process", "exec sleep 600", []byte{eventInt}, 0, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, theirs := pairOf(t)
			child := session(t, c.script)
			time.AfterFunc(200*time.Millisecond, func() {
				if c.message == nil {
					unix.Close(theirs)
				} else {
					unix.Write(theirs, c.message)
				}
			})
			if r := ended(t, child, f, 300*time.Millisecond); r.By != c.by || r.Status != c.status {
				t.Errorf("%#x by %v, want %#x by %v", r.Status, r.By, c.status, c.by)
			}
		})
	}
}

func TestAStopIsTheFrontsToo(t *testing.T) {
	f, theirs := pairOf(t)
	child := session(t, "kill -STOP $$; exit 5")
	asked := make(chan []byte, 1)
	go func() {
		wait := []unix.PollFd{{Fd: int32(theirs), Events: unix.POLLIN}}
		unix.Poll(wait, 10000)
		var message [8]byte
		n, _ := unix.Read(theirs, message[:])
		asked <- message[:max(n, 0)]
		unix.Write(theirs, []byte{eventWinch})
		unix.Write(theirs, []byte{eventCont})
	}()
	if r := ended(t, child, f, time.Second); r.Status != 5<<8 {
		t.Errorf("%#x", r.Status)
	}
	if got := <-asked; len(got) != 2 || got[0] != orderStop || unix.Signal(got[1]) != unix.SIGTSTP {
		t.Errorf("the front was told %v", got)
	}
}

func TestAStopFromOutsideReachesTheSession(t *testing.T) {
	f, theirs := pairOf(t)
	child := session(t, "exec sleep 600")
	time.AfterFunc(200*time.Millisecond, func() { unix.Write(theirs, []byte{eventTstp}) })
	go func() {
		wait := []unix.PollFd{{Fd: int32(theirs), Events: unix.POLLIN}}
		unix.Poll(wait, 10000) // the command has stopped
		unix.Write(theirs, []byte{eventTerm})
	}()
	if r := ended(t, child, f, time.Second); r.By != unix.SIGTERM || r.Status != 15 {
		t.Errorf("%#x by %v: a stopped session is not ended", r.Status, r.By)
	}
}

func TestEndKillsAndWaits(t *testing.T) {
	child := session(t, "trap '' TERM HUP INT; exec sleep 600")
	if err := End(plain{}, child); err != nil {
		t.Error(err)
	}
	if err := unix.Kill(child.pid, 0); err != unix.ESRCH {
		t.Errorf("it is still there: %v", err)
	}
}

// led returns a session whose leader is this test, at the other end of the socket.
func led(t *testing.T, script string) (c *Child, leader int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	c = session(t, script)
	closeAll(c.stops) // with a leader it is not used
	c.lead, c.stops = fds[0], -1
	if c.command, err = unix.PidfdOpen(c.pid, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[1]) })
	return c, fds[1]
}

func TestReportsOfALeaderAreStatuses(t *testing.T) {
	c, leader := led(t, "exec sleep 600")
	defer End(plain{}, c)
	for _, r := range []struct {
		code, status uint32
		want         unix.WaitStatus
		news         bool
	}{
		{1, 7, 7 << 8, true}, {1, 255, 255 << 8, true}, {2, 9, 9, true}, {3, 11, 11, true},
		{5, 19, 19<<8 | 0x7f, true}, {6, 18, 0, false},
	} {
		message := binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, r.code), r.status)
		send(t, leader, message...)
		if got, news := c.takeReport(); got != r.want || news != r.news {
			t.Errorf("%d %d: %#x, %v", r.code, r.status, got, news)
		}
	}
	send(t, leader, 1, 2, 3)
	if _, news := c.takeReport(); news {
		t.Error("half a report is one")
	}
}

func TestALeaderIsToldToContinue(t *testing.T) {
	c, leader := led(t, "exec sleep 600")
	defer End(plain{}, c)
	for want, foreground := range []bool{false, true} { // enum lead_order
		if err := resume(plain{}, c, foreground); err != nil {
			t.Fatal(err)
		}
		var order [8]byte
		if n, err := unix.Read(leader, order[:]); n != 1 || int(order[0]) != want {
			t.Errorf("told %v, %v, want %d", order[:max(n, 0)], err, want)
		}
	}
}

func TestASessionOnItsOwnTerminalEndsByItsLeadersWord(t *testing.T) {
	p, err := tty.Open(-1, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f, theirs := pairOf(t)
	defer unix.Close(theirs)
	c, leader := led(t, "exec sleep 600")
	c.terminal, c.foreground = p, true
	time.AfterFunc(100*time.Millisecond, func() {
		unix.Write(leader, binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, 1), 4))
	})
	if r := ended(t, c, f, time.Second); r.Status != 4<<8 {
		t.Errorf("%#x", r.Status)
	}
	if err := unix.Kill(c.pid, 0); err != unix.ESRCH {
		t.Errorf("the leader is still there: %v", err)
	}
}

// Without a transaction the child fails at its first step, reports that, and is reaped.
func TestAChildThatCannotBecomeTheSessionSaysAtWhichStep(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		f, theirs := pairOf(t)
		spec := &Spec{Path: "/bin/sh", Args: []string{"sh"}, Env: []string{"A=b"}, Groups: []uint32{3, 1}, Home: "/"}
		if terminal {
			p, err := tty.Open(-1, -1)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			spec.Terminal = p
		}
		_, err := Launch(plain{}, spec, f, func(err error) { t.Error(err) })
		var step *StepError
		if !errors.As(err, &step) || step.Step != "conversation" || !strings.HasPrefix(err.Error(), "conversation: ") {
			t.Errorf("%v", err)
		}
		unix.Close(theirs)
	}
}

// told returns a report of the child (struct child_report) as bytes.
func told(step, errno uint32, want, got uint64) []byte {
	b := binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, step), errno)
	return binary.NativeEndian.AppendUint64(binary.NativeEndian.AppendUint64(b, want), got)
}

// steps returns the number of a step by its name.
func steps(t *testing.T, name string) uint32 {
	t.Helper()
	for n := range uint32(64) {
		if stepName(n) == name {
			return n
		}
	}
	t.Fatalf("no step %q", name)
	return 0
}

func TestTheReportOfAChild(t *testing.T) {
	tuple, bounds := told(steps(t, "tuple"), 0, 1<<13, 1<<13), told(steps(t, "bounds"), 0, 0, ^uint64(0)&^1)
	for _, c := range []struct {
		name     string
		messages [][]byte
		want     string // the error; "": the session runs
		warned   string
	}{
		{name: "a session", messages: [][]byte{tuple, bounds}},
		{name: "a session without its home", messages: [][]byte{told(steps(t, "home directory"), uint32(unix.EACCES),
			0, 0), tuple, bounds},
			warned: "home directory /h: permission denied"},
		{name: "killed", messages: [][]byte{tuple}, want: errEarly.Error()},
		{name: "a failed call", messages: [][]byte{told(steps(t, "setresuid"), uint32(unix.EAGAIN), 0, 0)},
			want: "setresuid: resource temporarily unavailable"},
		{name: "two values that should agree", messages: [][]byte{told(steps(t, "verify uids"), 0, 1002, 0)},
			want: "verify uids: 0x0, not 0x3ea"},
		{name: "no shell", messages: [][]byte{tuple, bounds, told(steps(t, "exec"), uint32(unix.ENOENT), 0, 0)},
			want: "/bin/none: no such file or directory"},
		{name: "more than the grant", messages: [][]byte{told(steps(t, "Ambient beyond the grant"), 0, 1, 3)},
			want: "Ambient cap_dac_override: more than the grant"},
		{name: "cut short", messages: [][]byte{{1, 2, 3}}, want: "report of the child: cut short"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var pipe [2]int
			if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
			defer unix.Close(pipe[0])
			f, theirs := pairOf(t)
			defer unix.Close(theirs)
			for _, m := range c.messages {
				send(t, pipe[1], m...)
			}
			unix.Close(pipe[1])
			child, warned := &Child{path: "/bin/none", lead: -1, command: -1}, ""
			err := child.awaitExec(pipe[0], f, "/h", func(err error) { warned = err.Error() })
			if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want || warned != c.warned {
				t.Errorf("%v, warned %q", err, warned)
			}
			if c.want != "" {
				return
			}
			iab, err := child.Tuple()
			if err != nil || !strings.Contains(iab.String(), "^cap_net_raw") {
				t.Errorf("%v, %v", iab, err)
			}
		})
	}
}

// After a termination request the child has a short time to become the session.
func TestAFrontThatWantsAnEndDoesNotWaitForTheChild(t *testing.T) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[1])
	defer unix.Close(pipe[0])
	f, theirs := pairOf(t)
	defer unix.Close(theirs)
	send(t, theirs, eventTerm)
	err := (&Child{lead: -1, command: -1}).awaitExec(pipe[0], f, "", nil)
	if !errors.Is(err, front.ErrEnded) {
		t.Errorf("%v", err)
	}
}
