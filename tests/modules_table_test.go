//go:build privileged

package tests

import "kernel.org/pub/linux/libs/security/libcap/cap"

// trial is a service and a call that show a module's work. The key in trials is MODULE for all
// its phases, MODULE/PHASE, or MODULE/PHASE: VARIANT for one more.
type trial struct {
	args    string
	control string // default required
	above   string // lines of the service before the module's
	below   string // and after it
	target  string // default ghost
	login   bool   // a login shell with the observer as its input, instead of a command
	input   string
	env     []string
	servers []string // of servers, in their order
	inside  string   // what the session runs besides the observer
	again   bool     // the session is the second of two
	log     bool     // the module's lines in the system log are its work, too
	reset   string   // root's script before each run
	left    string   // root's script after it: what is left in files
	// answer says that the module's answer is all of its work, so that nothing more has to
	// show.
	answer bool
	// unseen says why its work does not show here. It must be the same as under su all the
	// same.
	unseen string
	// older says that only the module of Debian 12 has this phase.
	older bool
	// elsewhere is what the module needs on the other Debian only.
	elsewhere []cap.Value
	// differs is the reason of a difference and its remedy, for every caller.
	differs string
	// shows says that the row shows the file's capabilities themselves, or that the module
	// needs what it gives. Its needs are then not measured.
	shows bool
	part  bool // it does a part of its work only: what it needs is measured in other trials
}

// trialWorld is root's script that makes what the trials name.
const trialWorld = `
mkdir -p /opt/m/poly /opt/m/homes /opt/m/mail
readlink /proc/self/ns/mnt >/opt/m/namespace
echo '-:ghost:ALL' >/opt/m/access
echo ghost >/opt/m/ghost
echo 'hello %u from %U' >/opt/m/echo
echo 'MARK DEFAULT=seen' >/opt/m/env
echo 'OWN DEFAULT=mine' >/home/ghost/.pam_environment
echo '*;*;ghost;Al0000-2400;team' >>/etc/security/group.conf
echo '*;*;ghost;!Al0000-2400' >>/etc/security/time.conf
printf 'ghost hard nofile 512\nghost soft core 0\nghost hard nproc 300\nghost - priority 5\n' >/opt/m/limits
echo 'ghost hard nofile unlimited' >/opt/m/raised
echo 'new mail' >/opt/m/mail/ghost
echo 'message of the day' >/opt/m/motd
echo 'closed today' >/opt/m/nologin
echo 'issue of the machine' >/opt/m/issue
echo 'cap_kill ghost' >/opt/m/inheritable
echo '^cap_kill ghost' >/opt/m/ambient
touch /opt/m/poly/outside
`

const (
	// helperText is a program for modules to start. It notes its own state.
	helperText = `#!/bin/sh -p
{
	# not SigBlk: su blocks signals while it waits, and what it starts to close keeps that
	while IFS= read -r line; do
		case $line in
		Uid:* | Gid:* | Groups:* | Umask:* | Cap* | NoNewPrivs:* | SigIgn:*) echo "$line" ;;
		esac
	done </proc/$$/status
	tr -s ' ' </proc/$$/limits
	pwd -P
	env | grep -vE '^(_|PWD|OLDPWD|SHLVL)=' | sort
} >>"/opt/m/notes/$PAM_TYPE"
`
	// scriptText is a script for modules to start. Its shell gives up an effective uid that is
	// not the real one.
	scriptText = `#!/bin/sh
echo "$PAM_TYPE of $PAM_USER for $PAM_RUSER as $(id -run) $(id -un)" >>/opt/m/written
`
)

const newPassword = "Wq7!hhTfe2-zz"

var trials = map[string]trial{
	"access":            {args: "accessfile=/opt/m/access"},
	"cap/auth":          {args: "config=/opt/m/inheritable"},
	"cap/auth: Ambient": {args: "config=/opt/m/ambient", differs: ambientArrives, shows: true},

	"canonicalize_user/auth": {answer: true},

	"debug": {args: "auth=success acct=perm_denied open_session=session_err chauthtok=authtok_err"},
	"deny":  {},
	"echo":  {args: "file=/opt/m/echo", login: true},
	"env":   {args: "conffile=/opt/m/env"},

	"env/session: the target's own": {args: "conffile=/opt/m/env user_readenv=1"},

	"exec": {args: "quiet /opt/m/helper", reset: noted, left: notes, shows: true},

	"exec/auth: seteuid":     {args: "quiet seteuid /opt/m/helper", reset: noted, left: notes, shows: true},
	"exec/account: seteuid":  {args: "quiet seteuid /opt/m/helper", reset: noted, left: notes, shows: true},
	"exec/password: seteuid": {args: "quiet seteuid /opt/m/helper", reset: noted, left: notes, shows: true},
	"exec/session: seteuid":  {args: "quiet seteuid /opt/m/helper", reset: noted, left: notes, shows: true},
	"exec/auth: a shell script": {args: "quiet /opt/m/script", left: "cat /opt/m/written",
		reset: "rm -f /opt/m/written; install -m 666 /dev/null /opt/m/written"},
	"exec/session: a shell script": {args: "quiet /opt/m/script", left: "cat /opt/m/written",
		reset: "rm -f /opt/m/written; install -m 666 /dev/null /opt/m/written"},
	"exec/session: writes where root alone may": {args: "quiet seteuid /opt/m/script", left: "cat /opt/m/written",
		reset: "rm -f /opt/m/written; install -m 600 /dev/null /opt/m/written"},

	"faildelay/auth": {args: "delay=100000", unseen: "how long a refusal takes is not compared"},

	// One tally is new, and one is of another caller.
	"faillock/auth": {args: "authfail dir=/opt/m/faillock.new",
		above:   "auth optional pam_faillock.so authfail dir=/opt/m/faillock\n",
		control: "[default=die]", reset: tallied + "\nrm -rf /opt/m/faillock.new; install -d -m 755 /opt/m/faillock.new",
		left: tally},
	"faillock/auth: asked first": {args: "preauth deny=1 dir=/opt/m/faillock", reset: tallied, left: tally},
	"faillock/auth: forgets":     {args: "authsucc deny=3 dir=/opt/m/faillock", reset: tallied, left: tally},
	"faillock/account":           {args: "dir=/opt/m/faillock", reset: tallied, left: tally},

	"filter":     {args: "run1 /bin/cat"},
	"ftp/auth":   {args: "users=ghost", input: "ghost@example.org\n"},
	"group/auth": {},
	"issue/auth": {args: "issue=/opt/m/issue",
		unseen: "it goes before the question for a user's name, which su never asks"},
	"keyinit": {args: "force revoke"},

	"lastlog": {answer: true, reset: noLastlog, left: "lastlog -u ghost | tail -n 1 | cut -c 1-30", login: true},
	"lastlog/session": {login: true, reset: noLastlog, log: true, inside: "lastlog -u ghost | tail -n 1 | cut -c 1-30",
		left: "lastlog -u ghost | tail -n 1 | cut -c 1-30; stat -c '%U %G %a %s' /var/log/lastlog"},
	"lastlog/session: failures": {args: "showfailed", login: true, reset: noLastlog,
		left: "stat -c '%U %G %a %s' /var/log/lastlog"},

	"loginuid": {},

	"limits/session": {args: "conf=/opt/m/limits"},
	"limits/session: raises a hard limit": {args: "conf=/opt/m/raised",
		unseen: "the bounding set of the machine lacks cap_sys_resource"},

	"listfile":  {args: "item=user sense=deny file=/opt/m/ghost onerr=fail"},
	"localuser": {answer: true},
	"mail":      {args: "dir=/opt/m/mail", login: true},

	"mkhomedir/session": {elsewhere: []cap.Value{cap.FOWNER}, target: "newhome", args: "umask=0027",
		reset: "rm -rf /home/newhome",
		left:  "stat -c '%n %U %G %a' /home/newhome /home/newhome/.*; rm -rf /home/newhome"},

	"motd/session": {args: "motd=/opt/m/motd noupdate", login: true},

	"namespace/session":          {reset: instances, left: "stat -c '%n %U %G %a' /opt/m/instances/*; ls /opt/m/poly"},
	"namespace/session: a tmpfs": {reset: "echo '/opt/m/poly tmpfs tmpfs root' >/etc/security/namespace.conf"},

	"nologin": {args: "file=/opt/m/nologin"},
	"permit":  {answer: true},

	"pwhistory/password": {args: "remember=3", above: expired, below: "password required pam_unix.so use_authtok\n",
		input: newOnes, reset: staleGhost, left: changed},

	"rhosts/auth":      {answer: true},
	"rootok":           {answer: true},
	"securetty":        {answer: true},
	"selinux":          {unseen: "no SELinux in this kernel"},
	"sepermit":         {unseen: "no SELinux in this kernel"},
	"setquota/session": {args: "fs=/", unseen: "no file system with quotas here"},
	"shells":           {target: "odd"},
	"stress":           {input: "one\none\none\n", answer: true},

	"succeed_if":                       {args: "user = beta"},
	"succeed_if/auth: use_uid":         {args: "use_uid user = alpha", log: true},
	"succeed_if/account: use_uid":      {args: "use_uid user = alpha", log: true},
	"succeed_if/session: use_uid":      {args: "use_uid user = alpha", log: true},
	"succeed_if/auth: use_uid, others": {args: "use_uid uid != 0", log: true},
	"succeed_if/auth: use_uid, groups": {args: "use_uid user ingroup many1", log: true},

	"systemd/session": {unseen: "no logind runs here"},
	"time/account":    {},

	"timestamp/auth": {answer: true},
	"timestamp/auth: after a session": {control: "sufficient", args: "verbose", log: true, again: true, part: true,
		below: "session required pam_timestamp.so\n", reset: noStamps, left: stamps},
	"timestamp/session": {reset: noStamps, left: stamps},

	"tty_audit/session": {args: "enable=*", unseen: "the kernel takes it only from its first pid namespace"},
	"umask/session":     {args: "umask=027"},

	"unix/auth":                   {input: password + "\n", log: true, reset: freshGhost},
	"unix/auth: a wrong password": {input: "wrong\n", log: true, reset: freshGhost},
	"unix/account":                {target: "expired"},
	"unix/password":               {above: expired, input: newOnes, log: true, reset: staleGhost, left: changed},
	"unix/session":                {log: true},

	"userdb":                    {input: "one\n", args: "db=/opt/m/users", unseen: "no Berkeley database to ask"},
	"usertype":                  {args: "issystem"},
	"usertype/auth: use_uid":    {args: "use_uid issystem"},
	"usertype/auth: a regular":  {args: "use_uid isregular", answer: true},
	"usertype/session: use_uid": {args: "use_uid isregular", answer: true},

	"warn": {log: true},

	"wheel":                              {args: "group=team"},
	"wheel/auth: a member":               {args: "debug group=many1", log: true},
	"wheel/auth: another":                {args: "debug group=team", log: true},
	"wheel/auth: the group of wheel":     {args: "debug", log: true},
	"wheel/auth: deny a member":          {args: "debug deny group=many1", log: true},
	"wheel/auth: deny another":           {args: "debug deny group=team", log: true},
	"wheel/auth: use_uid a member":       {args: "debug use_uid group=many1", log: true},
	"wheel/auth: use_uid another":        {args: "debug use_uid group=team", log: true},
	"wheel/auth: use_uid, deny a member": {args: "debug use_uid deny group=many1", log: true},
	"wheel/auth: trust a member": {args: "debug trust group=many1", log: true,
		control: trusted, below: othersRefused},
	"wheel/auth: trust another": {args: "debug trust group=team", log: true,
		control: trusted, below: othersRefused},
	"wheel/auth: trust and use_uid a member": {args: "debug trust use_uid group=many1", log: true,
		control: trusted, below: othersRefused},
	"wheel/auth: root_only":           {args: "debug root_only group=team", answer: true},
	"wheel/account: use_uid a member": {args: "debug use_uid group=many1", log: true},

	"xauth/session": {env: []string{"DISPLAY=:7", "XAUTHORITY=/home/alpha/.Xauthority"}, reset: xauthority,
		inside: `stat -c '%U %G %a' "$XAUTHORITY"; xauth -f "$XAUTHORITY" list`, left: "ls -A /home/ghost | grep xauth"},
}

const ambientArrives = "Ambient arrives, which it does not under su; none needed"

const (
	trusted       = "sufficient"
	othersRefused = "auth requisite pam_deny.so\n"
	expired       = "account required pam_unix.so\n"
	newOnes       = password + "\n" + newPassword + "\n" + newPassword + "\n"
	// A tally with one failure, as pam_faillock's struct tally.
	tallied = `rm -rf /opt/m/faillock; install -d -m 755 /opt/m/faillock
perl -e 'print pack("a52 S S Q", "alpha", 0, 1, time)' >/opt/m/faillock/ghost
chown ghost /opt/m/faillock/ghost; chmod 600 /opt/m/faillock/ghost`
	tally      = `stat -c '%U %G %a %s' /opt/m/faillock*/*`
	freshGhost = `echo 'ghost:` + password + `' | chpasswd -c SHA256 -s 1000`
	staleGhost = freshGhost + `; chage -d 0 ghost
rm -f /etc/security/opasswd; install -m 600 /dev/null /etc/security/opasswd`
	changed = `stat -c '%n %U %G %a' /etc/shadow /etc/security/opasswd; grep -c . /etc/security/opasswd
[ "$(getent shadow ghost | cut -d: -f3)" = 0 ] && echo stale`
	noLastlog = "install -m 664 -g utmp /dev/null /var/log/lastlog"
	instances = `rm -rf /opt/m/instances; install -d -m 0 /opt/m/instances
echo '/opt/m/poly /opt/m/instances/ user root' >/etc/security/namespace.conf`
	// The helper writes a file for each phase.
	noted      = "rm -rf /opt/m/notes; install -d -m 777 /opt/m/notes"
	notes      = "cd /opt/m/notes && stat -c '%n %U %G %a' * && cat *"
	noStamps   = "rm -rf /run/pam_timestamp /run/sudo"
	stamps     = "find /run/pam_timestamp /run/sudo -printf '%p %u %g %m %s\\n' 2>/dev/null | sort"
	xauthority = `rm -f /home/ghost/.xauth* /home/alpha/.Xauthority; touch /home/alpha/.Xauthority
xauth -f /home/alpha/.Xauthority add :7 . 00112233445566778899aabbccddeeff 2>/dev/null
chown alpha: /home/alpha/.Xauthority`
)
