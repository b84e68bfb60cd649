//go:build privileged

package tests

import (
	"debug/elf"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The measurement of modules. Every installed module of Linux-PAM runs in every phase that it
// has, under the distribution's setuid su and under capsu, called by alpha and by root, in the
// same world. What can be observed is compared. modules_table_test.go has the trials,
// modules_least_test.go finds the smallest set of capabilities, and modules_document_test.go
// writes doc/modules.md.

const (
	// observer is the program of the session. It shows everything that a module may have
	// changed.
	observer = "/opt/m/observe"
	observe  = `#!/bin/sh
echo "in, as $(id)"
env | grep -vE '^(_|PWD|OLDPWD|SHLVL)=' | sort
umask
tail -n +2 /proc/self/limits | tr -s ' '
echo "loginuid $(cat /proc/self/loginuid)"
[ "$(readlink /proc/self/ns/mnt)" = "$(cat /opt/m/namespace)" ] || echo "mounts of its own"
/opt/m/keyring
grep -E '^(Cap|NoNewPrivs|SigIgn)' /proc/self/status
ls /opt/m/poly
. /opt/m/inside
`
)

// phases are those of pam.d(5), by the function that a module defines for them.
var phases = map[string]string{
	"pam_sm_authenticate": "auth", "pam_sm_setcred": "auth", "pam_sm_acct_mgmt": "account",
	"pam_sm_chauthtok": "password", "pam_sm_open_session": "session",
}

// moduleFiles are the installed modules that are measured, by name: Linux-PAM's, the two that
// Debian adds to every service, and those of other packages.
func moduleFiles(t *testing.T) map[string]string {
	t.Helper()
	files := filesOf(t, "libpam-modules", "libpam-cap")
	maps.Copy(files, othersFiles(t))
	for _, path := range []string{"/lib/*/security/pam_systemd.so", "/usr/lib/*/security/pam_systemd.so"} {
		if found, _ := filepath.Glob(path); len(found) > 0 {
			files["systemd"] = found[0]
		}
	}
	return files
}

// filesOf are the modules that packages have, by name.
func filesOf(t *testing.T, packages ...string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for line := range strings.Lines(must(t, "dpkg", append([]string{"-L"}, packages...)...)) {
		path := strings.TrimSpace(line)
		if name, is := strings.CutSuffix(filepath.Base(path), ".so"); is && filepath.Base(filepath.Dir(path)) == "security" {
			files[strings.TrimPrefix(name, "pam_")] = path
		}
	}
	return files
}

// phasesOf reads a module's phases from its symbols.
func phasesOf(t *testing.T, path string) []string {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{}
	for _, s := range symbols {
		if phase := phases[s.Name]; phase != "" && s.Section != elf.SHN_UNDEF {
			has[phase] = true
		}
	}
	return slices.Sorted(maps.Keys(has))
}

// row is one module in one phase, and how it is tried.
type row struct {
	module, phase, variant string
	others                 bool // the module is not Linux-PAM's
	trial
}

func (r row) String() string {
	return strings.TrimSuffix(r.module+"/"+r.phase+": "+r.variant, ": ")
}

// rows are all trials of the installed modules. A phase without a trial fails.
func rows(t *testing.T) (all []row) {
	t.Helper()
	used := map[string]bool{}
	files, others := moduleFiles(t), othersFiles(t)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		for _, phase := range phasesOf(t, files[name]) {
			key := name + "/" + phase
			try, ok := trials[key]
			if !ok {
				if try, ok = trials[name]; !ok {
					t.Errorf("%s: no trial for it", key)
					continue
				}
				key = name
			}
			used[key] = true
			all = append(all, row{name, phase, "", others[name] != "", try})
			for _, other := range slices.Sorted(maps.Keys(trials)) {
				if variant, is := strings.CutPrefix(other, name+"/"+phase+": "); is {
					used[other] = true
					all = append(all, row{name, phase, variant, others[name] != "", trials[other]})
				}
			}
		}
	}
	for key := range trials {
		name, _, _ := strings.Cut(key, "/")
		if !used[key] && files[name] != "" && !trials[key].older {
			t.Errorf("%s: a trial for a phase that the module does not have", key)
		}
	}
	return all
}

// text is the service with the module, or without it for the baseline.
func (r row) text(baseline bool) string {
	line := fmt.Sprintf("%s %s pam_%s.so %s\n", r.phase, r.controlWord(), r.module, r.args)
	if baseline {
		line = ""
	}
	text := r.above
	if r.phase == "password" && r.above == "" {
		text = "account required pam_debug.so acct=new_authtok_reqd\n"
	}
	text += line + r.below
	for _, phase := range []string{"auth", "account", "password", "session"} {
		text += phase + " required pam_permit.so\n"
	}
	return text
}

func (r row) controlWord() string {
	if r.control == "" {
		return "required"
	}
	return r.control
}

// measure runs one session, and returns everything that is observed of it.
func (r row) measure(t *testing.T, path, caller string, baseline bool) string {
	t.Helper()
	for _, name := range []string{"su", "capsu"} {
		for _, suffix := range []string{"", "-l"} {
			if err := os.WriteFile("/etc/pam.d/"+name+suffix, []byte(r.text(baseline)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if r.reset != "" {
		must(t, "sh", "-euc", placed(r.reset))
	}
	target := r.target
	if target == "" {
		target = "ghost"
	}
	c := call{caller: caller, program: path, args: []string{target, "-c", observer}, stdin: r.input, empty: true}
	if r.login {
		c.args, c.stdin = []string{"-l", target}, r.input+observer+"\n"
	}
	if r.module == "fscrypt" { // Go's runtime in it lifts the soft limit, by a call of its own
		c.wrapper = []string{"prlimit", "--nofile=1024:1024"}
	}
	// capsu shows modules this home and search path, whatever the caller's are.
	c.env = []string{"PATH=" + debianRoot, "HOME=" + homeOf(caller), "TERM=dumb"}
	if r.env != nil {
		c.env = append(c.env[:2], r.env...)
	}
	if err := os.WriteFile("/opt/m/inside", []byte(r.inside), 0o644); err != nil {
		t.Fatal(err)
	}
	if r.again {
		c.run(t)
	}
	log := r.heard(t)
	got := c.run(t)
	text := fmt.Sprintf("status %d\n%s", got.status, got.stdout)
	for line := range strings.Lines(got.stderr) {
		if !strings.Contains(line, "capsu: hint: ") {
			text += "says " + strings.TrimSuffix(line, "\n") + "\n"
		}
	}
	if r.phase == "auth" && got.status == 1 {
		// capsu has one sentence for all refusals; only the log says why
		text = refusal.ReplaceAllString(text, "says su: refused")
	}
	text += log()
	if r.left != "" {
		out, _ := exec.Command("sh", "-c", placed(r.left)).CombinedOutput() // what it may say, too
		text += "leaves " + string(out)
	}
	return sameWords(text)
}

// heard listens to the module's own lines in the system log, if the trial asks for them.
func (r row) heard(t *testing.T) func() string {
	t.Helper()
	if !r.log {
		return func() string { return "" }
	}
	const last = "the last line of all"
	lines := make(chan string, 100)
	stop := listen(t, func(line string) { lines <- line })
	t.Cleanup(stop) // also if the session hangs
	return func() string {
		defer stop()
		to, err := net.Dial("unixgram", "/dev/log")
		if err != nil {
			t.Fatal(err)
		}
		defer to.Close()
		fmt.Fprint(to, last)
		text := ""
		for line := <-lines; line != last; line = <-lines {
			if _, own, found := strings.Cut(line, "pam_"+r.module); found {
				text += "logs " + own + "\n"
			}
		}
		return text
	}
}

// The words that are each program's own.
var theirOwn = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`\bcapsu\b`), "su"},
	{regexp.MustCompile(`su: pam_\w+: `), "su: "},
	{regexp.MustCompile(`PAM service su: `), ""},
	{regexp.MustCompile(`(?i)su: (cannot open session: |cannot set group id: )`), "su: "},
	{regexp.MustCompile(`\d\d:\d\d:\d\d`), "TIME"},
	{regexp.MustCompile(`\[\d+\]: `), "[PID]: "},
	{regexp.MustCompile(`your password: ".*"`), "your password: RANDOM"},
	{regexp.MustCompile(`0x[0-9a-f]+`), "ADDRESS"},
	{regexp.MustCompile(`\d+ \d+ \d+:\d+ / /opt`), "MOUNT / /opt"},
	{regexp.MustCompile(`(last access was|since) \d+ second(s?)`), "$1 some second$2"},
	{regexp.MustCompile(`(\.xauth|krb5cc_\w+_|krb5cc_pam_|keyring-)\w{6}\b`), "${1}RANDOM"},
}

var refusal = regexp.MustCompile(`(?m)says .*\b(su|capsu): .*$`)

func sameWords(text string) string {
	for _, w := range theirOwn {
		text = w.pattern.ReplaceAllString(text, w.instead)
	}
	return text
}

func worldOfModules(t *testing.T) {
	t.Helper()
	for _, name := range []string{"su", "su-l", "capsu", "capsu-l"} {
		text, err := os.ReadFile("/etc/pam.d/" + name)
		if err != nil {
			t.Fatal(err)
		}
		file(t, "/etc/pam.d/"+name, string(text), 0o644) // as it was, afterwards
	}
	for _, path := range []string{"/etc/security/group.conf", "/etc/security/time.conf", "/etc/security/namespace.conf"} {
		file(t, path, "", 0o644)
	}
	policy(t, "")
	account(t, "newhome", "-s", "/bin/sh", "-d", "/home/newhome")
	account(t, "odd", "-s", "/opt/m/shell")
	account(t, "expired", "-s", "/bin/sh", "-e", "1990-01-01")
	must(t, "sh", "-euc", trialWorld)
	t.Cleanup(func() {
		must(t, "sh", "-c", "rm -rf /opt/m /home/ghost/.pam_environment; echo 'ghost:"+password+"' | chpasswd")
	})
	defs, err := os.ReadFile("/etc/login.defs")
	if err != nil {
		t.Fatal(err)
	}
	file(t, "/etc/login.defs", string(defs)+"\nFAIL_DELAY 0\n", 0o644) // a refusal need not last
	file(t, observer, observe, 0o755)
	file(t, "/opt/m/helper", helperText, 0o755)
	file(t, "/opt/m/script", scriptText, 0o755)
	worldOfOthers(t)
	compile(t, "/opt/m/keyring", "programs/keyring.c")
	give(t, bounded())
}
