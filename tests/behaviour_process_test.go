//go:build privileged

package tests

import (
	"syscall"
	"testing"
)

// limited is a wrapper that runs the rest under ulimit.
func limited(options string) []string {
	return words("sh", "-c", "ulimit "+options+` && exec "$@"`, "sh")
}

const ownSession = `[ "$(ps -o sid= -p $$)" -eq $$ ] && echo own || echo shared`

var processCases = []behaviour{
	{name: "a command runs in a session of its own", args: words("ghost", "-c", ownSession), want: ran("own\n")},
	{name: "a command of a login runs in a session of its own", args: words("-l", "ghost", "-c", ownSession),
		want: ran("own\n")},
	{name: "a session command runs in the caller's session", args: words("ghost", "--session-command", ownSession),
		want: ran("shared\n")},
	{name: "a command runs in a session when root is the target", caller: "root",
		args: words("root", "-s", "/bin/sh", "-c", ownSession)},
	{name: "a shell runs in the caller's session", args: words("ghost"), input: ownSession + "\n", want: ran("shared\n")},
	{name: "the umask is the caller's", args: words("ghost", "-c", "umask"),
		wrapper: words("sh", "-c", `umask 027; exec "$@"`, "sh"), want: ran("0027\n")},
	{name: "the umask of a login is the caller's", args: words("-l", "ghost", "-c", "umask"),
		wrapper: words("sh", "-c", `umask 027; exec "$@"`, "sh"), want: ran("0027\n")},
	{name: "the umask is pam_umask's to change", args: words("ghost", "-c", "umask"), want: ran("0007\n"),
		setup: func(t *testing.T) {
			// Debian 13 has the same value: there the module sees that the group is the user's
			// own.
			bothServices(t, service+"session optional pam_umask.so umask=0007\n")
		}},
	{name: "the nice value is the caller's", args: words("ghost", "-c", "nice"), wrapper: words("nice", "-n", "3"),
		want: ran(nicer(3) + "\n")},
	{name: "open files are 1024 whatever the caller's soft limit", args: words("ghost", "-c", "ulimit -S -n"),
		wrapper: limited("-S -n 256"), want: ran("1024\n")},
	{name: "open files are no more than the caller's hard limit", args: words("ghost", "-c", "ulimit -n"),
		wrapper: limited("-n 100"), want: ran("100\n")},
	{name: "the file size is unlimited whatever the caller's soft limit", args: words("ghost", "-c", "ulimit -S -f"),
		wrapper: limited("-S -f 10000"), want: ran("unlimited\n")},
	{name: "the address space is unlimited whatever the caller's soft limit",
		args: words("ghost", "-c", "ulimit -S -v"), wrapper: limited("-S -v 4000000"), want: ran("unlimited\n")},
	{name: "core files are as the caller has them", args: words("ghost", "-c", "ulimit -S -c"),
		wrapper: limited("-S -c 100"), want: ran("100\n")},
	{name: "the processor time is as the caller has it", args: words("ghost", "-c", "ulimit -t"),
		wrapper: limited("-t 5000"), want: ran("5000\n")},
	{name: "the stack is as the caller has it", args: words("ghost", "-c", "ulimit -S -s"),
		wrapper: limited("-S -s 4096"), want: ran("4096\n")},
	{name: "processes are as the caller has them",
		args:    words("ghost", "-c", "grep -o 'Max processes *[0-9]*' /proc/self/limits | tr -s ' '"),
		wrapper: words("prlimit", "--nproc=3000:"), want: ran("Max processes 3000\n")},
	{name: "priorities are not to be raised",
		args:    words("ghost", "-c", "grep -E '^Max (nice|realtime priority)' /proc/self/limits | tr -s ' '"),
		wrapper: nil,
		want:    ran("Max nice priority 0 0 \nMax realtime priority 0 0 \n")},
	{name: "limits of pam_limits hold", args: words("ghost", "-c", "ulimit -S -n; ulimit -H -n"),
		want: ran("66\n77\n"), setup: func(t *testing.T) {
			bothServices(t, service+"session required pam_limits.so\n")
			file(t, "/etc/security/limits.conf", "ghost hard nofile 77\nghost soft nofile 66\n", 0o644)
		}},
	{name: "an ignored hangup stays ignored", args: words("ghost", "-c", "grep SigIgn /proc/$$/status"),
		odd: words("ignore=1", "env=PATH=/bin"), want: ran("SigIgn:\t0000000000000001\n")},
	{name: "ignored signals of the keyboard stay ignored", args: words("ghost", "-c", "grep SigIgn /proc/self/status"),
		odd: words("ignore=2", "ignore=3", "env=PATH=/bin"), want: ran("SigIgn:\t0000000000000006\n")},
	{name: "an ignored end of the pipe stays ignored", args: words("ghost", "-c", "grep SigIgn /proc/$$/status"),
		odd: words("ignore=13", "env=PATH=/bin"), want: ran("SigIgn:\t0000000000001000\n")},
	{name: "a blocked signal stays blocked",
		args: words("ghost", "-s", "/bin/bash", "-c",
			`while read -r a b; do [ $a = SigBlk: ] && echo "$a	$b"; done </proc/$$/status; true`),
		odd: words("block=10", "env=PATH=/bin"), want: ran("SigBlk:\t0000000000000200\n")},
	{name: "without anything ignored nothing is ignored", args: words("ghost", "-c", "grep SigIgn /proc/self/status"),
		odd: words("env=PATH=/bin"), want: ran("SigIgn:\t0000000000000000\n")},
	{name: "a descriptor above the standard ones",
		args:    words("ghost", "-c", "test -e /proc/$$/fd/7 && echo there || echo closed"),
		wrapper: words("sh", "-c", `exec "$@" 7</etc/passwd`, "sh")},
	{name: "a closed standard output is no descriptor of others",
		args:    words("ghost", "-c", "l=$(readlink /proc/$$/fd/1); echo ${l:-none} >&2"),
		wrapper: words("sh", "-c", `exec "$@" >&-`, "sh"), want: outcome{says: "^/dev/null\n$"}},
	{name: "TERM ends the session and the program", do: signalled(syscall.SIGTERM, "exec sleep 600")},
	{name: "a session that ignores TERM is killed",
		do: signalled(syscall.SIGTERM, "trap '' TERM; while :; do sleep 0.1; done")},
	{name: "a session ends by its own interrupt", do: signalled(syscall.SIGINT, "exec sleep 600")},
	{name: "a session ends by its own quit", do: signalled(syscall.SIGQUIT, "ulimit -c 0; exec sleep 600")},
}

// signalled sends a signal to the process that the caller started, while a session runs.
func signalled(sig syscall.Signal, script string) func(t *testing.T) outcome {
	return func(t *testing.T) outcome {
		t.Helper()
		s := begin(t, call{program: underTest.path, args: words("ghost")}, script)
		if err := syscall.Kill(s.cmd.Process.Pid, sig); err != nil {
			t.Fatal(err)
		}
		status := s.wait(t)
		eventually(t, "the session's end", func() bool { return gone(s.pid) })
		return said(result{status: status, stderr: s.errs.String()})
	}
}

var statusCases = []behaviour{
	{name: "status 0 is the session's", args: words("ghost", "-c", "exit 0"), want: outcome{}},
	{name: "status 1 is the session's", args: words("ghost", "-c", "exit 1"), want: outcome{status: 1}},
	{name: "status 42 is the session's", args: words("ghost", "-c", "exit 42"), want: outcome{status: 42}},
	{name: "status 126 is the session's", args: words("ghost", "-c", "exit 126"), want: outcome{status: 126}},
	{name: "status 255 is the session's", args: words("ghost", "-c", "exit 255"), want: outcome{status: 255}},
	{name: "the last status of a shell is the program's", args: words("ghost"), input: "true\nfalse\nexit 9\n",
		want: outcome{status: 9}},
	{name: "a command that is not found is the shell's status 127",
		args: words("ghost", "-c", "no-such-command-anywhere"), want: outcome{"", 127, "not found"}},
	{name: "a command that cannot run is the shell's status 126", args: words("ghost", "-c", "/opt/plain"),
		want: outcome{"", 126, "permission denied"}},
	{name: "a session ended by TERM is status 143", args: words("ghost", "-c", "kill -TERM $$"),
		want: outcome{"", 143, "^terminated\n$"}},
	{name: "a session ended by KILL is status 137", args: words("ghost", "-c", "kill -KILL $$"),
		want: outcome{"", 137, "^killed\n$"}},
	{name: "a session ended by HUP is status 129", args: words("ghost", "-c", "kill -HUP $$"),
		want: outcome{"", 129, "^hangup\n$"}},
	{name: "a session ended by INT is status 130", args: words("ghost", "-c", "kill -INT $$"),
		want: outcome{"", 130, "^interrupt\n$"}},
	{name: "a session ended by PIPE is status 141", args: words("ghost", "-c", "kill -PIPE $$"),
		want: outcome{"", 141, "^broken pipe\n$"}},
	{name: "a session ended by SEGV is status 139", args: words("ghost", "-c", "ulimit -c 0; kill -SEGV $$"),
		want: outcome{"", 139, "^segmentation fault\n$"}},
	{name: "a session ended by a real-time signal is 128 and its number",
		args: words("ghost", "-s", "/bin/bash", "-c", "kill -40 $$"),
		want: outcome{"", 168, "real-time signal 6|signal 40"}},
	{name: "a child ended by a signal is the shell's status",
		args: words("ghost", "-c", "sh -c 'kill -TERM $$'; exit $?"), want: outcome{"", 143, "terminated"}},
	{name: "a session that leaves a process behind ends with its shell",
		args: words("ghost", "-c", "sleep 2 >/dev/null 2>&1 <&1 & exit 5"), want: outcome{status: 5}},
}
