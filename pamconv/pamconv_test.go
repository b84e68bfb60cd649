package pamconv

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/msteinert/pam/v2"
	"golang.org/x/sys/unix"
)

// world is a folder of PAM services, with the module of testdata/ask.c.
func world(t *testing.T, services map[string]string) string {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	dir := t.TempDir()
	module := filepath.Join(dir, "ask.so")
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Werror",
		"-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=3", "-o", module, "testdata/ask.c",
		"-lpam").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, text := range services {
		text = strings.NewReplacer("ASK", module, "DIR", dir).Replace(text)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// talk is a conversation with pipes in place of a terminal.
func talk(t *testing.T, answers string) (c *Conversation, out func() (stdout, stderr string)) {
	t.Helper()
	var files [3][2]*os.File
	for i := range files {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close(); w.Close() })
		files[i] = [2]*os.File{r, w}
	}
	if _, err := files[0][1].WriteString(answers); err != nil {
		t.Fatal(err)
	}
	files[0][1].Close()
	c = &Conversation{In: int(files[0][0].Fd()), Out: int(files[1][1].Fd()), Err: int(files[2][1].Fd())}
	t.Cleanup(func() { runtime.KeepAlive(files) })
	return c, func() (string, string) {
		var text [2]string
		for i := range text {
			files[i+1][1].Close()
			b := make([]byte, 4096)
			n, _ := files[i+1][0].Read(b)
			text[i] = string(b[:n])
		}
		return text[0], text[1]
	}
}

func begin(t *testing.T, service, dir string, c *Conversation) *Transaction {
	t.Helper()
	tx, err := Start(service, "ghost", dir, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tx.End() })
	return tx
}

func TestHandleIsWhereWeLookForIt(t *testing.T) {
	dir := world(t, map[string]string{"s": "auth required pam_permit.so\n"})
	c, _ := talk(t, "")
	tx := begin(t, "s", dir, c)
	h, err := tx.Handle()
	if err != nil || h == nil {
		t.Fatalf("the library has moved its handle: %v, %v", h, err)
	}
	if user, err := tx.User(); err != nil || user != "ghost" {
		t.Errorf("User() = %q, %v", user, err)
	}
	if err := tx.End(); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Handle(); err == nil {
		t.Error("a handle after pam_end")
	}
}

func TestAllStylesInOneCall(t *testing.T) {
	dir := world(t, map[string]string{"s": "auth required ASK off info on error ANSWER=yes\n"})
	c, out := talk(t, "yes\nyes\nthe session's\n")
	tx := begin(t, "s", dir, c)
	if err := tx.Authenticate(); err != nil {
		t.Error(err)
	}
	stdout, stderr := out()
	if stdout != "text\n" || stderr != "secret? text\n" {
		t.Errorf("stdout %q, stderr %q", stdout, stderr)
	}
	if c.reply != [maxReply]byte{} {
		t.Error("the reply was not wiped")
	}
}

// A refused prompt does not read standard input, and shows nothing.
func TestARefusedPromptReadsNothing(t *testing.T) {
	dir := world(t, map[string]string{"s": "auth required ASK info error off\n",
		"ok": "auth required ASK info error ANSWER=yes\n"})
	var told []string
	for service, want := range map[string]bool{"s": false, "ok": true} {
		c, out := talk(t, "yes\n")
		c.Refuse, c.Tell = true, func(text string) { told = append(told, text) }
		told = nil
		err := begin(t, service, dir, c).Authenticate()
		var refused *PromptError
		if (err == nil) != want || err != nil && (!errors.As(err, &refused) || refused.Text != "secret? ") {
			t.Errorf("%s: %v", service, err)
		}
		var rest [16]byte
		if n, err := unix.Read(c.In, rest[:]); err != nil || string(rest[:n]) != "yes\n" {
			t.Errorf("%s: of standard input is left %q, %v", service, rest[:max(n, 0)], err)
		}
		if stdout, stderr := out(); stdout != "" || stderr != "" || !slices.Equal(told, []string{"text", "text"}) {
			t.Errorf("%s: stdout %q, stderr %q, told %q", service, stdout, stderr, told)
		}
	}
}

func TestConversationThatFailsHandsOutNothing(t *testing.T) {
	for name, c := range map[string]struct {
		args string
		want error
	}{
		"unknown style":                   {"strange", ErrStyle},
		"unknown style after a secret":    {"off strange", ErrStyle},
		"end of input after a secret":     {"off on on", ErrEndOfInput},
		"no messages":                     {"none", nil},
		"more messages than PAM allows":   {"many", nil},
		"event from the front":            {"off off", errEvent},
		"panic while waiting":             {"off", errPanic},
		"privilege that cannot be shed":   {"off", errWaiting},
		"answer that is too long, and on": {"on", ErrReplyLength},
	} {
		t.Run(name, func(t *testing.T) {
			dir := world(t, map[string]string{"s": "auth required ASK fails " + c.args + "\n"})
			input := "yes\n"
			if c.want == ErrReplyLength {
				input = strings.Repeat("x", maxReply) + "\n"
			}
			conv, _ := talk(t, input)
			switch c.want {
			case errEvent:
				r, w, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				w.Close()
				conv.Outside = ending(r.Fd())
			case errPanic:
				conv.Waiting = func(func() error) error { panic(errPanic.Error()) }
			case errWaiting:
				conv.Waiting = func(func() error) error { return errWaiting }
			}
			tx := begin(t, "s", dir, conv)
			if err := tx.Authenticate(); err != nil {
				t.Errorf("the module saw something else than a clean failure: %v", err)
			}
			if got := conv.fault; c.want != nil && !errors.Is(got, c.want) &&
				(got == nil || !strings.Contains(got.Error(), c.want.Error())) {
				t.Errorf("fault %v, want %v", got, c.want)
			}
			if conv.reply != [maxReply]byte{} {
				t.Error("the reply was not wiped")
			}
		})
	}
}

// ending is a front that reports a termination request.
type ending int

func (e ending) Descriptor() int              { return int(e) }
func (ending) Begin() error                   { return nil }
func (ending) Event() (bool, bool, error)     { return false, false, errEvent }
func (ending) Stop(unix.Signal) (bool, error) { return false, nil }
func (ending) Gone() bool                     { return false }
func (ending) Show(int, string)               {}
func (ending) Answer(int) (int, error)        { return -1, errEvent }

var (
	errEvent   = errors.New("the caller wants an end")
	errPanic   = errors.New("the sky fell")
	errWaiting = errors.New("capset failed")
)

func TestFaultOfThePromptIsReportedWithTheStatus(t *testing.T) {
	dir := world(t, map[string]string{"s": "auth required ASK off ANSWER=yes\n"})
	c, _ := talk(t, "")
	tx := begin(t, "s", dir, c)
	err := tx.Authenticate()
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, ErrEndOfInput) || e.Call != "pam_authenticate" {
		t.Errorf("got %v", err)
	}
}

func TestAnswersAreReadToTheNewlineAndNoFurther(t *testing.T) {
	for input, want := range map[string]error{
		"\n":                                nil,
		"no newline":                        nil,
		"a\x00b\n":                          ErrReplyNUL,
		strings.Repeat("x", 511) + "\nrest": nil,
		strings.Repeat("x", 512) + "\n":     ErrReplyLength,
		"":                                  ErrEndOfInput,
	} {
		c, _ := talk(t, input)
		answer, err := c.RespondPAM(pam.PromptEchoOff, "")
		line, rest, _ := strings.Cut(input, "\n")
		if !errors.Is(err, want) || want == nil && answer != line {
			t.Errorf("%.20q: %q, %v", input, answer, err)
		}
		if want == nil && rest != "" {
			b := make([]byte, 16)
			if n, _ := os.NewFile(uintptr(c.In), "").Read(b); string(b[:n]) != rest {
				t.Errorf("%.20q: left %q", input, b[:n])
			}
		}
	}
}

func TestStatusOfTheStackIsReported(t *testing.T) {
	dir := world(t, map[string]string{
		"deny":    "auth required pam_deny.so\naccount required pam_deny.so\nsession required pam_deny.so\n",
		"missing": "auth required pam_no_such_module.so\n",
	})
	c, _ := talk(t, "")
	tx := begin(t, "deny", dir, c)
	var e *Error
	for _, f := range []func() error{tx.Authenticate, tx.Account, tx.OpenSession, tx.EstablishCredentials} {
		if err := f(); !errors.As(err, &e) || e.Misconfigured() || e.Conversation != nil {
			t.Errorf("got %v", err)
		}
	}
	tx = begin(t, "missing", dir, c)
	if err := tx.Authenticate(); !errors.As(err, &e) || !e.Misconfigured() {
		t.Errorf("got %v", err)
	}
}

func TestEnvironmentKeepsItsOrder(t *testing.T) {
	dir := world(t, map[string]string{
		"s":   "session required pam_env.so conffile=/dev/null envfile=DIR/env\n",
		"env": "ZULU=1\nALPHA=2\nMIKE=a=b\n",
	})
	c, _ := talk(t, "")
	tx := begin(t, "s", dir, c)
	if err := tx.OpenSession(); err != nil {
		t.Fatal(err)
	}
	env, err := tx.Environment()
	if want := []string{"ZULU=1", "ALPHA=2", "MIKE=a=b"}; err != nil || !slices.Equal(env, want) {
		t.Errorf("got %q, %v", env, err)
	}
}
