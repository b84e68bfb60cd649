//go:build privileged

package tests

import "maps"

// othersTrials are those of modules that are not Linux-PAM's.
var othersTrials = map[string]trial{
	"google_authenticator/auth": {input: hotp(sharedKey, 7) + "\n", log: true, reset: googleSecret,
		left: "cd /home/ghost && stat -c '%n %U %G %a' .google*; cut -d' ' -f 1-3 .google*; rm .google*"},
	"google_authenticator/auth: a wrong code": {input: "123456\n", log: true, reset: googleSecret,
		left: "cd /home/ghost && stat -c '%n %U %G %a' .google*; cut -d' ' -f 1-3 .google*; rm .google*"},
	"google_authenticator/auth: root's secrets": {input: hotp(sharedKey, 7) + "\n", log: true,
		args: "secret=/opt/m/secrets/${USER} user=root", reset: `install -d -m 700 /opt/m/secrets` + "\n" + googleSecret +
			"\ninstall -m 400 /home/ghost/.google_authenticator /opt/m/secrets/ghost; rm /home/ghost/.google_authenticator",
		left: "stat -c '%n %U %G %a' /opt/m/secrets/*; cut -d' ' -f 1-3 /opt/m/secrets/*"},

	"oath/auth": {args: "usersfile=/opt/m/oath window=5 digits=6", input: hotp(sharedKey, 3) + "\n",
		reset: "echo 'HOTP ghost - " + secretHex + "' >/opt/m/oath; chmod 600 /opt/m/oath",
		left:  "stat -c '%n %U %G %a' /opt/m/oath; cut -f 1-5 /opt/m/oath"},
	"u2f/auth": {args: "authfile=/home/ghost/u2f " + u2fLog, log: true, reset: u2fKey, left: u2fSaid},
	"u2f/auth: as the user": {args: "openasuser authfile=/home/ghost/u2f " + u2fLog, log: true, reset: u2fKey,
		left: u2fSaid},
	"ssh_agent_auth/auth": {servers: []string{"agent"}, args: "file=/opt/m/authorized", log: true,
		env: []string{"SSH_AUTH_SOCK=/opt/m/agent/socket"}},
	"pwdfile/auth": {args: "pwdfile=/opt/m/pwdfile", input: password + "\n", log: true},

	"krb5/auth": {servers: kerberos, input: password + "\n", log: true, inside: ticket, left: caches},
	"krb5/auth: a wrong password": {servers: kerberos, reset: noCaches, input: "wrong\n", log: true,
		left: caches, part: true},
	"krb5/auth: a cache elsewhere": {servers: kerberos, args: "ccache=FILE:/opt/m/caches/%u", input: password + "\n",
		reset:  noCaches + "; rm -rf /opt/m/caches; install -d -m 1777 /opt/m/caches",
		inside: ticket, left: caches + "; ls /opt/m/caches", part: true},
	"krb5/account": {servers: kerberos, above: krb5Auth, reset: noCaches, input: password + "\n", inside: ticket,
		left: caches, answer: true, part: true},
	"krb5/session": {servers: kerberos, above: krb5Auth, reset: noCaches, input: password + "\n", inside: ticket,
		left: caches, answer: true, part: true},
	"krb5/password": {servers: kerberos, input: newOnes, log: true, left: newKey,
		reset: "kadmin.local cpw -pw '" + password + "' ghost >/dev/null"},

	"ldap":          {servers: ldap, answer: true},
	"ldap/auth":     {servers: ldap, input: password + "\n", log: true},
	"ldap/password": {servers: ldap, input: newOnes, log: true, reset: ldapGhost, left: ldapNew},

	"sss":          {servers: sssd, answer: true},
	"sss/auth":     {servers: sssd, input: password + "\n", log: true},
	"sss/password": {servers: sssd, input: newOnes, log: true, reset: ldapGhost, left: ldapNew},
	"sss_gss":      {servers: sssd, answer: true},

	"radius_auth":          {servers: []string{"radius"}, answer: true},
	"radius_auth/password": {older: true, servers: []string{"radius"}, input: "wrong\n" + newOnes, answer: true},
	"radius_auth/auth":     {servers: []string{"radius"}, input: password + "\n", log: true},

	"tmpdir":         {reset: "rm -rf /tmp/user", left: tmpdirs},
	"tmpdir/account": {reset: "rm -rf /tmp/user", left: tmpdirs, answer: true},

	"mount":          {args: "disable_interactive", answer: true},
	"mount/auth":     {input: password + "\n"},
	"mount/password": {args: "disable_interactive", answer: true},
	"mount/session": {args: "disable_interactive",
		left: "ls /opt/m/poly; find /run/pam_mount -type f"},

	"script": {args: "dir=/opt/m/scripts", reset: noted, left: notes, shows: true},
	"script/auth": {args: "dir=/opt/m/scripts", input: password + "\n",
		reset: noted, left: notes, shows: true},
	"script/password": {args: "dir=/opt/m/scripts", input: newOnes,
		reset: noted, left: notes, shows: true},
	"python": {args: "/opt/m/module.py", reset: noted, left: notes},

	"fscrypt": {unseen: "no file system with encryption here"},

	"pwquality/password": {input: "abc\nabc\n", args: "retry=1"},
	"passwdqc/password":  {input: "abc\nabc\n", args: "retry=1"},

	"ccreds/auth": {args: "action=store ccredsfile=/opt/m/ccreds", above: unixAuth, input: password + "\n",
		reset: "rm -f /opt/m/ccreds", left: "stat -c '%n %U %G %a' /opt/m/ccreds"},
	"abl/auth": {args: "config=/opt/m/abl.conf", again: true, control: "required", below: othersRefused,
		reset: "rm -rf /opt/m/abl; install -d -m 700 /opt/m/abl",
		left:  "stat -c '%n %U %G %a' /opt/m/abl/*.db; grep -c ghost /opt/m/abl/users.db"},

	"oddjob_mkhomedir": {answer: true},
	"oddjob_mkhomedir/session": {servers: []string{"dbus", "oddjob"}, target: "newhome", reset: "rm -rf /home/newhome",
		left: "stat -c '%n %U %G %a' /home/newhome /home/newhome/.*; rm -rf /home/newhome"},

	"kwallet5":      {above: unixAuth, input: password + "\n", answer: true},
	"kwallet5/auth": {above: unixAuth, args: wallet, input: password + "\n", reset: noWallet, answer: true},
	"kwallet5/session": {above: unixAuth + "auth optional pam_kwallet5.so " + wallet + "\n", args: wallet,
		input: password + "\n", reset: noWallet, left: wallets, shows: true},

	"fprintd": {unseen: "no fingerprint reader"},
}

func init() { maps.Copy(trials, othersTrials) }

var (
	kerberos = []string{"kdc", "kadmind"}
	ldap     = []string{"slapd", "nslcd"}
	sssd     = []string{"slapd", "sssd"}
)

const (
	unixAuth = "auth required pam_unix.so\n"
	u2fLog   = "debug debug_file=/opt/m/u2f.log cue"
	u2fKey   = `rm -f /opt/m/u2f.log; install -m 666 /dev/null /opt/m/u2f.log
echo 'ghost:a2V5,a2V5,es256,+presence' >/home/ghost/u2f; chown ghost: /home/ghost/u2f; chmod 600 /home/ghost/u2f`
	// There is no token: the module reads the key, and finds no device.
	u2fSaid = "cut -d: -f 3- /opt/m/u2f.log | grep -v Challenge; rm /home/ghost/u2f"
	// The wallet's program is the tests' own, because KDE's needs a desktop.
	wallet   = "kwalletd=/opt/m/kwalletd force_run"
	noWallet = "rm -rf /home/ghost/.local " + `/tmp/kwallet*; rm -rf /opt/m/notes; install -d -m 777 /opt/m/notes`
	wallets  = `for n in $(seq 100); do [ -s /opt/m/notes/wallet ] && break; sleep 0.05; done
cat /opt/m/notes/wallet; cd /home/ghost && find .local -printf '%p %u %g %m %s\n' | sort`
	// A secret with a counter, as google-authenticator writes it.
	googleSecret = `rm -f /home/ghost/.google_authenticator
printf '%s\n' ` + secretBase32 + ` '" HOTP_COUNTER 7' '" RATE_LIMIT 9 30' >/home/ghost/.google_authenticator
chown ghost: /home/ghost/.google_authenticator; chmod 400 /home/ghost/.google_authenticator`
	krb5Auth = "auth required pam_krb5.so\n"
	// The ticket of a session: its principal, and its file's owner.
	ticket = `klist 2>&1 | grep -E '^(Ticket cache|Default)|krbtgt/' | sed 's/.*  krbtgt/krbtgt/'
stat -c '%U %G %a' "${KRB5CCNAME#FILE:}"`
	noCaches = "rm -f /tmp/krb5*"
	caches   = "find /tmp -name 'krb5*'"
	newKey   = "echo '" + newPassword + "' | KRB5CCNAME=MEMORY: kinit ghost >/dev/null && echo the new password"
	// Root asks the directory which password it has.
	ldapNew = `ldapwhoami -x -H ldap://127.0.0.1:@LDAP@/ -D uid=ghost,ou=people,dc=capsu,dc=test -w '` + newPassword + `'`
	tmpdirs = "find /tmp -mindepth 1 -printf '%p %u %g %m\\n' | sort"
)
