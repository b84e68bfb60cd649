//go:build privileged

package tests

import "testing"

const noHome = "home directory /home/[a-z]+: |cannot change directory to /home/[a-z]+: "

// from is a wrapper that starts the rest in a directory.
func from(dir string) []string { return words("sh", "-c", `cd `+dir+` && exec "$@"`, "sh") }

var loginCases = []behaviour{
	{name: "a login starts in the home directory", args: words("-l", "ghost", "-c", "pwd"), want: ran("/home/ghost\n")},
	{name: "without a login the directory stays", args: words("ghost", "-c", "pwd"), wrapper: from("/usr/lib"),
		want: ran("/usr/lib\n")},
	{name: "with -m the directory stays", args: words("-m", "ghost", "-c", "pwd"), wrapper: from("/usr/lib"),
		want: ran("/usr/lib\n")},
	{name: "without a login the directory stays though the target may not enter it",
		args: words("ghost", "-c", "/bin/pwd"), wrapper: from("/home/alpha"), want: ran("/home/alpha\n"),
		setup: func(t *testing.T) {
			must(t, "chmod", "700", "/home/alpha")
			t.Cleanup(func() { must(t, "chmod", "755", "/home/alpha") })
		}},
	{name: "a login reads the profile", args: words("-l", "ghost"), input: "echo $PROFILE\n", want: ran("read\n"),
		setup: profile},
	{name: "without a login the profile is not read", args: words("ghost"), input: "echo ${PROFILE-unread}\n",
		want: ran("unread\n"), setup: profile},
	{name: "a login with a command reads the profile", args: words("-l", "ghost", "-c", "echo $PROFILE"),
		want: ran("read\n"), setup: profile},
	{name: "a login uses the service with -l", setup: alone, do: closings("-l", "ghost", "-c", "true"),
		want: ran("open_session -l ghost alpha\nclose_session -l ghost alpha\n")},
	{name: "a dash uses the service with -l", setup: alone, do: closings("-", "ghost"),
		want: ran("open_session -l ghost alpha\nclose_session -l ghost alpha\n")},
	{name: "without a login the service without -l is used", setup: alone, do: closings("ghost", "-c", "true"),
		want: ran("open_session  ghost alpha\nclose_session  ghost alpha\n")},
	{name: "a missing home is warned of", args: words("-l", "homeless", "-c", "echo $HOME"),
		want: outcome{"/home/nowhere\n", 0, noHome}},
	{name: "a login whose home is missing", args: words("-l", "homeless", "-c", "pwd"), wrapper: from("/usr/lib")},
	{name: "a missing home is no matter without a login", args: words("homeless", "-c", "echo $HOME"),
		want: ran("/home/nowhere\n")},
	{name: "a login whose home is a file", args: words("-l", "athome", "-c", "pwd"), wrapper: from("/usr/lib")},
	{name: "a login whose home the target may not enter", args: words("-l", "shut", "-c", "pwd"),
		wrapper: from("/usr/lib")},
	{name: "a login whose home the target may not enter when root calls", caller: "root",
		args: words("-l", "shut", "-c", "pwd"), wrapper: from("/usr/lib")},
	{name: "a login whose home is the root directory", args: words("-l", "rootless", "-c", "pwd"), want: ran("/\n")},
	{name: "a login whose entry has an empty home", args: words("-l", "fieldless", "-c", "echo $HOME $PWD"),
		wrapper: from("/usr/lib")},
	{name: "a session whose entry has an empty home", args: words("fieldless", "-c", "echo $HOME $PWD"),
		wrapper: from("/usr/lib")},
}

func profile(t *testing.T) { file(t, "/home/ghost/.profile", "PROFILE=read\n", 0o644) }

var groupCases = []behaviour{
	{name: "the groups are the target's", args: words("many", "-c", "id -nG"), want: ran("many team many1 many2\n")},
	{name: "the caller's groups are not the target's", args: words("ghost", "-c", "id -nG"), want: ran("ghost\n")},
	{name: "root's groups are not the target's", caller: "root", args: words("ghost", "-c", "id -nG; id -ng"),
		want: ran("ghost\nghost\n")},
	{name: "-g gives root the primary group to choose", caller: "root",
		args: words("-g", "team", "ghost", "-c", "id -ng"), want: ran("team\n")},
	{name: "-g takes the place of the target's groups", caller: "root",
		args: words("-g", "team", "many", "-c", "id -nG"), want: ran("team\n")},
	{name: "-g leaves the target's primary group out", caller: "root",
		args: words("--group", "many3", "ghost", "-c", "id -nG"), want: ran("many3\n")},
	{name: "-G alone is the primary group too", caller: "root",
		args: words("-G", "team", "many", "-c", "id -ng; id -nG"), want: ran("team\nteam\n")},
	{name: "-G takes the place of the target's groups", caller: "root",
		args: words("-G", "many5", "-G", "many6", "many", "-c", "id -nG"), want: ran("many5 many6\n")},
	{name: "of several -G the first is the primary group", caller: "root",
		args: words("-G", "many6", "-G", "many5", "many", "-c", "id -ng"), want: ran("many6\n")},
	{name: "-g and -G name primary and supplementary groups", caller: "root",
		args: words("-g", "team", "-G", "many5", "ghost", "-c", "id -ng; id -nG"), want: ran("team\nteam many5\n")},
	{name: "-g and -G in the other order are the same", caller: "root",
		args: words("--supp-group=many5", "--group=team", "ghost", "-c", "id -ng; id -nG"),
		want: ran("team\nteam many5\n")},
	{name: "of two -g the last counts", caller: "root",
		args: words("-g", "many5", "-g", "team", "ghost", "-c", "id -ng"), want: ran("team\n")},
	{name: "of two -g the first is a supplementary group", caller: "root",
		args: words("-g", "many5", "-g", "team", "ghost", "-c", "id -nG"), want: ran("team many5\n")},
	{name: "of two -g with a -G between them the last counts", caller: "root",
		args: words("-g", "many5", "-G", "many6", "-g", "team", "ghost", "-c", "id -ng; id -nG"),
		want: ran("team\nteam many5 many6\n")},
	{name: "-g counts before several -G", caller: "root",
		args: words("-G", "many6", "-g", "team", "-G", "many5", "-G", "many6", "ghost", "-c", "id -ng; id -nG"),
		want: ran("team\nteam many5 many6\n")},
	{name: "a group whose number is none", args: words("ghost", "-c", "id -nG"), setup: numberless},
	{name: "a group whose number is none when root calls", caller: "root", args: words("ghost", "-c", "id -nG"),
		setup: numberless},
	{name: "an account whose primary group has the number of none", args: words("beta", "-c", "id"),
		setup: func(t *testing.T) {
			file(t, "/etc/passwd", must(t, "sed", `s/^\(beta:x:[0-9]*\):[0-9]*:/\1:4294967295:/`, "/etc/passwd"), 0o644)
		}, want: refused("group|gid")},
	{name: "a group whose number is none as the group of -g", caller: "root",
		args: words("-g", "numberless", "beta", "-c", "id -ng"), setup: numberless, want: refused("group")},
	{name: "a group whose number is none as the group of -G", caller: "root",
		args: words("-g", "team", "-G", "numberless", "beta", "-c", "id -nG"), setup: numberless,
		want: refused("group")},
	{name: "an unknown group of -g is refused", caller: "root",
		args: words("-g", "nogroupofthisname", "ghost", "-c", "id"), want: refused("nogroupofthisname")},
	{name: "an unknown group of -G is refused", caller: "root",
		args: words("-G", "nogroupofthisname", "ghost", "-c", "id"), want: refused("nogroupofthisname")},
	{name: "an empty group of -g is refused", caller: "root", args: words("-g", "", "ghost", "-c", "id -ng"),
		want: refused("group|-g")},
	{name: "a number as the group of -g", caller: "root", args: words("-g", "7000", "ghost", "-c", "id -ng")},
	{name: "groups that a module adds arrive", args: words("ghost", "-c", "id -nG"), setup: moreGroups,
		want: ran("ghost team\n")},
	{name: "groups that a module adds arrive beside those of -G", caller: "root",
		args: words("-G", "many5", "ghost", "-c", "id -nG"), setup: moreGroups, want: ran("many5 team\n")},
}

// numberless makes a group of ghost's with the number that the kernel takes for none.
func numberless(t *testing.T) {
	file(t, "/etc/group", must(t, "cat", "/etc/group")+"numberless:x:4294967295:ghost\n", 0o644)
}

func moreGroups(t *testing.T) {
	bothServices(t, "auth optional pam_group.so\nauth sufficient pam_rootok.so\nauth required pam_unix.so\n"+
		"account required pam_unix.so\nsession required pam_unix.so\n")
	file(t, "/etc/security/group.conf", "*;*;ghost;Al0000-2400;team\n", 0o644)
}
