//go:build privileged

package tests

import (
	"fmt"
	"os/exec"
	"strings"
)

// Reasons that several cases share.
const (
	rootTarget  = "root is no target for callers other than root unless RootTarget is on"
	neutralNote = "before authentication has succeeded every failure reads the same"
	toTheRoot   = "a login that cannot be at home starts in /, not in a directory of the caller's"
	eachOnce    = "programs disagree about which of two entries, or what of an odd one, " +
		"counts: each variable is passed once"
	logLine    = "the log says why, or with which capabilities; it is authpriv, where su writes to auth"
	signalEnds = "which signal ended the session is said as for any other; " +
		"the sender knows that capsu passed it on"
	callerEnds = "the program ends by the signal it was sent, which the caller's shell says"
	promptEnds = "the attempt ends in words, with the terminal whole: su leaves it without echo"
)

// differences are the cases in which capsu does something other than su: what each does, and
// the reason.
var differences = map[string]struct {
	su, capsu outcome
	reason    string
}{
	"a number is a user's uid": {refused("does not exist"), ran("many\n"),
		"a uid may be a target, as in newer util-linux"},
	"root is a target for others":                      {ran("0\n"), refused("uid 0 is not a target"), rootTarget},
	"root is not a target for others by a second name": {ran("0\n"), refused("uid 0 is not a target"), rootTarget},
	"an empty shell path is not the target's shell": {outcome{"", 127, "no such file"},
		refused("-s: empty argument\nTry '"),
		"a command line that cannot be meant is refused before anything is opened"},
	"an empty SHELL under -m": {outcome{"", 127, "no such file"}, ran("sh\n"),
		"an empty SHELL names none, as everywhere"},

	"an entry without an equals sign is dropped": {ran("A=1\nno equals sign\n"), ran("A=1\n"), eachOnce},
	"an entry without a name is dropped":         {ran("=x\nA=1\n"), ran("A=1\n"), eachOnce},
	"of two entries with one name one arrives":   {ran("A=1\nA=2\n"), ran("A=2\n"), eachOnce},
	"of two HOMEs the target's arrives": {ran("HOME=/home/ghost\nHOME=/b\n"), ran("HOME=/home/ghost\n"),
		eachOnce},
	"the caller's runtime directory does not pass": {ran("3\n"), outcome{"0\n", 1, ""},
		"they are of the caller's session, and of use to nobody else"},
	"COLORTERM and NO_COLOR pass a login": {ran("\n"), ran("truecolor 1\n"),
		"which colours are wanted goes with the terminal, as TERM does; newer util-linux keeps both too"},
	"settings of the Go runtime do not pass": {ran("4\n"), outcome{"0\n", 1, ""},
		"the caller must not choose how capsu's own runtime works"},

	"a login whose home is missing": {outcome{"/usr/lib\n", 0, noHome},
		outcome{"/\n", 0, noHome}, toTheRoot},
	"a login whose home is a file": {outcome{"/usr/lib\n", 0, noHome},
		outcome{"/\n", 0, noHome}, toTheRoot},
	"a login whose home the target may not enter": {outcome{"/usr/lib\n", 0, noHome},
		outcome{"/\n", 0, noHome}, toTheRoot},
	"a login whose home the target may not enter when root calls": {outcome{"/usr/lib\n", 0, noHome},
		outcome{"/\n", 0, noHome}, toTheRoot},
	"a login whose entry has an empty home": {refused("fieldless does not exist"),
		outcome{"/ /\n", 0, "^capsu: warning: home directory of fieldless: [^\n]*\n$"},
		"the name service knows such an entry; HOME is then /, for a login with a warning"},
	"a session whose entry has an empty home": {refused("fieldless does not exist"), ran("/ /usr/lib\n"),
		"the name service knows such an entry; HOME is then /, for a login with a warning"},
	"a group whose number is none": {ran("ghost\n"), outcome{"ghost\n", 0, "^capsu: warning: [^\n]*4294967295[^\n]*\n$"},
		"a group that the session lacks is said to be lacking"},
	"a group whose number is none when root calls": {ran("ghost\n"),
		outcome{"ghost\n", 0, "^capsu: warning: [^\n]*4294967295[^\n]*\n$"},
		"a group that the session lacks is said to be lacking"},
	"a number as the group of -g": {refused("group 7000 does not exist"), ran("team\n"),
		"a gid may be named, as in newer util-linux"},

	"an unknown user is refused": {refused("does not exist"),
		refused(failure + "$"), neutralNote},
	"an authentication phase that denies is refused": {refused("permission denied"),
		refused(failure + "$"), neutralNote},
	"another user of a module's is followed": {ran("ghost\nghost\n/home/ghost ghost /bin/sh sh\n"),
		ran("beta\nbeta team\n/home/beta beta /bin/bash bash\n"), "PAM_USER is who was authenticated"},
	"another user of a module's is followed when root calls": {ran("ghost\nghost\n/home/ghost\n"),
		ran("beta\nbeta team\n/home/beta\n"), "PAM_USER is who was authenticated"},
	"a NUL does not end a password": {ran("in\n"), refused("answer with a NUL byte"),
		"a reply with NUL fails the attempt"},

	"Ctrl-C at the prompt ends the attempt": {outcome{says: "^password: modes changed\nstatus 130\n$"},
		outcome{says: "^password: \n.*SIGINT\nmodes kept\nstatus 1\n$"}, promptEnds},
	"Ctrl-backslash at the prompt ends the attempt": {outcome{says: "^password: quit.*modes changed\nstatus 131\n$"},
		outcome{says: "^password: \n.*SIGQUIT\nmodes kept\nstatus 1\n$"}, promptEnds},

	"-T after -P leaves the caller's terminal": {outcome{says: "invalid option -- 'T'.*" + kept + "1\n$"},
		outcome{says: "caller's" + kept + "0\n$"},
		"su has -T since util-linux 2.40"},
	"-P after -T gives a terminal of its own": {outcome{says: "invalid option -- 'T'.*" + kept + "1\n$"},
		outcome{says: "^own" + kept + "0\n$"},
		"su has -T since util-linux 2.40"},

	"a session is in the system log": {ran("(to ghost) alpha on none\n"),
		ran("(to ghost) alpha on none iab=\n"), logLine},
	"a session of root's is in the system log": {ran("(to ghost) root on none\n"),
		ran("(to ghost) root on none iab=\n"), logLine},
	"a session on a terminal is in the system log with it": {ran("(to ghost) alpha on pts/N\n"),
		ran("(to ghost) alpha on pts/N iab=\n"), logLine},
	"a failed attempt is in the system log": {outcome{"FAILED SU (to ghost) alpha on none\n", 1, ""},
		outcome{"FAILED SU (to ghost) alpha on none: pam_authenticate: Authentication failure\n", 1, ""}, logLine},
	"a failed attempt on a terminal is in the system log with it": {ran("FAILED SU (to ghost) alpha on pts/N\n"),
		ran("FAILED SU (to ghost) alpha on pts/N: pam_authenticate: Authentication failure\n"), logLine},
	"an expired account is in the system log": {outcome{"FAILED SU (to expired) alpha on none\n", 1, ""},
		outcome{"FAILED SU (to expired) alpha on none: pam_acct_mgmt: User account has expired\n", 1, ""}, logLine},
	"a login on a terminal is in utmp and wtmp": {ran("0 in wtmp, 0 in utmp\n"), ran("2 in wtmp, 1 in utmp\n"),
		"who is logged in, and was, is what these files are for"},

	"a command runs in a session when root is the target": {ran("shared\n"), ran("own\n"),
		"a command has a session of its own, for every target"},
	"a descriptor above the standard ones": {ran("there\n"), ran("closed\n"),
		"descriptors of the caller's are not the target's"},
	"TERM ends the session and the program": {outcome{"", 143, "session terminated"}, outcome{"", 143, "^$"}, callerEnds},
	"a session that ignores TERM is killed": {outcome{"", 143, "session terminated.*killed"}, outcome{"", 143, "^$"},
		callerEnds},
	"a session ends by its own interrupt": {outcome{"", 130, "session terminated"}, outcome{"", 130, "^interrupt\n$"},
		signalEnds},
	"a session ends by its own quit": {outcome{"", 131, "session terminated"}, outcome{"", 131, "^quit\n$"}, signalEnds},
}

// sinceSu241 has the cases in which su changed with util-linux 2.41 (Debian 13). capsu does
// what su did before.
var sinceSu241 = map[string]outcome{
	"without ENV_PATH there is a built-in path":              ran("/usr/local/bin:/usr/bin\n"),
	"without ENV_SUPATH there is a built-in path for root":   ran("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin\n"),
	"missing settings are no error":                          ran("/usr/local/bin:/usr/bin\n"),
	"another user of a module's is followed":                 refused("user not known"),
	"another user of a module's is followed when root calls": refused("user not known"),
	"-T after -P leaves the caller's terminal":               {says: "caller's" + kept + "0\n$"},
	"-P after -T gives a terminal of its own":                {says: "^own" + kept + "0\n$"},
}

// suIs241 tells whether the machine's su is of util-linux 2.41 or later.
func suIs241() bool {
	out, _ := exec.Command("su", "--version").Output()
	var major, minor int
	_, at, _ := strings.Cut(string(out), "util-linux ")
	_, err := fmt.Sscanf(at, "%d.%d", &major, &minor)
	return err == nil && (major > 2 || minor >= 41)
}
