//go:build privileged

package tests

import "strings"

const notAllowed = "restricted shell|ignored, the shell of kept is not in /etc/shells"

var shellCases = []behaviour{
	{name: "the shell of the passwd entry runs", args: words("beta", "-c", "echo $0 $SHELL"), want: ran("bash /bin/bash\n")},
	{name: "argv0 is the shell's last name", args: words("ghost", "-c", argv), want: ran("sh|-c|" + argv + "|\n")},
	{name: "argv0 of a login has a dash", args: words("-l", "ghost", "-c", argv), want: ran("-sh|-c|" + argv + "|\n")},
	{name: "argv0 of a login with another shell has a dash and its name", args: words("-l", "-s", "/usr/bin/bash", "ghost", "-c", "echo $0"), want: ran("-bash\n")},
	{name: "arguments after the user reach the shell", args: words("ghost", "-s", "/opt/other", "one", "two three", ""), want: ran("other one two three \n")},
	{name: "arguments follow the command", args: words("ghost", "-c", `echo "$0:$1:$2"`, "zero", "one", "two"), want: ran("zero:one:two\n")},
	{name: "arguments that look like options follow two dashes", args: words("-c", "echo $0 $1", "ghost", "--", "-x", "--y"), want: ran("-x --y\n")},
	{name: "two dashes may stand among the arguments", args: words("-c", `echo "$0 $*"`, "ghost", "zero", "--", "-x"), want: ran("zero -x\n")},
	{name: "a script is an argument", args: words("ghost", "/opt/restricted"), want: ran("restricted\n")},
	{name: "-f stands before -c", args: words("-f", "ghost", "-c", argv), want: ran("sh|-f|-c|" + argv + "|\n")},
	{name: "-f stands before the arguments", args: words("--fast", "-s", "/opt/other", "ghost", "x"), want: ran("other -f x\n")},
	{name: "-f and --login go together", args: words("-lf", "ghost", "-c", argv), want: ran("-sh|-f|-c|" + argv + "|\n")},
	{name: "-s chooses the shell", args: words("-s", "/bin/bash", "ghost", "-c", "echo $0 $SHELL"), want: ran("bash /bin/bash\n")},
	{name: "-s may choose what is not in the list of shells", args: words("-s", "/opt/other", "ghost", "-c", "x"), want: ran("other -c x\n")},
	{name: "-s is ignored for a restricted target", args: words("-s", "/bin/sh", "kept", "-c", "echo free"), want: outcome{"restricted\n", 0, notAllowed}},
	{name: "-s with the restricted shell itself", args: words("-s", "/opt/restricted", "kept", "-c", "x"), want: ran("restricted\n")},
	{name: "-s is root's to choose for a restricted target", caller: "root", args: words("-s", "/bin/sh", "kept", "-c", "echo free"), want: ran("free\n")},
	{name: "-s is ignored for a target with nologin", args: words("-s", "/bin/sh", "nologin", "-c", "echo free"),
		want: outcome{"This account is currently not available.\n", 1, "restricted shell|ignored, the shell of nologin"}},
	{name: "-s gives root a shell for a target with nologin", caller: "root", args: words("-s", "/bin/sh", "nologin", "-c", "id -un"), want: ran("nologin\n")},
	{name: "SHELL is not used without -m", args: words("ghost", "-c", "echo $0"), env: with("SHELL=/bin/bash"), want: ran("sh\n")},
	{name: "SHELL is used under -m", args: words("-m", "ghost", "-c", "echo $0 $SHELL"), env: with("SHELL=/bin/bash"), want: ran("bash /bin/bash\n")},
	{name: "SHELL is used under -p", args: words("-p", "ghost", "-c", "echo $0"), env: with("SHELL=/bin/bash"), want: ran("bash\n")},
	{name: "SHELL under -m is ignored for a restricted target", args: words("-m", "kept", "-c", "x"), env: with("SHELL=/bin/sh"), want: outcome{"restricted\n", 0, notAllowed}},
	{name: "SHELL under -m is used for a restricted target when root calls", caller: "root", args: words("-m", "kept", "-c", "echo $0"), env: with("SHELL=/bin/sh"), want: ran("sh\n")},
	{name: "SHELL is not used under -m for a login", args: words("-m", "-l", "ghost", "-c", "echo $0"), env: with("SHELL=/bin/bash"),
		want: outcome{"-sh\n", 0, "ignor"}},
	{name: "-s comes before SHELL under -m", args: words("-m", "-s", "/bin/sh", "ghost", "-c", "echo $0"), env: with("SHELL=/bin/bash"), want: ran("sh\n")},
	{name: "an empty SHELL under -m", args: words("-m", "ghost", "-c", "echo $0"), env: with("SHELL=")},
	{name: "without SHELL -m takes the shell of the passwd entry", args: words("-m", "beta", "-c", "echo $0"), want: ran("bash\n")},
	{name: "an empty shell field is the standard shell", args: words("shellless", "-c", "echo $0 $SHELL"), want: ran("sh /bin/sh\n")},
	{name: "a shell that is not there is status 127", args: words("-s", "/opt/none", "ghost", "-c", "x"), want: outcome{"", 127, "/opt/none: no such file"}},
	{name: "a shell of the passwd entry that is not there is status 127", args: words("badshell", "-c", "x"), want: outcome{"", 127, "no-such-shell: no such file"}},
	{name: "a shell without execute permission is status 126", args: words("-s", "/opt/plain", "ghost", "-c", "x"), want: outcome{"", 126, "/opt/plain: permission denied"}},
	{name: "a directory as the shell is status 126", args: words("-s", "/opt", "ghost", "-c", "x"), want: outcome{"", 126, "/opt: permission denied"}},
	{name: "a shell below a file is status 126", args: words("-s", "/etc/passwd/sh", "ghost", "-c", "x"), want: outcome{"", 126, "not a directory"}},
	{name: "a shell of no known format is status 126", args: words("-s", "/opt/nonsense", "ghost", "-c", "x"), want: outcome{"", 126, "exec format error"}},
	{name: "a shell whose interpreter is missing is status 127", args: words("-s", "/opt/orphan", "ghost", "-c", "x"), want: outcome{"", 127, "no such file"}},
	{name: "a shell by a loop of links is status 126", args: words("-s", "/opt/loop", "ghost", "-c", "x"), want: outcome{"", 126, "too many levels"}},
	{name: "a shell path that is too long is status 126", args: words("-s", "/"+strings.Repeat("x", 300), "ghost", "-c", "x"), want: outcome{"", 126, "file name too long"}},
	{name: "a shell in a directory that the target may not enter is status 126", args: words("-s", "/opt/closed/shell", "ghost", "-c", "x"), want: outcome{"", 126, "permission denied"}},
	{name: "a shell in a directory that the target may not enter is status 126 when root calls", caller: "root", args: words("-s", "/opt/closed/shell", "ghost", "-c", "x"), want: outcome{"", 126, "permission denied"}},
	{name: "a relative shell is looked for in the current directory", args: words("-s", "bin/sh", "ghost", "-c", "echo $0 $SHELL"), want: ran("sh bin/sh\n")},
	{name: "a shell is not looked for on PATH", args: words("-s", "bash", "ghost", "-c", "x"), want: outcome{"", 127, "bash: no such file"}},
}
