//go:build privileged

package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Whatever a module does, the result is a clean refusal or the session as decided: never
// another identity, a hang, or a crash text. The table has the phases with a session, by deed.
// capsu follows another user of a module's up to the account phase.
func TestModulesThatMisbehave(t *testing.T) {
	compile(t, "/opt/misbehave.so", "-shared", "-fPIC", "modules/misbehave.c", "-lpam")
	in := func(phases ...string) map[string]bool {
		all := map[string]bool{}
		for _, p := range phases {
			all[p] = true
		}
		return all
	}
	everywhere, late, talk := in(pamPhases...), in("close", "delete"), in("close", "delete", "end")
	for deed, session := range map[string]map[string]bool{
		"messages0": talk, "messages-1": talk, "messages33": talk, "style": talk,
		"null": everywhere, "children": everywhere, "handlers": everywhere, "leak": everywhere, "end": everywhere,
		"user": talk,
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
				want := map[bool]string{true: "ghost\n"}[session[phase]]
				if deed == "user" && (phase == "auth" || phase == "account") {
					want = "beta\n"
				}
				if out != want {
					t.Errorf("status %d, stdout %q, stderr %q", r.status, r.stdout, r.stderr)
				}
				if out == "" && r.status == 0 || out != "" && r.status != 3 && !ends[deed] || ends[deed] &&
					(r.status != 1 || !strings.HasPrefix(strings.TrimPrefix(r.stderr, "Password: "), "capsu: ")) {
					t.Errorf("status %d; %q", r.status, r.stderr)
				}
				if got := sessions(); out != "" && !strings.Contains(got, "close_session") && !ends[deed] {
					t.Errorf("PAM was not closed: %q", got)
				}
				for pid := range strings.FieldsSeq(must(t, "cat", "/opt/reached")) {
					must(t, "kill", "-KILL", pid) // it still runs: it was not taken for the session
				}
				awaitNoProcess(t)
			})
		}
	}
}

// ends are the deeds that end the monitor, so that PAM is not closed.
var ends = map[string]bool{"exit": true, "_exit": true, "abort": true, "crash": true, "kill": true}

const left = "capsu: a PAM module or the name service does not answer; it is left alone\n" +
	"capsu: hint: the system log may tell an administrator why\n"

// A module that never returns holds the monitor's only thread for PAM. Any signal to end gives
// its caller the shell back. Only root can end the monitor then.
func TestCallerOfAModuleThatHangsIsFreeBySignals(t *testing.T) {
	compile(t, "/opt/misbehave.so", "-shared", "-fPIC", "modules/misbehave.c", "-lpam")
	signals := []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT}
	for _, phase := range pamPhases {
		deeds := []string{"hang"}
		if phase == "auth" {
			deeds = append(deeds, "spin")
		}
		for _, deed := range deeds {
			t.Run(deed+" in "+phase, func(t *testing.T) {
				makeGates(t)
				stack(t, strings.ReplaceAll(misbehaving(phase+"="+deed), "/opt/reached", gates+"/hangs"))
				log := logged(t)
				var calls []*exec.Cmd
				said := make([]strings.Builder, len(signals))
				for i := range signals {
					cmd := call{args: []string{"ghost", "-c", "exit 3"}}.command(t.Context())
					cmd.Stdin, cmd.Stderr = strings.NewReader(password+"\n"), &said[i]
					if err := cmd.Start(); err != nil {
						t.Fatal(err)
					}
					calls = append(calls, cmd)
				}
				hanging := func() []string { all, _ := filepath.Glob(gates + "/hangs.*"); return all }
				eventually(t, "the modules", func() bool { return len(hanging()) == len(calls) })
				var ended atomic.Int32
				for _, cmd := range calls {
					go func() {
						cmd.Process.Wait() // not for its output: the monitor has that open
						ended.Add(1)
					}()
				}
				eventually(t, "their ends", func() bool {
					for i, cmd := range calls {
						cmd.Process.Signal(signals[i]) // again: in pam_end two processes hang, one after the other
						// other signals must not keep it from being heard
						cmd.Process.Signal(syscall.SIGWINCH)
					}
					time.Sleep(5 * time.Millisecond)
					return int(ended.Load()) == len(calls)
				})
				for _, file := range hanging() {
					exec.Command("kill", "-KILL", strings.TrimPrefix(file, gates+"/hangs.")).Run()
				}
				awaitNoProcess(t)
				for i, cmd := range calls {
					cmd.Wait()
					if !strings.HasSuffix(said[i].String(), left) {
						t.Errorf("%v: %q", signals[i], said[i].String())
					}
				}
				if got := strings.Count(log(),
					": does not answer; left by its caller, uid "+id(t, "-u", "alpha")); got != len(calls) {
					t.Errorf("%d times in the log: %q", got, log())
				}
			})
		}
	}
}

// A monitor that was left alone goes on. An attempt is recorded and opens no session. A session
// is closed.
func TestWhatHasBeenLeftGoesOnToItsEnd(t *testing.T) {
	compile(t, "/opt/wait.so", "-shared", "-fPIC", "modules/wait.c", "-lpam")
	stack(t, waiting)
	for phase, want := range map[string]string{"auth": "FAILED SU (to ghost) alpha on none: ",
		"close": "(to ghost) alpha on none iab=\n"} {
		t.Run(phase, func(t *testing.T) {
			makeGates(t)
			gate := gates + "/" + phase
			file(t, gate, "", 0o666)
			log, sessions := logged(t), recorded(t)
			cmd := call{args: []string{"ghost", "-c", "exit 3"}}.command(t.Context())
			cmd.Stdin = strings.NewReader(password + "\n")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			awaitFile(t, gate+".reached")
			cmd.Process.Signal(syscall.SIGINT)
			if state, err := cmd.Process.Wait(); err != nil || shellStatus(state) != 130 {
				t.Errorf("%v, status %d", err, shellStatus(state))
			}
			os.Remove(gate)
			awaitNoProcess(t)
			if got := log(); !strings.Contains(got, want) {
				t.Errorf("the log has %q", got)
			}
			if got := sessions(); strings.Contains(got, "open_session") != (phase == "close") ||
				strings.Count(got, "open_") != strings.Count(got, "close_") {
				t.Errorf("sessions %q", got)
			}
		})
	}
}

// The signal has ended the session. A slow closing after that does not count as a monitor that
// does not hear it.
func TestASlowClosingKeepsTheStatusOfTheSession(t *testing.T) {
	compile(t, "/opt/wait.so", "-shared", "-fPIC", "modules/wait.c", "-lpam")
	makeGates(t)
	stack(t, waiting)
	file(t, gates+"/close", "", 0o666)
	cmd := call{args: []string{"ghost", "-c",
		"trap 'exit 3' INT; touch " + gates + "/session; while :; do sleep 0.05; done"}}.command(t.Context())
	var said strings.Builder
	cmd.Stdin, cmd.Stderr = strings.NewReader(password+"\n"), &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitFile(t, gates+"/session")
	cmd.Process.Signal(syscall.SIGINT)
	awaitFile(t, gates+"/close.reached")
	time.Sleep(6 * time.Second) // longer than the front waits for a monitor that does not hear
	os.Remove(gates + "/close")
	cmd.Wait()
	if status := shellStatus(cmd.ProcessState); status != 3 || strings.Contains(said.String(), left) {
		t.Errorf("status %d, %q", status, said.String())
	}
}
