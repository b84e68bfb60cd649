//go:build privileged

package tests

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// misbehaving is the usual stack with modules/misbehave.c in every phase.
func misbehaving(deeds string) string {
	text := service
	for _, phase := range []string{"auth", "account", "session"} {
		text = strings.Replace(text, phase+" required pam_unix.so", phase+" required /opt/misbehave.so FILE=/opt/reached "+deeds+"\n"+phase+" required pam_unix.so", 1)
	}
	return text
}

var pamPhases = []string{"auth", "account", "setcred", "open", "close", "delete"}

// crashText is what no caller may see, whatever a module does.
func crashText(t *testing.T, r result) {
	t.Helper()
	for _, word := range []string{"goroutine", "panic", "fatal error", "runtime", "SIGSEGV", "SIGABRT", "PC="} {
		if strings.Contains(r.stderr, word) {
			t.Errorf("crash text: %s", r.stderr)
			return
		}
	}
}

// What a module does is a clean refusal, or the session as decided: never
// another identity, never a hang, never a crash text. session says, for each
// phase, whether there is one.
func TestModulesThatMisbehave(t *testing.T) {
	compile(t, "/opt/misbehave.so", "-shared", "-fPIC", "modules/misbehave.c", "-lpam")
	in := func(phases ...string) map[string]bool {
		all := map[string]bool{}
		for _, p := range phases {
			all[p] = true
		}
		return all
	}
	everywhere, late := in(pamPhases...), in("close", "delete")
	for deed, session := range map[string]map[string]bool{
		"messages0": late, "messages-1": late, "messages33": late, "style": late,
		"null": everywhere, "children": everywhere, "handlers": everywhere, "leak": everywhere, "end": everywhere,
		"uid": late, "limits": late, "nnp": everywhere,
		"exit": late, "_exit": late, "abort": late, "crash": late, "kill": late,
	} {
		for _, phase := range pamPhases {
			t.Run(deed+" in "+phase, func(t *testing.T) {
				stack(t, misbehaving(phase+"="+deed))
				file(t, "/opt/reached", "", 0o666)
				sessions := recorded(t)
				r := capsu(t, "ghost", "-c", "id -un; exit 3")
				crashText(t, r)
				out := strings.TrimLeft(r.stdout, "\n") // messages without text are empty lines
				if session[phase] != (out == "ghost\n") || out != "" && out != "ghost\n" {
					t.Errorf("status %d, stdout %q, stderr %q", r.status, r.stdout, r.stderr)
				}
				if out == "" && r.status == 0 {
					t.Errorf("status 0 without a session; %q", r.stderr)
				}
				if got := sessions(); out != "" && !strings.Contains(got, "close_session") && !ends[deed] {
					t.Errorf("PAM was not closed: %q", got)
				}
				if pid := strings.TrimSpace(must(t, "cat", "/opt/reached")); pid != "" {
					must(t, "kill", "-KILL", pid) // it is there: nobody took it for the session
				}
				eventually(t, "the end of capsu's processes", func() bool { return len(processes()) == 0 })
			})
		}
	}
}

// ends are the deeds after which nobody is there to close PAM.
var ends = map[string]bool{"exit": true, "_exit": true, "abort": true, "crash": true, "kill": true}

// A module that never returns holds the monitor's only thread for PAM. Its
// caller gets his shell back all the same.
func TestModuleThatHangsDoesNotHoldItsCaller(t *testing.T) {
	compile(t, "/opt/misbehave.so", "-shared", "-fPIC", "modules/misbehave.c", "-lpam")
	for _, phase := range pamPhases {
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGKILL} {
			t.Run(phase+" and "+sig.String(), func(t *testing.T) {
				stack(t, misbehaving(phase+"=hang"))
				os.Remove("/opt/reached")
				must(t, "chmod", "777", "/opt")
				t.Cleanup(func() { os.Remove("/opt/reached"); must(t, "chmod", "755", "/opt") })
				cmd := call{args: []string{"ghost", "-c", "exit 3"}}.command(t.Context())
				cmd.Stdin = strings.NewReader(password + "\n")
				var errs lockedBuffer
				cmd.Stderr = &errs
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				done := make(chan struct{})
				go func() { cmd.Wait(); close(done) }()
				eventually(t, "the module", func() bool { _, err := os.Stat("/opt/reached"); return err == nil })
				cmd.Process.Signal(sig)
				eventually(t, "the end of the caller's wait", func() bool {
					select {
					case <-done:
						return true
					default:
						return false
					}
				})
				t.Logf("status %d, %q, processes %v", shellStatus(cmd.ProcessState), errs.String(), processes())
				for _, pid := range processes() {
					must(t, "kill", "-KILL", pid)
				}
			})
		}
	}
}
