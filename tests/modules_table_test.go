//go:build privileged

package tests

// trial is how a module is tried so that its work shows. The key in trials is
// MODULE for all its phases, MODULE/PHASE, or MODULE/PHASE: VARIANT for more.
type trial struct {
	args    string
	control string // default required
	above   string // lines of the service before the module's
	below   string // and after it
	target  string // default ghost
	login   bool   // a login shell with the observer as its input, else a command
	input   string
	env     []string
	log     bool   // the module's lines in the system log are its work, too
	reset   string // root's script before each run
	left    string // root's script after it: what is left in files
	// answer says that the module's answer is all its work; then nothing more
	// has to show.
	answer bool
	// unseen says why its work does not show here. It must be as under su all the same.
	unseen string
	// differs is the reason of a difference and its remedy, when alpha calls
	// and when root does.
	differs, differsRoot string
	broken               bool // its needs are not measured: it does not do its work when alpha calls, refuses anyway, or needs what it grants
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
printf '#!/bin/sh\necho "$PAM_TYPE of $PAM_USER for $PAM_RUSER as $(id -run) $(id -un)" >>/opt/m/written\n' >/opt/m/exec
chmod 755 /opt/m/exec
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

const newPassword = "Wq7!hhTfe2-zz"

var trials = map[string]trial{
	"access":                              {args: "accessfile=/opt/m/access"},
	"cap/auth":                            {args: "config=/opt/m/inheritable"},
	"cap/auth: Ambient":                   {args: "config=/opt/m/ambient", differs: ambientArrives, differsRoot: ambientArrives, broken: true},
	"canonicalize_user/auth":              {answer: true},
	"debug":                               {args: "auth=success acct=perm_denied open_session=session_err chauthtok=authtok_err"},
	"deny":                                {},
	"echo":                                {args: "file=/opt/m/echo", login: true},
	"env":                                 {args: "conffile=/opt/m/env"},
	"env/session: the target's own":       {args: "conffile=/opt/m/env user_readenv=1"},
	"exec":                                {differs: seesGuard + "; write scripts that need no root, and use PAM_RUSER", args: "quiet /opt/m/exec", reset: "rm -f /opt/m/written; touch /opt/m/written; chmod 666 /opt/m/written", left: "cat /opt/m/written"},
	"faildelay/auth":                      {args: "delay=100000", unseen: "how long a refusal takes is not compared"},
	"faillock/auth":                       {differs: "the tally belongs to the guard's group instead of the caller's; no remedy needed", args: "authfail dir=/opt/m/faillock", control: "[default=die]", reset: "rm -rf /opt/m/faillock; install -d -m 755 /opt/m/faillock", left: tally},
	"faillock/auth: asked first":          {args: "preauth deny=1 dir=/opt/m/faillock", reset: tallied, left: tally},
	"faillock/account":                    {args: "dir=/opt/m/faillock", reset: tallied, left: tally},
	"filter":                              {args: "run1 /bin/cat"},
	"ftp/auth":                            {args: "users=ghost", input: "ghost@example.org\n"},
	"group/auth":                          {},
	"issue/auth":                          {args: "issue=/opt/m/issue", unseen: "it goes before the question for a user's name, which su never asks"},
	"keyinit":                             {args: "force revoke"},
	"lastlog":                             {answer: true, reset: "install -m 664 -g utmp /dev/null /var/log/lastlog", left: "lastlog -u ghost | tail -n 1 | cut -c 1-30", login: true},
	"lastlog/session":                     {reset: "install -m 664 -g utmp /dev/null /var/log/lastlog", left: "stat -c %s /var/log/lastlog", login: true, differs: overFiles + "; let the line be optional: utmp and wtmp of a login are capsu's own", broken: true},
	"loginuid/account":                    {},
	"loginuid/session":                    {differs: overFiles + "; an account line instead of the session line", broken: true},
	"limits/session":                      {args: "conf=/opt/m/limits"},
	"limits/session: raises a hard limit": {unseen: "the bounding set of the machine lacks cap_sys_resource", args: "conf=/opt/m/raised"},
	"listfile":                            {args: "item=user sense=deny file=/opt/m/ghost onerr=fail"},
	"localuser":                           {answer: true},
	"mail":                                {args: "dir=/opt/m/mail", login: true},
	"mkhomedir/session":                   {differs: "its helper runs without capabilities and may not make a home; pam_oddjob_mkhomedir, or make homes otherwise", broken: true, target: "newhome", reset: "rm -rf /home/newhome", left: "stat -c '%U %G %a' /home/newhome; ls -A /home/newhome"},
	"motd/session":                        {args: "motd=/opt/m/motd noupdate", login: true},
	"namespace/session":                   {reset: "rm -rf /opt/m/instances; install -d -m 0 /opt/m/instances; echo '/opt/m/poly /opt/m/instances/ user root' >/etc/security/namespace.conf", left: "ls /opt/m/instances", differs: overFiles + "; a polyinstantiated tmpfs", broken: true},
	"namespace/session: a tmpfs":          {reset: "echo '/opt/m/poly tmpfs tmpfs root' >/etc/security/namespace.conf"},
	"nologin":                             {args: "file=/opt/m/nologin"},
	"permit":                              {answer: true},
	"pwhistory/password": {args: "remember=3", above: "account required pam_unix.so\n", below: "password required pam_unix.so use_authtok\n",
		input: password + "\n" + newPassword + "\n" + newPassword + "\n", reset: staleGhost, left: changed},
	"rhosts/auth":                 {answer: true},
	"rootok":                      {answer: true},
	"securetty":                   {answer: true},
	"selinux":                     {unseen: "no SELinux in this kernel"},
	"sepermit":                    {unseen: "no SELinux in this kernel"},
	"setquota/session":            {args: "fs=/", unseen: "no file system with quotas here"},
	"shells":                      {target: "odd"},
	"stress":                      {input: "one\none\none\n", answer: true},
	"succeed_if":                  {args: "user = beta"},
	"succeed_if/auth: use_uid":    {differs: seesGuard + "; AuthIdentity caller", broken: true, answer: true, args: "use_uid user = alpha"},
	"systemd/session":             {unseen: "no logind runs here"},
	"time/account":                {},
	"timestamp/auth":              {answer: true},
	"timestamp/session":           {differs: overFiles + "; let the line be optional, or leave it out", broken: true, left: "find /run/pam_timestamp /run/sudo /run/user -type f"},
	"tty_audit/session":           {args: "enable=*", unseen: "the kernel takes it only from its first pid namespace"},
	"umask/session":               {args: "umask=027"},
	"unix/auth":                   {input: password + "\n", log: true, reset: freshGhost},
	"unix/auth: a wrong password": {input: "wrong\n", log: true, reset: freshGhost, differs: guardInLog, broken: true},
	"unix/account":                {target: "expired"},
	"unix/password":               {above: "account required pam_unix.so\n", input: password + "\n" + newPassword + "\n" + newPassword + "\n", reset: staleGhost, left: changed},
	"unix/session":                {differs: guardInLog, log: true},
	"userdb":                      {input: "one\n", args: "db=/opt/m/users", unseen: "no Berkeley database to ask"},
	"usertype":                    {args: "issystem"},
	"warn":                        {log: true},
	"wheel":                       {args: "group=team"},
	"wheel/auth: deny a member": {args: "deny group=many1", answer: true, broken: true,
		differs: seesGuard + ", so that nobody is denied; AuthIdentity caller"},
	"wheel/auth: a member": {differs: seesGuard + "; AuthIdentity caller", broken: true, args: "group=many1", answer: true},
	"wheel/auth: use_uid":  {differs: seesGuard + "; AuthIdentity caller", broken: true, answer: true, args: "use_uid group=many1"},
	"xauth/session":        {differs: "it looks for the cookie in the guard's home; leave it out, and hand the cookie on by xauth(1)", broken: true, env: []string{"DISPLAY=:7", "XAUTHORITY=/home/alpha/.Xauthority"}, reset: xauthority, left: "ls -A /home/ghost | grep xauth"},
}

// Reasons that several have.
const (
	seesGuard      = "it looks at the real uid, which is the guard's"
	guardInLog     = "its log line has the guard's uid; ruser= is the caller, and capsu's own line names him"
	overFiles      = "it writes a file of root's, and capabilities over files are withheld from modules that act for the target"
	ambientArrives = "Ambient arrives, which it does not under su; none needed"
)

const (
	// A tally of one failure, as struct tally of pam_faillock has it.
	tallied = `rm -rf /opt/m/faillock; install -d -m 755 /opt/m/faillock
perl -e 'print pack("a52 S S Q", "alpha", 0, 1, time)' >/opt/m/faillock/ghost
chown ghost /opt/m/faillock/ghost; chmod 600 /opt/m/faillock/ghost`
	tally      = `stat -c '%U %G %a %s' /opt/m/faillock/*`
	freshGhost = `echo 'ghost:` + password + `' | chpasswd -c SHA256 -s 1000`
	staleGhost = `echo 'ghost:` + password + `' | chpasswd -c SHA256 -s 1000; chage -d 0 ghost; rm -f /etc/security/opasswd; install -m 600 /dev/null /etc/security/opasswd`
	changed    = `stat -c '%n %U %G %a' /etc/shadow /etc/security/opasswd; grep -c . /etc/security/opasswd; [ "$(getent shadow ghost | cut -d: -f3)" = 0 ] && echo stale`
	xauthority = `rm -f /home/ghost/.xauth* /home/alpha/.Xauthority; touch /home/alpha/.Xauthority
xauth -f /home/alpha/.Xauthority add :7 . 00112233445566778899aabbccddeeff 2>/dev/null; chown alpha: /home/alpha/.Xauthority`
)
