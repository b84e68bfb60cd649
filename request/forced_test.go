package request

import (
	"slices"
	"strings"
	"testing"

	"capsu/account"
)

func TestTheCommandIsTheSSHClients(t *testing.T) {
	for asked, want := range map[string]string{
		"":                            "",
		"id":                          "id",
		"-c id":                       "-c id",
		"--service other -C all root": "--service other -C all root",
		"echo 'a\nb' \"$x\" # =":      "echo 'a\nb' \"$x\" # =",
		"internal-sftp":               sftpServer,
		"internal-sftp -l INFO":       sftpServer + " -l INFO",
		"internal-sftp\t-R":           sftpServer + "\t-R",
		"internal-sftp\nid":           "internal-sftp\nid",
		"internal-sftp;id":            "internal-sftp;id",
		"internal-sftp2":              "internal-sftp2",
		" internal-sftp":              " internal-sftp",
		"/bin/internal-sftp":          "/bin/internal-sftp",
	} {
		key := Session{User: "ghost", Forced: true}
		o, err := key.Force([]string{"A=b", originalCommand + "=" + asked}, true)
		if err != nil || !o.HasCommand || o.Login || o.Command != want || key.HasCommand {
			t.Errorf("%q: %+v, %v", asked, o, err)
			continue
		}
		if got := o.Argv("/bin/sh"); !slices.Equal(got, []string{"sh", "-c", want}) {
			t.Errorf("%q: %q", asked, got)
		}
	}
	key := Session{Forced: true}
	if o, err := key.Force([]string{"A=b"}, true); err != nil || !o.Login || o.HasCommand {
		t.Errorf("on a terminal: %+v, %v", o, err)
	}
	if _, err := key.Force([]string{"A=b"}, false); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("without a Command: %v", err)
	}
}

func TestOnlyServicesOfTheSiteMayBeNamed(t *testing.T) {
	allowed := []string{"capsu", "capsu-ssh"}
	for _, c := range []struct {
		o    Session
		want string
	}{
		{Session{}, "capsu"},
		{Session{Login: true}, "capsu-l"}, // not named: Services says nothing about it
		{Session{Service: "capsu-ssh", Login: true}, "capsu-ssh"},
		{Session{Service: "capsu-l"}, ""},
		{Session{Service: "../capsu-ssh"}, ""},
		{Session{Service: "Capsu"}, ""},
	} {
		got, err := c.o.ServiceOf(allowed)
		if (err != nil) != (c.want == "") || got != c.want {
			t.Errorf("%q: %q, %v, want %q", c.o.Service, got, err, c.want)
		}
	}
}

func TestEnvironmentOfAForcedCommand(t *testing.T) {
	caller := []string{"SSH_ORIGINAL_COMMAND=id", "SSH_CONNECTION=c", "SSH_CLIENT=d", "SSH_TTY=/dev/pts/1",
		"SSH_AUTH_SOCK=/x", "SSH_USER_AUTH=/y",
		"LANG=C", "LC_ALL=C", "LC_X=1", "LCX=1", "TERM=xterm", "LD_PRELOAD=/x", "BASH_ENV=/x", "ENV=/x", "HOME=/h",
		"PATH=/p", "MAIL=/m", "KEPT=1"}
	o := Session{Forced: true, Whitelist: []string{"KEPT", originalCommand}}
	want := []string{"SSH_CONNECTION=c", "SSH_CLIENT=d", "SSH_TTY=/dev/pts/1", "LANG=C", "LC_ALL=C", "LC_X=1",
		"TERM=xterm", "KEPT=1",
		"PATH=/q", "HOME=/home/ghost", "SHELL=/bin/sh", "USER=ghost", "LOGNAME=ghost"}
	u := &account.User{Name: "ghost", UID: 1002, Home: "/home/ghost"}
	if got := o.Environment(caller, nil, nil, u, "/bin/sh", account.Defs{"env_path": "/q"}); !slices.Equal(got, want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
}
