#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every header of ours compiles alone, by gcc and by clang, so that the order
# of #includes never matters.  --self-test: a header that does not is noticed.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# check_tree ROOT LIBRARIES: print what does not compile; the count if all do.
check_tree() {
    local tree=$1 libraries=$2 header compiler count=0 failed=0 flags
    flags="-std=gnu11 -fsyntax-only -Wall -Wextra -Werror
        -I$tree/include -I$tree/src -isystem $libraries/include"
    while IFS= read -r header; do
        count=$((count + 1))
        for compiler in gcc clang; do
            # As the second #include, too: its guard must work.
            printf '#include "%s"\n#include "%s"\nint alone;\n' \
                "$header" "$header" |
                $compiler -x c $flags - || {
                say "$header does not compile alone ($compiler)"
                failed=1
            }
        done
    done < <(cd "$tree" && find include src -name '*.h' -printf '%P\n' | sort)
    [ "$count" -gt 0 ] || { say "no headers in $tree"; return 1; }
    [ $failed = 0 ] && echo "headers: $count compile alone, by gcc and clang"
}

self_test() {
    local tree
    tree=$(mktemp -d)
    trap 'rm -rf "$tree"' RETURN
    mkdir -p "$tree/include/base" "$tree/src"
    printf '#include <stdint.h>\nuint8_t f(void);\n' >"$tree/include/base/a.h"
    check_tree "$tree" "$tree" >/dev/null || die "a good header did not pass"
    printf 'uint8_t g(void);\n' >"$tree/include/base/b.h"
    if check_tree "$tree" "$tree" >/dev/null 2>&1; then
        die "a header that needs another passed"
    fi
    printf 'enum e { E };\n' >"$tree/include/base/b.h"
    if check_tree "$tree" "$tree" >/dev/null 2>&1; then
        die "a header without a guard passed"
    fi
    echo "headers: a good one passes, two bad ones do not"
}

case ${1-} in
    --self-test) self_test ;;
    *) check_tree "$root" "$("$root/scripts/dependencies.sh")" ;;
esac
