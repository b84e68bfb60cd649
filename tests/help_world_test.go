//go:build privileged

// Package tests drives the installed capsu in a world of its own (tests/world): with real file
// capabilities, the distribution's PAM modules, and real users. README.md says how to run it
// and what the helpers are for. No test is ever skipped.
package tests

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const (
	program = "/opt/bin/capsu"
	su      = "/usr/bin/su"
	// measured is capsu with every capability that this machine can give.
	measured   = "/opt/m/capsu"
	controller = "/opt/bin/capsuctl"
	policyFile = "/etc/security/capability.conf"
	password   = "open sesame"
	// debianPolicy is capability.conf as libpam-cap installs it.
	debianPolicy = "/opt/capability.debian"
)

// service is the PAM service that most tests use: the password by pam_unix, and a record of
// each opening and closing. It asks root for no password.
const service = `auth sufficient pam_rootok.so
auth required pam_unix.so nullok
account required pam_unix.so
password required pam_unix.so
session required pam_unix.so
session optional pam_exec.so quiet type=open_session /opt/record
session optional pam_exec.so quiet type=close_session /opt/record
`

// permitting is a service that asks no question.
const permitting = "auth required pam_permit.so\naccount required pam_permit.so\nsession required pam_permit.so\n"

func TestMain(m *testing.M) {
	if pid := os.Getenv("CAPSU_ATTACK"); pid != "" {
		attack(pid)
		os.Exit(0)
	}
	flag.Parse()
	if flag.Lookup("test.list").Value.String() != "" {
		os.Exit(m.Run()) // that needs no world
	}
	if os.Getenv("CAPSU_WORLD") == "" {
		fmt.Fprintln(os.Stderr, "tests: these need a world: start them by tests/run or tests/one")
		os.Exit(1)
	}
	// The tests may be started with ignored signals (nohup, the & of a script). The callers
	// must not inherit that: a signal that is caught here has its default action after exec.
	for sig := syscall.Signal(1); sig < 32; sig++ {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
	if underTest.name != "capsu" { // the other tests are of capsu alone
		flag.Set("test.skip", "^Test([^B]|B[^e]|Be[^h])")
	}
	if err := makeWorld(); err != nil {
		fmt.Fprintln(os.Stderr, "tests: world:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// makeWorld makes the users and files that README.md tells of.
func makeWorld() error {
	script := `set -eu
useradd -m -s /bin/sh alpha
useradd -m -s /bin/sh ghost
useradd -m -s /bin/bash beta
groupadd -g 7000 team
usermod -a -G team beta
for n in $(seq 1 60); do echo "many$n:x:$((8000 + n)):alpha" >>/etc/group; echo "many$n:!::alpha" >>/etc/gshadow; done
for u in alpha ghost beta; do echo "$u:` + password + `"; done | chpasswd
printf '#!/bin/sh\necho "$PAM_TYPE $PAM_SERVICE $PAM_USER $PAM_RUSER" >>` + records + `\n' >/opt/record
chmod 755 /opt/record
install -m 755 /proc/` + strconv.Itoa(os.Getpid()) + `/exe /opt/attacker
touch ` + records + ` && chmod 666 ` + records + `
mv ` + policyFile + ` ` + debianPolicy + `
chmod 755 /home/alpha /home/ghost /home/beta # Debian 13 closes them
`
	out, err := exec.Command("sh", "-c", script).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	for _, name := range []string{"capsu", "capsu-l"} {
		if err := os.WriteFile("/etc/pam.d/"+name, []byte(service), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// must runs a command as root, and returns its output.
func must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// file writes a file for the time of a test. Afterwards the file is as before.
func file(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	old, err := os.ReadFile(path)
	existed := err == nil
	info, _ := os.Stat(path)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !existed {
			os.RemoveAll(path)
			return
		}
		err := os.WriteFile(path, old, info.Mode())
		if err = errors.Join(err, os.Chmod(path, info.Mode()), os.Chown(path, 0, 0)); err != nil {
			t.Error(err)
		}
	})
}

// policy writes capability.conf for the time of a test.
func policy(t *testing.T, text string) { t.Helper(); file(t, policyFile, text, 0o644) }

// stack writes the PAM service capsu for the time of a test.
func stack(t *testing.T, text string) { t.Helper(); file(t, "/etc/pam.d/capsu", text, 0o644) }

const (
	debianPath = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"
	debianRoot = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	callerPath = "/usr/sbin:/usr/bin:/sbin:/bin"
)

// bothServices writes the services of the program under test, with and without login, for the
// time of a test.
func bothServices(t *testing.T, text string) {
	t.Helper()
	file(t, "/etc/pam.d/"+underTest.name, text, 0o644)
	file(t, "/etc/pam.d/"+underTest.name+"-l", text, 0o644)
}

// neutral is the answer to every attempt that fails before authentication.
const neutral = "capsu: Authentication failure\n"

// account makes a user for the time of a test.
func account(t *testing.T, name string, args ...string) {
	t.Helper()
	must(t, "useradd", append(args, "-M", name)...)
	t.Cleanup(func() { must(t, "userdel", "-f", name) })
}

// setPassword sets a user's password.
func setPassword(t *testing.T, name, text string) {
	t.Helper()
	must(t, "sh", "-c", `printf '%s:%s\n' "$0" "$1" | chpasswd`, name, text)
}

// siteFile is the site configuration.
const siteFile = "/etc/capsu.conf"

// site writes capsu.conf for the time of a test.
func site(t *testing.T, lines ...string) {
	t.Helper()
	file(t, siteFile, strings.Join(lines, "\n")+"\n", 0o644)
}

// compile builds a C source below tests/ for the time of a test.
func compile(t *testing.T, to string, args ...string) {
	t.Helper()
	must(t, "gcc", append([]string{"-O1", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-fstack-protector-strong",
		"-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=3", "-o", to}, args...)...)
	t.Cleanup(func() { os.Remove(to) })
}

// suAndCapsu writes the services su and capsu for the time of a test.
func suAndCapsu(t *testing.T, text string) {
	t.Helper()
	file(t, "/etc/pam.d/su", text, 0o644)
	stack(t, text)
}

// id asks id(1) about a user, e.g. for -u.
func id(t *testing.T, option, name string) string {
	t.Helper()
	return strings.TrimSpace(must(t, "id", option, name))
}

// groupList is a user's groups as /proc shows them, in order.
func groupList(t *testing.T, user string) string {
	t.Helper()
	return strings.Join(strings.Fields(must(t, "sh", "-c", "id -G $0 | tr ' ' '\n' | sort -n", user)), " ")
}

// other is a second capability.conf, for the distribution's own pam_cap.so.
const other = "/opt/other.conf"

// withModule is a service with the distribution's pam_cap.so in the auth phase.
func withModule(caller, args string) string {
	first := "auth required pam_unix.so\n"
	if caller == "root" {
		first = "auth required pam_rootok.so\n"
	}
	return first + "auth optional pam_cap.so config=" + other + " " + args + "\n" +
		"account required pam_unix.so\nsession required pam_unix.so\n"
}
