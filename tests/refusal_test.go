//go:build privileged

package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// All these refusals are the same: neither text nor status nor a missing delay tells an
// attacker whether an account exists or can be used.
func TestBeforeAuthenticationNothingTellsAccountsApart(t *testing.T) {
	account(t, "locked", "-s", "/bin/sh")
	setPassword(t, "locked", password)
	must(t, "usermod", "-L", "locked")
	account(t, "star", "-s", "/bin/sh", "-p", "*")
	for name, c := range map[string]call{
		"wrong password":  {args: []string{"ghost", "-c", "echo in"}, stdin: "wrong\n"},
		"empty password":  {args: []string{"ghost", "-c", "echo in"}, stdin: "\n"},
		"unknown target":  {args: []string{"nobody-has-this-name", "-c", "echo in"}},
		"a path for name": {args: []string{"../ghost", "-c", "echo in"}},
		"locked account":  {args: []string{"locked", "-c", "echo in"}},
		"no password":     {args: []string{"star", "-c", "echo in"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := c.run(t)
			expectRefusal(t, r)
			if r.stderr != "Password: "+neutral {
				t.Errorf("stderr %q", r.stderr)
			}
			if r.took < time.Second {
				t.Errorf("the fail delay was not kept: %v", r.took)
			}
		})
		t.Run(name+", on a terminal", func(t *testing.T) {
			t.Parallel()
			x := onTerminal(t, "alpha", program+` "$TARGET" -c 'echo in'; echo "status $?"`, "TARGET="+c.args[0])
			x.await("Password: ")
			began := time.Now()
			keys := c.stdin
			if keys == "" {
				keys = password + "\n"
			}
			x.typed(keys)
			x.await("status ")
			took := time.Since(began)
			x.end()
			if got, want := x.screen(), "Password: \n"+neutral+"status 1\n"; got != want {
				t.Errorf("the screen is %q, want %q", got, want)
			}
			if took < time.Second {
				t.Errorf("the fail delay was not kept: %v", took)
			}
		})
	}
}

func TestExpiredAccountIsRefusedWithItsOwnWords(t *testing.T) {
	account(t, "expired", "-s", "/bin/sh", "-e", "1990-01-01")
	setPassword(t, "expired", password)
	sessions := recorded(t)
	expectRefusal(t, capsu(t, "expired", "-c", "echo in"), "account has expired")
	if got := sessions(); got != "" {
		t.Errorf("a session was opened: %q", got)
	}
}

func TestPamServiceThatCannotWorkIsRefused(t *testing.T) {
	t.Run("missing", func(t *testing.T) {
		stack(t, service)
		// the service "other" would let all users in: it must not be used instead
		file(t, "/etc/pam.d/other", permitting, 0o644)
		if err := os.Remove("/etc/pam.d/capsu"); err != nil {
			t.Fatal(err)
		}
		expectRefusal(t, capsu(t, "ghost", "-c", "echo in"), "PAM service capsu: no file", "hint: ", "pam.d(5)")
	})
	t.Run("empty", func(t *testing.T) {
		stack(t, "")
		file(t, "/etc/pam.d/other",
			"auth required pam_deny.so\naccount required pam_deny.so\nsession required pam_deny.so\n", 0o644)
		expectRefusal(t, capsu(t, "ghost", "-c", "echo in"), neutral)
	})
	t.Run("no auth phase", func(t *testing.T) {
		stack(t, "auth required pam_deny.so\naccount required pam_permit.so\n")
		expectRefusal(t, capsu(t, "ghost", "-c", "echo in"), neutral)
	})
	t.Run("module missing", func(t *testing.T) {
		stack(t, "auth required pam_no_such_module.so\n"+service)
		expectRefusal(t, capsu(t, "ghost", "-c", "echo in"), "PAM service capsu: Module is unknown", "hint: ")
	})
	t.Run("pam_deny", func(t *testing.T) {
		stack(t, "auth requisite pam_deny.so\n"+service)
		expectRefusal(t, capsu(t, "ghost", "-c", "echo in"), neutral)
	})
	t.Run("session refused", func(t *testing.T) {
		stack(t, above(service, "session required pam_deny.so"))
		expectRefusal(t, capsu(t, "ghost", "-c", "echo in"), "pam_open_session: ")
	})
}

func TestMissingPrivilegeIsExplained(t *testing.T) {
	in := []string{"ghost", "-c", "echo in"}
	world := os.Getenv("CAPSU_WORLD")
	copyTo := func(t *testing.T, dir string) string {
		t.Helper()
		must(t, "install", "-d", "-m", "755", dir)
		t.Cleanup(func() { os.RemoveAll(dir) })
		must(t, "install", "-m", "755", program, dir+"/capsu")
		return dir + "/capsu"
	}
	caps := strings.Fields(must(t, "getcap", program))[1]
	t.Run("copied without its capabilities", func(t *testing.T) {
		to := copyTo(t, "/opt/copy")
		expectRefusal(t, call{program: to, args: in}.run(t), to+": no file capabilities",
			`hint: as root: setcap "$(capsuctl filecaps)" `+to)
		expectRun(t, call{program: to, args: in, caller: "root"}.run(t), "in\n") // root has them anyway
	})
	t.Run("the command it names is the remedy", func(t *testing.T) {
		policy(t, "^cap_net_raw ghost\n") // which it must heed
		to := copyTo(t, "/opt/copy")
		_, rest, _ := strings.Cut(call{program: to, args: in}.run(t).stderr, "as root: ")
		command, _, _ := strings.Cut(rest, " (or")
		must(t, "env", "PATH="+os.Getenv("PATH")+":/opt/bin", "sh", "-c", command)
		expectRun(t, call{program: to, args: in}.run(t), "in\n")
	})
	t.Run("no_new_privs", func(t *testing.T) {
		expectRefusal(t, call{setpriv: []string{"--no-new-privs"}, args: in}.run(t), "no_new_privs: ", "hint: ")
	})
	t.Run("nosuid mount", func(t *testing.T) {
		dir := filepath.Join(world, "nosuid")
		must(t, "sh", "-c", "mkdir $0 && mount --bind /opt/bin $0 && mount -o remount,bind,nosuid $0", dir)
		t.Cleanup(func() { must(t, "umount", dir) })
		expectRefusal(t, call{program: dir + "/capsu", args: in}.run(t), "mounted nosuid", "hint: ")
	})
	for _, c := range []string{"setuid", "setgid", "setpcap"} {
		t.Run("bounding set without "+c, func(t *testing.T) {
			r := call{setpriv: []string{"--bounding-set", "-" + c}, args: in}.run(t)
			expectRefusal(t, r, "bounding set: lacks cap_"+c, "hint: ")
		})
	}
	t.Run("file capabilities incomplete", func(t *testing.T) {
		to := copyTo(t, "/opt/copy")
		must(t, "setcap", "cap_setuid,cap_setgid=p", to)
		expectRefusal(t, call{program: to, args: in}.run(t),
			to+": cap_setuid, cap_setgid or cap_setpcap is not permitted", "hint: ")
	})
	for bit, owner := range map[string]string{"u+s": "root", "g+s": "root"} {
		t.Run("mode "+bit, func(t *testing.T) {
			to := copyTo(t, "/opt/copy")
			must(t, "chown", owner+":shadow", to)
			must(t, "chmod", bit, to)
			must(t, "setcap", caps, to)
			for _, caller := range []string{"alpha", "root"} {
				expectRefusal(t, call{program: to, args: in, caller: caller}.run(t), to+": has a setuid or setgid bit",
					"hint: as root: chmod u-s,g-s "+to)
			}
		})
	}
}

func TestGuardMustBeSomebodyElse(t *testing.T) {
	passwd := must(t, "cat", "/etc/passwd")
	var line string
	for l := range strings.Lines(passwd) {
		if strings.HasPrefix(l, "capsu:") {
			line = l
		}
	}
	guard := strings.Split(line, ":")
	for name, c := range map[string]struct{ line, want string }{
		"none": {"", "guard user capsu: does not exist"},
		"uid 0": {strings.Replace(line, ":"+guard[2]+":", ":0:", 1),
			"guard user capsu: its uid is root's or the caller's"},
		"the caller": {strings.Replace(line, ":"+guard[2]+":", ":"+strings.TrimSpace(must(t, "id", "-u", "alpha"))+":",
			1), "guard user capsu: its uid is root's or the caller's"},
	} {
		t.Run(name, func(t *testing.T) {
			file(t, "/etc/passwd", strings.Replace(passwd, line, c.line, 1), 0o644)
			expectRefusal(t, capsu(t, "ghost", "-c", "echo in"), c.want, "hint: ")
		})
	}
	t.Run("as target", func(t *testing.T) {
		stack(t, permitting)
		expectRefusal(t, capsu(t, "capsu", "-s", "/bin/sh", "-c", "echo in"), "capsu: the guard is not a target")
	})
}

// capsu sends its threads no signals, so the caller's limit of pending signals may be 0.
func TestFewPendingSignalsAreEnough(t *testing.T) {
	for _, n := range []string{"0 0", "1 1", "0 200"} {
		r := call{wrapper: []string{"prlimit", "--sigpending=" + strings.Replace(n, " ", ":", 1)},
			args: []string{"ghost", "-c", "grep -o 'pending.*' /proc/self/limits | tr -s ' '"}}.run(t)
		expectRun(t, r, "pending signals "+n+" signals \n")
	}
}

func TestRootAsTargetIsRefusedForOthers(t *testing.T) {
	for _, args := range [][]string{{}, {"root"}, {"-"}, {"root", "-c", "echo in"}} {
		r := capsu(t, args...)
		expectRefusal(t, r, "root: uid 0 is not a target", "RootTarget", "hint: ")
		if strings.Contains(r.stderr, "Password") {
			t.Errorf("%q: asked for a password", args)
		}
	}
	// a second name for uid 0 is no way around it
	account(t, "toor", "-o", "-u", "0", "-g", "0", "-s", "/bin/sh")
	setPassword(t, "toor", password)
	expectRefusal(t, capsu(t, "toor", "-c", "echo in"), "uid 0 is not a target")
}

// If a module changes the target, all checks are made again.
func TestTargetThatAModuleRenamesIsHeldToTheSame(t *testing.T) {
	compile(t, "/opt/rename.so", "-shared", "-fPIC", "modules/rename.c", "-lpam")
	for name, want := range map[string]string{
		"root":                 "root: uid 0 is not a target",
		"capsu":                "capsu: the guard is not a target",
		"nobody-has-this-name": "nobody-has-this-name: no such user",
	} {
		t.Run(name, func(t *testing.T) {
			stack(t, "auth required /opt/rename.so "+name+"\naccount required pam_permit.so\nsession required pam_permit.so\n")
			expectRefusal(t, capsu(t, "ghost", "-s", "/bin/sh", "-c", "echo in"), want)
		})
	}
	stack(t, "auth required /opt/rename.so beta\naccount required pam_permit.so\nsession required pam_permit.so\n")
	policy(t, "none ghost\n^cap_kill beta\n")
	log := logged(t)
	expectRun(t, capsu(t, "ghost", "-c", "id -un; grep CapAmb /proc/self/status"), "beta\nCapAmb:\t0000000000000020\n")
	if got := log(); got != "(to ghost) alpha on none: PAM_USER is now beta\n(to beta) alpha on none iab=^cap_kill\n" {
		t.Errorf("the log has %q", got)
	}
}

func TestPolicyThatCannotBeAppliedMeansNoSession(t *testing.T) {
	in := []string{"ghost", "-c", "echo in"}
	for name, c := range map[string]struct {
		rules string
		want  string
	}{
		"unreadable":              {"!cap_sys_admni ghost\n", policyFile + `:1: unknown capability "cap_sys_admni"`},
		"unreadable, second line": {"# rules\n^cap_chown,,cap_kill ghost\n", policyFile + `:2: unknown capability ""`},
		"ambient beyond the file's": {"^cap_sys_admin ghost\n",
			policyFile + ":1: cap_sys_admin: Ambient, but not in capsu's permitted set"},
		"control character":           {"cap_kill\r ghost\n", policyFile + ":1: control character 0x0d"},
		"control character above":     {"# a\x1bb\ncap_kill ghost\n", policyFile + ":1: control character 0x1b"},
		"byte-order mark":             {"\ufeffcap_kill ghost\n", policyFile + ":1: byte-order mark"},
		"control character, no match": {"none \x00beta", policyFile + ":1: control character 0x00"},
	} {
		t.Run(name, func(t *testing.T) {
			policy(t, c.rules)
			sessions, log := recorded(t), logged(t)
			expectRefusal(t, capsu(t, in...), c.want, "hint: ")
			if got := log(); !strings.HasPrefix(got, "FAILED SU (to ghost) alpha on none: "+c.want) {
				t.Errorf("the log has %q", got)
			}
			if got := sessions(); got != "" {
				t.Errorf("a session was opened: %q", got)
			}
		})
	}
	for name, command := range map[string]string{
		"writable by others":    "chmod o+w $0",
		"writable by a group":   "chgrp team $0; chmod g+w $0",
		"owner is not root":     "chown alpha $0",
		"not readable":          "chmod 0 $0",
		"its directory":         "chmod o+w ${0%/*}",
		"not a regular file":    "rm $0; mkdir $0",
		"a FIFO":                "rm $0; mkfifo $0",
		"dangling link":         "ln -sf /opt/not-there $0",
		"gone, by others' hand": "chmod o+w ${0%/*}; rm $0",
		"to /dev/null, by them": "chmod o+w ${0%/*}; ln -sf /dev/null $0",
		"a link on the way": "mkdir -p -m 777 /opt/open; cp $0 /opt/real; ln -sf /opt/real /opt/open/link; " +
			"ln -sf /opt/open/link $0",
		"access control list":   "setfacl -m u:alpha:rw $0",
		"list of the directory": "setfacl -m u:alpha:rwx ${0%/*}",
	} {
		t.Run(name, func(t *testing.T) {
			policy(t, "cap_kill ghost\n")
			t.Cleanup(func() { must(t, "sh", "-c", "setfacl -b ${0%/*}; chmod 755 ${0%/*}; rm -rf $0; touch $0", policyFile) })
			must(t, "sh", "-c", command, policyFile)
			sessions, log := recorded(t), logged(t)
			expectRefusal(t, capsu(t, in...), policyFile+": ", "hint: ")
			if got := log(); !strings.HasPrefix(got, "FAILED SU (to ghost) alpha on none: "+policyFile+": ") {
				t.Errorf("the log has %q", got)
			}
			if got := sessions(); got != "" {
				t.Errorf("a session was opened: %q", got)
			}
		})
	}
	must(t, "ln", "-sf", "/dev/null", policyFile) // root's own way of saying "no rules"
	expectRun(t, capsu(t, in...), "in\n")
	must(t, "rm", policyFile)
	// what the bounding set lacks cannot be inherited either
	policy(t, "cap_kill ghost\n")
	r := call{setpriv: []string{"--bounding-set", "-kill"}, args: in}.run(t)
	expectRefusal(t, r, policyFile+":1: cap_kill: not in the bounding set", "hint: ")
}

func TestPolicyOfNobodysConcernIsNotRead(t *testing.T) {
	policy(t, "cap_kill ghost\nnonsense beta\n")
	expectRun(t, capsu(t, "ghost", "-c", "echo in"), "in\n")
}

func TestBadCommandLineIsRefusedBeforeAnythingIsOpened(t *testing.T) {
	for _, args := range [][]string{
		{"--no-such-option"}, {"-x"}, {"ghost", "-c"}, {"--command"}, {"--help=me"}, {""},
		{"--pty=x", "ghost"},
		{"--\x1b[31m"},
	} {
		r := capsu(t, args...)
		expectRefusal(t, r, "Try 'capsu --help'")
		if strings.Contains(r.stderr, "Password") || strings.Count(r.stderr, "\n") != 2 ||
			strings.Contains(r.stderr, "\x1b") {
			t.Errorf("%q: stderr %q", args, r.stderr)
		}
	}
}

func TestNumbersThatAreNoUsersAreRefused(t *testing.T) {
	for _, name := range []string{"4294967295", "4294967296", "#-1", "#0", " 0", "+0", "0x0", "-0",
		"99999999999999999999", "00000000000000000000004294967296"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expectRefusal(t, capsu(t, "-c", "echo in", "--", name), neutral)
		})
	}
	for _, name := range []string{"0", "00"} {
		expectRefusal(t, capsu(t, name, "-c", "echo in"), "root: uid 0 is not a target")
	}
	expectRun(t, capsu(t, id(t, "-u", "ghost"), "-c", "id -un"), "ghost\n")
	// a name has priority over a number
	account(t, "4242", "-s", "/bin/sh", "--badname")
	setPassword(t, "4242", password)
	account(t, "other", "-u", "4242", "-s", "/bin/sh")
	expectRun(t, capsu(t, "4242", "-c", "id -un"), "4242\n")
}

// Root could read in /etc/passwd what a neutral refusal hides, and looks for a fault in PAM
// that is none. PAM is not asked; the attempt is recorded.
func TestRootIsToldThatAUserIsUnknown(t *testing.T) {
	stack(t, "auth required pam_permit.so\nauth required pam_deny.so\naccount required pam_deny.so\n")
	log := logged(t)
	r := call{caller: "root", args: words("no\x1bsuch", "-c", "echo in")}.run(t)
	expectExactly(t, "root", r, "", `capsu: user no\x1bsuch does not exist`+"\n", 1)
	if got, want := log(), `FAILED SU (to no\x1bsuch) root on none: user no\x1bsuch does not exist`+"\n"; got != want {
		t.Errorf("the log has %q, want %q", got, want)
	}
	expectRefusal(t, capsu(t, "nosuch", "-c", "echo in"), neutral)
	r = call{caller: "root", args: words("--forced-command", "nosuch"), env: words("SSH_ORIGINAL_COMMAND=id")}.run(t)
	expectExactly(t, "a key of root's", r, "", neutral, 1)
}
