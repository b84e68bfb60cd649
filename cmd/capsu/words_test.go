package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"capsu/account"
	"capsu/front"
	"capsu/interpose"
	"capsu/launcher"
	"capsu/pamconv"
	"capsu/policy"
	"capsu/privilege"
	"capsu/request"
	"capsu/site"
	"capsu/trustedfile"

	"github.com/msteinert/pam/v2"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// Each fault has its own hint.
func TestWhatToDoAboutEachFault(t *testing.T) {
	inFile := func(err error) error { return &trustedfile.Error{File: "/etc/x", Line: 3, Err: err} }
	for _, c := range []struct {
		err  error
		want string // a part of the hint; "": there is none
	}{
		{errors.New("anything"), ""},
		{&authenticationError{cause: pam.ErrAuth}, ""},
		{&request.UsageError{}, "capsu --help"},
		{inFile(&policy.BeyondError{Capability: cap.NET_RAW}), "^cap_net_raw from the rule"},
		{inFile(&policy.BeyondError{Capability: cap.NET_RAW, Bounding: true}), "bounding set"},
		{&launcher.BeyondError{Set: "Ambient", Caps: []cap.Value{cap.KILL}}, "-C can only take less"},
		{inFile(errors.New("unknown capability")), "file"},
		{inFile(fmt.Errorf("ghost: %w", policy.ErrNoRule)), "write a rule"},
		{inFile(&site.ConflictError{Text: "contradicts"}), "capsu.conf(5)"},
		{inFile(&account.ServiceError{What: "ghost", Err: unix.EIO}), "getent"},
		{&serviceError{"capsu", pam.ErrOpen}, "libpam"},
		{&pamconv.Error{Status: pam.ErrConv, Conversation: &pamconv.PromptError{Text: "x"}}, "--service"},
		{&pamconv.Error{Status: pam.ErrConv, Conversation: pamconv.ErrEndOfInput}, "standard input"},
		{&pamconv.Error{Status: pam.ErrConv, Conversation: pamconv.ErrHelper}, "ulimit -u"},
		{&pamconv.Error{Status: pam.ErrConv, Conversation: pamconv.ErrBackground}, "fg"},
		{&pamconv.Error{Call: "pam_acct_mgmt", Status: pam.ErrAcctExpired}, "chage -E"},
		{&pamconv.Error{Call: "pam_open_session", Status: pam.ErrSession}, "system log"},
		{&launcher.StepError{Step: "setresuid", Err: unix.EAGAIN}, "ulimit -u"},
		{&interpose.LimitError{Name: "as", Least: 1}, "limits.conf"},
		{unix.EMFILE, "ulimit -n"}, {unix.ENOMEM, "ulimit -v"}, {unix.E2BIG, "ulimit -s"},
		{&privilege.SurpriseError{What: "uids"}, "module"},
	} {
		if got := hintOf(c.err); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%v: hint %q, want one with %q", c.err, got, c.want)
		}
		if strings.Contains(hintOf(c.err), "install.sh") {
			t.Errorf("%v: its remedy is not there after installation", c.err)
		}
	}
}

func TestDescriptionsAreLinesWithWhatToDo(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&request.UsageError{}, "capsu: \nTry 'capsu --help'\n"},
		{errors.New("a\x1bb"), "capsu: a\\x1bb\n"},
		{unix.EMFILE, "capsu: too many open files\ncapsu: hint: "},
		{errors.Join(&privilege.SurpriseError{What: "uids", Got: "1", Want: "0"}, errors.New("what follows")),
			"capsu: uids: 1, not 0\ncapsu: hint: "},
	} {
		got := describe(c.err)
		if !strings.HasPrefix(got, c.want) || strings.Contains(got, "what follows") || strings.Count(got, "\n") > 2 {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestTheSignalThatEndedASessionIsNamed(t *testing.T) {
	for status, want := range map[unix.WaitStatus]string{0: "", 42 << 8: "", 15: "Terminated\n",
		11 | 0x80: "Segmentation fault (core dumped)\n"} {
		if got := signalText(status); got != want {
			t.Errorf("%#x: %q, want %q", status, got, want)
		}
	}
}

// The holder of an ssh key sees the same refusal, with the same delay, for every reason.
func TestTheAccountPhaseSpeaksForItselfButToAKey(t *testing.T) {
	expired := &pamconv.Error{Call: "pam_acct_mgmt", Status: pam.ErrAcctExpired}
	if err := accountFault(false, expired); err != error(expired) {
		t.Errorf("%v", err)
	}
	var neutral *authenticationError
	if err := accountFault(true, expired); !errors.As(err, &neutral) || !neutral.owes {
		t.Errorf("%v", err)
	}
	if err := accountFault(true, nil); err != nil {
		t.Errorf("%v", err)
	}
}

func TestWhyThereIsNoMonitor(t *testing.T) {
	for _, c := range []struct {
		fault *front.Fault
		want  string
		hint  string
	}{
		{&front.Fault{Kind: front.NoProc, Err: unix.ENOENT}, "/proc/self/exe: no such file", "mount"},
		{&front.Fault{Kind: front.Setid}, "setuid or setgid bit", "chmod u-s,g-s"},
		{&front.Fault{Kind: front.NoFilecaps}, "no file capabilities", "setcap"},
		{&front.Fault{Kind: front.NoPrivilege}, "", ""}, // the reason depends on this process
		{&front.Fault{Kind: front.NoGuard}, "guard user capsu: does not exist", "useradd --system"},
		{&front.Fault{Kind: front.BadGuard}, "guard user capsu: its uid", "uid"},
		{&front.Fault{Kind: front.NotOurs, Call: "getuid"}, "preload", "/etc/ld.so.preload"},
		{&front.Fault{Kind: front.FailedSystem, Call: "capset", Err: unix.EPERM}, "capset: operation not permitted", ""},
	} {
		err := explain(c.fault)
		if !strings.Contains(err.Error(), c.want) || !strings.Contains(hintOf(err), c.hint) {
			t.Errorf("%d: %v, hint %q", c.fault.Kind, err, hintOf(err))
		}
		if strings.Contains(hintOf(err), "install.sh") {
			t.Errorf("%d: its remedy is not there after installation", c.fault.Kind)
		}
	}
	if other := errors.New("setrlimit"); explain(other) != other {
		t.Error("a fault that is none of start.c's is said as it is")
	}
}

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

func TestAsidesGoToTheLogUnderAForcedCommand(t *testing.T) {
	f, theirs := pairOf(t)
	var logged string
	v := &voice{front: f, log: func(text string) { logged += text }}
	v.warn(errors.New("a\nb"))
	v.aside("")
	if logged != "capsu: warning: a\\nb\n" {
		t.Errorf("%q", logged)
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	shown := func() string {
		var b [64]byte
		n, _ := unix.Read(pipe[0], b[:])
		return string(b[:max(n, 0)])
	}
	if v.show(pipe[1], "there"); shown() != "there" {
		t.Error("not shown")
	}
	unix.Close(theirs)
	if v.show(pipe[1], "left"); shown() != "" {
		t.Error("shown after the front has left")
	}
	if (&voice{}).show(pipe[1], "no front"); shown() != "no front" {
		t.Error("without a front: not shown")
	}
}

// These are values of enum event in front/wire.h.
func TestWhatHappensToAPrompt(t *testing.T) {
	const term, hup, int_, tstp, cont, winch = 0, 1, 2, 4, 8, 9
	for event, want := range map[byte]struct {
		stop, again bool
		err         string
	}{
		tstp: {stop: true}, cont: {again: true}, winch: {},
		int_: {err: "interrupted by SIGINT"}, term: {err: "interrupted by SIGTERM"}, hup: {err: pamconv.ErrHangup.Error()},
	} {
		f, theirs := pairOf(t)
		o := outside{f, &voice{front: f}}
		unix.Write(theirs, []byte{event})
		stop, again, err := o.Event()
		if stop != want.stop || again != want.again || (err != nil) != (want.err != "") ||
			err != nil && err.Error() != want.err {
			t.Errorf("%d: %v %v %v", event, stop, again, err)
		}
		if ends := event == term || event == hup; (o.Begin() != nil) != ends {
			t.Errorf("%d: another prompt begins: %v", event, !ends)
		}
		unix.Close(theirs)
	}
	f, theirs := pairOf(t)
	o := outside{f, &voice{front: f}}
	unix.Write(theirs, []byte{cont})
	if stopped, err := o.Stop(unix.SIGTSTP); !stopped || err != nil || o.Descriptor() != f.FD {
		t.Errorf("stopped %v, %v", stopped, err)
	}
	unix.Close(theirs)
	if _, err := o.Stop(unix.SIGTSTP); !errors.Is(err, pamconv.ErrHangup) {
		t.Errorf("the front is gone: %v", err)
	}
}
