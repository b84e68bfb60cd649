package launcher

/*
#include "child.h"
#include <signal.h>
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pidfdProcessGroup is PIDFD_SIGNAL_PROCESS_GROUP, pidfd_send_signal(2), of Linux 6.9.
const pidfdProcessGroup = 1 << 2

// kill sends to the session: to its process group if it has one of its own,
// else to its first process. No pid in it has been waited for, so each is still
// the session's: our child's, and that of the leader's child, which only the
// leader could wait for.
func (c *Child) kill(sig unix.Signal) error {
	switch {
	case c.command >= 0:
		err := unix.PidfdSendSignal(c.command, sig, nil, pidfdProcessGroup)
		// An older kernel; or it has left its group for another one.
		if err == unix.EINVAL || err == unix.ESRCH || sig == unix.SIGKILL || sig == unix.SIGSTOP {
			err = unix.PidfdSendSignal(c.command, sig, nil, 0)
		}
		return err
	case c.group:
		return unix.Kill(-c.pid, sig)
	}
	return unix.Kill(c.pid, sig)
}

// signal sends with the right to, whatever uid the session has taken.
// SIGKILL is for its leader, too.
func signal(l Raiser, c *Child, signals ...unix.Signal) error {
	return l.WithOrWithout(func() error {
		for _, sig := range signals {
			if err := c.kill(sig); err != nil && err != unix.ESRCH {
				return fmt.Errorf("kill: %w", err)
			}
			if sig == unix.SIGKILL && c.lead >= 0 {
				if err := unix.Kill(c.pid, sig); err != nil {
					return fmt.Errorf("kill: %w", err)
				}
			}
		}
		return nil
	})
}

// resume continues the session after a stop. A leader does it for its child;
// without one and in our own process group it is for all that stopped there.
func resume(l Raiser, c *Child, foreground bool) error {
	if c.lead >= 0 {
		order := []byte{C.LEAD_BACKGROUND}
		if foreground {
			order[0] = C.LEAD_FOREGROUND
		}
		if _, err := unix.Write(c.lead, order); err != nil && err != unix.EAGAIN && err != unix.EPIPE && err != unix.ECONNRESET {
			return fmt.Errorf("session leader: %w", err)
		}
		return nil
	}
	group, err := unix.Getpgid(c.pid)
	if err == nil && group == unix.Getpgrp() {
		unix.Kill(0, unix.SIGCONT) // to whom the target may; the rest is the shell's that continued the front
		group = 0
	}
	if err == nil && group != 0 && unix.Kill(-group, unix.SIGCONT) == nil {
		return nil
	}
	if err := c.kill(unix.SIGCONT); err != unix.EPERM {
		return wrap("kill", err)
	}
	return l.With(func() error { return wrap("kill", c.kill(unix.SIGCONT)) })
}

// status takes the last change of the session's: how it stopped or ended. A child
// that has ended has been waited for. over says that the child has ended.
func (c *Child) status(over bool) (status unix.WaitStatus, news bool, err error) {
	if c.lead >= 0 {
		for s, more := c.report(); more; s, more = c.report() {
			status, news = s, true
		}
		if news || !over { // else somebody has killed the leader
			return status, news, nil
		}
	} else {
		var b [8]byte
		unix.Read(c.stops, b[:])
	}
	for {
		pid, err := unix.Wait4(c.pid, &status, unix.WNOHANG|unix.WUNTRACED, nil)
		if err == unix.EINTR {
			continue
		}
		c.reaped = pid == c.pid && !status.Stopped()
		return status, c.reaped || pid == c.pid && c.lead < 0, wrap("wait", err)
	}
}

// report takes one message of the leader's, struct lead_report of child.h:
// si_code and si_status of waitid(2), which it makes a status of wait(2).
func (c *Child) report() (status unix.WaitStatus, news bool) {
	var r C.struct_lead_report
	// SAFETY: the leader sends this struct, whole, as one message.
	whole := unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r))
	if n, err := unix.Read(c.lead, whole); err != nil || n != len(whole) {
		return 0, false
	}
	value := unix.WaitStatus(r.status)
	switch r.code {
	case C.CLD_EXITED:
		return value & 0xff << 8, true
	case C.CLD_KILLED, C.CLD_DUMPED:
		return value & 0x7f, true
	case C.CLD_STOPPED:
		return value&0x7f<<8 | 0x7f, true
	}
	return 0, false
}

// endLeader ends the leader of a session whose command has ended, and waits
// for it: the kernel hangs up what the session has left on its terminal.
func endLeader(l Raiser, c *Child) error {
	if c.reaped {
		return nil // somebody has killed it
	}
	err := unix.Kill(c.pid, unix.SIGKILL)
	if err == unix.EPERM {
		err = l.With(func() error { return unix.Kill(c.pid, unix.SIGKILL) })
	}
	if err != nil {
		return fmt.Errorf("kill: %w", err)
	}
	_, err = reap(c.pid)
	return err
}

func reap(pid int) (unix.WaitStatus, error) {
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &status, 0, nil)
		if err == unix.EINTR {
			continue
		}
		return status, wrap("wait", err)
	}
}

func reapKilled(pid int) error {
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		return fmt.Errorf("kill: %w", err) // it gets SIGHUP when we are gone; waiting could take for ever
	}
	_, err := reap(pid)
	return err
}

// End kills a session that must not go on, and waits for it.
func End(l Raiser, c *Child) error {
	defer c.close()
	err := signal(l, c, unix.SIGKILL)
	if err != nil {
		if e := unix.Kill(c.pid, unix.SIGKILL); e != nil {
			return errors.Join(err, e) // it will get SIGHUP when we are gone
		}
	}
	_, reaped := reap(c.pid)
	return errors.Join(err, reaped)
}
