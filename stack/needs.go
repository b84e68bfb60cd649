package stack

import (
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// Need is what a module needs beyond what capsu has for itself.
type Need struct {
	Caps []cap.Value
	Why  string
	// Unmeasured says that the kernel's documentation has it, and no machine of
	// the measurement showed it.
	Unmeasured bool
	types      []string // of the lines that need it; empty: all
	files      []string // needed only if one of these has a line that is no comment
	arg        string   // needed only with this argument
	imports    string   // needed only by a module that imports this symbol
}

// needs has the modules of Linux-PAM as far as they need a capability:
// doc/modules.md, as a table. Session modules need none over files: those are
// withheld from modules that act for the target.
var needs = map[string][]Need{
	"pam_unix.so": {
		{Caps: []cap.Value{cap.DAC_READ_SEARCH}, Why: "reads /etc/shadow itself (Linux-PAM before 1.6)", types: []string{"auth", "account"}, imports: "pam_modutil_getspnam"},
		{Caps: []cap.Value{cap.DAC_OVERRIDE, cap.CHOWN, cap.FOWNER}, Why: "writes /etc/shadow when an expired password is changed", types: []string{"password"}},
	},
	"pam_faillock.so": {
		{Caps: []cap.Value{cap.DAC_OVERRIDE, cap.FOWNER}, Why: "writes its tally below /run/faillock"},
		{Caps: []cap.Value{cap.CHOWN}, Why: "makes a new tally its user's", arg: "authfail"},
	},
	"pam_pwhistory.so": {{Caps: []cap.Value{cap.DAC_OVERRIDE, cap.CHOWN, cap.FOWNER}, Why: "writes /etc/security/opasswd"}},
	"pam_limits.so": {{Caps: []cap.Value{cap.SYS_RESOURCE}, Why: "raises a hard limit", Unmeasured: true,
		files: []string{"/etc/security/limits.conf", "/etc/security/limits.d/*.conf"}}},
	"pam_namespace.so": {{Caps: []cap.Value{cap.SYS_ADMIN}, Why: "mounts directories of the session's own"}},
	"pam_loginuid.so": {
		{Caps: []cap.Value{cap.DAC_OVERRIDE}, Why: "writes /proc/self/loginuid, which is root's", types: []string{"account"}},
		{Caps: []cap.Value{cap.AUDIT_CONTROL}, Why: "changes the login uid of a caller who has one", types: []string{"account"}, Unmeasured: true},
	},
	"pam_tty_audit.so": {{Caps: []cap.Value{cap.AUDIT_CONTROL}, Why: "switches auditing of terminals", Unmeasured: true}},
}

// without are the modules that need no capability, or do without.
var without = []string{
	"pam_access.so", "pam_canonicalize_user.so", "pam_cap.so", "pam_debug.so", "pam_deny.so", "pam_echo.so", "pam_env.so", "pam_exec.so", "pam_faildelay.so", "pam_filter.so",
	"pam_ftp.so", "pam_group.so", "pam_issue.so", "pam_keyinit.so", "pam_lastlog.so", "pam_listfile.so", "pam_localuser.so", "pam_mail.so", "pam_mkhomedir.so",
	"pam_motd.so", "pam_nologin.so", "pam_permit.so", "pam_pwquality.so", "pam_rhosts.so", "pam_rootok.so", "pam_securetty.so", "pam_selinux.so", "pam_sepermit.so", "pam_setquota.so",
	"pam_shells.so", "pam_sss.so", "pam_stress.so", "pam_succeed_if.so", "pam_systemd.so", "pam_time.so", "pam_timestamp.so", "pam_umask.so",
	"pam_userdb.so", "pam_usertype.so", "pam_warn.so", "pam_wheel.so", "pam_xauth.so",
}

// closing is what session modules need to close, beyond what capsu has for
// itself: they undo by a capability what they did by one. The others close
// without. unless and only are arguments that decide.
var closing = map[string]struct {
	caps         []cap.Value
	only, unless string
}{
	"pam_namespace.so": {caps: []cap.Value{cap.SYS_ADMIN}, only: "unmount_on_close"}, // else the kernel does it
	"pam_tty_audit.so": {caps: []cap.Value{cap.AUDIT_CONTROL}, unless: "open_only"},
}

// Closing returns what this module needs to close the session, where it opens one.
func (m Module) Closing() []cap.Value {
	c := closing[m.Name]
	if m.Type != "session" || c.only != "" && !slices.Contains(m.Args, c.only) || slices.Contains(m.Args, c.unless) {
		return nil
	}
	return c.caps
}

// Mistakes says whom this module takes for the caller, and the remedy, if that
// is another user. doc/modules.md.
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

// Needs returns what this module needs in its place; known is false for a
// module that nobody has tried.
func (m Module) Needs() (list []Need, known bool) {
	for _, n := range needs[m.Name] {
		if (len(n.types) == 0 || slices.Contains(n.types, m.Type)) &&
			(len(n.files) == 0 || slices.ContainsFunc(n.files, configured)) &&
			(n.arg == "" || slices.Contains(m.Args, n.arg)) && (n.imports == "" || m.imports(n.imports)) {
			list = append(list, n)
		}
	}
	return list, needs[m.Name] != nil || slices.Contains(without, m.Name)
}

// moduleDirs is where distributions have modules; libpam's own is compiled in.
var moduleDirs = []string{"/lib/*/security", "/usr/lib/*/security", "/lib64/security", "/usr/lib64/security", "/lib/security", "/usr/lib/security"}

// imports tells whether the installed module imports a symbol: generations of
// Linux-PAM differ in what a module does, and its number is nowhere to be read.
// Of a module that cannot be read it may.
func (m Module) imports(symbol string) bool {
	for _, dir := range moduleDirs {
		paths, _ := filepath.Glob(filepath.Join(dir, m.Name))
		for _, path := range paths {
			f, err := elf.Open(path)
			if err != nil {
				return true
			}
			defer f.Close()
			symbols, err := f.ImportedSymbols()
			return err != nil || slices.ContainsFunc(symbols, func(s elf.ImportedSymbol) bool { return s.Name == symbol })
		}
	}
	return true
}

// configured tells whether a file that the pattern matches says anything.
func configured(pattern string) bool {
	paths, _ := filepath.Glob(pattern)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return true // not to be read by us: it may
		}
		for line := range strings.Lines(string(text)) {
			line, _, _ = strings.Cut(line, "#")
			if strings.TrimSpace(line) != "" {
				return true
			}
		}
	}
	return false
}
