package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"capsu/account"
	"capsu/pamconv"

	"github.com/msteinert/pam/v2"
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
		key := sessionOptions{user: "ghost", forced: true}
		o, err := key.force([]string{"A=b", originalCommand + "=" + asked}, true)
		if err != nil || !o.hasCommand || o.login || o.command != want || key.hasCommand {
			t.Errorf("%q: %+v, %v", asked, o, err)
			continue
		}
		if got := arguments("/bin/sh", o); !slices.Equal(got, []string{"sh", "-c", want}) {
			t.Errorf("%q: %q", asked, got)
		}
	}
	key := sessionOptions{forced: true}
	if o, err := key.force([]string{"A=b"}, true); err != nil || !o.login || o.hasCommand {
		t.Errorf("on a terminal: %+v, %v", o, err)
	}
	if _, err := key.force([]string{"A=b"}, false); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("without a command: %v", err)
	}
}

func TestOnlyServicesOfTheSiteMayBeNamed(t *testing.T) {
	allowed := []string{"capsu", "capsu-ssh"}
	for _, c := range []struct {
		o    sessionOptions
		want string
	}{
		{sessionOptions{}, "capsu"},
		{sessionOptions{login: true}, "capsu-l"}, // not named: Services says nothing about it
		{sessionOptions{service: "capsu-ssh", login: true}, "capsu-ssh"},
		{sessionOptions{service: "capsu-l"}, ""},
		{sessionOptions{service: "../capsu-ssh"}, ""},
		{sessionOptions{service: "Capsu"}, ""},
	} {
		got, err := c.o.serviceOf(allowed)
		if (err != nil) != (c.want == "") || got != c.want {
			t.Errorf("%q: %q, %v, want %q", c.o.service, got, err, c.want)
		}
	}
}

func TestEnvironmentOfAForcedCommand(t *testing.T) {
	caller := []string{"SSH_ORIGINAL_COMMAND=id", "SSH_CONNECTION=c", "SSH_CLIENT=d", "SSH_TTY=/dev/pts/1", "SSH_AUTH_SOCK=/x", "SSH_USER_AUTH=/y",
		"LANG=C", "LC_ALL=C", "LC_X=1", "LCX=1", "TERM=xterm", "LD_PRELOAD=/x", "BASH_ENV=/x", "ENV=/x", "HOME=/h", "PATH=/p", "MAIL=/m", "KEPT=1"}
	o := sessionOptions{forced: true, whitelist: []string{"KEPT", originalCommand}}
	want := []string{"SSH_CONNECTION=c", "SSH_CLIENT=d", "SSH_TTY=/dev/pts/1", "LANG=C", "LC_ALL=C", "LC_X=1", "TERM=xterm", "KEPT=1",
		"PATH=/q", "HOME=/home/ghost", "SHELL=/bin/sh", "USER=ghost", "LOGNAME=ghost"}
	u := &account.User{Name: "ghost", UID: 1002, Home: "/home/ghost"}
	if got := environ(&o, caller, nil, nil, u, "/bin/sh", account.Defs{"env_path": "/q"}); !slices.Equal(got, want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
}

// What a stack would have asked is for whoever can mend the stack.
func TestARefusedPromptIsToldToThePersonAndNotToTheKeysHolder(t *testing.T) {
	refused := &pamconv.Error{Call: "pam_authenticate", Status: pam.ErrConv, Conversation: &pamconv.PromptError{Text: "Token for ghost: "}}
	err := authentication("capsu", false, refused)
	if err == nil || err.Error() != `prompt: "Token for ghost: ", and nobody may be asked` || hintOf(err) == "" {
		t.Errorf("-n: %v, hint %q", err, hintOf(err))
	}
	err = authentication("capsu", true, refused)
	var neutral *authenticationError
	if !errors.As(err, &neutral) || err.Error() != "authentication failure" || hintOf(err) != "" {
		t.Errorf("--forced-command: %v, hint %q", err, hintOf(err))
	}
	if got := reason(err); !strings.Contains(got, "Token for ghost: ") {
		t.Errorf("the system log is told %q", got)
	}
}
