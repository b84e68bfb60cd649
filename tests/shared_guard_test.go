//go:build privileged

package tests

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// All sessions have the same guard. What one caller holds open must not be counted against
// another caller.

// holdMany holds many calls of alpha's open until the test ends, and waits until each has said
// word. Their input has a text, and no end.
func holdMany(t *testing.T, many int, input, word string, args ...string) {
	t.Helper()
	var held []*exec.Cmd
	var all []*lockedBuffer
	t.Cleanup(func() {
		for _, cmd := range held {
			cmd.Process.Signal(syscall.SIGTERM)
		}
		for _, cmd := range held {
			cmd.Wait()
		}
		awaitNoProcess(t)
	})
	for range many {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { write.Close() })
		if _, err := write.WriteString(input); err != nil {
			t.Fatal(err)
		}
		cmd, said := call{args: args}.command(context.Background()), &lockedBuffer{}
		cmd.Stdin, cmd.Stdout, cmd.Stderr = read, said, said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		read.Close()
		held, all = append(held, cmd), append(all, said)
	}
	for _, said := range all {
		eventually(t, word, func() bool { return strings.Contains(said.String(), word) })
	}
}

// compared runs a call of beta's with both programs, and expects the same result.
func compared(t *testing.T, wrapper []string) {
	t.Helper()
	run := func(path string) result {
		return call{caller: "beta", program: path, wrapper: wrapper, args: []string{"ghost", "-c", "echo in"}}.run(t)
	}
	theirs, ours := run(su), run(program)
	if theirs.stdout != ours.stdout || (theirs.status == 0) != (ours.status == 0) {
		t.Errorf("capsu: %+v\nsu: %+v", ours, theirs)
	}
}

// Sixty prompts of one user had another user refused whose limit of processes was 300: each
// prompt was some five threads of the guard's.
func TestPromptsOfOneCallerCountAgainstNoOther(t *testing.T) {
	suAndCapsu(t, service)
	holdMany(t, 60, "", "Password: ", "ghost")
	for _, n := range []string{"1000", "300", "200", "60", "12", "4"} {
		t.Run(n, func(t *testing.T) {
			wrapper := words("prlimit", "--nproc="+n+":"+n)
			compared(t, wrapper)
			r := call{caller: "beta", wrapper: wrapper, args: []string{"ghost", "-c", "echo in"}}.run(t)
			expectRun(t, r, "in\n")
		})
	}
}

func TestSessionsOfOneCallerCountAgainstNoOther(t *testing.T) {
	suAndCapsu(t, service)
	holdMany(t, 20, password+"\n", "it runs", "ghost", "-c", "echo it runs; exec sleep 600")
	for _, n := range []string{"100", "60", "30"} { // ghost has twenty processes itself
		wrapper := words("prlimit", "--nproc="+n+":"+n)
		compared(t, wrapper)
		r := call{caller: "beta", wrapper: wrapper, args: []string{"ghost", "-c", "echo in"}}.run(t)
		expectRun(t, r, "in\n")
	}
	compared(t, words("prlimit", "--nproc=10:10")) // the target has more by itself
}

// A caller who has reached the limit of processes is refused, as under su.
func TestACallerWhoIsFullIsRefusedAsUnderSu(t *testing.T) {
	suAndCapsu(t, service)
	var sleepers []*exec.Cmd
	for range 5 {
		cmd := exec.Command("setpriv", "--reuid", "beta", "--regid", "beta", "--init-groups", "sleep", "600")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		sleepers = append(sleepers, cmd)
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	}
	for _, cmd := range sleepers {
		eventually(t, "the sleeper", func() bool { return running(cmd.Process.Pid, "sleep") })
	}
	for _, n := range []string{"1", "3", "5", "6", "7", "20"} {
		t.Run(n, func(t *testing.T) { compared(t, words("prlimit", "--nproc="+n+":"+n)) })
	}
}

// Signals to threads needed room in the caller's queue. Now capsu sends none.
func TestACallerWithoutPendingSignalsHasSessions(t *testing.T) {
	for _, n := range []string{"0", "1", "63"} {
		limit := words("prlimit", "--sigpending="+n+":"+n)
		r := call{wrapper: limit, args: []string{"ghost", "-c", "grep -o 'pending.*' /proc/self/limits | tr -s ' '"}}.run(t)
		expectRun(t, r, "pending signals "+n+" "+n+" signals \n")
	}
	s := begin(t, call{wrapper: words("prlimit", "--sigpending=0:0"), args: []string{"ghost"}}, "exec sleep 600")
	s.cmd.Process.Signal(syscall.SIGTERM)
	if status := s.wait(t); status != 143 {
		t.Errorf("status %d, %s", status, bytes.TrimSpace(s.errs.Bytes()))
	}
}
