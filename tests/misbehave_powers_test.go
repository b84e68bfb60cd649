//go:build privileged

package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Modules that change what only capsu may change: ids, capabilities, limits, threads. capsu may
// refuse the session, in one line that says why. If there is a session, it is as decided.

// powers are the deeds, and the fields of the session that a deed may change, as under su.
var powers = map[string][]string{
	"uid": nil, "asmuid": nil, "setuidcaller": nil, "gids": nil, "groups": {"Groups"},
	"nnp": {"NoNewPrivs"}, "securebits": nil, "lockedbits": nil, "nocaps": nil, "noeffective": nil,
	"threads": nil, "timer": nil, "rawclone": nil, "spawn": nil, "system": nil, "popen": nil, "weakfork": nil,
	"limits": {"Limit"}, "prlimit": {"Limit"}, "rawlimits": {"Limit"},
}

// usual are deeds of many modules. With them there is a session, as under su.
var usual = []string{"threads", "spawn", "system", "popen", "weakfork", "nnp"}

// asDecided returns the fields of a session that are other than decided, apart from those that
// begin with one of may.
func asDecided(got, decided map[string]string, may []string) (wrong string) {
	for field, want := range decided {
		allowed := slices.ContainsFunc(may, func(prefix string) bool { return strings.HasPrefix(field, prefix) })
		if got[field] != want && !allowed {
			wrong += fmt.Sprintf("%s is %q, want %q\n", field, got[field], want)
		}
	}
	return wrong
}

func TestModulesThatChangeWhatIsCapsus(t *testing.T) {
	compile(t, "/opt/misbehave.so", "-shared", "-fPIC", "modules/misbehave.c", "-lpam")
	compile(t, "/opt/tell", "programs/tell.c")
	policy(t, "^cap_net_raw,cap_kill,!cap_chown ghost\n")
	command := []string{"ghost", "-c", "/opt/tell in; exit 3"}
	decided := factsOf(capsu(t, command...).stdout)
	if decided["CapAmb"] != hex(netRaw) || decided["Uid"] == "" {
		t.Fatalf("the session without a module is %v", decided)
	}
	for deed, may := range powers {
		for _, phase := range pamPhases {
			t.Run(deed+" in "+phase, func(t *testing.T) {
				stack(t, misbehaving(phase+"="+deed))
				sessions := recorded(t)
				r := capsu(t, command...)
				crashText(t, r)
				late := phase == "close" || phase == "delete" || phase == "end"
				switch {
				case r.stdout != "":
					if wrong := asDecided(factsOf(r.stdout), decided, may); wrong != "" {
						t.Errorf("another session than decided: %s", wrong)
					}
					if r.status != 3 && (!late || r.status != 1 || clearly(r) != "") {
						t.Errorf("status %d: %q", r.status, r.stderr)
					}
				case slices.Contains(usual, deed) || late && phase != "end":
					t.Errorf("no session: status %d, %q", r.status, r.stderr)
				case r.status != 1 && !strings.Contains(deed, "limits"): // or the shell could not start under them
					t.Errorf("status %d, %q", r.status, r.stderr)
				case r.status == 1:
					if wrong := clearly(r); wrong != "" {
						t.Error(wrong)
					}
				}
				opened, closed := strings.Count(sessions(), "open_session"), strings.Count(sessions(), closedRecord)
				// the record needs a process and a file, also under su
				limited := slices.Contains(may, "Limit")
				if closed > opened || opened > closed && r.status == 3 && !limited {
					t.Errorf("opened %d times, closed %d times", opened, closed)
				}
				awaitNoProcess(t)
			})
		}
	}
}

// The threads that a module starts have no power from their first instruction. They are looked
// at during the module's call, and in the session.
func TestThreadsThatModulesStartHaveNoPrivilege(t *testing.T) {
	compile(t, "/opt/misbehave.so", "-shared", "-fPIC", "modules/misbehave.c", "-lpam")
	compile(t, "/opt/wait.so", "-shared", "-fPIC", "modules/wait.c", "-lpam")
	for _, phase := range []string{"auth", "account", "setcred", "open", "close"} {
		t.Run("in the call, "+phase, func(t *testing.T) {
			makeGates(t)
			gate := gates + "/" + phase
			file(t, gate, "", 0o666)
			kind := map[string]string{"auth": "auth", "setcred": "auth", "account": "account"}[phase]
			if kind == "" {
				kind = "session"
			}
			line := kind + " required pam_unix.so"
			stack(t, strings.Replace(misbehaving(phase+"=threads"), line, kind+" required /opt/wait.so "+gates+"\n"+line, 1))
			cmd := call{args: []string{"ghost", "-c", "exit 3"}}.command(t.Context())
			cmd.Stdin = strings.NewReader(password + "\n")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			awaitFile(t, gate+".reached")
			others := expectLeaderAlone(t, monitorOf(t, cmd.Process.Pid))
			os.Remove(gate)
			if cmd.Wait(); shellStatus(cmd.ProcessState) != 3 {
				t.Errorf("status %d", shellStatus(cmd.ProcessState))
			}
			if others < 3 {
				t.Errorf("%d threads beside the leader", others)
			}
		})
	}
	for _, deed := range []string{"threads", "timer", "rawclone"} {
		t.Run("in the session, "+deed, func(t *testing.T) {
			stack(t, misbehaving("open="+deed))
			cmd := call{args: []string{"ghost", "-c", "echo $$; read -r line"}}.command(t.Context())
			in, out := pipes(t, cmd)
			var errs lockedBuffer
			cmd.Stderr = &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(in, password)
			if n, _ := out.Read(make([]byte, 32)); n > 0 {
				monitor := monitorOf(t, cmd.Process.Pid)
				eventually(t, "the monitor's wait", func() bool { return waits(monitor) })
				expectLeaderAlone(t, monitor)
			} else if deed == "threads" {
				t.Errorf("no session: %q", errs.String())
			}
			in.Close()
			cmd.Wait()
		})
	}
}

// expectLeaderAlone checks that only the leader has power. It returns the number of other
// threads.
func expectLeaderAlone(t *testing.T, monitor string) (others int) {
	t.Helper()
	tasks, err := filepath.Glob("/proc/" + monitor + "/task/*")
	if err != nil || len(tasks) == 0 {
		t.Fatalf("no threads: %v", err)
	}
	for _, task := range tasks {
		if filepath.Base(task) != monitor {
			expectPowerless(t, task)
			others++
		}
	}
	return others
}
