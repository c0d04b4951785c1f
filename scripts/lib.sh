# SPDX-License-Identifier: MIT
# Sourced by the other scripts: where things are, how to say what happens,
# how to have a Debian package.  No side effects beyond those.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "entente: $*" >&2; }
die() { say "$*"; exit 1; }

# Where built libraries are kept between builds and checkouts.
cache_dir() {
    local home=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}
    printf '%s\n' "${ENTENTE_CACHE:-${XDG_CACHE_HOME:-$home/.cache}/entente}"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo -- "$@"
    else die "needs root or sudo for: $*"; fi
}

# need_packages PACKAGE...: install those that are not there yet.
need_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
            grep -q '^install ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    command -v apt-get >/dev/null ||
        die "not a Debian system; please install: ${missing[*]}"
    say "installing ${missing[*]}"
    apt_locked update -qq >&2
    apt_locked install -qq -y --no-install-recommends "${missing[@]}" \
        >/dev/null || die "could not install: ${missing[*]}"
}

apt_locked() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=600 "$@"
}
