# SPDX-License-Identifier: MIT
# Sourced by the other scripts: where things are, how to say what happens,
# how to have a Debian package.  No side effects beyond those.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Also without an environment (env -i) every tool must be found.
export PATH="${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin"
export LC_ALL=C.UTF-8
[ -n "${HOME:-}" ] || HOME=$(getent passwd "$(id -u)" | cut -d: -f6)
export HOME
# Debian's, which has Debian's pytest: another may come first in the path.
python=/usr/bin/python3

# What it takes to build everything, tests included.
build_packages="ca-certificates cmake gcc libc6-dev ninja-build pkg-config
    libyaml-dev libjansson-dev libcmocka-dev libc-ares-dev libavahi-core-dev
    libzookeeper-st-dev"
clang_packages="clang libclang-rt-dev"

say() { printf '%s\n' "entente: $*" >&2; }
die() { say "$*"; exit 1; }

# Where built libraries are kept between builds and checkouts.
cache_dir() {
    printf '%s\n' "${ENTENTE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/entente}"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo -- "$@"
    else die "needs root or sudo for: $*"; fi
}

# missing_packages PACKAGE...: print those that are not installed.
missing_packages() {
    local known
    known=$(dpkg-query -W -f '${Package} ${Status}\n' "$@" 2>/dev/null |
            sed -n 's/ install ok installed$//p') || :
    printf '%s\n' "$@" | grep -vxF -e "$known" || :
}

# need_packages PACKAGE...: install those that are not there yet.
need_packages() {
    local missing
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    missing=$(printf '%s ' $missing)
    command -v apt-get >/dev/null ||
        die "not a Debian system; please install: $missing"
    say "installing $missing"
    apt_locked update -qq >&2
    without_daemons apt_locked install -qq -y --no-install-recommends \
        $missing >/dev/null || die "could not install: $missing"
}

# The servers are for the tests, which start their own: unless the machine has
# a policy, say for the moment that a package starts none.
without_daemons() {
    local policy=/usr/sbin/policy-rc.d status=0
    if [ -e "$policy" ]; then "$@"; return; fi
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    "$@" || status=$?
    as_root rm -f "$policy"
    return $status
}

apt_locked() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=600 "$@"
}

# quietly LOG COMMAND...: show what it said only if it fails.
quietly() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 && return 0
    tail -60 "$log" >&2
    say "failed: $* (all of it in $log)"
    return 1
}
