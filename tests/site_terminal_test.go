//go:build privileged

package tests

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// Pty decides if the command line has neither -P nor -T. --session-command asks for the
// caller's terminal.
func TestPtyDirective(t *testing.T) {
	for _, c := range []struct {
		conf, options string
		own           bool
	}{
		{"# nothing", "", true}, {"Pty auto", "", true}, {"Pty on", "", true}, {"Pty off", "", false},
		{"Pty off", "-P", true}, {"Pty on", "-T", false}, {"Pty on", "--session-command tty", false},
		{"Pty on\n<Target ghost>\nPty off\n</Target>", "", false}, {"<Caller root>\nPty off\n</Caller>", "", false},
	} {
		t.Run(c.conf+" "+c.options, func(t *testing.T) {
			site(t, c.conf)
			command := " -c tty"
			if strings.Contains(c.options, "command") {
				command = ""
			}
			x := onTerminal(t, "root", `echo "$(tty) is mine"; `+program+" "+c.options+" ghost"+command)
			x.end()
			lines := strings.Fields(x.screen())
			if own := lines[0] != lines[len(lines)-1]; own != c.own {
				t.Errorf("the screen: %q", x.shown())
			}
		})
	}
	site(t, "Pty on")
	if r := (call{caller: "root", args: []string{"ghost", "-c", "tty"}}).run(t); !strings.HasPrefix(r.stdout,
		"/dev/pts/") {
		t.Errorf("Pty on between pipes: %q %q", r.stdout, r.stderr)
	}
}

func TestTerminalOwnerDirective(t *testing.T) {
	owner := `stat -c 'owner %U' $(tty)`
	for name, c := range map[string]struct {
		conf, line string
		want       string // after one another: of the session's terminal, of ours afterwards
	}{
		"on":      {"TerminalOwner on", " -T - ghost -c \"" + owner + "\"", "owner ghost\nowner alpha\n"},
		"default": {"# nothing", " -T - ghost -c \"" + owner + "\"", "owner alpha\nowner alpha\n"},
		"no login": {"TerminalOwner on", " -T ghost --session-command \"" + owner + "\"",
			"owner alpha\nowner alpha\n"},
		"killed by a signal": {"TerminalOwner on", " -T - ghost -c \"" + owner + "; kill -KILL \\$\\$\"",
			"owner ghost\nowner alpha\n"},
		"a shell that is not": {"TerminalOwner on", " -T - -s /no/shell ghost", "owner alpha\n"},
		"a pseudo-terminal": {"TerminalOwner on", " -P - ghost -c \"stat -c 'owner %U' $(tty)\"",
			"owner alpha\nowner alpha\n"},
		"by another name": {"TerminalOwner on", " -T - ghost -c \"" + owner + "\" </dev/tty",
			"owner alpha\nowner alpha\n"},
		"somebody else's": {"TerminalOwner on", " -T - ghost -c \"" + owner + "\"", "owner beta\nowner beta\n"},
		"not the chown to do so": {"TerminalOwner on\nCapabilitiesSet -cap_chown", " -T - ghost -c \"" + owner + "\"",
			"owner ghost\n"},
	} {
		t.Run(name, func(t *testing.T) {
			site(t, c.conf)
			x := onTerminal(t, "alpha", "read go; "+program+c.line+"; "+owner+"; echo over")
			mine := strings.TrimSpace(must(t, "sh", "-c", "readlink /proc/"+strconv.Itoa(x.cmd.Process.Pid)+"/fd/0"))
			must(t, "chown", map[bool]string{true: "beta", false: "alpha"}[name == "somebody else's"], mine)
			x.typed("go\n")
			x.await("Password: ")
			x.typed(password + "\n")
			x.await("over\n")
			x.end()
			got := ""
			for line := range strings.Lines(x.screen()) {
				if strings.HasPrefix(line, "owner ") {
					got += line
				}
			}
			if !strings.HasPrefix(got, c.want) ||
				strings.Count(got, "\n") != strings.Count(c.want, "\n") && !strings.Contains(c.conf, "-cap_chown") {
				t.Errorf("%q, want %q; the screen: %q", got, c.want, x.screen())
			}
			if strings.Contains(c.conf, "-cap_chown") && !strings.Contains(x.screen(), "CapabilitiesSet") {
				t.Errorf("the directive is not named: %q", x.screen())
			}
		})
	}
}

// Modules may hang. While they run, the caller's terminal belongs to the caller.
func TestNoModuleRunsWhileTheTerminalIsTheTargets(t *testing.T) {
	compile(t, "/opt/wait.so", "-shared", "-fPIC", "modules/wait.c", "-lpam")
	file(t, "/etc/pam.d/capsu-l", waiting, 0o644)
	site(t, "TerminalOwner on")
	for _, phase := range []string{"open", "close"} {
		t.Run(phase, func(t *testing.T) {
			makeGates(t)
			file(t, gates+"/"+phase, "", 0o666)
			x := onTerminal(t, "alpha", "read go; "+program+" -T - ghost -c 'stat -c \"owner %U\" $(tty)'; echo over")
			mine := strings.TrimSpace(must(t, "readlink", "/proc/"+strconv.Itoa(x.cmd.Process.Pid)+"/fd/0"))
			must(t, "chown", "alpha", mine)
			x.typed("go\n")
			x.await("Password: ")
			x.typed(password + "\n")
			awaitFile(t, gates+"/"+phase+".reached")
			if owner := must(t, "stat", "-c", "%U", mine); owner != "alpha\n" {
				t.Errorf("the terminal is %s", owner)
			}
			os.Remove(gates + "/" + phase)
			x.await("owner ghost\n")
			x.await("over\n")
			x.end()
		})
	}
}
