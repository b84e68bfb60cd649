package relay

import (
	"testing"

	"golang.org/x/sys/unix"
)

// poll polls r as launcher.Wait does.
func (r *Remote) poll(t *testing.T) bool {
	t.Helper()
	var fds [3]unix.PollFd
	r.Interests(fds[:])
	if _, err := unix.Poll(fds[:], 0); err != nil {
		t.Fatal(err)
	}
	return r.Gone(fds[:])
}

func pair(t *testing.T, socket bool) (ours, theirs int) {
	t.Helper()
	var p [2]int
	var err error
	if socket {
		p, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	} else {
		err = unix.Pipe2(p[:], unix.O_CLOEXEC)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p[0], p[1]
}

func TestWhoIsGoneFromAllDescriptorsIsGone(t *testing.T) {
	in, writer := pair(t, false)
	reader, out := pair(t, false)
	both, peer := pair(t, true)
	null, err := unix.Open("/dev/null", unix.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	for fd, want := range map[int]bool{in: false, out: true, both: true, null: false} {
		if showsHangup(fd) != want {
			t.Errorf("descriptor %d tells: %v", fd, !want)
		}
	}
	r := &Remote{fds: [3]int32{-1, int32(out), int32(both)}, open: 2}
	if r.poll(t) {
		t.Error("nobody is gone")
	}
	unix.Close(writer) // the end of input
	if err := unix.Shutdown(peer, unix.SHUT_WR); err != nil || r.poll(t) {
		t.Errorf("who has only finished writing is not gone (%v)", err)
	}
	unix.Close(reader)
	if r.poll(t) || r.open != 1 || r.fds[1] != -1 {
		t.Errorf("the reader of one is gone: %+v", r)
	}
	unix.Close(peer)
	if !r.poll(t) {
		t.Error("who is gone from all is gone")
	}
	if r.poll(t) || r.fds != [3]int32{-1, -1, -1} {
		t.Errorf("it is told once: %+v", r)
	}
	none := &Remote{fds: [3]int32{-1, -1, -1}}
	if none.poll(t) {
		t.Error("descriptors that cannot tell say nothing")
	}
	for _, fd := range []int{in, out, both, null} {
		unix.Close(fd)
	}
}
