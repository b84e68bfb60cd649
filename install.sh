#!/bin/sh
# install.sh - build and install capsu: programs, PAM services, the guard user, file
# capabilities. Run it as root; it may be run again at any time. See usage().
set -eu
umask 022
cd "$(dirname "$0")"
me=install.sh
. packaging/host.sh

usage() {
	cat <<'EOF'
Usage: ./install.sh [options]

Builds capsu and installs it: the program with its file capabilities, its PAM
services, /etc/capsu.conf, the guard user, capsuctl, manual pages, and a PAM
service for ssh forced commands below PREFIX/share/capsu/examples. Then it
verifies what it did. Run it again when the PAM services or the rules have
changed: it takes the file capabilities from 'capsuctl filecaps'.

  --prefix DIR    install below DIR (default /usr/local)
  --caps LIST     add file capabilities, e.g. for rules to come: cap_net_raw,cap_kill
  --destdir DIR   stage the files below DIR, without user and capabilities; print the commands for these
  --dry-run       print what would be done, and do nothing
  --uninstall     remove what was installed, except configuration that was changed since
  --demo          show one real session in a throw-away world; nothing of it remains
  --help          show this text

Go is looked for in $GO, on PATH, and in /usr/local/go/bin.
EOF
}

build_packages="gcc libc6-dev libpam0g-dev libcap2-bin passwd"
guard=capsu
services="capsu capsu-l"

prefix=/usr/local destdir='' caps='' action=install
work=''

parse() {
	while [ $# -gt 0 ]; do
		case $1 in
		--prefix | --destdir | --caps)
			[ $# -ge 2 ] || fail "$1: a value is missing; see --help"
			case $1 in
			--prefix) prefix=$2 ;;
			--destdir) destdir=$2 ;;
			--caps) caps=$2 ;;
			esac
			shift
			;;
		--prefix=*) prefix=${1#*=} ;;
		--destdir=*) destdir=${1#*=} ;;
		--caps=*) caps=${1#*=} ;;
		--dry-run) dry_run=yes ;;
		--uninstall) action=uninstall ;;
		--demo) action=demo ;;
		-h | --help)
			usage
			exit 0
			;;
		*) fail "$1: unknown option; see --help" ;;
		esac
		shift
	done
	case $prefix in
	/*) ;;
	*) fail "--prefix $prefix: must begin with /" ;;
	esac
	case $destdir in
	'' | /*) ;;
	*) fail "--destdir $destdir: must begin with /" ;;
	esac
	case ",$caps" in
	,) ;;
	*[!a-z0-9_,]*) fail "--caps $caps: capability names with commas between them, in lower case" ;;
	esac
	bin=$destdir$prefix/bin
	program=$bin/capsu
	record=$destdir$prefix/share/capsu/installed
}

build() {
	if [ -n "$dry_run" ]; then
		say "would build: capsu, capsuctl ($(cat version/NUMBER))"
		return
	fi
	# git refuses a repository that is another user's, and go build then fails
	set --
	git rev-parse --verify HEAD >/dev/null 2>&1 || set -- -buildvcs=false
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' HUP INT TERM
	GOTOOLCHAIN=local CGO_ENABLED=1 "$go" build "$@" -trimpath -buildmode=pie -o "$work/" ./cmd/capsu ./cmd/capsuctl
}

checksum() { sha256sum <"$1" | cut -d ' ' -f 1; }

# Prints the configuration files, one "SOURCE DESTINATION" a line.
configuration() {
	for service in $services; do
		say "pam.d/$service /etc/pam.d/$service"
	done
	say "packaging/capsu.conf /etc/capsu.conf"
}

# Fails if $1, or a directory on the way to it, is a symbolic link that others may have put
# there.
check_way() {
	way=$1
	while [ -n "$way" ]; do
		dir=${way%/*}
		if [ -L "$way" ] && [ -n "$(find -L "$dir/" -maxdepth 0 \
			\( -perm -002 -o -perm -020 ! -gid 0 -o ! -uid 0 ! -uid "$(id -u)" \))" ]; then
			fail "$way: a symbolic link in a directory that others may write; remove it"
		fi
		way=$dir
	done
}

# Makes a directory, and those above it, with mode 755. One that is there stays as it is.
make_directory() { [ -d "$1" ] || run install -d -m 755 "$1"; }

# Installs a file: MODE SOURCE DESTINATION.
put() {
	check_way "$3"
	make_directory "${3%/*}"
	run install -m "$1" "$2" "$3"
}

# Installs a configuration file. If it is not as it was installed last, the administrator
# has changed it: then it stays, and the new text goes beside it.
install_configuration() {
	from=$1 to=$2 at=$destdir$2
	if [ ! -e "$at" ] || cmp -s "$from" "$at" ||
		grep -qxF "$(checksum "$at")  $to" "$record" 2>/dev/null; then
		put 644 "$from" "$at"
		run record "$to" "$at"
	else
		put 644 "$from" "$at.capsu-new"
		say "$to was changed since it was installed and stays; the new text is in $to.capsu-new"
	fi
}

# Removes a configuration file, unless the administrator has changed it.
remove_configuration() {
	to=$2 at=$destdir$2
	[ -e "$at" ] || return 0
	if grep -qxF "$(checksum "$at")  $to" "$record" 2>/dev/null; then
		run rm -f "$at" "$at.capsu-new"
	else
		say "$to was changed since it was installed, and stays"
	fi
}

# Records the checksum of a configuration file that has been installed.
record() {
	check_way "$record"
	check_way "$record.new"
	make_directory "${record%/*}"
	{
		[ ! -e "$record" ] || grep -v "  $1\$" "$record" || true
		say "$(checksum "$2")  $1"
	} >"$record.new"
	chmod 644 "$record.new"
	mv -f "$record.new" "$record"
}

make_guard() {
	if uid=$(id -u "$guard" 2>/dev/null); then
		[ "$uid" != 0 ] || fail "the guard user $guard has uid 0: remove it first"
		return 0
	fi
	run useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin \
		--comment 'guard of capsu' --user-group "$guard"
}

# The command that prints the file capabilities which capsu needs.
filecaps="capsuctl filecaps"

# Installs the programs. capsu gets its capabilities before its name, so that it never runs
# without them.
install_programs() {
	check_way "$program"
	put 755 "$work/capsuctl" "$bin/capsuctl"
	put 755 "$work/capsu" "$program.new"
	if [ -n "$dry_run" ]; then
		[ -n "$destdir" ] || say "would run: setcap \"\$($filecaps)\" $program.new"
	elif [ -z "$destdir" ]; then
		all_caps=$("$bin/capsuctl" filecaps --also "$caps") || fail "capsuctl filecaps: cannot tell which capabilities are needed"
		setcap "$all_caps" "$program.new"
	fi
	run mv -f "$program.new" "$program"
}

# Installs the manual pages.
install_manual() {
	for page in doc/*.[1-8]; do
		put 644 "$page" "$(manual "$page")"
	done
}

# Installs the example service, not in /etc/pam.d: it asks for no password, so an
# administrator has to read it first. --uninstall removes it with the record.
install_example() { put 644 pam.d/capsu-ssh "${record%/*}/examples/capsu-ssh"; }

# Prints the path of an installed manual page.
manual() { printf '%s\n' "$destdir$prefix/share/man/man${1##*.}/${1##*/}"; }

# Fails unless the installed programs can work.
verify() {
	setcap -q -v "$all_caps" "$program" >/dev/null || fail "$program: does not have the capabilities it should have: $(getcap "$program")"
	[ -z "$(find "$program" -perm /6000)" ] || fail "$program: has a setuid or setgid bit"
	[ "$(stat -c '%u %a' "$program")" = '0 755' ] || fail "$program: is not root's with mode 755"
	case ,$(findmnt -n -o OPTIONS -T "$program"), in
	*,nosuid,*) fail "$program: is on a file system mounted nosuid, so file capabilities have no effect; use --prefix" ;;
	esac
	for service in $services; do
		[ -f "/etc/pam.d/$service" ] || fail "/etc/pam.d/$service: is missing"
	done
	[ "$(id -u "$guard")" != 0 ] || fail "the guard user $guard has uid 0"
	for name in capsu capsuctl; do
		installed=$("$bin/$name" --version) || fail "$bin/$name: does not start"
		say "installed: $installed"
	done
	say "verified: $(getcap "$program"), no setuid bit, guard user $guard"
}

do_install() {
	if [ -z "$destdir$dry_run" ] && [ "$(id -u)" != 0 ]; then
		fail "must be root (or use --destdir or --dry-run)"
	fi
	find_go
	# shellcheck disable=SC2086 # a list of names
	need_packages $build_packages
	build
	[ -n "$destdir" ] || make_guard
	configuration | while read -r from to; do
		install_configuration "$from" "$to"
	done
	install_programs
	install_manual
	install_example
	if [ -n "$destdir" ]; then
		say "then, as root on the machine itself:"
		say "  useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin --user-group $guard"
		say "  setcap \"\$($prefix/bin/$filecaps)\" $prefix/bin/capsu"
	elif [ -z "$dry_run" ]; then
		verify
	fi
}

do_uninstall() {
	if [ -z "$destdir$dry_run" ] && [ "$(id -u)" != 0 ]; then
		fail "must be root"
	fi
	check_way "$bin"
	check_way "$record"
	check_way "$record.new"
	for page in doc/*.[1-8]; do
		check_way "$(manual "$page")"
	done
	run rm -f "$program" "$bin/capsuctl"
	for page in doc/*.[1-8]; do
		run rm -f "$(manual "$page")"
	done
	configuration | while read -r from to; do
		remove_configuration "$from" "$to"
	done
	run rm -rf "${record%/*}"
	if [ -z "$destdir" ] && id -u "$guard" >/dev/null 2>&1; then
		run userdel "$guard"
	fi
}

do_demo() {
	[ "$(id -u)" = 0 ] || fail "--demo: must be root"
	if [ -n "$dry_run" ]; then
		say "would show a session in a throw-away world (tests/demo)"
		return
	fi
	find_go
	# shellcheck disable=SC2086 # a list of names
	need_packages $build_packages iproute2
	"$go" mod download # the world has no network to the outside
	GO=$go tests/world --net tests/demo
}

parse "$@"
[ -z "$caps" ] || filecaps="$filecaps --also $caps"
"do_$action"
