//go:build privileged

package tests

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

var (
	stateCases = flag.Int("state.cases", 500, "random states of the caller to try")
	stateSeed  = flag.Uint64("state.seed", 20261124, "seed for them")
)

// oddity is a state that survives execve, in the words of programs/odd.c.
type oddity struct {
	words string
	// the refusal's message, if there is no session
	refused string
	// changes what the session is expected to have
	expect func(*expected)
}

// expected is what /proc says of the session.
type expected struct {
	fields     map[string]string
	securebits int
	bounding   uint64
	ignored    uint64
	blocked    uint64
}

func oddities() (all []oddity) {
	add := func(words, refused string, expect func(*expected)) {
		all = append(all, oddity{words, refused, expect})
	}
	for _, sig := range []int{1, 2, 3, 13, 14, 15, 17, 20, 21, 22, 23, 34, 64} {
		add(fmt.Sprint("ignore=", sig), "", func(e *expected) {
			if sig != 17 { // su, too, wants to hear of its child
				e.ignored |= 1 << (sig - 1)
			}
		})
	}
	for _, sig := range []int{1, 2, 10, 13, 14, 15, 17, 23, 27, 34, 64} {
		add(fmt.Sprint("block=", sig), "", func(e *expected) { e.blocked |= 1 << (sig - 1) })
	}
	for _, mask := range []string{"0000", "0027", "0777"} {
		add("umask="+mask, "", func(e *expected) { e.fields["Umask"] = mask })
	}
	add("nice=5", "", nil)
	add("nice=-5", "", nil)
	add("oom=500", "", nil)
	add("close=0", "prompt: end of input", nil)
	add("close=1", "", nil)
	add("extra=3", "", nil)
	add("extra=200", "", nil)
	add("nocwd", "", nil)
	for _, bits := range []int{0x1, 0x3, 0x4, 0xc, 0x5, 0xf, 0x20, 0x10} {
		add(fmt.Sprint("securebits=", bits), "", func(e *expected) { e.securebits = bits &^ 0x10 }) // exec clears KEEP_CAPS
	}
	add("securebits=8", "securebits: operation not permitted", nil) // NO_SETUID_FIXUP locked off
	add("securebits=64", "capability.conf:1: cap_net_raw: granted as Ambient, which the securebits", nil)
	add("securebits=192", "capability.conf:1: cap_net_raw: granted as Ambient, which the securebits", nil)
	for c := range cap.MaxBits() {
		bounded, err := cap.GetBound(c)
		if err != nil || !bounded {
			continue
		}
		refused := ""
		switch c {
		case cap.SETUID, cap.SETGID, cap.SETPCAP:
			refused = "bounding set: lacks " + c.String()
		case cap.NET_RAW, cap.KILL:
			refused = c.String() + ": not in the bounding set"
		case cap.DAC_READ_SEARCH, cap.DAC_OVERRIDE, cap.CHOWN, cap.FOWNER, cap.AUDIT_WRITE:
			// the service may work without it or not: decided or refused
		}
		add(fmt.Sprint("drop=", int(c)), refused, func(e *expected) { e.bounding &^= 1 << c })
	}
	add("inh", "", nil)
	add("amb", "", nil)
	add("nnp", "no_new_privs: ", nil)
	add("userns", "user namespace", nil)
	for _, entry := range []string{
		"GODEBUG=inittrace=1,schedtrace=1", "GOGC=1", "GOMAXPROCS=99", "GOMEMLIMIT=1", "GOTRACEBACK=crash",
		"GORACE=x", "GOCOVERDIR=/nowhere", "LD_PRELOAD=/nowhere.so", "LD_LIBRARY_PATH=/nowhere", "LD_DEBUG=all",
		"GCONV_PATH=/tmp", "LOCPATH=/tmp", "LANG=xx_XX.UTF-8", "LC_ALL=tr_TR",
		"TZ=/dev/zero", "TZ=:/etc/shadow", "NLSPATH=%s", "MALLOC_CHECK_=3", "MALLOC_PERTURB_=1",
		"HOSTALIASES=/etc/shadow", "TMPDIR=/nowhere",
		"no-equals", "=x", "TERM=", "PATH=", "POSIXLY_CORRECT=1", "XDG_SEAT=seat0", "A=1\nB=2",
		"GLIBC_TUNABLES=glibc.malloc.check=3",
	} {
		add("env="+entry, "", nil)
	}
	add("fill=1500000", "", nil)
	add("entries=50000", "", nil)
	add("noargs", "root: uid 0 is not a target", nil)
	add("args=100000", "", nil)
	add("stack=8388608", "", nil)
	return all
}

// dropped are capabilities of capsu without which this service may refuse.
var dropped = []cap.Value{cap.DAC_READ_SEARCH, cap.DAC_OVERRIDE, cap.CHOWN, cap.FOWNER, cap.AUDIT_WRITE}

// single are the kinds of oddity that a caller can have only once.
var single = []string{"securebits", "umask", "nice", "oom", "args", "userns", "fill"}

func TestWhateverStateTheCallerChooses(t *testing.T) {
	compile(t, "/opt/odd", "programs/odd.c")
	compile(t, "/opt/probe", "programs/probe.c")
	policy(t, "^cap_net_raw,cap_kill,!cap_chown ghost\n")
	seed := *stateSeed
	t.Logf("seed %d, %d cases", seed, *stateCases)
	pool := oddities()
	if exec.Command("/opt/odd", "0", "0", "userns", "--", "/bin/true").Run() != nil {
		// in a chroot the kernel allows no user namespace, so no caller has this state here
		t.Log("no user namespaces in this chroot; without them")
		pool = slices.DeleteFunc(pool, func(o oddity) bool { return o.words == "userns" })
	}
	var cases [][]oddity
	for _, o := range pool {
		cases = append(cases, []oddity{o}) // each alone
	}
	for random := rand.New(rand.NewPCG(seed, 1)); len(cases) < *stateCases; {
		var c []oddity
		kinds := map[string]bool{}
		for range 2 + random.IntN(5) {
			o := pool[random.IntN(len(pool))]
			kind, _, _ := strings.Cut(strings.TrimPrefix(o.words, "no"), "=")
			if slices.Contains(single, kind) && kinds[kind] {
				continue // the second would undo the first
			}
			kinds[kind] = true
			c = append(c, o)
		}
		cases = append(cases, c)
	}
	next := make(chan int)
	var workers sync.WaitGroup
	var mu sync.Mutex
	ran, refused, none := 0, 0, 0
	for n := range 3 {
		workers.Go(func() {
			for i := range next {
				session, complaint := tryState(t, n, cases[i])
				mu.Lock()
				switch {
				case session:
					ran++
				case complaint == noState:
					none++
				default:
					refused++
				}
				mu.Unlock()
				if complaint != "" && complaint != noState {
					var words []string
					for _, o := range cases[i] {
						words = append(words, o.words)
					}
					t.Errorf("case %d of seed %d: %q: %s", i, seed, words, complaint)
				}
			}
		})
	}
	for i := range cases {
		next <- i
	}
	close(next)
	workers.Wait()
	t.Logf("%d sessions, %d refusals, %d that the kernel starts nothing in", ran, refused, none)
	if none > len(cases)/50 || ran < len(cases)/4 || refused < len(cases)/10 {
		t.Errorf("%d sessions and %d refusals: the cases do not try both", ran, refused)
	}
}

// noState is the kernel's error if arguments and environment are so long that no program can
// start.
const noState = "Argument list too long"

// tryState runs one session in a state, and returns what is wrong with it.
func tryState(t *testing.T, worker int, state []oddity) (session bool, complaint string) {
	report := fmt.Sprintf("/opt/state%d", worker)
	if err := errors.Join(os.WriteFile(report, nil, 0o666), os.Chmod(report, 0o666)); err != nil {
		return false, err.Error()
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	want := expected{bounding: ownBounding(t) &^ chown, fields: map[string]string{"Umask": "0022"}}
	argv := []string{id(t, "-u", "alpha"), id(t, "-g", "alpha"), "env=TERM=dumb"}
	var refusals []string
	for _, o := range state {
		argv = append(argv, o.words)
		if o.refused != "" {
			refusals = append(refusals, o.refused)
		}
		if o.expect != nil {
			o.expect(&want)
		}
	}
	// options stand before the user, as POSIXLY_CORRECT needs them
	argv = append(argv, "--", program, "-s", "/opt/probe", "-c", report, "ghost")
	cmd := exec.CommandContext(ctx, "/opt/odd", argv...)
	var out, errs strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(password+"\n"), &out, &errs
	cmd.WaitDelay = 5 * time.Second
	cmd.Run()
	status := shellStatus(cmd.ProcessState)
	text, err := os.ReadFile(report)
	if err != nil {
		return false, err.Error()
	}
	switch {
	case ctx.Err() != nil:
		return false, "hangs: " + errs.String()
	case status >= 94 && status <= 99 && strings.Contains(errs.String(), "odd: exec: "+noState):
		return false, noState
	case status >= 94 && status <= 99:
		return false, "the test's own program failed: " + errs.String()
	}
	for _, crash := range []string{"goroutine", "fatal error", "panic:", "SIGABRT", "SIGSEGV", "internal error",
		"gc 1 @", "init ", "monitor: ended"} {
		if strings.Contains(errs.String()+out.String(), crash) {
			return false, "crash text: " + errs.String()
		}
	}
	if len(text) == 0 {
		return false, judgeRefusal(state, status, errs.String(), refusals)
	}
	if len(refusals) > 0 {
		return true, "a session, not " + refusals[0]
	}
	return true, want.judge(t, string(text))
}

func judgeRefusal(state []oddity, status int, stderr string, refusals []string) string {
	if status == 0 || !strings.Contains(stderr, "capsu: ") {
		return fmt.Sprintf("neither session nor message: status %d, %q", status, stderr)
	}
	if len(refusals) > 0 {
		for _, r := range refusals {
			if strings.Contains(stderr, r) {
				return ""
			}
		}
	}
	for _, o := range state {
		n, ok := strings.CutPrefix(o.words, "drop=")
		if c, err := strconv.Atoi(n); ok && err == nil && slices.Contains(dropped, cap.Value(c)) &&
			strings.Contains(stderr, "Authentication failure") {
			return ""
		}
	}
	return fmt.Sprintf("refused without need, or with other words than %q: status %d, %q", refusals, status, stderr)
}

// judge compares what the session wrote with what is expected.
func (e *expected) judge(t *testing.T, text string) string {
	got := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		got[name] = strings.Join(strings.Fields(value), " ")
	}
	// posix_spawn, by which make starts things, leaves the C library's own two ignored.
	if ignored, err := strconv.ParseUint(got["SigIgn"], 16, 64); err == nil {
		got["SigIgn"] = fmt.Sprintf("%016x", ignored&^(3<<31))
	}
	uid, gid := id(t, "-u", "ghost"), id(t, "-g", "ghost")
	e.fields["Uid"] = strings.Join([]string{uid, uid, uid, uid}, " ")
	e.fields["Gid"] = strings.Join([]string{gid, gid, gid, gid}, " ")
	e.fields["Groups"] = gid
	e.fields["NoNewPrivs"] = "0"
	e.fields["Securebits"] = strconv.Itoa(e.securebits)
	e.fields["Descriptors"] = "0 1 2"
	for field, bits := range map[string]uint64{
		"CapInh": netRaw | kill, "CapPrm": netRaw, "CapEff": netRaw, "CapAmb": netRaw,
		"CapBnd": e.bounding, "SigIgn": e.ignored, "SigBlk": e.blocked,
	} {
		e.fields[field] = fmt.Sprintf("%016x", bits)
	}
	for field, want := range e.fields {
		if got[field] != want {
			return fmt.Sprintf("%s is %q, want %q", field, got[field], want)
		}
	}
	return ""
}
