package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"capsu/service"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// services writes the service files of a test, and returns their directory.
func services(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	was := service.Directories
	service.Directories = []string{filepath.Join(dir, "missing"), dir}
	t.Cleanup(func() { service.Directories = was })
	return dir
}

func TestModulesAreThoseOfTheServiceAndOfWhatItIncludes(t *testing.T) {
	dir := services(t, map[string]string{
		"top": "# comment\nauth [success=1 default=ignore] pam_unix.so nullok # tail\n" +
			"-session optional /lib/security/pam_systemd.so\n" +
			"@include all\naccount include only\nsession substack only\nauth required \\\n pam_x.so [a b] c",
		"all":  "auth required pam_a.so\n\nsession required pam_b.so",
		"only": "account required pam_c.so\nsession required pam_d.so\n@include all\n",
	})
	modules, err := Read("top")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range modules {
		got = append(got, fmt.Sprint(strings.TrimPrefix(m.File, dir+"/"), ":", m.Line, " ", m.Type, " ", m.Name, " ",
			m.Args))
	}
	want := []string{
		"top:2 auth pam_unix.so [nullok]", "top:3 session pam_systemd.so []", "all:1 auth pam_a.so []",
		"all:3 session pam_b.so []",
		"only:1 account pam_c.so []", "only:2 session pam_d.so []", "all:3 session pam_b.so []",
		"top:8 auth pam_x.so [a b c]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestServicesThatCannotBeReadSaySo(t *testing.T) {
	services(t, map[string]string{"loop": "@include loop\n", "short": "auth required\n", "broken": "@include nowhere\n"})
	if _, err := Read("nowhere"); !errors.Is(err, service.ErrNone) {
		t.Errorf("%v", err)
	}
	for name, want := range map[string]string{"loop": "include each other", "short": "short:1: ",
		"broken": "nowhere: no file of that name"} {
		if _, err := Read(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNeedsDependOnWhereTheModuleStands(t *testing.T) {
	list, known := (Module{Type: "password", Name: "pam_unix.so"}).Needs()
	if !known || len(list) != 1 || !slices.Equal(list[0].Caps, []cap.Value{cap.CHOWN}) {
		t.Errorf("%v %v", list, known)
	}
	if list, known := (Module{Type: "auth", Name: "pam_unix.so"}).Needs(); !known || len(list) != 0 {
		t.Errorf("%v %v", list, known)
	}
	if list, _ := (Module{Type: "auth", Name: "pam_u2f.so", Args: []string{"openasuser"}}).Needs(); len(list) != 0 {
		t.Errorf("an argument that makes needless: %v", list)
	}
	if list, known := (Module{Type: "session", Name: "pam_unix.so"}).Needs(); !known || len(list) != 0 {
		t.Errorf("%v %v", list, known)
	}
	if list, known := (Module{Type: "session", Name: "pam_umask.so"}).Needs(); !known || len(list) != 0 {
		t.Errorf("%v %v", list, known)
	}
	if _, known := (Module{Type: "session", Name: "pam_of_somebody.so"}).Needs(); known {
		t.Error("a module that nobody tried is known")
	}
	path := filepath.Join(t.TempDir(), "a.conf")
	for _, c := range []struct {
		text string
		n    Need
		want bool
	}{
		{"# comment\n\n", Need{}, false},
		{"* hard nofile 1 # x\n", Need{}, true},
		{"/tmp tmpfs tmpfs root\n", Need{lines: noTmpfs}, false},
		{"/tmp /instances/ user root\n", Need{lines: noTmpfs}, true},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := c.n.configured(filepath.Dir(path) + "/*.conf"); got != c.want {
			t.Errorf("%q: %v", c.text, got)
		}
	}
}

func TestModulesThatNeedSomethingToClose(t *testing.T) {
	for _, c := range []struct {
		m    Module
		want []cap.Value
	}{
		{Module{Type: "session", Name: "pam_namespace.so", Args: []string{"debug", "unmount_on_close"}},
			[]cap.Value{cap.SYS_ADMIN}},
		{Module{Type: "session", Name: "pam_namespace.so"}, nil},
		{Module{Type: "session", Name: "pam_tty_audit.so", Args: []string{"enable=*"}}, []cap.Value{cap.AUDIT_CONTROL}},
		{Module{Type: "session", Name: "pam_tty_audit.so", Args: []string{"enable=*", "open_only"}}, nil},
		{Module{Type: "auth", Name: "pam_tty_audit.so"}, nil},
		{Module{Type: "session", Name: "pam_unix.so"}, nil},
		{Module{Type: "auth", Name: "pam_krb5.so"}, []cap.Value{cap.DAC_OVERRIDE, cap.FOWNER}},
		{Module{Type: "account", Name: "pam_krb5.so"}, nil},
	} {
		if got := c.m.Closing(); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v", c.m, got)
		}
	}
}

func TestModulesThatMistakeTheCaller(t *testing.T) {
	for line, target := range map[string]bool{
		"auth pam_succeed_if.so user ingroup x ruser ingroup y":    true,
		"account pam_succeed_if.so quiet ruser notingroup y":       true,
		"auth pam_succeed_if.so ruser in y:z user ingroup x quiet": false,
		"auth pam_succeed_if.so use_uid user = x":                  false,
		"auth pam_succeed_if.so ruser":                             false,
		"auth pam_succeed_if.so":                                   false,
		"auth pam_unix.so ruser ingroup":                           false,
		"auth pam_wheel.so deny group=x":                           false,
	} {
		words := strings.Fields(line)
		m := Module{Type: words[0], Name: words[1], Args: words[2:]}
		got := m.Mistakes()
		if strings.HasPrefix(got, "takes the target for the caller") != target || !target && got != "" {
			t.Errorf("%s: %q", line, got)
		}
	}
}
