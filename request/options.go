// Package request reads what the caller asks for: the command line, and an ssh client's
// command. It makes the session's environment and arguments.
//
// Nothing is privileged while it runs, and it prints nothing. Any thread may call it, but
// Parse on one thread at a time: getopt_long(3) has global state.
package request

/*
#cgo CFLAGS: -Wall -Wextra -Wshadow -Werror -O2 -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
#include <getopt.h>
#include <stdlib.h>

enum { OPT_CAPABILITIES = 'C', OPT_COMMAND = 'c', OPT_FAST = 'f', OPT_GROUP = 'g', OPT_HELP = 'h', OPT_WHITELIST = 'w',
       OPT_LOGIN = 'l', OPT_NON_INTERACTIVE = 'n', OPT_PRESERVE = 'm', OPT_PRESERVE_TOO = 'p', OPT_PTY = 'P', OPT_NO_PTY = 'T', OPT_SHELL = 's', OPT_SUPP_GROUP = 'G', OPT_VERSION = 'V',
       OPT_DROP = 256, OPT_FORCED_COMMAND, OPT_NO_NEW_PRIVS, OPT_SERVICE, OPT_SESSION_COMMAND };

static const struct option long_options[] = {
	{"capabilities", required_argument, NULL, OPT_CAPABILITIES},
	{"command", required_argument, NULL, OPT_COMMAND},
	{"drop", required_argument, NULL, OPT_DROP},
	{"fast", no_argument, NULL, OPT_FAST},
	{"forced-command", no_argument, NULL, OPT_FORCED_COMMAND},
	{"group", required_argument, NULL, OPT_GROUP},
	{"help", no_argument, NULL, OPT_HELP},
	{"login", no_argument, NULL, OPT_LOGIN},
	{"no-new-privs", no_argument, NULL, OPT_NO_NEW_PRIVS},
	{"no-pty", no_argument, NULL, OPT_NO_PTY},
	{"non-interactive", no_argument, NULL, OPT_NON_INTERACTIVE},
	{"preserve-environment", no_argument, NULL, OPT_PRESERVE},
	{"pty", no_argument, NULL, OPT_PTY},
	{"service", required_argument, NULL, OPT_SERVICE},
	{"session-command", required_argument, NULL, OPT_SESSION_COMMAND},
	{"shell", required_argument, NULL, OPT_SHELL},
	{"supp-group", required_argument, NULL, OPT_SUPP_GROUP},
	{"version", no_argument, NULL, OPT_VERSION},
	{"whitelist-environment", required_argument, NULL, OPT_WHITELIST},
	{NULL, 0, NULL, 0},
};

// next_option reads one option and prints nothing. It returns ':' for a missing argument.
// If strict is 1, the first word that is not an option ends the options.
static int next_option(int argc, char **argv, int strict)
{
	static const char letters[] = "+:C:c:fg:G:hlmnpPs:TVw:";

	opterr = 0;
	return getopt_long(argc, argv, strict ? letters : letters + 1, long_options, NULL);
}

*/
import "C"

import (
	"fmt"
	"strings"
	"unsafe"

	"capsu/capability"
	"capsu/policy"
	"capsu/say"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// Usage is the text of --help.
const Usage = `Usage: capsu [options] [-] [user [argument ...]]

Runs a shell as another user (root if none is named), with exactly the
capabilities that /etc/security/capability.conf grants that user.
Arguments after the user go to the shell.

  -, -l, --login       login shell: fresh environment, home directory
  -c, --command CMD    pass -c CMD to the shell, in a session of its own
      --session-command CMD
                       as -c, in the caller's session and terminal
  -f, --fast           pass -f to the shell
  -s, --shell PATH     run this shell; for callers other than root, only if
                       the target's own is in /etc/shells
  -m, -p, --preserve-environment
                       keep the environment (not with --login)
  -w, --whitelist-environment LIST
                       variables that --login keeps, with commas between them
  -g, --group GROUP    primary group; root only; the last one counts, others
                       are supplementary
  -G, --supp-group GROUP
                       supplementary group; root only; may be repeated
  -P, --pty            a pseudo-terminal between caller and session (the
                       default, if any of descriptors 0-2 is a terminal)
  -T, --no-pty         no pseudo-terminal: the session has the caller's terminal;
                       of -P and -T the last one counts
  -n, --non-interactive
                       never ask: a prompt fails; standard input is left
                       to the session
      --forced-command
                       for command= in authorized_keys: run what the ssh client
                       asks for (SSH_ORIGINAL_COMMAND); implies -n
      --service NAME   this PAM service, one of Services in capsu.conf
  -C, --capabilities IAB  take this tuple instead of the grant; never more;
                          "none" takes nothing, "all" is the grant
      --drop LIST         take these off the Inheritable and Ambient set;
                          "all" are all of them
      --no-new-privs      nothing that the session runs can gain privilege
  -h, --help           show this text
  -V, --version        show the version
`

// Options is what argv asks for: the help, the version or a session.
type Options struct {
	Help, Version bool
	Session       Session
}

// Session has the options of a session.
type Session struct {
	Login          bool
	Command        string
	HasCommand     bool // Command is one, even if it is empty
	SameSession    bool // --session-command: no session (setsid) of its own
	Fast           bool
	Shell          string
	Preserve       bool     // -m; a login ignores it
	Whitelist      []string // -w
	Pty, NoPty     bool     // the last of -P and -T, if any
	Group          string   // -g
	Groups         []string // -G
	Narrow         *cap.IAB // -C; nil: the grant
	None           bool     // -C none: nothing Inheritable or Ambient
	Drop           *cap.IAB // --drop
	NoNewPrivs     bool
	NonInteractive bool   // -n: a prompt fails
	Forced         bool   // --forced-command, which implies NonInteractive
	Service        string // --service
	User           string
	Arguments      []string // for the shell
}

// Fresh tells whether the session has a fresh environment and starts in the target's home.
func (s *Session) Fresh() bool { return s.Login || s.Forced }

// Preserves tells whether the session has the caller's environment.
func (s *Session) Preserves() bool { return s.Preserve && !s.Login }

// UsageError says what is wrong with the command line.
type UsageError struct{ what string }

func (e *UsageError) Error() string { return e.what }

// Parse reads argv by getopt_long(3), as su does. Options may stand before and after the
// user, "--" ends them, and long ones may be abbreviated. If posix is true, the user ends
// them (POSIXLY_CORRECT in the caller's environment). argv may be empty. The error is a
// UsageError.
func Parse(argv []string, posix bool) (Options, error) {
	var o Options
	argv, err := o.read(argv, posix)
	if err != nil || o.Help || o.Version {
		return o, err
	}
	s := &o.Session
	if len(argv) > 0 && argv[0] == "-" {
		s.Login = true
		argv = argv[1:]
	}
	s.User = "root"
	if len(argv) > 0 {
		s.User, s.Arguments = argv[0], argv[1:]
	}
	if err := s.check(); err != nil || !s.Forced {
		return o, err
	}
	return o, s.checkForced(len(argv) > 0)
}

// check refuses options that contradict each other, with a sentence for each pair.
func (s *Session) check() error {
	switch {
	case s.User == "":
		return &UsageError{"user: empty name"}
	case s.Preserve && s.Whitelist != nil:
		return &UsageError{"-m and -w: cannot be combined, -w names what --login keeps"}
	}
	return nil
}

// checkForced refuses options that look as if they restricted the commands of the key's
// holder, but do not.
func (s *Session) checkForced(named bool) error {
	switch {
	case !named:
		return &UsageError{"--forced-command: missing argument: USER"}
	case s.HasCommand:
		return &UsageError{"--forced-command and -c: cannot be combined, the command is the ssh client's"}
	case len(s.Arguments) > 0:
		return &UsageError{"--forced-command: takes no arguments after the user, the command is the ssh client's"}
	case s.Preserve:
		return &UsageError{"--forced-command and -m: cannot be combined, the environment is made afresh"}
	}
	return nil
}

// read takes the options out of argv and returns the rest.
func (o *Options) read(argv []string, posix bool) (rest []string, err error) {
	if len(argv) == 0 {
		return nil, nil
	}
	// SAFETY: getopt_long needs a NULL-terminated array that it may reorder, and returns
	// pointers into it; the deferred function frees all of it.
	n := len(argv)
	list := unsafe.Slice((**C.char)(C.calloc(C.size_t(n+1), C.size_t(unsafe.Sizeof((*C.char)(nil))))), n+1)
	defer func() {
		for _, p := range list[:n] {
			C.free(unsafe.Pointer(p))
		}
		C.free(unsafe.Pointer(&list[0]))
	}()
	for i, a := range argv {
		list[i] = C.CString(a)
	}
	C.optind = 0 // makes getopt_long(3) start anew
	strict := C.int(0)
	if posix {
		strict = 1
	}
	for {
		switch c := C.next_option(C.int(n), &list[0], strict); c {
		case -1:
			for _, p := range list[C.optind:n] {
				rest = append(rest, C.GoString(p))
			}
			return rest, nil
		case C.OPT_CAPABILITIES:
			if err = o.Session.narrow(C.GoString(C.optarg)); err != nil {
				return nil, err
			}
		case C.OPT_DROP:
			if o.Session.Drop, err = tuple("--drop", C.GoString(C.optarg), parseDrop); err != nil {
				return nil, err
			}
		case C.OPT_NON_INTERACTIVE:
			o.Session.NonInteractive = true
		case C.OPT_FORCED_COMMAND:
			o.Session.Forced, o.Session.NonInteractive = true, true
		case C.OPT_SERVICE:
			if o.Session.Service, err = named("--service", C.GoString(C.optarg)); err != nil {
				return nil, err
			}
		case C.OPT_NO_NEW_PRIVS:
			o.Session.NoNewPrivs = true
		case C.OPT_COMMAND, C.OPT_SESSION_COMMAND:
			o.Session.Command, o.Session.HasCommand = C.GoString(C.optarg), true
			o.Session.SameSession = c == C.OPT_SESSION_COMMAND
		case C.OPT_FAST:
			o.Session.Fast = true
		case C.OPT_GROUP:
			if o.Session.Group != "" { // as su has it, only the last one is the primary group
				o.Session.Groups = append(o.Session.Groups, o.Session.Group)
			}
			if o.Session.Group, err = named("-g", C.GoString(C.optarg)); err != nil {
				return nil, err
			}
		case C.OPT_SUPP_GROUP:
			o.Session.Groups = append(o.Session.Groups, C.GoString(C.optarg))
		case C.OPT_PRESERVE, C.OPT_PRESERVE_TOO:
			o.Session.Preserve = true
		case C.OPT_WHITELIST:
			o.Session.Whitelist = append(o.Session.Whitelist, strings.Split(C.GoString(C.optarg), ",")...)
		case C.OPT_PTY:
			o.Session.Pty, o.Session.NoPty = true, false
		case C.OPT_NO_PTY:
			o.Session.Pty, o.Session.NoPty = false, true
		case C.OPT_HELP:
			o.Help = true
		case C.OPT_LOGIN:
			o.Session.Login = true
		case C.OPT_SHELL:
			if o.Session.Shell, err = named("-s", C.GoString(C.optarg)); err != nil {
				return nil, err
			}
		case C.OPT_VERSION:
			o.Version = true
		default:
			return nil, badOption(c == ':', rune(C.optopt), C.GoString(list[C.optind-1]))
		}
	}
}

// named refuses an empty argument: most likely it is a variable that is not set.
func named(option, text string) (string, error) {
	if text == "" {
		return "", &UsageError{fmt.Sprintf("option %s: empty argument", option)}
	}
	return text, nil
}

// narrow reads the argument of -C. "none" and an empty tuple keep what the grant blocks,
// which is not known yet; "all" is the grant.
func (s *Session) narrow(text string) (err error) {
	s.Narrow, s.None = nil, text == "none" || text == ""
	if s.None || text == "all" {
		return nil
	}
	s.Narrow, err = tuple("-C", text, policy.ParseIAB)
	return err
}

// Dropped returns the capabilities that -C none and --drop take off, as Inheritable; nil if
// there are none.
func (s *Session) Dropped() (*cap.IAB, error) {
	if s.None {
		return parseDrop("all")
	}
	return s.Drop, nil
}

// parseDrop reads a list of capabilities, or "all".
func parseDrop(text string) (*cap.IAB, error) {
	if text != "all" {
		return policy.ParseList(text)
	}
	iab := cap.NewIAB()
	for c := range capability.All() {
		if err := iab.SetVector(cap.Inh, true, c); err != nil {
			return nil, err
		}
	}
	return iab, nil
}

// tuple reads an option's capabilities by read.
func tuple(option, text string, read func(string) (*cap.IAB, error)) (*cap.IAB, error) {
	iab, err := read(text)
	if err != nil {
		return nil, &UsageError{fmt.Sprintf("%s %s: %v", option, say.Escape(text), err)}
	}
	return iab, nil
}

// badOption returns the error for an option that getopt_long has refused. letter is optopt:
// the letter of a short option, the value of a long option without its argument, or 0 for
// an unknown long option.
func badOption(missing bool, letter rune, word string) error {
	switch {
	case missing && len(word) > 1 && word[:2] == "--":
		return &UsageError{fmt.Sprintf("option %s: missing argument", say.Escape(word))}
	case missing:
		return &UsageError{fmt.Sprintf("option -%c: missing argument", letter)}
	case letter != 0 && (len(word) < 2 || word[:2] != "--"):
		return &UsageError{fmt.Sprintf("option -%s: unknown", say.Escape(string(letter)))}
	}
	return &UsageError{fmt.Sprintf("option %s: unknown, ambiguous, or with an argument it does not take", say.Escape(word))}
}
