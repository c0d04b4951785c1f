#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Build mbedTLS, libsodium and libevent, once, as static libraries into a
# cache outside the work tree, and print the prefix they are in.
#
# Why not the distribution's: its mbedTLS is too old to be safe or to speak
# TLS 1.3, its libsodium is built at -O2, which makes AES-GCM four times
# slower, and ours leaves everything out of mbedTLS that a tunnel between two
# ambassadors does not use (deps/mbedtls_config.h).
#
# The sources are Debian's own, from the suite that has them; apt checks the
# signature of the index and the index the hash of every archive.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

suites="forky sid trixie"
# Package, oldest version we accept, first version too new for this code.
libraries="mbedtls 3.6.7 3.7
libsodium 1.0.20 1.1
libevent 2.1.13 2.2"

need_packages ca-certificates cmake gcc libc6-dev make ninja-build \
    bzip2 xz-utils

compiler=${CC:-cc}
key=$({ cat "$0" "$root/deps/mbedtls_config.h"
        "$compiler" --version | head -1; uname -m; } | sha256sum | cut -c1-16)
prefix=$(cache_dir)/libraries-$key
stamp=$prefix/complete
mkdir -p "$(cache_dir)"
exec 9>"$(cache_dir)/lock"
flock 9
if [ -e "$stamp" ]; then printf '%s\n' "$prefix"; exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
rm -rf "$prefix"

# apt with lists and sources of its own, so the system's are left alone.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
         grep -v security | head -1)
[ -n "$mirror" ] || {
    as_root apt-get -qq update
    mirror=$(apt-get indextargets --format '$(REPO_URI)' \
             'Created-By: Packages' | grep -v security | head -1)
}
[ -n "$mirror" ] || die "apt knows no Debian mirror"
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/src"
for suite in $suites; do
    printf 'deb-src %s %s main\n' "$mirror" "$suite"
done >"$work/sources.list"
apt_private() {
    "apt-$1" -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" \
        -o Dir::Etc::sourcelist="$work/sources.list" \
        -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User=root "${@:2}"
}
say "reading the lists of $suites"
apt_private get -qq update

# The newest version of |package| that is at least |floor| and below |limit|.
pick_version() {
    local package=$1 floor=$2 limit=$3 version best=
    for version in $(apt_private cache showsrc --only-source "$package" |
                     sed -n 's/^Version: //p'); do
        dpkg --compare-versions "$version" ge "$floor" || continue
        dpkg --compare-versions "$version" lt "$limit" || continue
        [ -n "$best" ] && dpkg --compare-versions "$version" lt "$best" &&
            continue
        best=$version
    done
    [ -n "$best" ] || die "no $package from $floor up to $limit in $suites"
    printf '%s\n' "$best"
}

# The upstream archive is enough, and outlives Debian's revisions of it.
while read -r package floor limit; do
    version=$(pick_version "$package" "$floor" "$limit")
    say "fetching $package $version"
    (cd "$work/src" && apt_private get -qq source --only-source --tar-only \
        --download-only "$package=$version" >&2)
    mkdir "$work/src/$package"
    tar -xf "$work/src/${package}_"*.orig.tar.* -C "$work/src/$package" \
        --strip-components=1
done <<<"$libraries"

harden="-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong
    -fstack-clash-protection -ftrivial-auto-var-init=zero
    -fno-strict-aliasing -fno-delete-null-pointer-checks -fno-strict-overflow
    -fPIE -g1 -ffile-prefix-map=$work=."
case $(uname -m) in
    x86_64) harden="$harden -fcf-protection=full" ;;
    aarch64) harden="$harden -mbranch-protection=standard" ;;
esac
harden=$(printf '%s ' $harden)

build_cmake() { # build_cmake NAME FLAGS OPTION...
    local name=$1 flags=$2
    shift 2
    say "building $name"
    cmake -S "$work/src/$name" -B "$work/build-$name" -G Ninja \
        -DCMAKE_BUILD_TYPE=None -DCMAKE_INSTALL_PREFIX="$prefix" \
        -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_C_COMPILER="$compiler" \
        -DCMAKE_C_FLAGS="$flags $harden" -Wno-dev "$@" >"$work/log" 2>&1 &&
    ninja -C "$work/build-$name" install >>"$work/log" 2>&1 || {
        tail -40 "$work/log" >&2
        die "$name did not build"
    }
}

cp "$root/deps/mbedtls_config.h" \
   "$work/src/mbedtls/include/mbedtls/mbedtls_config.h"
build_cmake mbedtls "-O2" -DENABLE_PROGRAMS=OFF -DENABLE_TESTING=OFF \
    -DMBEDTLS_FATAL_WARNINGS=OFF

build_cmake libevent "-O2" -DEVENT__LIBRARY_TYPE=STATIC \
    -DEVENT__DISABLE_OPENSSL=ON -DEVENT__DISABLE_TESTS=ON \
    -DEVENT__DISABLE_BENCHMARK=ON -DEVENT__DISABLE_SAMPLES=ON \
    -DEVENT__DISABLE_REGRESS=ON

say "building libsodium"
(cd "$work/src/libsodium" &&
 ./configure -q --prefix="$prefix" --libdir="$prefix/lib" --disable-shared \
     --enable-static --disable-dependency-tracking \
     CC="$compiler" CFLAGS="-O3 $harden" &&
 make -s -j"$(nproc)" && make -s install) >"$work/log" 2>&1 || {
    tail -40 "$work/log" >&2
    die "libsodium did not build"
}

touch "$stamp"
printf '%s\n' "$prefix"
