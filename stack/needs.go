package stack

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// Need is a need of a module, besides the capabilities that capsu has for itself.
type Need struct {
	Caps []cap.Value
	Why  string
	// Unmeasured says that the kernel's documentation demands it, but that no
	// measurement (doc/modules.md) could show it.
	Unmeasured bool
	types      []string       // the types of lines that need it; empty: all
	files      []string       // only if one of these files has a line that is no comment
	lines      *regexp.Regexp // and that matches this
	arg        string         // only with this argument
	unless     string         // not with this argument
}

// noTmpfs matches the lines of namespace.conf whose instances are directories.
var noTmpfs = regexp.MustCompile(`^\S+\s+\S+\s+(user|context|level)\b`)

// tickets are the types of lines with which pam_krb5 gives a session its tickets.
var tickets = []string{"auth", "session"}

// needs has the modules that need a capability, as measured in doc/modules.md. While
// modules run the monitor's effective uid is 0, which owns root's files. Modules need
// capabilities over files only for files of other users.
var needs = map[string][]Need{
	"pam_unix.so": {{Caps: []cap.Value{cap.CHOWN}, Why: "writes /etc/shadow when an expired password is changed",
		types: []string{"password"}}},
	"pam_faillock.so": {
		{Caps: []cap.Value{cap.DAC_OVERRIDE, cap.FOWNER}, Why: "writes its tally below /run/faillock"},
		{Caps: []cap.Value{cap.CHOWN}, Why: "makes a new tally its user's", arg: "authfail"},
	},
	"pam_pwhistory.so": {{Caps: []cap.Value{cap.CHOWN}, Why: "writes /etc/security/opasswd"}},
	"pam_mkhomedir.so": {{Caps: []cap.Value{cap.CHOWN, cap.FOWNER}, Why: "makes a home",
		types: []string{"session"}}},
	"pam_timestamp.so": {{Caps: []cap.Value{cap.CHOWN}, Why: "makes the directory of its stamps",
		types: []string{"session"}}},
	"pam_u2f.so": {{Caps: []cap.Value{cap.DAC_READ_SEARCH}, Why: "reads the keys of the target",
		unless: "openasuser"}},
	"pam_ssh_agent_auth.so": {{Caps: []cap.Value{cap.DAC_READ_SEARCH}, Why: "reads the keys that may be used"}},
	"pam_oath.so":           {{Caps: []cap.Value{cap.CHOWN}, Why: "writes its file anew"}},
	"pam_tmpdir.so": {{Caps: []cap.Value{cap.CHOWN}, Why: "makes the target's directory",
		types: []string{"auth", "session"}}},
	"pam_krb5.so": {
		{Caps: []cap.Value{cap.CHOWN}, Why: "makes the cache of tickets the target's", types: tickets},
		{Caps: []cap.Value{cap.DAC_OVERRIDE, cap.FOWNER}, Why: "writes it, and removes it", types: tickets},
	},
	"pam_limits.so": {{Caps: []cap.Value{cap.SYS_RESOURCE}, Why: "raises a hard limit", Unmeasured: true,
		files: []string{"/etc/security/limits.conf", "/etc/security/limits.d/*.conf"}}},
	"pam_namespace.so": {
		{Caps: []cap.Value{cap.SYS_ADMIN}, Why: "mounts directories of the session's own"},
		{Caps: []cap.Value{cap.CHOWN, cap.DAC_OVERRIDE}, Why: "makes instances of directories",
			files: []string{"/etc/security/namespace.conf", "/etc/security/namespace.d/*.conf"}, lines: noTmpfs},
	},
	"pam_mount.so": {{Caps: []cap.Value{cap.SYS_ADMIN}, Why: "mounts volumes", types: []string{"session"}}},
	"pam_loginuid.so": {
		{Caps: []cap.Value{cap.AUDIT_CONTROL}, Why: "changes the login uid of a caller who has one", Unmeasured: true},
	},
	"pam_tty_audit.so": {{Caps: []cap.Value{cap.AUDIT_CONTROL}, Why: "switches auditing of terminals", Unmeasured: true}},
}

// without has the modules that need no capability, or work without.
var without = []string{
	"pam_abl.so", "pam_access.so", "pam_canonicalize_user.so", "pam_cap.so", "pam_ccreds.so",
	"pam_debug.so", "pam_deny.so", "pam_echo.so", "pam_env.so", "pam_exec.so",
	"pam_faildelay.so", "pam_filter.so", "pam_fprintd.so", "pam_fscrypt.so", "pam_ftp.so",
	"pam_google_authenticator.so", "pam_group.so", "pam_issue.so",
	"pam_keyinit.so", "pam_kwallet5.so", "pam_lastlog.so", "pam_ldap.so", "pam_listfile.so",
	"pam_localuser.so", "pam_mail.so", "pam_motd.so", "pam_nologin.so", "pam_oddjob_mkhomedir.so",
	"pam_passwdqc.so", "pam_permit.so", "pam_pwdfile.so",
	"pam_pwquality.so", "pam_python.so", "pam_radius_auth.so", "pam_rhosts.so", "pam_rootok.so",
	"pam_script.so", "pam_securetty.so", "pam_selinux.so", "pam_sepermit.so", "pam_setquota.so",
	"pam_shells.so", "pam_sss.so", "pam_sss_gss.so", "pam_stress.so",
	"pam_succeed_if.so", "pam_systemd.so", "pam_time.so", "pam_umask.so", "pam_userdb.so",
	"pam_usertype.so", "pam_warn.so", "pam_wheel.so", "pam_xauth.so",
}

// closing has the modules that need a capability to close the session, besides those that
// capsu has for itself: they undo with it what they have done with it.
var closing = map[string]struct {
	caps         []cap.Value
	only, unless string // needed only with this argument; not with that one
	credentials  bool   // auth lines undo it, too
}{
	"pam_namespace.so": {caps: []cap.Value{cap.SYS_ADMIN}, only: "unmount_on_close"}, // otherwise the kernel unmounts
	"pam_tty_audit.so": {caps: []cap.Value{cap.AUDIT_CONTROL}, unless: "open_only"},
	"pam_mount.so":     {caps: []cap.Value{cap.SYS_ADMIN}},
	"pam_krb5.so":      {caps: []cap.Value{cap.DAC_OVERRIDE, cap.FOWNER}, credentials: true},
}

// Closing returns the capabilities that this module needs to close the session.
func (m Module) Closing() []cap.Value {
	c := closing[m.Name]
	closes := m.Type == "session" || c.credentials && m.Type == "auth"
	if !closes || c.only != "" && !slices.Contains(m.Args, c.only) || slices.Contains(m.Args, c.unless) {
		return nil
	}
	return c.caps
}

// Mistakes says, with the remedy, that this module takes another user for the caller. It is
// "" if it does not; doc/modules.md.
func (m Module) Mistakes() string {
	if m.Name != "pam_succeed_if.so" {
		return ""
	}
	for i, arg := range m.Args[:max(len(m.Args)-1, 0)] {
		next := strings.ToLower(m.Args[i+1])
		if strings.EqualFold(arg, "ruser") && (next == "ingroup" || next == "notingroup") {
			return "takes the target for the caller since Linux-PAM 1.7: name callers with ruser in NAME:NAME"
		}
	}
	return ""
}

// Needs returns what this module needs, with its type and arguments. known is false for a
// module that has not been measured.
func (m Module) Needs() (list []Need, known bool) {
	for _, n := range needs[m.Name] {
		if (len(n.types) == 0 || slices.Contains(n.types, m.Type)) &&
			(len(n.files) == 0 || slices.ContainsFunc(n.files, n.configured)) &&
			(n.arg == "" || slices.Contains(m.Args, n.arg)) && (n.unless == "" || !slices.Contains(m.Args, n.unless)) {
			list = append(list, n)
		}
	}
	return list, needs[m.Name] != nil || slices.Contains(without, m.Name)
}

// configured tells whether one of the files that match pattern has a line that needs n.
func (n Need) configured(pattern string) bool {
	paths, _ := filepath.Glob(pattern)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return true // we may not read it, so it may have such a line
		}
		for line := range strings.Lines(string(text)) {
			line, _, _ = strings.Cut(line, "#")
			if line = strings.TrimSpace(line); line != "" && (n.lines == nil || n.lines.MatchString(line)) {
				return true
			}
		}
	}
	return false
}
