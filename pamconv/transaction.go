// Package pamconv is capsu's side of PAM: a transaction with the host's Linux-PAM, by
// github.com/msteinert/pam/v2, and the conversation with the caller.
//
// Call every method of a Transaction on the leader. Modules keep state on the thread that
// calls them, and some (pam_loginuid) work on the leader only. Modules need capabilities
// effective: wrap each call in privilege.Leader.Call. The conversation drops them while it
// waits for the caller (Conversation.Waiting).
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

// FailDelay is the delay after a failed authentication, in microseconds. libpam changes it
// at random by up to a half (pam_fail_delay(3)).
const FailDelay = 2_000_000

// Delay sleeps as libpam does after a failed authentication with FailDelay, with the same
// random distribution.
func Delay() {
	spread := (rand.Float64()+rand.Float64()+rand.Float64())/3 - 0.5
	time.Sleep(time.Duration(FailDelay*(1+spread)) * time.Microsecond)
}

// Transaction is one PAM transaction, from pam_start to pam_end.
type Transaction struct {
	tx      *pam.Transaction
	conv    *Conversation
	guarded bool // capsu_guard_exit is on for it
}

// Start opens a transaction for a service and a user (pam_start(3)). If confdir is not
// empty, libpam looks for the service file only there; tests use that. PAM_RHOST stays
// unset, so that pam_wheel looks at PAM_RUSER.
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

// OnFailure sets the function that is called when an authentication fails, before the
// delay. It runs within Authenticate, on the leader, with the same privilege. f gets an
// *Error, and tells whether to sleep the delay.
func (t *Transaction) OnFailure(f func(err error) (delay bool)) {
	t.conv.failed = func(status error) bool {
		return f(&Error{Call: "pam_authenticate", Status: status, Conversation: t.conv.fault})
	}
}

// capsuFailed is called by the delay function in pamconv.c. appdata is the pointer that
// libpam also passes to the conversation.
//
//export capsuFailed
func capsuFailed(status C.int, appdata C.uintptr_t) (delay C.int) {
	// C calls it, so a panic must not leave it.
	defer func() {
		if recover() != nil {
			delay = 1
		}
	}()
	// SAFETY: the library has made this handle of the Conversation that Start gave it, and
	// keeps it until pam_end.
	conv, ours := cgo.Handle(appdata).Value().(*Conversation)
	if !ours {
		return 1
	}
	conv.wipe() // libpam has dropped its own copy by now
	if conv.failed != nil && !conv.failed(pam.Error(status)) {
		return 0
	}
	return 1
}

// Handle returns the pam_handle_t. The calls that the library lacks need it, and so does
// the child, which ends its copy of the transaction in C.
func (t *Transaction) Handle() (unsafe.Pointer, error) {
	// SAFETY: the library keeps the handle in an unexported pointer field, handle, which
	// is only read here. TestHandleIsWhereWeLookForIt fails if an upgrade moves it.
	field := reflect.ValueOf(t.tx).Elem().FieldByName("handle")
	if field.Kind() != reflect.Pointer || field.IsNil() {
		return nil, errors.New("pam library: no handle")
	}
	return field.UnsafePointer(), nil
}

// SetTerminal sets PAM_TTY; name begins with /dev/.
func (t *Transaction) SetTerminal(name string) error { return t.tx.SetItem(pam.Tty, name) }

// SetCaller sets PAM_RUSER, the caller's name.
func (t *Transaction) SetCaller(name string) error { return t.tx.SetItem(pam.Ruser, name) }

// User returns PAM_USER, which modules may have changed. Call it only after a successful
// call: the library passes the status of its last call to pam_end.
func (t *Transaction) User() (string, error) { return t.tx.GetItem(pam.User) }

// Silence drops TEXT_INFO messages from now on (Conversation.Silent).
func (t *Transaction) Silence() { t.conv.Silent = true }

// Authenticate runs pam_authenticate: may the caller act as the user? This and the next
// methods return an *Error if a module refuses or fails.
func (t *Transaction) Authenticate() error {
	return t.call("pam_authenticate", func() error { return t.tx.Authenticate(0) })
}

// Account runs pam_acct_mgmt: may the account be used now? After ErrExpiredPassword it
// may, once ChangePassword has succeeded.
func (t *Transaction) Account() error {
	return t.call("pam_acct_mgmt", func() error { return t.tx.AcctMgmt(0) })
}

// ErrExpiredPassword is Account's error for an expired password, PAM_NEW_AUTHTOK_REQD.
var ErrExpiredPassword error = pam.ErrNewAuthtokReqd

// ChangePassword runs pam_chauthtok for an expired password.
func (t *Transaction) ChangePassword() error {
	return t.call("pam_chauthtok", func() error { return t.tx.ChangeAuthTok(pam.ChangeExpiredAuthtok) })
}

// EstablishCredentials runs pam_setcred. Set the groups before it, and open the session
// after it.
func (t *Transaction) EstablishCredentials() error {
	return t.call("pam_setcred", func() error { return t.tx.SetCred(pam.EstablishCred) })
}

// DeleteCredentials undoes EstablishCredentials, with PAM_SILENT as su does.
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

// End runs pam_end with the status of the last call.
func (t *Transaction) End() error {
	defer t.unguard()
	return t.call("pam_end", func() error { return t.tx.End() })
}

// call runs one PAM call and wipes the reply buffer after it. If a prompt was not answered,
// the error says why.
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

// Error is a PAM call that has failed.
type Error struct {
	Call         string
	Status       error // a pam.Error
	Conversation error // why a prompt was not answered; nil if all were
}

func (e *Error) Error() string {
	if e.Conversation != nil {
		return fmt.Sprintf("%s: %v: %v", e.Call, e.Status, e.Conversation)
	}
	return fmt.Sprintf("%s: %v", e.Call, e.Status)
}

// Unwrap returns both causes.
func (e *Error) Unwrap() []error {
	if e.Conversation == nil {
		return []error{e.Status}
	}
	return []error{e.Status, e.Conversation}
}

// AccountExpired tells whether the status is PAM_ACCT_EXPIRED.
func (e *Error) AccountExpired() bool { return errors.Is(e.Status, pam.ErrAcctExpired) }

// Misconfigured tells whether a module or the service cannot be loaded. Such a status is
// the same for every user.
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

// Environment returns the PAM environment as NAME=value, in the order in which modules
// have set it (pam_getenvlist(3)). It fails if there is no memory.
func (t *Transaction) Environment() ([]string, error) {
	h, err := t.Handle()
	if err != nil {
		return nil, err
	}
	list := C.pam_getenvlist((*C.pam_handle_t)(h))
	if list == nil {
		return nil, pam.ErrBuf
	}
	// SAFETY: the list and its strings are ours to free; the slice ends before the NULL
	// that capsu_count has found.
	defer C.free(unsafe.Pointer(list))
	var env []string
	for _, entry := range unsafe.Slice(list, int(C.capsu_count(list))) {
		env = append(env, C.GoString(entry))
		C.free(unsafe.Pointer(entry))
	}
	return env, nil
}
