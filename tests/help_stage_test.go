//go:build privileged

package tests

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Stages: a session that is held at one point.

// gates is the directory in which modules/wait.c looks for its gates, a file for each phase.
// The module waits while the file exists.
const gates = "/opt/gates"

// waiting is the usual service with that module in every phase.
const waiting = `auth required pam_unix.so
auth required /opt/wait.so ` + gates + `
account required pam_unix.so
account required /opt/wait.so ` + gates + `
session required pam_unix.so
session required /opt/wait.so ` + gates + `
session optional pam_exec.so quiet type=open_session /opt/record
session optional pam_exec.so quiet type=close_session /opt/record
`

// makeGates makes the directory of the gates for the time of a test.
func makeGates(t *testing.T) {
	t.Helper()
	must(t, "install", "-d", "-m", "777", gates)
	t.Cleanup(func() { os.RemoveAll(gates) })
}

// stage is a point of a session at which a test can hold it.
type stage struct {
	name string
	gate string // of wait.c; "" if it is held in another way
}

// stages are all of them, in order. In "helper" a module waits for a program that it has
// started. In "child" the session's first process waits before it executes the shell.
var stages = []stage{
	{"prompt", ""}, {"auth", "auth"}, {"fail delay", ""}, {"account", "account"}, {"setcred", "setcred"},
	{"open_session", "open"}, {"helper", "helper"}, {"child", "child"}, {"session", ""}, {"close_session", "close"},
	{"delete cred", "delete"}, {"end", "end"},
}

// closing tells whether the session is over at a stage.
func (st stage) closing() bool {
	return st.name == "close_session" || st.name == "delete cred" || st.name == "end"
}

// held is a session that is held at a stage.
type held struct {
	front, monitor string
	shell          string // of the session, once it runs
	waiting        string // the process that waits at a gate
	release        func() // lets the session go on, and waits for its end
	status         func() int
}

// hold starts a session of alpha's as ghost and holds it at a stage.
func hold(t *testing.T, st stage) held { t.Helper(); return holdOf(t, program, st) }

// holdOf is hold for capsu or su. Of su, front and monitor are the same process.
func holdOf(t *testing.T, path string, st stage) held {
	t.Helper()
	compile(t, "/opt/wait.so", "-shared", "-fPIC", "modules/wait.c", "-lpam")
	text := waiting
	if st.name == "fail delay" { // long enough for any test on any machine: release ends it
		text = "auth optional pam_faildelay.so delay=60000000\n" + text
	}
	suAndCapsu(t, text)
	makeGates(t)
	gate := filepath.Join(gates, st.gate)
	if st.gate != "" {
		file(t, gate, "", 0o666)
	}
	ctx, cancel := context.WithTimeout(context.Background(), lifetime)
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
		if st.name == "fail delay" {
			exec.Command("kill", "-KILL", h.monitor).Run()
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
		eventually(t, "the delay", func() bool {
			where, _ := os.ReadFile("/proc/" + h.monitor + "/wchan")
			return strings.Contains(string(where), "nanosleep")
		})
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
