# shellcheck shell=sh disable=SC2154
# host.sh - what install.sh and tests/run ask of the machine: Go and packages.
# Sourced, with the current directory at the top and $me set to the script's name.

dry_run=''

say() { printf '%s\n' "$*"; }
fail() {
	printf '%s: %s\n' "$me" "$1" >&2
	exit 1
}
# Do it, or with --dry-run say it.
run() {
	if [ -n "$dry_run" ]; then
		say "would run: $*"
	else
		"$@"
	fi
}

# Sets go to the Go program to use.
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

# Installs the Debian packages named that are not there.
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
