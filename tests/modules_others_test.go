//go:build privileged

package tests

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"maps"
	"strings"
	"testing"
)

// The modules of packages other than Linux-PAM: those that many Debian machines have, with the
// servers that they ask (modules_servers_test.go).

// othersPackages are in tests/run, too. Debian 12 has all of them.
var othersPackages = []string{
	"libpam-google-authenticator", "libpam-oath", "libpam-u2f", "libpam-ssh-agent-auth", "libpam-pwdfile",
	"libpam-krb5", "libpam-ldapd", "libpam-sss", "libpam-radius-auth", "libpam-tmpdir", "libpam-mount", "libpam-script",
	"libpam-python", "libpam-fscrypt", "libpam-pwquality", "libpam-passwdqc", "libpam-ccreds",
	"libpam-abl", "oddjob-mkhomedir", "libpam-kwallet5", "libpam-fprintd",
}

// othersFiles are the modules of those packages. Later releases of Debian may lack some.
func othersFiles(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	oldest := strings.Contains(release(t), "Debian 12,")
	for _, name := range othersPackages {
		state := must(t, "sh", "-c", `dpkg-query -W -f '${db:Status-Status}' "$0" 2>/dev/null || true`, name)
		if state != "installed" {
			if oldest {
				t.Fatalf("%s is not installed: tests/run installs it", name)
			}
			continue
		}
		maps.Copy(files, filesOf(t, name))
	}
	return files
}

// hotp is a one-time password: a secret and a counter, RFC 4226.
func hotp(secret string, counter uint64) string {
	mac := hmac.New(sha1.New, []byte(secret))
	binary.Write(mac, binary.BigEndian, counter)
	sum := mac.Sum(nil)
	from := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[from:])&(1<<31-1)%1e6)
}

// The secret of one-time passwords: as it is, in hexadecimal for oath, in base 32 for
// google-authenticator.
const (
	sharedKey    = "12345678901234567890"
	secretHex    = "3132333435363738393031323334353637383930"
	secretBase32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
)

// worldOfOthers makes what the trials of these modules need. /tmp is the world's own meanwhile.
func worldOfOthers(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		endServers()
		must(t, "sh", "-c", "umount -l /var/lib/sss 2>/dev/null || true; umount -l /tmp")
	})
	must(t, "mount", "-t", "tmpfs", "-o", "mode=1777", "modules", "/tmp")
	must(t, "sh", "-euc", othersWorld)
}

const othersWorld = `
mkdir /opt/m/scripts
for phase in auth acct passwd ses_open ses_close; do ln -s /opt/m/helper /opt/m/scripts/pam_script_$phase; done
cat >/opt/m/module.py <<'END'
import os
def note(pamh, phase):
    with open("/opt/m/notes/" + phase, "a") as f:
        f.write("%s %s %s %s\n" % (pamh.get_user(), os.getresuid(), os.getresgid(), sorted(os.getgroups())))
    return pamh.PAM_SUCCESS
def pam_sm_authenticate(pamh, flags, argv): return note(pamh, "auth")
def pam_sm_setcred(pamh, flags, argv): return note(pamh, "setcred")
def pam_sm_acct_mgmt(pamh, flags, argv): return note(pamh, "account")
def pam_sm_open_session(pamh, flags, argv): return note(pamh, "open")
def pam_sm_close_session(pamh, flags, argv): return note(pamh, "close")
def pam_sm_chauthtok(pamh, flags, argv): return note(pamh, "password")
END
echo "ghost:$(getent shadow ghost | cut -d: -f2)" >/opt/m/pwdfile; chmod 600 /opt/m/pwdfile
cat >/opt/m/kwalletd <<'END'
#!/bin/sh
{
	grep -E '^(Uid|Gid|Groups|Cap)' /proc/$$/status
	env | grep -vE '^(_|PWD|OLDPWD|SHLVL|PAM_KWALLET5_LOGIN)=' | sort
} >/opt/m/notes/wallet.new
mv /opt/m/notes/wallet.new /opt/m/notes/wallet
END
chmod 755 /opt/m/kwalletd
printf '%s\n' db_home=/opt/m/abl host_db=/opt/m/abl/hosts.db user_db=/opt/m/abl/users.db user_purge=2d \
	'user_rule=*:1/1h' >/opt/m/abl.conf
cat >/etc/security/pam_mount.conf.xml <<END
<?xml version="1.0" encoding="utf-8" ?>
<pam_mount>
<volume user="ghost" fstype="tmpfs" path="own" mountpoint="/opt/m/poly" options="size=1m" />
<mkmountpoint enable="0" />
<logout wait="0" hup="0" term="no" kill="no" />
</pam_mount>
END
`
