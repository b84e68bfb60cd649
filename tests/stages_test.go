//go:build privileged

package tests

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"capsu/privilege"

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
	must(t, "gcc", append([]string{"-O1", "-Wall", "-o", to}, args...)...)
	t.Cleanup(func() { os.Remove(to) })
}

// stage is a point in a session at which everything stands still.
type stage struct {
	name string
	gate string // pam_wait's phase, or nothing
}

var stages = []stage{
	{"prompt", ""}, {"auth", "auth"}, {"fail delay", ""}, {"account", "account"}, {"setcred", "setcred"},
	{"open_session", "open"}, {"session", ""}, {"close_session", "close"}, {"delete cred", "delete"},
}

// held is a session that stands still at a stage.
type held struct {
	front, monitor string
	shell          string // in the session; else nothing
	release        func() // lets it go on, and waits for its end
	status         func() int
}

// hold starts a session of alpha's as ghost and stops it at a stage.
func hold(t *testing.T, st stage) held {
	t.Helper()
	compile(t, "/opt/wait.so", "-shared", "-fPIC", "modules/wait.c", "-lpam")
	stack(t, waiting)
	must(t, "install", "-d", "-m", "777", gates)
	t.Cleanup(func() { os.RemoveAll(gates) })
	gate := filepath.Join(gates, st.gate)
	if st.gate != "" {
		file(t, gate, "", 0o666)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	cmd := call{args: []string{"ghost", "-c", "echo $$; read -r line; exit 3"}}.command(ctx)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs lockedBuffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	h := held{front: fmt.Sprint(cmd.Process.Pid)}
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
	h.monitor = strings.TrimSpace(must(t, "ps", "-o", "pid=", "--ppid", h.front))
	switch st.name {
	case "prompt":
		return h
	case "fail delay":
		fmt.Fprintln(in, "wrong")
		time.Sleep(500 * time.Millisecond) // of at least 1.5 seconds
		return h
	}
	fmt.Fprintln(in, password)
	if st.name == "session" || st.name == "close_session" || st.name == "delete cred" {
		var line [32]byte
		n, err := out.Read(line[:])
		if err != nil {
			t.Fatalf("%v: %s", err, errs.String())
		}
		h.shell = strings.TrimSpace(string(line[:n]))
	}
	if st.name == "close_session" || st.name == "delete cred" {
		fmt.Fprintln(in, "go on")
		h.shell = ""
	}
	if st.gate != "" {
		eventually(t, st.name, func() bool { _, err := os.Stat(gate + ".reached"); return err == nil })
	}
	go io.Copy(io.Discard, out)
	if st.name == "session" {
		// the shell runs; the monitor has one thing left to do before it waits
		eventually(t, "the monitor's wait", func() bool {
			where, _ := os.ReadFile("/proc/" + h.monitor + "/wchan")           // not before it has written its records
			tasks, _ := filepath.Glob("/proc/" + h.monitor + "/task/*/status") // one after the other, the leader not the last
			for _, task := range tasks {
				status, _ := os.ReadFile(task)
				if !strings.Contains(string(status), fmt.Sprintf("CapPrm:\t%016x\nCapEff:\t%016x\n", closingSet, 0)) {
					return false
				}
			}
			return len(tasks) > 0 && strings.Contains(string(where), "poll")
		})
	}
	return h
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
		if on, _ := set.GetFlag(cap.Permitted, c); on && privilege.Bounded(c) {
			bits |= 1 << c
		}
	}
	return bits
}

const closingSet = 1<<cap.SETUID | 1<<cap.SETGID | 1<<cap.SETPCAP | 1<<cap.KILL | 1<<cap.CHOWN | 1<<cap.AUDIT_WRITE

func id(t *testing.T, option, name string) string {
	t.Helper()
	return strings.TrimSpace(must(t, "id", option, name))
}

func TestEveryThreadIsAsTheStageSays(t *testing.T) {
	guard, ghost := id(t, "-u", "capsu"), id(t, "-u", "ghost")
	guardGroup, ghostGroup := id(t, "-g", "capsu"), id(t, "-g", "ghost")
	all := fileSet(t)
	four := func(ids ...string) string { return strings.Join(ids, " ") }
	alone, aloneGroup := four(guard, guard, guard, guard), four(guardGroup, guardGroup, guardGroup, guardGroup)
	split, targetGroup := four(guard, ghost, guard, ghost), four(ghostGroup, ghostGroup, ghostGroup, ghostGroup)
	for _, st := range stages {
		t.Run(st.name, func(t *testing.T) {
			h := hold(t, st)
			uid, gid, groups, prm, eff := split, targetGroup, ghostGroup, all, all
			switch st.name {
			case "prompt", "auth", "fail delay", "account":
				uid, gid, groups = alone, aloneGroup, ""
			case "setcred", "open_session":
				eff = all &^ (1<<cap.DAC_OVERRIDE | 1<<cap.DAC_READ_SEARCH | 1<<cap.FOWNER)
			case "session", "close_session", "delete cred":
				prm, eff = closingSet, closingSet
			}
			if st.name == "prompt" || st.name == "session" {
				eff = 0
			}
			tasks, err := filepath.Glob("/proc/" + h.monitor + "/task/*")
			if err != nil || len(tasks) < 3 {
				t.Fatalf("%d threads, %v", len(tasks), err)
			}
			want := map[string]string{
				"Uid": uid, "Gid": gid, "Groups": groups, "CapInh": fmt.Sprintf("%016x", 0), "CapAmb": fmt.Sprintf("%016x", 0),
				"CapPrm": fmt.Sprintf("%016x", prm), "CapEff": fmt.Sprintf("%016x", eff), "NoNewPrivs": "0",
			}
			for _, task := range tasks {
				s := session{status: map[string]string{}, fds: map[string]string{}}
				readProc(t, &s, strings.TrimPrefix(task, "/proc/"))
				for field, value := range want {
					if s.status[field] != value {
						t.Errorf("%s: %s is %q, want %q", task, field, s.status[field], value)
					}
				}
			}
			// the front: the caller's, and nothing
			s := session{status: map[string]string{}, fds: map[string]string{}}
			readProc(t, &s, h.front)
			alpha := id(t, "-u", "alpha")
			for field, value := range map[string]string{"Uid": four(alpha, alpha, alpha, alpha), "CapPrm": "0000000000000000", "NoNewPrivs": "1", "Threads": "1"} {
				if s.status[field] != value {
					t.Errorf("front: %s is %q, want %q", field, s.status[field], value)
				}
			}
		})
	}
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
