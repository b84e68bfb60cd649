//go:build privileged

package tests

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// gates is where pam_wait.so, a module of tests/modules, looks for its files.
const gates = "/opt/gates"

// waiting is the usual stack with pam_wait.so in every phase.
const waiting = `auth required pam_unix.so
auth required /opt/wait.so ` + gates + `
account required pam_unix.so
account required /opt/wait.so ` + gates + `
session required pam_unix.so
session required /opt/wait.so ` + gates + `
session optional pam_exec.so quiet type=open_session /opt/record
session optional pam_exec.so quiet type=close_session /opt/record
`

// compile builds a C source of tests/ for the time of a test.
func compile(t *testing.T, to string, args ...string) {
	t.Helper()
	must(t, "gcc", append([]string{"-O1", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-fstack-protector-strong",
		"-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=3", "-o", to}, args...)...)
	t.Cleanup(func() { os.Remove(to) })
}

// stage is a point in a session at which everything stands still.
type stage struct {
	name string
	gate string // pam_wait's phase, or nothing
}

// stages are all of them, in order. During "helper" a module waits for a
// program that it has started; during "child" the session's first process
// waits before it executes the shell.
var stages = []stage{
	{"prompt", ""}, {"auth", "auth"}, {"fail delay", ""}, {"account", "account"}, {"setcred", "setcred"},
	{"open_session", "open"}, {"helper", "helper"}, {"child", "child"}, {"session", ""}, {"close_session", "close"},
	{"delete cred", "delete"}, {"end", "end"},
}

// closing says whether the session is over at a stage.
func (st stage) closing() bool {
	return st.name == "close_session" || st.name == "delete cred" || st.name == "end"
}

// held is a session that stands still at a stage.
type held struct {
	front, monitor string
	shell          string // in the session; else nothing
	waiting        string // the process that waits, where that is not the monitor
	release        func() // lets it go on, and waits for its end
	status         func() int
}

// hold starts a session of alpha's as ghost and stops it at a stage.
func hold(t *testing.T, st stage) held { t.Helper(); return holdOf(t, program, st) }

// holdOf is hold for capsu or for su, whose one process is front and monitor.
func holdOf(t *testing.T, path string, st stage) held {
	t.Helper()
	compile(t, "/opt/wait.so", "-shared", "-fPIC", "modules/wait.c", "-lpam")
	suAndCapsu(t, waiting)
	must(t, "install", "-d", "-m", "777", gates)
	t.Cleanup(func() { os.RemoveAll(gates) })
	gate := filepath.Join(gates, st.gate)
	if st.gate != "" {
		file(t, gate, "", 0o666)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	cmd := call{program: path, args: []string{"ghost", "-c", "echo $$; read -r line; exit 3"}}.command(ctx)
	in, out := pipes(t, cmd)
	var errs lockedBuffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	h := held{front: fmt.Sprint(cmd.Process.Pid), monitor: fmt.Sprint(cmd.Process.Pid)}
	h.status = func() int { cmd.Wait(); return shellStatus(cmd.ProcessState) }
	h.release = func() {
		if st.gate != "" {
			os.Remove(gate)
		}
		in.Close()
		h.status()
	}
	t.Cleanup(h.release)
	eventually(t, "the prompt", func() bool { return strings.Contains(errs.String(), "Password: ") })
	if path != su {
		h.monitor = monitorOf(t, cmd.Process.Pid)
	}
	switch st.name {
	case "prompt":
		return h
	case "fail delay":
		fmt.Fprintln(in, "wrong")
		time.Sleep(500 * time.Millisecond) // of at least 1.5 seconds
		return h
	}
	fmt.Fprintln(in, password)
	if st.name == "session" || st.closing() {
		var line [32]byte
		n, err := out.Read(line[:])
		if err != nil {
			t.Fatalf("%v: %s", err, errs.String())
		}
		h.shell = strings.TrimSpace(string(line[:n]))
	}
	if st.closing() {
		fmt.Fprintln(in, "go on")
		h.shell = ""
	}
	if st.gate != "" {
		eventually(t, st.name, func() bool {
			pid, err := os.ReadFile(gate + ".reached")
			h.waiting = strings.TrimSpace(string(pid))
			return err == nil
		})
	}
	go io.Copy(io.Discard, out)
	if st.name == "session" && path != su {
		eventually(t, "the monitor's wait", func() bool { return waits(h.monitor) })
	}
	return h
}

// waits says whether a monitor has done the last things that it does once the
// shell runs: it writes its records, lets capabilities go, and waits.
func waits(monitor string) bool {
	where, _ := os.ReadFile("/proc/" + monitor + "/wchan")
	status, _ := os.ReadFile("/proc/" + monitor + "/status")
	return strings.Contains(string(where), "poll") &&
		strings.Contains(string(status), fmt.Sprintf("CapPrm:\t%016x\nCapEff:\t%016x\n", closingSet, 0))
}

// suAndCapsu replaces the service of both programs for the time of a test.
func suAndCapsu(t *testing.T, text string) {
	t.Helper()
	file(t, "/etc/pam.d/su", text, 0o644)
	stack(t, text)
}

// fileSet is the permitted set of the installed file, as bits, as far as this
// machine can give it.
func fileSet(t *testing.T) (bits uint64) {
	t.Helper()
	set, err := cap.GetFile(program)
	if err != nil {
		t.Fatal(err)
	}
	for c := cap.Value(0); c < cap.MaxBits(); c++ {
		if on, _ := set.GetFlag(cap.Permitted, c); on {
			bits |= 1 << c
		}
	}
	return bits & ownBounding(t)
}

const closingSet = 1<<cap.SETUID | 1<<cap.SETGID | 1<<cap.SETPCAP | 1<<cap.KILL | 1<<cap.CHOWN | 1<<cap.AUDIT_WRITE

func id(t *testing.T, option, name string) string {
	t.Helper()
	return strings.TrimSpace(must(t, "id", option, name))
}

// leaderHas is what the leader, the thread that runs PAM, has at a stage.
type leaderHas struct {
	uids                 string // real, effective, saved, and the file system's
	gid, groups          string
	permitted, effective uint64
}

// privileges says, stage by stage, what the leader is to the kernel:
// ARCHITECTURE.md has the same table. No other thread has any privilege.
func privileges(t *testing.T) map[string]leaderHas {
	t.Helper()
	guard, target := id(t, "-u", "capsu"), id(t, "-u", "ghost")
	row := func(uids, groupsOf string, permitted, effective uint64) leaderHas {
		gid := id(t, "-g", "alpha")
		return leaderHas{uids, four(gid), groupList(t, groupsOf), permitted, effective}
	}
	file, kept := fileSet(t), uint64(closingSet)
	inCall := strings.Join([]string{guard, "0", "0", "0"}, " ")
	between := strings.Join([]string{guard, target, guard, target}, " ")
	return map[string]leaderHas{
		"prompt":        row(four(guard), "alpha", file, 0),
		"auth":          row(inCall, "alpha", file, file),
		"fail delay":    row(inCall, "alpha", file, file),
		"account":       row(inCall, "alpha", file, file),
		"setcred":       row(inCall, "ghost", file, file),
		"open_session":  row(inCall, "ghost", file, file),
		"helper":        row(inCall, "ghost", file, file),
		"child":         row(between, "ghost", file, 0),
		"session":       row(between, "ghost", kept, 0),
		"close_session": row(inCall, "ghost", kept, kept),
		"delete cred":   row(inCall, "ghost", kept, kept),
		"end":           row(inCall, "ghost", kept, kept),
	}
}

// groupList is a user's groups as /proc shows them: in order.
func groupList(t *testing.T, user string) string {
	t.Helper()
	return strings.Join(strings.Fields(must(t, "sh", "-c", "id -G $0 | tr ' ' '\n' | sort -n", user)), " ")
}

func (p leaderHas) fields() map[string]string {
	return map[string]string{"Uid": p.uids, "Gid": p.gid, "Groups": p.groups, "CapInh": hex(0), "CapAmb": hex(0),
		"CapPrm": hex(p.permitted), "CapEff": hex(p.effective), "NoNewPrivs": "0"}
}

// Only the leader has privilege, and it has exactly what its stage needs.
func TestEveryThreadIsAsTheStageSays(t *testing.T) {
	leaders := privileges(t)
	for _, st := range stages {
		t.Run(st.name, func(t *testing.T) {
			h := hold(t, st)
			tasks, err := filepath.Glob("/proc/" + h.monitor + "/task/*")
			if err != nil || len(tasks) < 3 {
				t.Fatalf("%d threads, %v", len(tasks), err)
			}
			for _, task := range tasks {
				if filepath.Base(task) != h.monitor {
					expectPowerless(t, task)
					continue
				}
				status := statusOf(t, task)
				for field, want := range leaders[st.name].fields() {
					if status[field] != want {
						t.Errorf("the leader: %s is %q, want %q", field, status[field], want)
					}
				}
			}
			// The front is the caller's, and has nothing.
			status, alpha := statusOf(t, "/proc/"+h.front), id(t, "-u", "alpha")
			for field, value := range map[string]string{
				"Uid": four(alpha), "CapPrm": hex(0), "NoNewPrivs": "1", "Threads": "1",
			} {
				if status[field] != value {
					t.Errorf("front: %s is %q, want %q", field, status[field], value)
				}
			}
		})
	}
}

// expectPowerless checks that a thread can do nothing that the guard could not:
// no capability, no group, real and saved uid the guard's, and the effective
// one no more than uid 0, which is worth nothing by itself.
func expectPowerless(t *testing.T, task string) {
	t.Helper()
	status := statusOf(t, task)
	guard, guardGroup := id(t, "-u", "capsu"), id(t, "-g", "capsu")
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapAmb"} {
		if status[set] != hex(0) {
			t.Errorf("%s: %s is %s", task, set, status[set])
		}
	}
	uids := strings.Fields(status["Uid"])
	alone, root := []string{guard, guard, guard, guard}, []string{guard, "0", guard, "0"}
	if !slices.Equal(uids, alone) && !slices.Equal(uids, root) {
		t.Errorf("%s: its uids are %v", task, uids)
	}
	if status["Gid"] != four(guardGroup) || status["Groups"] != "" {
		t.Errorf("%s: gids %s, groups %q", task, status["Gid"], status["Groups"])
	}
}

// statusOf is /proc/PID/status of a process, or of a thread as PID/task/TID.
func statusOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	s := session{status: map[string]string{}, fds: map[string]string{}}
	readProc(t, &s, strings.TrimPrefix(dir, "/proc/"))
	return s.status
}

// pipes are a command's standard input and output.
func pipes(t *testing.T, cmd *exec.Cmd) (in io.WriteCloser, out io.Reader) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err = cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	return in, out
}

// lockedBuffer is a buffer that a command writes while a test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
