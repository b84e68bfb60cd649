//go:build privileged

package bench

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

var streamSize = flag.Int64("stream.size", 1<<30, "bytes of each stream through ssh")

// floor is the share of su's speed that a stream through capsu must reach.
const floor = 0.95

// races are many, because two streams on a machine with few processors get unequal shares.
const races = 15

// forced makes keys of a user whose forced commands become daemon, one by capsu and one by su,
// both by the same service without a question.
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
forced='/opt/bin/capsu --forced-command --service capsu-ssh deploy'
echo "restrict,command=\"$forced\" $(cat "$0/capsu.pub")" >"$0/authorized"
echo "restrict,command=\"su deploy -c \\\"\$SSH_ORIGINAL_COMMAND\\\"\" $(cat "$0/su.pub")" >>"$0/authorized"
echo "bench $(cat "$0/host.pub")" >"$0/known"
`, d)
	return func(key, command string) *exec.Cmd {
		cmd := exec.Command("ssh", "-F", "none", "-T", "-i", d+"/"+key,
			"-o", "IdentitiesOnly=yes", "-o", "UserKnownHostsFile="+d+"/known",
			"-o", "LogLevel=ERROR", "-o", "BatchMode=yes", "-o", "Ciphers=aes128-gcm@openssh.com",
			"-o", "ProxyCommand=/usr/sbin/sshd -i -f "+d+"/config -E "+d+"/log", "keys@bench", command)
		cmd.Stderr = os.Stderr
		return cmd
	}
}

// moved counts the bytes of a stream of zeros.
type moved struct{ atomic.Int64 }

func (m *moved) Read(b []byte) (int, error) {
	clear(b)
	m.Add(int64(len(b)))
	return len(b), nil
}

func (m *moved) Write(b []byte) (int, error) {
	m.Add(int64(len(b)))
	return len(b), nil
}

// race runs an endless stream through each key at the same time, so that other load slows both.
// It returns how far each has come when the first has moved the size; the count starts when
// both are on their way.
func race(t *testing.T, client func(key, command string) *exec.Cmd, keys [2]string, command string,
	in bool) (bytes [2]int64, took time.Duration) {
	var streams [2]moved
	for n, key := range keys {
		cmd := client(key, command)
		if in {
			cmd.Stdin = &streams[n]
		} else {
			cmd.Stdout = &streams[n]
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { cmd.Wait(); close(ended) }()
		defer func() {
			select {
			case <-ended:
				t.Errorf("%s: ended by itself", key)
			default:
				cmd.Process.Kill()
				<-ended
			}
		}()
	}
	at := func() (now [2]int64) {
		for n := range streams {
			now[n] = streams[n].Load()
		}
		return now
	}
	reach := func(so func([2]int64) bool) (now [2]int64) {
		for end := time.Now().Add(10 * time.Minute); ; time.Sleep(time.Millisecond) {
			if now = at(); so(now) {
				return now
			}
			if time.Now().After(end) {
				t.Fatalf("the streams stay at %d", now)
			}
		}
	}
	const onTheirWay = 20 << 20 // more than what pipes and windows hold
	first := reach(func(now [2]int64) bool { return min(now[0], now[1]) > onTheirWay })
	began := time.Now()
	last := reach(func(now [2]int64) bool { return max(now[0]-first[0], now[1]-first[1]) >= *streamSize })
	return [2]int64{last[0] - first[0], last[1] - first[1]}, time.Since(began)
}

// A stream into a session, and one out of it, by ssh.
func TestStreamThroughSSH(t *testing.T) {
	client := forced(t)
	fmt.Printf("%-46s %13s %13s %8s\n", fmt.Sprintf("%d MB by ssh", *streamSize>>20), "su", "capsu", "ratio")
	for _, c := range []struct {
		what, command string
		in            bool
	}{
		{"into the session", "cat >/dev/null", true},
		{"out of the session", "cat /dev/zero", false},
	} {
		var ratios []float64
		var all [2]int64
		var time time.Duration
		for round := range races {
			su := round % 2 // the first to start changes
			var keys [2]string
			keys[su], keys[1-su] = "su", "capsu"
			bytes, took := race(t, client, keys, c.command, c.in)
			ratios = append(ratios, float64(bytes[1-su])/float64(bytes[su]))
			all[0], all[1], time = all[0]+bytes[su], all[1]+bytes[1-su], time+took
		}
		slices.Sort(ratios)
		speed := func(bytes int64) string { return fmt.Sprintf("%.0f MB/s", float64(bytes>>20)/time.Seconds()) }
		fmt.Printf("%-46s %13s %13s %8.2f  (%.2f to %.2f)\n", c.what, speed(all[0]), speed(all[1]), ratios[races/2],
			ratios[0], ratios[races-1])
		if ratios[races/2] < floor {
			t.Errorf("%s: %.2f times the stream through su, want %.2f", c.what, ratios[races/2], floor)
		}
	}
}
