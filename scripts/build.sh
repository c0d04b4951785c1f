#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Install what is missing, build the libraries into the cache and entente
# itself.  Does nothing, quickly, when nothing has changed.
#
#   scripts/build.sh                  build/release/entente
#   scripts/build.sh debug            everything, with ASan and UBSan
#   scripts/build.sh debug TARGET...  only those
#   scripts/build.sh -DENTENTE_DEPS=system release    any option of CMake's
#
# Presets: release debug tsan fuzz coverage clang (CMakePresets.json).
set -euo pipefail
. "$(dirname "$0")/lib.sh"

options=()
while [ $# -gt 0 ]; do
    case $1 in
        -D*) options+=("$1"); shift ;;
        -h | --help) sed -n '3,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) break ;;
    esac
done
preset=${1:-release}
[ $# -eq 0 ] || shift
if [ $# -eq 0 ] && [ "$preset" = release ]; then set -- entente; fi

packages=$build_packages
case $preset in
    release | debug | tsan | coverage) ;;
    fuzz | clang) packages="$packages $clang_packages" ;;
    *) die "no preset $preset: release debug tsan fuzz coverage clang" ;;
esac
need_packages $packages

cd "$root"
build=build/$preset
mkdir -p "$build"
exec 8>"$build/.lock"
flock 8
# Options once given stay, so that other scripts need not know them.
if [ ${#options[@]} -eq 0 ] && [ -e "$build/.options" ]; then
    mapfile -t options < <(grep -v ENTENTE_DEPS_PREFIX "$build/.options" |
                           grep '^-D')
fi
case " ${options[*]-} " in
    *ENTENTE_DEPS=system*) ;;
    *)  prefix=$(scripts/dependencies.sh)
        options+=("-DENTENTE_DEPS_PREFIX=$prefix") ;;
esac
wanted=$(printf '%s\n' "$root" "${options[@]}")
if [ ! -e "$build/build.ninja" ] ||
   [ "$wanted" != "$(cat "$build/.options" 2>/dev/null)" ]; then
    say "configuring $build"
    quietly "$build/.configure.log" \
        cmake --preset "$preset" --fresh "${options[@]}" || exit 1
    printf '%s\n' "$wanted" >"$build/.options"
fi
ninja -C "$build" -n "$@" 2>/dev/null | grep -q "no work to do" && exit 0
say "building $build"
quietly "$build/.build.log" ninja -C "$build" "$@"
