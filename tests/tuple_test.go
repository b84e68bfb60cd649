//go:build privileged

package tests

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Capability numbers of linux/capability.h.
const (
	chown      = 1 << 0
	kill       = 1 << 5
	netBind    = 1 << 10
	netRaw     = 1 << 13
	nothing    = 0
	allGroups  = 60
	teamNumber = "7000"
)

// session is what /proc says of a running session's shell, read by root.
type session struct {
	status     map[string]string
	fds        map[string]string
	securebits string
}

// inspect opens a session and reads it from outside while it runs.
func inspect(t *testing.T, c call) session {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c.args = append(c.args, "-c", `/usr/sbin/capsh --print | grep Securebits; echo $$; read -r line`)
	cmd := c.command(ctx)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if c.caller != "root" {
		fmt.Fprintln(stdin, password)
	}
	lines := bufio.NewScanner(stdout)
	s := session{status: map[string]string{}, fds: map[string]string{}}
	for lines.Scan() {
		if _, bits, ok := strings.Cut(lines.Text(), "Securebits: "); ok {
			s.securebits, _, _ = strings.Cut(bits, "/")
			continue
		}
		readProc(t, &s, lines.Text())
		fmt.Fprintln(stdin, "go on")
	}
	if err := cmd.Wait(); err != nil || len(s.status) == 0 {
		t.Fatalf("session: %v, stderr %q", err, errs.String())
	}
	return s
}

// readProc reads a process, or one of its threads as PID/task/TID.
func readProc(t *testing.T, s *session, pid string) {
	t.Helper()
	if _, err := strconv.Atoi(filepath.Base(pid)); err != nil {
		t.Fatalf("not a pid: %q", pid)
	}
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		s.status[name] = strings.Join(strings.Fields(value), " ")
	}
	fds, _ := filepath.Glob("/proc/" + pid + "/fd/*")
	for _, fd := range fds {
		s.fds[filepath.Base(fd)], _ = os.Readlink(fd)
	}
}

// ownBounding is the bounding set here: it differs from machine to machine.
func ownBounding(t *testing.T) uint64 {
	t.Helper()
	var s session
	s.status, s.fds = map[string]string{}, map[string]string{}
	readProc(t, &s, strconv.Itoa(os.Getpid()))
	bits, err := strconv.ParseUint(s.status["CapBnd"], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return bits
}

// tuple is what a session must have; p is Permitted and Effective.
type tuple struct{ i, p, a, blocked uint64 }

func expectTuple(t *testing.T, s session, want tuple) {
	t.Helper()
	for field, bits := range map[string]uint64{
		"CapInh": want.i, "CapPrm": want.p, "CapEff": want.p, "CapAmb": want.a,
		"CapBnd": ownBounding(t) &^ want.blocked,
	} {
		if got, w := s.status[field], fmt.Sprintf("%016x", bits); got != w {
			t.Errorf("%s is %s, want %s", field, got, w)
		}
	}
	if s.status["NoNewPrivs"] != "0" {
		t.Errorf("NoNewPrivs is %s", s.status["NoNewPrivs"])
	}
}

// expectUser checks all ids, the groups, and that nothing but 0-2 is open.
func expectUser(t *testing.T, s session, name string) {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := u.GroupIds()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(s.status["Groups"])
	slices.Sort(groups)
	slices.Sort(got)
	if !slices.Equal(groups, got) {
		t.Errorf("groups %v, want %v", got, groups)
	}
	for field, id := range map[string]string{"Uid": u.Uid, "Gid": u.Gid} {
		if want := strings.Join([]string{id, id, id, id}, " "); s.status[field] != want {
			t.Errorf("%s is %s, want %s", field, s.status[field], want)
		}
	}
	for fd, to := range s.fds {
		if fd != "0" && fd != "1" && fd != "2" {
			t.Errorf("descriptor %s is open: %s", fd, to)
		}
	}
	if s.securebits != "00" {
		t.Errorf("securebits %s, want 00", s.securebits)
	}
}

// fullInheritable starts capsu from a process with Inheritable chown and kill.
var fullInheritable = []string{"--inh-caps", "+chown,+kill"}

func TestSessionHasExactlyTheTupleOfItsRule(t *testing.T) {
	for name, c := range map[string]struct {
		rules  string
		target string
		caller call
		want   tuple
	}{
		"no rule":                           {"", "ghost", call{}, tuple{}},
		"no rule, caller has inheritable":   {"", "ghost", call{setpriv: fullInheritable}, tuple{}},
		"ambient, inheritable, blocked":     {"^cap_net_raw,cap_kill,!cap_chown ghost", "ghost", call{}, tuple{netRaw | kill, netRaw, netRaw, chown}},
		"none, caller has inheritable":      {"none ghost", "ghost", call{setpriv: fullInheritable}, tuple{}},
		"all, caller has inheritable":       {"all ghost", "ghost", call{setpriv: fullInheritable}, tuple{i: chown | kill}},
		"set, caller has inheritable":       {"cap_net_raw ghost", "ghost", call{setpriv: fullInheritable}, tuple{i: netRaw}},
		"ambient and blocked, both":         {"!^cap_net_raw,!%cap_kill ghost", "ghost", call{}, tuple{netRaw | kill, netRaw, netRaw, netRaw | kill}},
		"blocked only":                      {"!cap_chown ghost", "ghost", call{}, tuple{blocked: chown}},
		"ambient by group":                  {"^cap_net_bind_service @team", "beta", call{}, tuple{netBind, netBind, netBind, nothing}},
		"group of others":                   {"^cap_net_bind_service @team", "ghost", call{}, tuple{}},
		"wildcard after another's rule":     {"all alpha\n^cap_net_raw *", "ghost", call{}, tuple{netRaw, netRaw, netRaw, nothing}},
		"first match wins":                  {"cap_kill ghost\n^cap_net_raw ghost", "ghost", call{}, tuple{i: kill}},
		"root calls":                        {"^cap_net_raw,!cap_chown ghost", "ghost", call{caller: "root"}, tuple{netRaw, netRaw, netRaw, chown}},
		"root calls, no rule":               {"", "ghost", call{caller: "root"}, tuple{}},
		"root calls, all, has inheritable":  {"all ghost", "ghost", call{caller: "root", setpriv: fullInheritable}, tuple{i: chown | kill}},
		"root calls, beyond the file's set": {"^cap_sys_admin ghost", "ghost", call{caller: "root"}, tuple{1 << 21, 1 << 21, 1 << 21, nothing}},
	} {
		for _, option := range []string{"-T", "-P"} {
			t.Run(name+" "+option, func(t *testing.T) {
				policy(t, c.rules+"\n")
				c.caller.args = []string{option, c.target}
				s := inspect(t, c.caller)
				expectTuple(t, s, c.want)
				expectUser(t, s, c.target)
			})
		}
	}
}

// The leader of a session on a pseudo-terminal is the target's and has nothing,
// and its memory, a copy of the monitor's, is nobody's to read.
func TestTheLeaderOfASessionHasNothing(t *testing.T) {
	policy(t, "^cap_net_raw ghost\n")
	ghost := id(t, "-u", "ghost")
	during(t, call{args: []string{"-P", "ghost"}}, func(_, leader string) {
		s := session{status: map[string]string{}, fds: map[string]string{}}
		readProc(t, &s, leader)
		for field, want := range map[string]string{
			"Uid": strings.Join([]string{ghost, ghost, ghost, ghost}, " "), "Threads": "1", "NoNewPrivs": "1",
			"CapInh": "0000000000000000", "CapPrm": "0000000000000000", "CapEff": "0000000000000000", "CapAmb": "0000000000000000",
		} {
			if s.status[field] != want {
				t.Errorf("%s is %q, want %q", field, s.status[field], want)
			}
		}
		for _, to := range s.fds {
			if !strings.HasPrefix(to, "/dev/pts/") && !strings.HasPrefix(to, "socket:") && !strings.HasPrefix(to, "anon_inode:") && !strings.HasPrefix(to, "pipe:") {
				t.Errorf("it has %s open", to)
			}
		}
		// it is the target's to end, at the end of the list, and no more
		if got := beyondOwners(attackBy(t, "ghost", leader)); got != "" {
			t.Errorf("the target can: %s", got)
		}
	})
}

func TestCallerInManyGroupsLeaksNone(t *testing.T) {
	out := must(t, "id", "-G", "alpha")
	if n := len(strings.Fields(out)); n < allGroups {
		t.Fatalf("alpha is in %d groups only", n)
	}
	s := inspect(t, call{args: []string{"ghost"}})
	expectUser(t, s, "ghost")
	if s := inspect(t, call{args: []string{"beta"}}); !strings.Contains(s.status["Groups"], teamNumber) {
		t.Errorf("beta's groups are %s", s.status["Groups"])
	}
}

func TestRootAsTargetHasItsTupleAndNoMore(t *testing.T) {
	policy(t, "^cap_net_raw root\n")
	s := inspect(t, call{caller: "root", args: []string{"root"}})
	expectTuple(t, s, tuple{netRaw, netRaw, netRaw, nothing})
	if s.securebits != "03" { // NOROOT, locked
		t.Errorf("securebits %s, want 03", s.securebits)
	}
}

// other is a second policy, for a real pam_cap.so in the stack.
const other = "/opt/other.conf"

// withModule is a stack in which everybody's auth phase reaches pam_cap.so.
func withModule(caller, args string) string {
	first := "auth required pam_unix.so\n"
	if caller == "root" {
		first = "auth required pam_rootok.so\n"
	}
	return first + "auth optional pam_cap.so config=" + other + " " + args + "\n" +
		"account required pam_unix.so\nsession required pam_unix.so\n"
}

func TestRealPamCapInTheStack(t *testing.T) {
	file(t, other, "^cap_net_raw,cap_kill,!cap_chown *\n", 0o644)
	ofOther := tuple{netRaw | kill, netRaw, netRaw, chown}
	for name, c := range map[string]struct {
		args  string
		rules string
		want  tuple
	}{
		"deferred, no rule of capsu's own":     {"keepcaps defer", "", ofOther},
		"not deferred, no rule":                {"", "", ofOther},
		"keepcaps, not deferred, no rule":      {"keepcaps", "", ofOther},
		"deferred, another rule decides":       {"keepcaps defer", "^cap_net_bind_service ghost", tuple{netBind, netBind, netBind, chown}},
		"not deferred, another rule decides":   {"", "cap_net_bind_service ghost", tuple{i: netBind, blocked: chown}},
		"deferred, Ambient taken back":         {"keepcaps defer", "cap_net_raw ghost", tuple{i: netRaw, blocked: chown}},
		"not deferred, Ambient taken back":     {"", "cap_net_raw ghost", tuple{i: netRaw, blocked: chown}},
		"deferred, none decides":               {"keepcaps defer", "none ghost", tuple{blocked: chown}},
		"not deferred, all lets it through":    {"", "all ghost", ofOther},
		"deferred, blocked bits of both count": {"keepcaps defer", "!cap_kill ghost", tuple{blocked: chown | kill}},
	} {
		for _, caller := range []string{"alpha", "root"} {
			t.Run(name+", "+caller+" calls", func(t *testing.T) {
				policy(t, c.rules+"\n")
				stack(t, withModule(caller, c.args))
				s := inspect(t, call{caller: caller, args: []string{"ghost"}})
				expectTuple(t, s, c.want)
				expectUser(t, s, "ghost")
			})
		}
	}
}
