// Package pamconv is capsu's side of PAM: a transaction on the host's
// Linux-PAM, by way of github.com/msteinert/pam/v2 with its gaps filled, and
// the conversation with the person who is asked for a password.
//
// Every function that reaches PAM must be called on the thread-group leader:
// modules leave state on the thread that calls them, and some (pam_loginuid)
// work on no other. Modules need the process's capabilities effective; raising
// them is the caller's business, except that the conversation gives them up
// while it waits for a person (Conversation.Waiting).
package pamconv

/*
#cgo CFLAGS: -Wall -Wextra -Wshadow -Werror -O2 -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
#cgo LDFLAGS: -lpam
#include <stdlib.h>
#include "pamconv.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime/cgo"
	"time"
	"unsafe"

	"github.com/msteinert/pam/v2"
)

// FailDelay is what a failed authentication costs at least, in microseconds
// (pam_fail_delay(3); libpam spreads it by up to a half).
const FailDelay = 2_000_000

// Delay sleeps as long as libpam does after a failed authentication for which
// FailDelay is asked for: by chance, and distributed as there.
func Delay() {
	spread := (rand.Float64()+rand.Float64()+rand.Float64())/3 - 0.5
	time.Sleep(time.Duration(FailDelay*(1+spread)) * time.Microsecond)
}

// Transaction is one PAM transaction, from pam_start to pam_end.
type Transaction struct {
	tx      *pam.Transaction
	conv    *Conversation
	guarded bool // until it ends, exit(3) is a module's
}

// Start opens a transaction for a service and a user as typed. With confdir
// the service file is looked for there alone (tests). PAM_RHOST stays unset:
// pam_wheel then looks at PAM_RUSER.
func Start(service, user, confdir string, conv *Conversation) (*Transaction, error) {
	t := &Transaction{conv: conv, guarded: true}
	if status, err := C.capsu_guard_exit(1); status != 0 {
		return nil, fmt.Errorf("atexit: %w", err)
	}
	var err error
	if confdir == "" {
		t.tx, err = pam.Start(service, user, conv)
	} else {
		t.tx, err = pam.StartConfDir(service, user, conv, confdir)
	}
	if err != nil {
		t.unguard()
		return nil, fmt.Errorf("pam_start: %w", err)
	}
	h, err := t.Handle()
	if err == nil {
		err = asError(C.capsu_fail_delay((*C.pam_handle_t)(h), FailDelay))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("pam_fail_delay: %w", err), t.End())
	}
	return t, nil
}

// unguard gives exit(3) back to the program, once.
func (t *Transaction) unguard() {
	if t.guarded {
		C.capsu_guard_exit(0)
	}
	t.guarded = false
}

// OnFailure has f called when an authentication fails, before the delay is
// slept: on the leader, within Authenticate, with what is effective there. f
// tells whether there shall be a delay.
func (t *Transaction) OnFailure(f func(err error) (delay bool)) {
	t.conv.failed = func(status error) bool {
		return f(&Error{Call: "pam_authenticate", Status: status, Conversation: t.conv.fault})
	}
}

// capsuFailed is called by the delay function, with what libpam hands to the conversation.
//
//export capsuFailed
func capsuFailed(status C.int, appdata C.uintptr_t) (delay C.int) {
	// Nothing may leave it but by return: C calls it.
	defer func() {
		if recover() != nil {
			delay = 1
		}
	}()
	// SAFETY: the library makes this handle, of the handler that Start gave it, and keeps
	// it until pam_end.
	conv, ours := cgo.Handle(appdata).Value().(*Conversation)
	if ours && conv.failed != nil && !conv.failed(pam.Error(status)) {
		return 0
	}
	return 1
}

// Handle returns the pam_handle_t, for the calls that the library lacks and
// for the child, which ends its copy of the transaction in C.
func (t *Transaction) Handle() (unsafe.Pointer, error) {
	// SAFETY: the library keeps the handle in an unexported pointer field
	// named handle; it is read, not written. TestHandleIsWhereWeLookForIt fails
	// if an upgrade moves it.
	field := reflect.ValueOf(t.tx).Elem().FieldByName("handle")
	if field.Kind() != reflect.Pointer || field.IsNil() {
		return nil, errors.New("pam library: no handle")
	}
	return field.UnsafePointer(), nil
}

// SetTerminal sets PAM_TTY, with its /dev/.
func (t *Transaction) SetTerminal(name string) error { return t.tx.SetItem(pam.Tty, name) }

// SetCaller sets PAM_RUSER, by which modules know who asks.
func (t *Transaction) SetCaller(name string) error { return t.tx.SetItem(pam.Ruser, name) }

// User returns PAM_USER as the modules have left it. Call it only after a
// call that succeeded: the library reports the last status to pam_end.
func (t *Transaction) User() (string, error) { return t.tx.GetItem(pam.User) }

// Silence leaves out what modules want to tell from here on, but for errors and
// prompts: as su does for all that is no login at a terminal.
func (t *Transaction) Silence() { t.conv.Silent = true }

// Authenticate asks the stack whether the caller may act as the user.
func (t *Transaction) Authenticate() error {
	return t.call("pam_authenticate", func() error { return t.tx.Authenticate(0) })
}

// Account asks whether the account may be used now. ErrExpiredPassword asks
// for ChangePassword.
func (t *Transaction) Account() error {
	return t.call("pam_acct_mgmt", func() error { return t.tx.AcctMgmt(0) })
}

// ErrExpiredPassword is Account's word for "after a new password".
var ErrExpiredPassword error = pam.ErrNewAuthtokReqd

// ChangePassword has an expired password changed.
func (t *Transaction) ChangePassword() error {
	return t.call("pam_chauthtok", func() error { return t.tx.ChangeAuthTok(pam.ChangeExpiredAuthtok) })
}

// EstablishCredentials runs pam_setcred, after the groups are set and before
// the session.
func (t *Transaction) EstablishCredentials() error {
	return t.call("pam_setcred", func() error { return t.tx.SetCred(pam.EstablishCred) })
}

// DeleteCredentials undoes EstablishCredentials; silently, as su does.
func (t *Transaction) DeleteCredentials() error {
	return t.call("pam_setcred", func() error { return t.tx.SetCred(pam.DeleteCred | pam.Silent) })
}

// OpenSession runs pam_open_session.
func (t *Transaction) OpenSession() error {
	return t.call("pam_open_session", func() error { return t.tx.OpenSession(0) })
}

// CloseSession runs pam_close_session.
func (t *Transaction) CloseSession() error {
	return t.call("pam_close_session", func() error { return t.tx.CloseSession(0) })
}

// End ends the transaction with the status of its last call.
func (t *Transaction) End() error {
	defer t.unguard()
	return t.call("pam_end", func() error { return t.tx.End() })
}

// call runs one PAM call and wipes the reply buffer after it. A prompt that
// could not be answered is the fault that counts, not what the module made of it.
func (t *Transaction) call(name string, f func() error) error {
	t.conv.fault = nil
	defer t.conv.wipe()
	C.capsu_faults(1)
	defer C.capsu_faults(0)
	err := f()
	if err == nil {
		return nil
	}
	return &Error{Call: name, Status: err, Conversation: t.conv.fault}
}

// Error is a PAM call that did not succeed.
type Error struct {
	Call         string
	Status       error // a pam.Error
	Conversation error // why a prompt was not answered, if one was not
}

func (e *Error) Error() string {
	if e.Conversation != nil {
		return fmt.Sprintf("%s: %v: %v", e.Call, e.Status, e.Conversation)
	}
	return fmt.Sprintf("%s: %v", e.Call, e.Status)
}

// Unwrap gives both causes to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Conversation == nil {
		return []error{e.Status}
	}
	return []error{e.Status, e.Conversation}
}

// AccountExpired tells whether the account phase said so.
func (e *Error) AccountExpired() bool { return errors.Is(e.Status, pam.ErrAcctExpired) }

// Misconfigured tells whether the status speaks of the stack itself, whoever
// is asked for: a module or a service that cannot be loaded.
func (e *Error) Misconfigured() bool {
	return errors.Is(e.Status, pam.ErrOpen) || errors.Is(e.Status, pam.ErrSymbol) ||
		errors.Is(e.Status, pam.ErrModuleUnknown) || errors.Is(e.Status, pam.ErrAbort)
}

func asError(status C.int) error {
	if status == C.PAM_SUCCESS {
		return nil
	}
	return pam.Error(status)
}

// Environment returns the PAM environment in the order in which the modules
// set it; entries without "=" are left out (pam_getenvlist(3)).
func (t *Transaction) Environment() ([]string, error) {
	h, err := t.Handle()
	if err != nil {
		return nil, err
	}
	list := C.pam_getenvlist((*C.pam_handle_t)(h))
	if list == nil {
		return nil, pam.ErrBuf
	}
	// SAFETY: the list and its strings are ours to free; the slice ends at the
	// terminating NULL that capsu_count found.
	defer C.free(unsafe.Pointer(list))
	var env []string
	for _, entry := range unsafe.Slice(list, int(C.capsu_count(list))) {
		env = append(env, C.GoString(entry))
		C.free(unsafe.Pointer(entry))
	}
	return env, nil
}
