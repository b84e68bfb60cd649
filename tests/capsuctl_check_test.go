//go:build privileged

package tests

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestCheckSaysWhatAPersonWouldWantToKnow(t *testing.T) {
	seedUsers(t)
	long := strings.Repeat("nosuch ", 600)
	for name, c := range map[string]struct {
		text string
		want []string // each finding, in order
	}{
		"nothing wrong": {"# rules\nall root\n^cap_net_raw,cap_kill,!cap_chown ghost @team\nnone *\n", nil},
		"an empty file": {"", nil},
		"unreadable": {"cap_nte_raw ghost\n",
			[]string{`1: unknown capability "cap_nte_raw": pam_cap.so changes nothing, capsu refuses the session`}},
		"without cap_": {"net_raw ghost\n",
			[]string{`1: unknown capability "net_raw" (is "cap_net_raw" meant?): pam_cap.so`}},
		"All":                {"All ghost\n", []string{`1: unknown capability "All" (is "all" meant?): pam_cap.so`}},
		"by an earlier line": {"cap_kill ghost\n\nnone beta ghost\n", []string{"3: ghost: line 1 decides already"}},
		"below everybody's":  {"none *\ncap_kill ghost\n", []string{"2: never reached: line 1 names everybody"}},
		"a group's line above": {"cap_kill @one\nnone inone\n",
			[]string{"2: inone: belongs to @one, for which line 1 decides already"}},
		"a group twice": {"cap_kill @one\nnone @one\n", []string{"2: @one: line 1 decides already"}},
		"the same line": {"cap_kill ghost\ncap_kill ghost\n", []string{"2: the same as line 1"}},
		"named twice":   {"cap_kill ghost ghost\n", []string{"1: ghost: named twice"}},
		"swapped": {"ghost cap_net_raw\n",
			[]string{`1: "ghost" is a user, and "cap_net_raw" a tuple: a rule begins with its tuple: ` +
				`the rule names nobody, and has no effect`}},
		"swapped, a group": {"@one ^cap_net_raw,cap_kill\n",
			[]string{`1: "@one" is a group, and "^cap_net_raw,cap_kill" a tuple: a rule begins with its ` +
				`tuple: `}},
		"swapped, a wildcard": {"* none\n",
			[]string{`1: "*" is everybody, and "none" a tuple: a rule begins with its tuple: ` +
				`the rule names nobody, and has no effect`}},
		"swapped, and a name": {"ghost cap_net_raw beta\n",
			[]string{`1: "ghost" is a user, and "cap_net_raw" a tuple: a rule begins with its tuple: pam_cap.so changes ` +
				`nothing, capsu refuses the session`}},
		"unreadable, for nobody": {"cap_nte_raw nosuch\n",
			[]string{`1: unknown capability "cap_nte_raw": the rule names nobody`, `1: nosuch: no such user`}},
		"unreadable, without a name": {"cap_nte_raw\n",
			[]string{`1: unknown capability "cap_nte_raw": the rule names nobody`, `1: names nobody`}},
		"beyond the file's set, for nobody": {"^cap_sys_admin @nosuch\n",
			[]string{"1: cap_sys_admin: Ambient, but not in capsu's permitted set: the rule names nobody", "1: @nosuch: "}},
		"unknown user": {"cap_kill gohst\n",
			[]string{"1: gohst: no such user: for both programs it matches nobody"}},
		"unknown group": {"cap_kill @nosuch\n",
			[]string{"1: @nosuch: no such group: for both programs it matches nobody"}},
		"nobody": {"cap_kill\n", []string{"1: names nobody: the rule has no effect"}},
		"a blank in the tuple": {"cap_kill, cap_chown ghost\n",
			[]string{`1: "cap_chown" is taken for a user name: a tuple has commas and no blanks`}},
		"a blank, with prefix": {"cap_kill ^12 ghost\n", []string{`1: "^12" is taken for a user name`}},
		"a wildcard in a word": {"cap_kill gh*\n", []string{`1: "gh*" is no wildcard, only * alone is`}},
		"words after #": {"cap_kill ghost # not alpha\n",
			[]string{`1: "#" begins no comment after a rule: the words after it are names too, ` +
				`and the rule applies to alpha; a comment stands on a line of its own`}},
		"words after #, nobody": {"cap_kill ghost # the ghost's own\n",
			[]string{`1: "#" begins no comment after a rule: the words after it are names too; a comment stands`}},
		"CR": {"cap_kill ghost\r\n",
			[]string{"1: control character 0x0d: pam_cap.so takes it for part of a word", `1: ghost\r: no such user`}},
		"NUL in a comment": {"# a\x00b\nnone ghost\n",
			[]string{"1: control character 0x00: pam_cap.so takes it for part of a word, capsu opens no session"}},
		"byte-order mark": {"\ufeff# rules\nnone ghost\n",
			[]string{"1: byte-order mark: ", `1: unknown capability "\ufeff#"`, "1: rules: no such user"}},
		"a line that is split": {"none " + long + "ghost\n",
			[]string{"1: 4210 bytes: pam_cap.so reads what follows the first 4095 as another rule, capsu reads one",
				"1: nosuch: no such user", "1: nosuch: named twice"}},
		"unknown to this kernel": {"63,cap_kill ghost\n",
			[]string{"1: capability 63: this kernel does not have it; for both programs it has no effect"}},
		"beyond the file's set": {"^cap_sys_admin ghost\n",
			[]string{"1: cap_sys_admin: Ambient, but not in capsu's permitted set: capsu refuses the session unless " +
				"root calls"}},
		"Ambient and blocked": {"^cap_net_raw,!cap_net_raw ghost\n",
			[]string{"1: cap_net_raw: granted as Ambient and blocked: "}},
		"!cap_setuid": {"!cap_setuid ghost\n",
			[]string{"1: cap_setuid: blocked: set-uid programs that the session runs cannot give up root"}},
		"!cap_setgid":          {"!cap_setgid ghost\n", []string{"1: cap_setgid: blocked: "}},
		"!cap_setpcap":         {"!cap_setpcap ghost\n", []string{"1: cap_setpcap: blocked: "}},
		"the module's example": {seedExample, []string{"15: beta: line 6 decides already", "28: cap_setuid: blocked: "}},
	} {
		t.Run(name, func(t *testing.T) {
			policy(t, c.text)
			out, errs, status := ctl("check")
			if (status == 1) != (len(c.want) > 0) || status > 1 {
				t.Errorf("status %d, %q", status, errs)
			}
			rest := out
			for _, want := range c.want {
				line, after, _ := strings.Cut(rest, "\n")
				if !strings.HasPrefix(line, policyFile+":"+want) {
					t.Errorf("got %q, want %q", line, want)
				}
				rest = after
				for strings.HasPrefix(rest, line+"\n") { // the same of many words
					rest = rest[len(line)+1:]
				}
			}
			if rest != "" {
				t.Errorf("more: %q", rest)
			}
		})
	}
	for name, c := range map[string]struct{ command, want string }{
		"writable by others": {"chmod o+w $0", ": writable by others: pam_cap.so may read it, capsu opens no session"},
		"owner":              {"chown alpha $0", ": owner is uid "},
		"its directory":      {"chmod o+w ${0%/*}", ": its directory /etc/security: writable by others: "},
	} {
		t.Run(name, func(t *testing.T) {
			policy(t, "none ghost\n")
			t.Cleanup(func() { must(t, "sh", "-c", "chmod 755 ${0%/*}", policyFile) })
			must(t, "sh", "-c", c.command, policyFile)
			if out, _, status := ctl("check"); status != 1 || !strings.HasPrefix(out, policyFile+c.want) {
				t.Errorf("status %d, %q", status, out)
			}
		})
	}
	t.Run("not to be read", func(t *testing.T) {
		policy(t, "none ghost\n")
		must(t, "chmod", "0", policyFile)
		if _, errs, status := ctl("check"); status != 1 ||
			!strings.Contains(errs, "capsuctl: "+policyFile+": cannot be opened: permission denied") {
			t.Errorf("status %d, %q", status, errs)
		}
	})
	t.Run("no file", func(t *testing.T) {
		if _, errs, status := ctl("check"); status != 0 || !strings.Contains(errs, policyFile+": does not exist: no rules") {
			t.Errorf("status %d, %q", status, errs)
		}
	})
	t.Run("as JSON, of a file of one's own", func(t *testing.T) {
		file(t, "/opt/draft.conf", "cap_kill\n", 0o644)
		out, _, status := ctl("check", "--json", "/opt/draft.conf")
		var got []struct {
			File string
			Line int
			Text string
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil || status != 1 || len(got) != 1 || got[0].Line != 1 ||
			got[0].File != "/opt/draft.conf" {
			t.Errorf("status %d, %v, %q", status, err, out)
		}
	})
	t.Run("Debian's own", func(t *testing.T) {
		policy(t, must(t, "cat", debianPolicy)) // its only rule gives all users nothing
		file(t, "/etc/pam.d/capsu", must(t, "cat", "../pam.d/capsu"), 0o644)
		out, errs, status := ctl("check")
		if status != 0 || out != "" || !strings.Contains(errs, "note: /etc/pam.d/common-auth:") ||
			!strings.Contains(errs, "pam_cap.so is in the stack of capsu too") {
			t.Errorf("status %d, %q, %q", status, out, errs)
		}
	})
}
