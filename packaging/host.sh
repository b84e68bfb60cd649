# shellcheck shell=sh disable=SC2154
# host.sh - finds Go and installs packages, for install.sh and tests/run. A script sources
# it in the top directory, with $me set to the script's name.

dry_run=''

say() { printf '%s\n' "$*"; }
fail() {
	printf '%s: %s\n' "$me" "$1" >&2
	exit 1
}
# Runs a command; with --dry-run it only prints it.
run() {
	if [ -n "$dry_run" ]; then
		say "would run: $*"
	else
		"$@"
	fi
}

# Sets go to a Go program that is new enough.
find_go() {
	need=$(sed -n 's/^go //p' go.mod)
	for go in "${GO-}" "$(command -v go || true)" /usr/local/go/bin/go; do
		if [ -z "$go" ] || ! have=$("$go" env GOVERSION 2>/dev/null); then
			continue
		fi
		have=${have#go}
		if [ "$(printf '%s\n%s\n' "$need" "${have%%-*}" | sort -V | head -n 1)" = "$need" ]; then
			say "Go: $go ($have)"
			return
		fi
		too_old="; $go is $have"
	done
	fail "Go $need or newer is needed${too_old-}: install it, or name it with GO=/path/to/go"
}

# Installs those of the named Debian packages that are missing.
need_packages() {
	missing=
	for package; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	command -v apt-get >/dev/null || fail "these packages are needed:$missing"
	say "packages:$missing"
	[ -z "$dry_run" ] || return 0
	apt-get update -qq
	# shellcheck disable=SC2086 # a list of names
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}
