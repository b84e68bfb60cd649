//go:build privileged

package tests

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The behaviour suite: what the user of su meets in capsu. Each case runs against the program
// that CAPSU_UNDER_TEST names, su or capsu, in the same world. Expected is what util-linux's
// setuid su does. Where capsu does something else, the table differences has both results and
// the reason.

// underTest is the program that the behaviour suite drives. The name of its login service ends
// in "-l".
var underTest = struct{ name, path, priority string }{"capsu", program, "<85>"} // authpriv.notice

func init() {
	switch os.Getenv("CAPSU_UNDER_TEST") {
	case "", "capsu":
	case "su":
		underTest.name, underTest.path, underTest.priority = "su", "/usr/bin/su", "<37>" // auth.notice
	default:
		panic("CAPSU_UNDER_TEST: su or capsu")
	}
}

// outcome is what a caller sees of one call.
type outcome struct {
	stdout string
	status int
	// says is a regular expression without regard to case. It is compared with standard error,
	// without prompts for the password; on a terminal, with the whole screen. If it is empty,
	// nothing may be said. Each program has words of its own.
	says string
}

func ran(stdout string) outcome { return outcome{stdout: stdout} }

func refused(says string) outcome { return outcome{status: 1, says: says} }

// behaviour is one case: a call, and its outcome.
type behaviour struct {
	name    string // a sentence
	caller  string // default alpha
	wrapper []string
	args    []string
	input   string // what standard input has after the password
	stdin   string // all of standard input, instead
	env     []string
	odd     []string                   // directives of programs/odd.c, which sets up the caller's state
	setup   func(t *testing.T)         // the case then runs alone
	do      func(t *testing.T) outcome // instead of a plain call
	want    outcome                    // none if differences has the case
}

// subject is a table of cases about one thing.
type subject struct {
	name  string
	stack string // default service
	cases []behaviour
}

var subjects = []subject{
	{"command line", "", commandLineCases},
	{"shell", "", shellCases},
	{"environment", "", environmentCases},
	{"PAM environment", pamEnvironmentStack, pamEnvironmentCases},
	{"login", "", loginCases},
	{"groups", "", groupCases},
	{"PAM", "", pamCases},
	{"stdin conversation", "", stdinCases},
	{"two questions", twoQuestions, questionCases},
	{"terminal conversation", "", terminalCases},
	{"records", "", recordCases},
	{"state of the process", "", processCases},
	{"exit status", "", statusCases},
}

func TestBehaviour(t *testing.T) {
	policy(t, "")
	if underTest.name == "capsu" {
		onlyStockCapabilities(t)
	}
	peopleOfTheSuite(t)
	compile(t, "/opt/converse.so", "-shared", "-fPIC", "modules/converse.c", "-lpam")
	compile(t, "/opt/odd", "programs/odd.c")
	for _, s := range subjects {
		t.Run(s.name, func(t *testing.T) {
			if s.stack == "" {
				s.stack = service
			}
			bothServices(t, s.stack)
			for _, b := range s.cases {
				t.Run(b.name, func(t *testing.T) {
					if b.setup == nil {
						t.Parallel()
					} else {
						b.setup(t)
					}
					b.check(t)
				})
			}
		})
	}
}

// peopleOfTheSuite makes the accounts that are unusual: locked, expired, without home, and so
// on.
func peopleOfTheSuite(t *testing.T) {
	t.Helper()
	file(t, "/opt/restricted", "#!/bin/sh\necho restricted\n", 0o755)
	file(t, "/opt/other", "#!/bin/sh\necho \"other $*\"\n", 0o755)
	file(t, "/opt/path", "#!/bin/sh\necho \"$PATH\"\n", 0o755)
	file(t, "/opt/plain", "not executable\n", 0o644)
	file(t, "/opt/nonsense", "no format that the kernel knows\n", 0o755)
	file(t, "/opt/orphan", "#!/no/such/interpreter\n", 0o755)
	must(t, "install", "-d", "-m", "700", "/opt/closed", "/home/closed")
	must(t, "install", "-m", "755", "/opt/restricted", "/opt/closed/shell")
	must(t, "ln", "-sfn", "loop", "/opt/loop")
	must(t, "sh", "-c", "install -d -o alpha -g alpha -m 777 /home/everybodys; touch /home/afile")
	t.Cleanup(func() {
		must(t, "rm", "-rf", "/opt/closed", "/home/closed", "/opt/loop", "/home/everybodys", "/home/afile")
	})
	for _, who := range [][]string{
		{"kept", "-s", "/opt/restricted"},
		{"badshell", "-s", "/bin/no-such-shell"},
		{"shellless", "-s", ""},
		{"homeless", "-s", "/bin/sh", "-d", "/home/nowhere"},
		{"fieldless", "-s", "/bin/sh"},
		{"shut", "-s", "/bin/sh", "-d", "/home/closed"},
		{"athome", "-s", "/bin/sh", "-d", "/home/afile"},
		{"rootless", "-s", "/bin/sh", "-d", "/"},
		{"expired", "-s", "/bin/sh", "-e", "1990-01-01"},
		{"locked", "-s", "/bin/sh"},
		{"stale", "-s", "/bin/sh"},
		{"nologin", "-s", "/usr/sbin/nologin"},
		{"many", "-s", "/bin/sh", "-G", "team,many1,many2"},
		{"toor", "-o", "-u", "0", "-g", "0", "-s", "/bin/sh"},
	} {
		account(t, who[0], who[1:]...)
	}
	must(t, "sh", "-c",
		`for u in kept badshell shellless homeless fieldless shut athome rootless expired locked stale nologin many toor; do
		printf '%s:%s\n' $u "$0"; done | chpasswd -c SHA256 -s 1000`, password)
	account(t, "free", "-s", "/bin/sh", "-p", "")
	account(t, "star", "-s", "/bin/sh", "-p", "*")
	must(t, "sh", "-c", `usermod -L locked; chage -d 0 stale
		sed -i 's#^\(shellless:.*\):[^:]*$#\1:#; s#^\(fieldless:.*\):[^:]*\(:[^:]*\)$#\1:\2#' /etc/passwd`)
}

// run makes the call that a case describes.
func (b behaviour) run(t *testing.T) outcome {
	t.Helper()
	if b.do != nil {
		return b.do(t)
	}
	c := call{caller: b.caller, wrapper: b.wrapper, program: underTest.path, args: b.args, env: b.env, stdin: b.stdin}
	if c.stdin == "" {
		c.stdin = password + "\n" + b.input
		if b.caller == "root" {
			c.stdin, c.empty = b.input, true
		}
	}
	if b.odd != nil {
		c.caller, c.program = "root", "/opt/odd"
		c.args = append(append(append(words(id(t, "-u", "alpha"), id(t, "-g", "alpha")), b.odd...), "--",
			underTest.path), b.args...)
	}
	return said(c.run(t))
}

// said makes an outcome of a result; prompts are left out.
func said(r result) outcome {
	return outcome{r.stdout, r.status, strings.ReplaceAll(r.stderr, "Password: ", "")}
}

func (b behaviour) check(t *testing.T) {
	t.Helper()
	want := b.want
	if d, differs := differences[b.name]; differs {
		if want = d.capsu; underTest.name == "su" {
			want = d.su
		}
	}
	if newer, changed := sinceSu241[b.name]; changed && underTest.name == "su" && suIs241() {
		want = newer
	}
	got := b.run(t)
	if got.status != want.status || got.stdout != want.stdout || !want.saidIn(got.says) {
		t.Errorf("%s %q:\n got status %d, stdout %q, said %q\nwant status %d, stdout %q, said %q",
			underTest.name, b.args, got.status, got.stdout, got.says, want.status, want.stdout, want.says)
	}
}

func (o outcome) saidIn(text string) bool {
	if o.says == "" {
		return text == ""
	}
	return regexp.MustCompile(`(?is)` + o.says).MatchString(text)
}

// Each case has a name of its own and one expected outcome. Each difference belongs to a case,
// is a difference, and has a reason.
func TestBehaviourTablesAreWhole(t *testing.T) {
	names := map[string]bool{}
	for _, s := range subjects {
		for _, b := range s.cases {
			if names[b.name] || len(strings.Fields(b.name)) < 3 {
				t.Errorf("%q: not a sentence, or twice", b.name)
			}
			names[b.name] = true
			if _, differs := differences[b.name]; differs && b.want != (outcome{}) {
				t.Errorf("%q: expected here and among the differences", b.name)
			}
		}
	}
	for name, d := range differences {
		if !names[name] || d.reason == "" || d.su == d.capsu {
			t.Errorf("%q: not a case, no reason, or no difference", name)
		}
	}
	if len(names) < 150 {
		t.Errorf("%d cases", len(names))
	}
}
