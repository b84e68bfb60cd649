//go:build privileged

package tests

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A limit that modules set holds for the session, or the refusal names it. The monitor neither
// crashes nor hangs.
func TestLimitsThatPamLimitsSets(t *testing.T) {
	stack(t, limiting())
	for _, limit := range []struct {
		name, proc string // as in limits.conf, and in /proc/PID/limits
		unit       uint64
		values     []uint64
	}{
		{"nproc", "Max processes", 1, []uint64{0, 1, 16, 500}},
		{"sigpending", "Max pending signals", 1, []uint64{0, 1, 63, 64, 500}},
		{"nofile", "Max open files", 1, []uint64{0, 1, 15, 16, 64}},
		{"as", "Max address space", 1024, []uint64{0, 1, 1000000, 4000000}},
		{"data", "Max data size", 1024, []uint64{0, 1, 1000, 200000}},
		{"fsize", "Max file size", 1024, []uint64{0, 1, 1000}},
		{"stack", "Max stack size", 1024, []uint64{0, 1, 128, 8192}},
		{"memlock", "Max locked memory", 1024, []uint64{0, 1}},
	} {
		for _, value := range limit.values {
			t.Run(fmt.Sprint(limit.name, " ", value), func(t *testing.T) {
				file(t, "/etc/security/limits.conf", fmt.Sprintf("ghost hard %s %d\n", limit.name, value), 0o644)
				sessions := recorded(t)
				r := capsu(t, "ghost", "-c", "while read -r line; do case $line in '"+limit.proc+
					"'*) echo $line;; esac; done </proc/self/limits")
				want := fmt.Sprintf("%s %d %[2]d", limit.proc, value*limit.unit)
				switch {
				case strings.HasPrefix(r.stdout, want):
				case r.stdout != "":
					t.Errorf("the session has %q, want %q", r.stdout, want)
				case limit.name == "stack" && (r.status == 137 || r.status == 139):
					// the kernel ends the shell in exec: there is no room to start it
				default:
					if r.status == 0 || !strings.Contains(strings.ToLower(r.stderr), limit.name) {
						t.Errorf("status %d, and the limit is not named: %q", r.status, r.stderr)
					}
				}
				if strings.Contains(r.stderr, "Authentication failure") || strings.Contains(r.stderr, "goroutine") ||
					strings.Contains(r.stderr, "fatal error") {
					t.Errorf("stderr %q", r.stderr)
				}
				if got := sessions(); strings.Contains(got, "open_session") && !strings.Contains(got, "close_session") {
					// pam_exec needs a file and a process to write the record, and the limit
					// may allow none
					if limit.name != "nproc" && limit.name != "nofile" && limit.name != "as" && limit.name != "data" &&
						limit.name != "fsize" && limit.name != "stack" {
						t.Errorf("records %q", got)
					}
				}
			})
		}
	}
}

// The same with limits of the caller, which hold from the start.
func TestLimitsOfTheCaller(t *testing.T) {
	for _, limit := range []string{"as", "data", "fsize", "nofile", "nproc", "sigpending", "stack", "cpu", "rttime",
		"core", "memlock", "msgqueue", "nice", "rss", "rtprio", "locks"} {
		hard := must(t, "prlimit", "--raw", "--noheadings", "--output", "HARD", "--"+limit)
		most, err := strconv.ParseUint(strings.TrimSpace(hard), 10, 64)
		if err != nil {
			most = 1 << 62 // unlimited
		}
		for _, value := range []uint64{0, 1, 3, 64, 100000} {
			if value > most {
				continue // it cannot be set without privilege
			}
			for _, kind := range []string{fmt.Sprintf("%d:%[1]d", value), fmt.Sprintf("%d:", value)} {
				t.Run(limit+" "+kind, func(t *testing.T) {
					r := call{wrapper: []string{"prlimit", "--" + limit + "=" + kind},
						args: []string{"ghost", "-c", "echo in"}}.run(t)
					switch {
					case r.status == 0 && r.stdout == "in\n":
					case r.status == 1 && strings.Contains(r.stderr, "RLIMIT_"+strings.ToUpper(limit)):
					case strings.Contains(r.stderr, "capsu: ") && r.stdout == "" &&
						strings.Contains(strings.ToUpper(r.stderr), "RLIMIT_"+strings.ToUpper(limit)):
						// capsu names the limit under which the kernel refused exec
					case !strings.Contains(r.stderr, "capsu: ") && !strings.Contains(r.stderr, "Password") && r.status >= 126:
						// under the limit neither sh nor capsu can start
					case limit == "stack" && r.status > 128 && r.stdout == "":
						// the session's shell cannot start under the caller's limit
					case limit == "cpu" && value == 0 && r.status == 128+int(syscall.SIGXCPU):
						// the kernel kills a process that runs at a tick of the clock, also the
						// front
					default:
						t.Errorf("status %d, stdout %q, stderr %q", r.status, r.stdout, r.stderr)
					}
					for _, crash := range []string{"goroutine", "fatal error", "SIGABRT", "SIGSEGV", "panic",
						"Authentication failure"} {
						if strings.Contains(r.stderr, crash) {
							t.Errorf("stderr %q", r.stderr)
						}
					}
				})
			}
		}
	}
}

// With such a limit the kernel would kill the monitor of a real-time caller, at any moment.
func TestRealTimeCallerWithLittleTimeIsRefused(t *testing.T) {
	run := func(rttime, policy string) result {
		t.Helper()
		r := call{args: []string{"ghost", "-c",
			"chrt -p $$ | grep -o SCHED_.*; grep -o 'timeout *[0-9]*' /proc/self/limits | tr -s ' '"}}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		as := r.command(ctx) // root may set such a priority
		cmd := exec.CommandContext(ctx, "chrt",
			append([]string{policy, "10", "prlimit", "--rttime=" + rttime}, as.Args...)...)
		if policy == "-o" {
			cmd.Args[2] = "0"
		}
		var out, errs strings.Builder
		cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = as.Env, strings.NewReader(password+"\n"), &out, &errs
		cmd.Run()
		return result{stdout: out.String(), stderr: errs.String(), status: shellStatus(cmd.ProcessState)}
	}
	for _, policy := range []string{"-f", "-r"} {
		expectRefusal(t, run("9000000:9000000", policy), "RLIMIT_RTTIME", "hint: ")
	}
	expectRun(t, run("9000000:unlimited", "-f"), "SCHED_FIFO\ntimeout 9000000\n")
	expectRun(t, run("9000000:9000000", "-o"), "SCHED_OTHER\ntimeout 9000000\n")
}

// The target may fill its own queue of signals. The monitor has another.
func TestTargetWithAFullSignalQueue(t *testing.T) {
	compile(t, "/opt/fill", "programs/fill.c")
	cmd := call{caller: "ghost", program: "/opt/fill"}.command(t.Context())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	s := begin(t, call{args: []string{"ghost"}}, "exec sleep 600")
	s.cmd.Process.Signal(os.Interrupt)
	if got := s.wait(t); got != 130 {
		t.Errorf("status %d, %s", got, s.errs)
	}
}
