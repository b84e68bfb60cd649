//go:build privileged

package tests

import (
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// CapabilitiesSet takes capabilities from the monitor. That must neither give modules more
// while they close, nor end the monitor.

// taken are settings that take what the monitor uses to make threads and processes.
var taken = []string{"", "CapabilitiesSet -cap_setuid", "CapabilitiesSet -cap_setgid", "CapabilitiesSet -cap_setpcap",
	"CapabilitiesSet -cap_setuid -cap_setgid -cap_setpcap"}

// A new thread could not become what it had to be. The process ended, and PAM was not closed.
func TestThreadsAreMadeWhateverCapabilitiesSetTakes(t *testing.T) {
	compile(t, "/opt/misbehave.so", "-shared", "-fPIC", "modules/misbehave.c", "-lpam")
	stack(t, misbehaving("close=threads"))
	for _, conf := range taken {
		for _, caller := range []string{"alpha", "root"} {
			t.Run(caller+" "+conf, func(t *testing.T) {
				site(t, conf)
				sessions := recorded(t)
				r := call{caller: caller, args: []string{"ghost", "-c", "exit 7"}}.run(t)
				if r.status != 7 || !strings.Contains(sessions(), "close_session") {
					t.Errorf("status %d, %q, records %q", r.status, r.stderr, sessions())
				}
			})
		}
	}
}

// Without cap_setpcap a helper had the whole bounding set. Of a root caller without cap_setuid
// it was the guard.
func TestAHelperHasNoMoreWhateverCapabilitiesSetTakes(t *testing.T) {
	compile(t, "/opt/helper.so", "-shared", "-fPIC", "modules/helper.c", "-lpam")
	compile(t, "/opt/tell", "programs/tell.c")
	guard := id(t, "-u", "capsu")
	for _, conf := range taken {
		for _, caller := range []string{"alpha", "root"} {
			for _, shed := range []string{"none", "module", "root"} {
				t.Run(caller+" "+conf+" "+shed, func(t *testing.T) {
					stack(t, helping("RUN=/opt/tell SHED="+shed))
					site(t, conf)
					file(t, helperSays, "", 0o666)
					r := call{caller: caller, args: []string{"ghost", "-c", "exit 7"}}.run(t)
					text := must(t, "cat", helperSays)
					if r.status != 7 || !strings.Contains(text, "close Uid:") {
						t.Errorf("status %d, %q, %q", r.status, r.stderr, text)
					}
					for line := range strings.Lines(text) {
						name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
						phase, field, _ := strings.Cut(name, " ")
						bits, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
						switch {
						case field == "Uid" && slices.Contains(strings.Fields(value), guard):
							t.Errorf("it is the guard: %s", line)
						case caller != "root" && (field == "CapPrm" || field == "CapEff") &&
							(err != nil || bits&^helperMay(t, phase) != 0):
							t.Errorf("it has more than capsu: %s", line)
						}
					}
				})
			}
		}
	}
}

// The monitor could not keep what closing needs while it is the guard: the session was opened,
// ended at once, and not closed.
func TestRootHasSessionsWhateverSecurebitsAreLocked(t *testing.T) {
	for _, bits := range []string{"+keep_caps_locked", "+noroot_locked", "+no_setuid_fixup_locked",
		"+noroot,+noroot_locked,+no_setuid_fixup,+no_setuid_fixup_locked,+keep_caps_locked"} {
		for _, conf := range taken {
			t.Run(bits+" "+conf, func(t *testing.T) {
				site(t, conf)
				sessions := recorded(t)
				r := call{caller: "root", setpriv: []string{"--securebits", bits},
					args: []string{"ghost", "-c", "echo in; exit 7"}}.run(t)
				if r.status != 7 || r.stdout != "in\n" || strings.Count(sessions(), "close_session") != 1 {
					t.Errorf("status %d, %q, %q, records %q", r.status, r.stdout, r.stderr, sessions())
				}
			})
		}
	}
}

// The limit of processes that pam_limits sets for the target is checked when the process
// becomes the target's. It was set later, and then only a fork could fail: each call of capsu's
// was a process more.
func TestATargetWhoIsFullIsRefusedAsUnderSu(t *testing.T) {
	suAndCapsu(t, limiting())
	// The kernel counts a uid's processes in all worlds together, so this uid is used here
	// only.
	const crowd = "crowd"
	must(t, "useradd", "-m", "-u", strconv.Itoa(200000+int(time.Now().UnixNano()/1000%1000000)), "-s", "/bin/sh", crowd)
	t.Cleanup(func() { exec.Command("userdel", "-r", crowd).Run() })
	set := exec.Command("chpasswd")
	set.Stdin = strings.NewReader(crowd + ":" + password + "\n")
	if out, err := set.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for range 5 {
		cmd := exec.Command("setpriv", "--reuid", crowd, "--regid", crowd, "--init-groups", "sleep", "600")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		eventually(t, "the sleeper", func() bool { return running(cmd.Process.Pid, "sleep") })
	}
	alone := func() {
		eventually(t, "the ends of others", func() bool {
			out, _ := exec.Command("ps", "-U", crowd, "-o", "pid=").Output()
			return len(strings.Fields(string(out))) == 5 && len(processes()) == 0
		})
	}
	for _, n := range []string{"0", "4", "5", "6", "7", "20"} {
		for _, kind := range []string{"soft", "hard", "-"} {
			t.Run(kind+" "+n, func(t *testing.T) {
				file(t, "/etc/security/limits.conf", crowd+" "+kind+" nproc "+n+"\n", 0o644)
				run := map[string]bool{}
				for _, path := range []string{su, program} {
					alone()
					run[path] = call{caller: "beta", program: path, args: []string{crowd, "-c", "echo in"}}.run(t).stdout == "in\n"
				}
				for _, path := range []string{su + " -P", program + " -P"} {
					alone()
					x := onTerminal(t, "beta", path+` crowd -c 'echo i""n'; echo "status $?"`)
					x.await("assword: ")
					x.typed(password + "\n")
					x.await("status ")
					run[path] = strings.Contains(x.screen(), "in\r\n")
					x.end()
				}
				if run[su] != run[program] || run[su+" -P"] != run[program+" -P"] {
					t.Errorf("is there a session? %v", run)
				}
			})
		}
	}
}
