//go:build privileged

package tests

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

var (
	injectSample = flag.Int("inject.sample", 16, "how many calls of each case shall fail, one a session; 0: all")
	injectSeed   = flag.Uint64("inject.seed", 20261124, "seed for the sample")
	injectFrom   = flag.Int("inject.from", 0, "the first call")
	injectTo     = flag.Int("inject.to", 1<<30, "the call after the last")
)

// injected is a session in which one system call failed.
type injected struct {
	calls  int
	failed string // the process and the call's number
	marks  map[string]int
	status int
	stderr string
	report string // what the session's probe wrote
	hung   bool
	modes  string // what is wrong with the terminal's modes
}

// runOnTerminal runs cmd with a terminal for its input, and types the password at the prompt.
// It returns the changes of the terminal's modes.
func runOnTerminal(t *testing.T, cmd *exec.Cmd, errs *lockedBuffer) string {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer slave.Close()
	before, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout = slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	began := time.Now()
	for asked := 0; ; time.Sleep(2 * time.Millisecond) {
		select {
		case <-ended:
			after, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
			if err != nil {
				t.Fatal(err)
			}
			if *before != *after {
				return fmt.Sprintf("%+v, were %+v", *after, *before)
			}
			return ""
		default:
		}
		n := strings.Count(errs.String(), "Password: ")
		if n == 0 && time.Since(began) > 5*time.Second {
			// the prompt could not be written, or it is late
			began = time.Now()
			master.WriteString(password + "\n")
		}
		if n > asked {
			asked = n
			master.WriteString(password + "\n")
		}
	}
}

// permitStack asks for no password. Of the system's modules it needs pam_permit only.
const permitStack = `auth required pam_permit.so
auth required /opt/mark.so
account required pam_permit.so
session required pam_permit.so
session required /opt/mark.so
`

// distributionStack is the installed service with modules/mark.c at its ends.
func distributionStack(t *testing.T) string {
	t.Helper()
	text := must(t, "cat", "../pam.d/capsu")
	return strings.Replace(text, "@include common-account", "auth required /opt/mark.so\n@include common-account", 1) +
		"session required /opt/mark.so\n"
}

// otherStack are the calls by which libpam reads a service's file. If one
// fails, libpam uses the service "other", and capsu cannot tell: see SECURITY.md.
var otherStack = map[string]bool{
	failedCall("monitor", unix.SYS_OPENAT):     true,
	failedCall("monitor", unix.SYS_READ):       true,
	failedCall("monitor", unix.SYS_FSTAT):      true,
	failedCall("monitor", unix.SYS_NEWFSTATAT): true,
}

// failedCall is injected.failed of a call, whose number differs from processor to processor.
func failedCall(who string, number int) string { return fmt.Sprintf("%s call %d", who, number) }

// The marks of modules/mark.c.
const established, deleted, opened, closed = "7701", "7702", "7703", "7704"

func inject(t *testing.T, n int, onTerminal bool, options ...string) injected {
	t.Helper()
	const trace, report = "/opt/inject.trace", "/opt/inject.report"
	os.Remove(report)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/opt/inject",
		append([]string{trace, strconv.Itoa(n), id(t, "-u", "alpha"), id(t, "-g", "alpha"), "--",
			program, "ghost", "-s", "/opt/probe", "-c", report}, options...)...)
	var errs lockedBuffer
	cmd.Stdin, cmd.Stderr, cmd.WaitDelay = strings.NewReader(password+"\n"), &errs, time.Second
	modes := ""
	if onTerminal {
		modes = runOnTerminal(t, cmd, &errs)
	} else {
		cmd.Run()
	}
	i := injected{marks: map[string]int{}, stderr: errs.String(), hung: ctx.Err() != nil, modes: modes}
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "mark":
			i.marks[rest]++
		case "failed":
			i.failed = rest
		case "calls":
			i.calls, _ = strconv.Atoi(rest)
		case "status":
			i.status, _ = strconv.Atoi(rest)
		}
	}
	session, err := os.ReadFile(report)
	if err == nil {
		i.report = string(session)
	}
	return i
}

// judge returns what is wrong: a session other than decided, PAM left open, no message, a hang,
// a crash.
func (i injected) judge(t *testing.T) string {
	for _, crash := range []string{"goroutine", "fatal error", "panic:", "SIGABRT", "SIGSEGV", "internal error"} {
		if strings.Contains(i.stderr, crash) {
			return "crash text"
		}
	}
	switch {
	case strings.Contains(i.stderr, "Assertion '") && i.report == "":
		return "" // a module of systemd's ends the process by its own decision, before a session
	case strings.Contains(i.stderr, "pam_open_session: "):
		i.marks[opened] = 0 // our module's part had succeeded, the whole had not
	case i.report == "" && strings.Contains(i.stderr, "pam_setcred: ") && i.marks[deleted] == 0:
		i.marks[established] = 0 // likewise
	}
	switch {
	case i.hung:
		return "hangs"
	case i.modes != "":
		return "the terminal's modes are " + i.modes
	case i.marks[opened] != i.marks[closed]:
		return fmt.Sprintf("%d sessions opened, %d closed", i.marks[opened], i.marks[closed])
	case i.marks[established] != i.marks[deleted]:
		return fmt.Sprintf("%d credentials established, %d deleted", i.marks[established], i.marks[deleted])
	case i.report == "" && i.status == 0:
		return "no session, and status 0"
	case i.report == "" && !strings.Contains(i.stderr, "capsu: ") &&
		!strings.HasSuffix(i.failed, failedCall("", unix.SYS_WRITE)):
		return "no session, and no message"
	case i.report != "" && i.marks[opened] == 0 && otherStack[i.failed]:
		// libpam could not read the service's file, and used the service "other"
		want := expected{bounding: ownBounding(t) &^ chown, fields: map[string]string{}}
		return want.judge(t, i.report)
	case i.report != "" && i.marks[opened] == 0:
		return "a session without pam_open_session"
	case i.report != "":
		want := expected{bounding: ownBounding(t) &^ chown, fields: map[string]string{}}
		return want.judge(t, i.report)
	}
	return ""
}

func TestEachCallThatFailsLeavesASessionAsDecidedOrNone(t *testing.T) {
	compile(t, "/opt/mark.so", "-shared", "-fPIC", "modules/mark.c", "-lpam")
	compile(t, "/opt/inject", "programs/inject.c")
	compile(t, "/opt/probe", "programs/probe.c")
	must(t, "chmod", "1777", "/opt")
	t.Cleanup(func() { must(t, "chmod", "755", "/opt") })
	policy(t, "^cap_net_raw,cap_kill,!cap_chown ghost\n")
	for _, c := range []struct {
		name, stack string
		onTerminal  bool // which means -P
		options     []string
	}{
		{"pam_permit", permitStack, false, nil},
		{"pam_permit -P", permitStack, false, []string{"-P"}},
		{"distribution", distributionStack(t), false, nil},
		{"terminal", strings.Replace(permitStack, "auth required pam_permit.so", "auth required pam_unix.so", 1), true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			stack(t, c.stack)
			whole := inject(t, -1, c.onTerminal, c.options...)
			if wrong := whole.judge(t); wrong != "" || whole.report == "" || whole.calls < 500 {
				t.Fatalf("without a failure: %s: %+v", wrong, whole)
			}
			var calls []int
			for n := *injectFrom; n < min(whole.calls, *injectTo); n++ {
				calls = append(calls, n)
			}
			seed := *injectSeed
			if *injectSample > 0 {
				rand.New(rand.NewPCG(seed, 2)).Shuffle(len(calls), func(a, b int) { calls[a], calls[b] = calls[b], calls[a] })
				calls = calls[:min(*injectSample, len(calls))]
			}
			right, wrong := 0, 0
			for _, n := range calls {
				i := inject(t, n, c.onTerminal, c.options...)
				if fault := i.judge(t); fault != "" {
					wrong++
					t.Errorf("call %d (%s): %s: status %d, %q", n, i.failed, fault, i.status, i.stderr)
				} else {
					right++
				}
			}
			fmt.Printf("%s: %d calls, %d right, %d wrong (of %d, seed %d)\n", c.name, len(calls), right, wrong,
				whole.calls, seed)
		})
	}
}
