package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"capsu/launcher"
	"capsu/pamconv"

	"github.com/msteinert/pam/v2"
	"golang.org/x/sys/unix"
)

func TestExitStatusOfEachFault(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{&authenticationError{cause: pam.ErrAuth}, 1},
		{fmt.Errorf("x: %w", &launcher.ExecError{Path: "/x", Err: unix.ENOENT}), 127},
		{&launcher.ExecError{Path: "/x", Err: unix.EACCES}, 126},
		{&launcher.ExecError{Path: "/x", Err: unix.ENOEXEC}, 126},
		{&launcher.StepError{Step: "setresuid", Err: unix.EAGAIN}, 1},
	} {
		if got := statusOf(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
	for status, want := range map[unix.WaitStatus]int{0: 0, 42 << 8: 42, 255 << 8: 255, 9: 137, 15: 143} {
		if got := statusOfSession(status); got != want {
			t.Errorf("%#x: %d, want %d", status, got, want)
		}
	}
}

// The caller must not see PAM's errors about a target, but must see those about the stack.
func TestNothingOfTheTargetIsToldBeforeAuthentication(t *testing.T) {
	for _, status := range []pam.Error{pam.ErrAuth, pam.ErrUserUnknown, pam.ErrMaxtries, pam.ErrPermDenied,
		pam.ErrAcctExpired,
		pam.ErrCredInsufficient, pam.ErrAuthinfoUnavail, pam.ErrSystem, pam.ErrIgnore, pam.ErrConv} {
		err := authenticationFault("capsu", false, &pamconv.Error{Call: "pam_authenticate", Status: status})
		if err == nil || err.Error() != "Authentication failure" || hintOf(err) != "" {
			t.Errorf("%v: %v, hint %q", status, err, hintOf(err))
		}
	}
	for _, status := range []pam.Error{pam.ErrModuleUnknown, pam.ErrOpen, pam.ErrSymbol, pam.ErrAbort} {
		err := authenticationFault("capsu", false, &pamconv.Error{Call: "pam_authenticate", Status: status})
		if err == nil || hintOf(err) == "" {
			t.Errorf("%v: %v", status, err)
		}
	}
	err := authenticationFault("capsu", false, &pamconv.Error{Status: pam.ErrAuth, Conversation: pamconv.ErrEndOfInput})
	if !errors.Is(err, pamconv.ErrEndOfInput) {
		t.Errorf("end of input: %v", err)
	}
}

// The text of a refused prompt is for a caller who can mend the stack, not for the holder of
// an ssh key.
func TestARefusedPromptIsToldToThePersonAndNotToTheKeysHolder(t *testing.T) {
	refused := &pamconv.Error{Call: "pam_authenticate", Status: pam.ErrConv,
		Conversation: &pamconv.PromptError{Text: "Token for ghost: "}}
	err := authenticationFault("capsu", false, refused)
	if err == nil || err.Error() != `prompt: "Token for ghost: " cannot be asked: prompts are off` || hintOf(err) == "" {
		t.Errorf("-n: %v, hint %q", err, hintOf(err))
	}
	err = authenticationFault("capsu", true, refused)
	var neutral *authenticationError
	if !errors.As(err, &neutral) || err.Error() != "Authentication failure" || hintOf(err) != "" {
		t.Errorf("--forced-command: %v, hint %q", err, hintOf(err))
	}
	if got := reason(err); !strings.Contains(got, "Token for ghost: ") {
		t.Errorf("the system log is told %q", got)
	}
}
