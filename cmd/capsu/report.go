package main

import (
	"errors"
	"fmt"
	"strings"

	"capsu/account"
	"capsu/interpose"
	"capsu/launcher"
	"capsu/pamconv"
	"capsu/policy"
	"capsu/privilege"
	"capsu/request"
	"capsu/say"
	"capsu/site"

	"golang.org/x/sys/unix"
)

// The exit statuses of capsu. Otherwise it exits with the session's status, or with 128
// plus the number of the signal that ended the session. The man page has the same table.
const (
	exitOwn           = 1   // capsu refuses or fails
	exitNotExecutable = 126 // the shell was found and could not be executed
	exitNotFound      = 127 // the shell was not found
	exitSignal        = 128 // plus the signal's number
)

// statusOf returns the exit status for an error of a session.
func statusOf(err error) int {
	var exec *launcher.ExecError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exec) && errors.Is(exec.Err, unix.ENOENT):
		return exitNotFound
	case errors.As(err, &exec):
		return exitNotExecutable
	}
	return exitOwn
}

// statusOfSession returns the exit status for a session that has ended.
func statusOfSession(w unix.WaitStatus) int {
	if w.Signaled() {
		return exitSignal + int(w.Signal())
	}
	return w.ExitStatus()
}

// signalText names the signal that ended a session, as su and shells do. It is "" for any
// other end.
func signalText(w unix.WaitStatus) string {
	if !w.Signaled() {
		return ""
	}
	text := w.Signal().String()
	text = strings.ToUpper(text[:1]) + text[1:]
	if w.CoreDump() {
		text += " (core dumped)"
	}
	return text + "\n"
}

// authenticationError has the same text whatever its cause. Only the system log gets the
// cause.
type authenticationError struct {
	cause error
	owes  bool // capsu has to sleep the delay; libpam does in the authentication phase only
}

// Error returns the words that su has, with its capital letter: programs wait for them.
func (e *authenticationError) Error() string { return "Authentication failure" }

// reason returns the text of an error for the system log.
func reason(err error) string {
	var e *authenticationError
	if errors.As(err, &e) {
		err = e.cause
	}
	return err.Error()
}

// authenticationFault turns an error of the authentication phase into one that the caller
// may see: it says nothing that depends on the target. The caller sees their own faults at
// a prompt, and a stack that cannot be loaded. They see the text of a refused prompt,
// unless they are the holder of an ssh key, who need not know what the key lacks.
func authenticationFault(service string, forced bool, err error) error {
	var e *pamconv.Error
	switch {
	case err == nil, !errors.As(err, &e):
		return err
	case e.Conversation != nil && forced:
		return &authenticationError{cause: fmt.Errorf("prompt: %w", e.Conversation)}
	case e.Conversation != nil:
		return fmt.Errorf("prompt: %w", e.Conversation)
	case e.Misconfigured():
		return &serviceError{service, e.Status}
	}
	return &authenticationError{cause: e}
}

// accountFault does the same for the account phase. The caller sees the error as it is. The
// holder of an ssh key sees the refusal of the authentication phase, with its delay.
func accountFault(forced bool, err error) error {
	if err == nil || !forced {
		return err
	}
	return &authenticationError{cause: err, owes: true}
}

// serviceError says that a PAM service cannot be loaded.
type serviceError struct {
	service string
	err     error
}

func (e *serviceError) Error() string { return fmt.Sprintf("PAM service %s: %v", e.service, e.err) }
func (e *serviceError) Unwrap() error { return e.err }

// hintOf returns what to do about an error, or "".
func hintOf(err error) string {
	var beyond *policy.BeyondError
	var more *launcher.BeyondError
	var rule *policy.Error
	var usage *request.UsageError
	var conflict *site.ConflictError
	var service *account.ServiceError
	var stack *serviceError
	var call *pamconv.Error
	var prompt *pamconv.PromptError
	var surprise *privilege.SurpriseError
	switch {
	case say.HintOf(err) != "":
		return say.HintOf(err)
	case errors.As(err, &surprise):
		return "a PAM module changed this process and did not restore it; take that module out of the PAM service"
	case errors.As(err, &usage):
		return "Try 'capsu --help'"
	case errors.As(err, &beyond) && beyond.Bounding:
		return "start capsu from a process that has it in its bounding set"
	case errors.As(err, &beyond):
		return fmt.Sprintf("as root: %s, or take ^%v from the rule", setcapCommand(), beyond.Capability)
	case errors.As(err, &more):
		return "-C can only take less; 'capsuctl explain USER' shows the grant"
	case errors.Is(err, policy.ErrNoRule):
		return "an administrator can write a rule for the target: capability.conf(5)"
	case errors.As(err, &conflict):
		return "an administrator can change that line, or what contradicts it: capsu.conf(5)"
	case errors.As(err, &service):
		return "the name service fails; see whether getent(1) finds users and groups"
	case errors.As(err, &rule):
		return "capsu opens no session while this file has a fault; 'capsuctl check' says what to correct"
	case errors.As(err, &stack):
		return "the system log (authpriv) says what libpam could not load"
	case errors.As(err, &prompt):
		return "-n needs a PAM service that asks nothing; --service names another one"
	case errors.Is(err, pamconv.ErrEndOfInput):
		return "the stack asks for a password; give it on a terminal, or as the first line of standard input"
	case errors.Is(err, pamconv.ErrHelper):
		return "it was killed, or the caller's limit RLIMIT_NPROC is reached (ulimit -u)"
	case errors.Is(err, pamconv.ErrBackground):
		return "bring it to the foreground: fg"
	case errors.As(err, &call) && call.AccountExpired():
		return "an administrator can renew the account: chage -E"
	case errors.As(err, &call):
		return "a PAM module refused; the system log (authpriv) may say why"
	}
	return hintOfLimit(err)
}

// hintOfLimit returns what to do about a resource limit, or "".
func hintOfLimit(err error) string {
	var limit *interpose.LimitError
	switch {
	case errors.Is(err, unix.EAGAIN):
		return "too many processes: the caller, the target or the guard has reached the limit RLIMIT_NPROC (ulimit -u)"
	case errors.As(err, &limit):
		return "raise it: " + limit.Name + " in limits.conf if pam_limits set it, otherwise the caller's limit (ulimit)"
	case errors.Is(err, unix.EMFILE):
		return "too many open files: the caller or the target has reached the limit RLIMIT_NOFILE (ulimit -n)"
	case errors.Is(err, unix.ENOMEM):
		return "not enough memory: the target's limit RLIMIT_AS, RLIMIT_DATA or RLIMIT_STACK may be too low (ulimit -v, -d, -s)"
	case errors.Is(err, unix.E2BIG):
		return "arguments and environment are too large for the limit RLIMIT_STACK (ulimit -s)"
	}
	return ""
}

// describe returns the lines that say an error, and what to do about it.
func describe(err error) string {
	var u *request.UsageError
	if errors.As(err, &u) {
		return fmt.Sprintf("capsu: %s\n%s\n", say.Escape(u.Error()), hintOf(err))
	}
	// Errors that follow from a surprise go to the system log only.
	var surprise *privilege.SurpriseError
	if errors.As(err, &surprise) {
		err = surprise
	}
	return say.Lines("capsu", err, hintOf(err))
}
