//go:build privileged

package bench

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	program = "/opt/bin/capsu"
	much    = 100 << 20 // bytes that go through a session's terminal
)

// permitted makes two accounts, and a service that asks for no password.
func permitted(t *testing.T) {
	t.Helper()
	for _, user := range []string{"alpha", "ghost"} {
		must(t, "useradd", "-m", "-s", "/bin/sh", user)
	}
	write(t, "/etc/pam.d/capsu",
		"auth required pam_permit.so\naccount required pam_permit.so\nsession required pam_permit.so\n")
}

func asAlpha(args ...string) *exec.Cmd {
	cmd := exec.Command("setpriv", append([]string{"--reuid", "alpha", "--regid", "alpha", "--init-groups"}, args...)...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/bin:/bin", "SHELL=/bin/sh"}
	return cmd
}

// through runs a command that writes much to a pipe, reads it, and returns the time from the
// first byte to the last.
func through(t *testing.T, args ...string) time.Duration {
	t.Helper()
	cmd := asAlpha(args...)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1<<16)
	n, err := io.ReadFull(out, buf[:1])
	began := time.Now()
	for more := 0; err == nil; n += more {
		more, err = out.Read(buf)
	}
	took := time.Since(began)
	cmd.Wait()
	if n != much {
		t.Fatalf("%q: %d bytes of %d: %v", args, n, much, err)
	}
	return took
}

func TestThroughput(t *testing.T) {
	permitted(t)
	command := fmt.Sprintf("head -c %d /dev/zero", much)
	var script, capsu []float64
	var ratios []float64
	for range rounds {
		a := through(t, "script", "-qc", command, "/dev/null").Seconds()
		b := through(t, program, "-P", "ghost", "-c", command).Seconds()
		script, capsu, ratios = append(script, a), append(capsu, b), append(ratios, a/b)
	}
	for _, list := range [][]float64{script, capsu, ratios} {
		slices.Sort(list)
	}
	ratio := ratios[rounds/2]
	fmt.Printf("%-46s %10s %13s %8s\n", "100 MB through a pseudo-terminal", "script -qc", "capsu -P", "ratio")
	fmt.Printf("%-46s %5.0f MB/s %8.0f MB/s %8.2f\n", "rate, median", much/1e6/script[rounds/2],
		much/1e6/capsu[rounds/2], ratio)
	if ratio < 0.8 {
		t.Errorf("ratio of rates %.2f, all %.2f; at least 0.8 is wanted", ratio, ratios)
	}
	copiesNothing(t)
}

// copiesNothing checks that without a pseudo-terminal no byte of the session goes through the
// monitor: meanwhile it neither reads nor writes.
func copiesNothing(t *testing.T) {
	cmd := asAlpha(program, "-T", "ghost", "-c", fmt.Sprintf("echo; read go; head -c %d /dev/zero; read end", much))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err == nil {
		_, err = io.ReadFull(out, make([]byte, 1))
	}
	if err != nil {
		t.Fatal(err)
	}
	monitor := must(t, "ps", "-o", "pid=", "--ppid", fmt.Sprint(cmd.Process.Pid))
	done := func() string {
		text, err := os.ReadFile(filepath.Join("/proc", monitor, "io"))
		if err != nil {
			t.Fatal(err)
		}
		counts, _, _ := strings.Cut(string(text), "read_bytes") // rchar wchar syscr syscw
		return counts
	}
	before := done()
	end := time.Now().Add(time.Minute)
	for since := time.Now(); time.Since(since) < 300*time.Millisecond; time.Sleep(10 * time.Millisecond) {
		if now := done(); now != before {
			before, since = now, time.Now()
		}
		if time.Now().After(end) {
			t.Fatal("the monitor does not come to rest")
		}
	}
	io.WriteString(in, "\n")
	if n, err := io.CopyN(io.Discard, out, much); n != much {
		t.Fatalf("%d bytes of %d: %v", n, much, err)
	}
	after := done()
	io.WriteString(in, "\n")
	cmd.Wait()
	fmt.Printf("%-46s %s\n", "100 MB without one: the monitor's own, before", strings.Join(strings.Fields(before), " "))
	fmt.Printf("%-46s %s\n", "after", strings.Join(strings.Fields(after), " "))
	if before != after {
		t.Error("the monitor has read or written")
	}
}
