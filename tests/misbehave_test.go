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
				// after _exit nothing of capsu's runs any more; su's answer is the same
				if out == "" && r.status == 0 && deed != "_exit" {
					t.Errorf("status 0 without a session; %q", r.stderr)
				}
				if got := sessions(); out != "" && !strings.Contains(got, "close_session") && !ends[deed] && deed != "limits" {
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

// A module that never returns holds the monitor's only thread for PAM: what the
// front passes on waits with it. The caller gets his shell back by SIGKILL, which
// nobody can keep from the front; the monitor is root's to end.
func TestCallerOfAModuleThatHangsIsFreeByKill(t *testing.T) {
	compile(t, "/opt/misbehave.so", "-shared", "-fPIC", "modules/misbehave.c", "-lpam")
	must(t, "install", "-d", "-m", "777", gates)
	t.Cleanup(func() { os.RemoveAll(gates) })
	for _, phase := range pamPhases {
		t.Run(phase, func(t *testing.T) {
			reached := gates + "/" + phase
			stack(t, strings.ReplaceAll(misbehaving(phase+"=hang"), "/opt/reached", reached))
			cmd := call{args: []string{"ghost", "-c", "exit 3"}}.command(t.Context())
			cmd.Stdin = strings.NewReader(password + "\n")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the module", func() bool { _, err := os.Stat(reached); return err == nil })
			cmd.Process.Signal(syscall.SIGTERM) // waits for the module
			cmd.Process.Kill()
			cmd.Wait()
			if status := shellStatus(cmd.ProcessState); status != 137 {
				t.Errorf("status %d", status)
			}
			left := processes()
			if len(left) != 1 {
				t.Errorf("processes %q, not the monitor alone", left)
			}
			for _, pid := range left {
				must(t, "kill", "-KILL", pid)
			}
			eventually(t, "the monitor's end", func() bool { return len(processes()) == 0 })
		})
	}
}
