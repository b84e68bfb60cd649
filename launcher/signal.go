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

// pidfdProcessGroup is PIDFD_SIGNAL_PROCESS_GROUP of pidfd_send_signal(2), since Linux 6.9.
const pidfdProcessGroup = 1 << 2

// kill sends a signal to the command's process group if it has one of its own, otherwise
// to the command. It cannot hit another process. We have not reaped our child, and the
// session leader never reaps the command, so both pids are still taken.
func (c *Child) kill(sig unix.Signal) error {
	switch {
	case c.command >= 0:
		err := unix.PidfdSendSignal(c.command, sig, nil, pidfdProcessGroup)
		// The kernel is older, or the command has left its group.
		if err == unix.EINVAL || err == unix.ESRCH || sig == unix.SIGKILL || sig == unix.SIGSTOP {
			err = unix.PidfdSendSignal(c.command, sig, nil, 0)
		}
		return err
	case c.group:
		return unix.Kill(-c.pid, sig)
	}
	return unix.Kill(c.pid, sig)
}

// signal sends signals to the session, with privilege if there is any, since the session
// may have changed its uid. SIGKILL goes to the session leader, too.
func signal(l Raiser, c *Child, signals ...unix.Signal) error {
	return l.WithOrWithout(func() error {
		for _, sig := range signals {
			err := c.kill(sig)
			if sig == unix.SIGKILL && c.lead >= 0 && (err == nil || err == unix.ESRCH) {
				err = unix.Kill(c.pid, sig)
			}
			if err != nil && err != unix.ESRCH {
				return fmt.Errorf("kill: %w", err)
			}
		}
		return nil
	})
}

// resume continues the session after a stop. A session leader continues the command. Without
// one, if the command is in our process group, resume continues that group.
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
		unix.Kill(0, unix.SIGCONT) // reaches the target's processes; the shell has continued the others
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

// takeStatus returns how the command has stopped or ended, and whether that is new. over says
// that our child has ended; takeStatus then reaps it, unless the session leader has reported.
func (c *Child) takeStatus(over bool) (status unix.WaitStatus, news bool, err error) {
	if c.lead >= 0 {
		for reported, more := c.takeReport(); more; reported, more = c.takeReport() {
			status, news = reported, true
		}
		if news || !over { // otherwise the session leader has been killed
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

// takeReport takes one struct lead_report of the session leader, as a status of wait(2).
func (c *Child) takeReport() (status unix.WaitStatus, news bool) {
	var r C.struct_lead_report
	// SAFETY: the session leader sends this struct, whole, as one message.
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

// endLeader ends the session leader after the command has ended, and reaps it. The kernel then
// hangs up the terminal for processes that the session has left there.
func endLeader(l Raiser, c *Child) error {
	if c.reaped {
		return nil // it has been killed
	}
	err := unix.Kill(c.pid, unix.SIGKILL)
	if err == unix.EPERM {
		err = l.With(func() error { return unix.Kill(c.pid, unix.SIGKILL) })
	}
	if err != nil {
		return fmt.Errorf("kill: %w", err)
	}
	return reap(c.pid)
}

func reap(pid int) error {
	for {
		if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.EINTR {
			return wrap("wait", err)
		}
	}
}

func reapKilled(pid int) error {
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		return fmt.Errorf("kill: %w", err) // waiting could take for ever; our end sends it SIGHUP
	}
	return reap(pid)
}

// End kills a session that must not go on, and reaps our child. It must run on the leader.
func End(l Raiser, c *Child) error {
	defer c.close()
	err := signal(l, c, unix.SIGKILL)
	if err != nil {
		if e := unix.Kill(c.pid, unix.SIGKILL); e != nil {
			return errors.Join(err, e) // our end sends it SIGHUP
		}
	}
	return errors.Join(err, reap(c.pid))
}
