package interpose

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLimitsWithWhichNoProgramStartsAreNamed(t *testing.T) {
	var l Limits
	for r := range l {
		l[r] = unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	}
	if err := l.Startable(); err != nil {
		t.Errorf("without limits: %v", err)
	}
	for _, r := range []int{unix.RLIMIT_NPROC, unix.RLIMIT_FSIZE, unix.RLIMIT_SIGPENDING, unix.RLIMIT_CORE} {
		l[r] = unix.Rlimit{}
	}
	if err := l.Startable(); err != nil {
		t.Errorf("with limits that let a program start: %v", err)
	}
	for r, name := range map[int]string{
		unix.RLIMIT_NOFILE: "nofile", unix.RLIMIT_AS: "as", unix.RLIMIT_DATA: "data", unix.RLIMIT_STACK: "stack",
		unix.RLIMIT_CPU: "cpu",
	} {
		low := l
		low[r] = unix.Rlimit{Cur: 0, Max: unix.RLIM_INFINITY}
		var limit *LimitError
		if err := low.Startable(); !errors.As(err, &limit) || limit.Name != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}
