//go:build privileged

package bench

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

var streamSize = flag.Int64("stream.size", 1<<30, "bytes of each stream through ssh")

// floor is what a stream through capsu has to reach of one through su.
const floor = 0.95

// forced makes keys of a user whose forced commands become daemon: one by capsu,
// one by the distribution's su, both by the same stack without a question.
func forced(t *testing.T) (client func(key, command string) *exec.Cmd) {
	t.Helper()
	d := t.TempDir()
	must(t, "sh", "-c", `set -eu
groupadd capsu-ssh; groupadd capsu-ssh-target
useradd -m -s /bin/sh -G capsu-ssh keys; useradd -m -s /bin/sh -G capsu-ssh-target deploy
for service in capsu-ssh su; do cp /opt/share/capsu/examples/capsu-ssh /etc/pam.d/$service; done
echo Services capsu-ssh >/etc/capsu.conf
mkdir -p /run/sshd
chmod 755 "$0" "${0%/*}"
for key in host capsu su; do ssh-keygen -q -t ed25519 -N '' -f "$0/$key"; done
cat >"$0/config" <<EOF
HostKey $0/host
UsePAM yes
StrictModes no
PidFile none
AuthorizedKeysFile $0/authorized
EOF
echo "restrict,command=\"/opt/bin/capsu --forced-command --service capsu-ssh deploy\" $(cat "$0/capsu.pub")" >"$0/authorized"
echo "restrict,command=\"su deploy -c \\\"\$SSH_ORIGINAL_COMMAND\\\"\" $(cat "$0/su.pub")" >>"$0/authorized"
echo "bench $(cat "$0/host.pub")" >"$0/known"
`, d)
	return func(key, command string) *exec.Cmd {
		cmd := exec.Command("ssh", "-F", "none", "-T", "-i", d+"/"+key, "-o", "IdentitiesOnly=yes", "-o", "UserKnownHostsFile="+d+"/known",
			"-o", "LogLevel=ERROR", "-o", "BatchMode=yes", "-o", "Ciphers=aes128-gcm@openssh.com",
			"-o", "ProxyCommand=/usr/sbin/sshd -i -f "+d+"/config -E "+d+"/log", "keys@bench", command)
		cmd.Stderr = os.Stderr
		return cmd
	}
}

// zeros are n bytes, from nowhere.
type zeros struct{ n int64 }

func (z *zeros) Read(b []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	n := min(z.n, int64(len(b)))
	clear(b[:n])
	z.n -= n
	return int(n), nil
}

// counted are bytes that nobody keeps.
type counted struct{ n int64 }

func (c *counted) Write(b []byte) (int, error) { c.n += int64(len(b)); return len(b), nil }

// A stream into a session, and one out of it, by ssh.
func TestStreamThroughSSH(t *testing.T) {
	client := forced(t)
	through := func(key, command string, in bool) float64 {
		cmd := client(key, command)
		got := &counted{}
		cmd.Stdout = got
		if in {
			cmd.Stdin = &zeros{*streamSize}
		}
		began := time.Now()
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		if !in && got.n != *streamSize {
			t.Fatalf("%s: %d bytes", key, got.n)
		}
		return time.Since(began).Seconds()
	}
	fmt.Printf("%-46s %13s %13s %8s\n", fmt.Sprintf("%d MB by ssh", *streamSize>>20), "su", "capsu", "ratio")
	for _, c := range []struct {
		what, command string
		in            bool
	}{
		{"into the session", "cat >/dev/null", true},
		{"out of the session", fmt.Sprintf("head -c %d /dev/zero", *streamSize), false},
	} {
		var ratios, su, capsu []float64
		for round := range rounds {
			var took [2]float64
			for n := range took { // who is first changes
				which := (n + round) % 2
				took[which] = through([]string{"su", "capsu"}[which], c.command, c.in)
			}
			su, capsu = append(su, took[0]), append(capsu, took[1])
			ratios = append(ratios, took[0]/took[1])
		}
		for _, all := range [][]float64{ratios, su, capsu} {
			slices.Sort(all)
		}
		speed := func(seconds float64) string { return fmt.Sprintf("%.0f MB/s", float64(*streamSize>>20)/seconds) }
		fmt.Printf("%-46s %13s %13s %8.2f  (%s)\n", c.what, speed(su[rounds/2]), speed(capsu[rounds/2]), ratios[rounds/2],
			strings.Trim(fmt.Sprintf("%.2f", ratios), "[]"))
		if ratios[rounds/2] < floor {
			t.Errorf("%s: %.2f times the stream through su, want %.2f", c.what, ratios[rounds/2], floor)
		}
	}
}
