//go:build privileged

package tests

import (
	"os"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// onScreen starts a session of beta's on a terminal whose TERM has a screen.
func onScreen(t *testing.T) *terminal {
	t.Helper()
	x := inSession(t, "")
	if err := pty.Setsize(x.master, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	x.typed("export TERM=xterm PS1='there> '; cd; while [ \"$(stty size)\" != '24 80' ]; do sleep 0.1; done\n")
	x.await("\nthere> ")
	return x
}

func TestProgramsThatTakeTheScreenWork(t *testing.T) {
	for name, do := range map[string]func(x *terminal){
		"vi": func(x *terminal) {
			x.typed("vi -u NONE notes\n")
			inForeground(t, "vi")
			x.await("\"notes\"")
			x.typed("iwritten here\x1b:wq\r")
			x.await("there> ")
			x.typed("cat notes; rm notes\n")
			x.await("written here\n")
		},
		"vi, stopped and continued": func(x *terminal) {
			x.typed("vi -u NONE notes\n")
			inForeground(t, "vi")
			x.await("\"notes\"")
			x.typed("\x1a")
			x.await("there> ")
			x.typed("suspend\n")
			x.await("now> ")
			x.typed("fg\n")
			x.await("there> ")
			x.typed("fg\n")
			inForeground(t, "vi")
			x.typed("ione\x1b:wq\r")
			x.await("there> ")
			x.typed("cat notes; rm notes\n")
			x.await("one\n")
		},
		"less": func(x *terminal) {
			x.typed("seq 1 1000 | less\n")
			inForeground(t, "less")
			x.await("\n23\n")
			x.typed("G")
			x.await("\n1000\n")
			x.typed("q")
			x.await("there> ")
		},
		"top": func(x *terminal) {
			x.typed("top\n")
			inForeground(t, "top")
			x.await("load average")
			x.await("%CPU")
			x.typed("q")
			x.await("there> ")
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := onScreen(t)
			do(x)
			x.typed("exit\n")
			x.await("now> ")
			x.typed("exit\n")
			x.end()
		})
	}
}

// A real sshd, which the client starts for this connection.
func TestAnSshClientWorksInside(t *testing.T) {
	must(t, "sh", "-c", `install -d -o beta -g beta -m 700 /opt/ssh && cd /opt/ssh &&
ssh-keygen -q -t ed25519 -N '' -f host && ssh-keygen -q -t ed25519 -N 'a phrase' -f key && cp key.pub keys &&
printf '%s\n' 'HostKey /opt/ssh/host' 'AuthorizedKeysFile /opt/ssh/keys' 'UsePAM no' 'StrictModes no' \
	'PidFile none' >config && chown beta:beta *`)
	t.Cleanup(func() { os.RemoveAll("/opt/ssh") })
	x := onScreen(t)
	x.typed("ssh -t -i /opt/ssh/key -o UserKnownHostsFile=/opt/ssh/known -o 'ProxyCommand /usr/sbin/sshd -i -f " +
		"/opt/ssh/config' host 'tty; echo name?; read -r name; stty size; echo $name'\n")
	x.await("(yes/no/[fingerprint])? ")
	x.typed("yes\n")
	x.await("Enter passphrase for key '/opt/ssh/key': ")
	x.typed("a phrase\n")
	x.await("/dev/pts/")
	x.await("name?\n")
	x.typed("gamma\n")
	x.await("24 80\ngamma\n")
	x.await("there> ")
	x.typed("exit\n")
	x.await("now> ")
	x.typed("exit\n")
	x.end()
	if strings.Contains(x.screen(), "a phrase") {
		t.Errorf("the screen: %q", x.shown())
	}
}
