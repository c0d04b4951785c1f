#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# C as .clang-format says; sizes as the house wants them.  --fix formats.
# --self-test: a badly formatted file and an endless one are noticed.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# Far above what the house aims at (300, 150): here a reader gives up.
max_source=600
max_header=250
max_test=900

# check_files FILE...: relative to the current directory.
check_files() {
    local failed=0 file lines limit
    clang-format --dry-run -Werror "$@" || failed=1
    for file in "$@"; do
        case $file in
            *.h) limit=$max_header ;;
            tests/* | bench/*) limit=$max_test ;;
            *) limit=$max_source ;;
        esac
        lines=$(wc -l <"$file")
        if [ "$lines" -gt "$limit" ]; then
            say "$file: $lines lines, more than $limit"
            failed=1
        fi
        head -1 "$file" | grep -q 'SPDX-License-Identifier: MIT' || {
            say "$file: no SPDX line"
            failed=1
        }
    done
    return $failed
}

self_test() {
    local tree name
    local line='/* SPDX-License-Identifier: MIT */'
    tree=$(mktemp -d)
    trap 'rm -rf "$tree"' RETURN
    cp "$root/.clang-format" "$tree"
    cd "$tree"
    printf '%s\nint a;\n' "$line" >good.c
    check_files good.c || die "a good file did not pass"
    printf '%s\nint   a;\n' "$line" >blanks.c
    printf 'int a;\n' >licence.c
    { echo "$line"; printf 'int a%d;\n' $(seq $max_source); } >long.c
    { echo "$line"; printf 'int a%d;\n' $(seq $max_header); } >long.h
    for name in blanks.c licence.c long.c long.h; do
        if check_files $name 2>/dev/null; then die "$name passed"; fi
    done
    echo "format: a good file passes, four bad ones do not"
}

cd "$root"
case ${1-} in
    --self-test) self_test ;;
    *)  mapfile -t files < <(find src include tests bench -name '*.[ch]' \
            2>/dev/null | sort)
        if [ "${1-}" = --fix ]; then clang-format -i "${files[@]}"; fi
        check_files "${files[@]}"
        echo "format: ${#files[@]} files" ;;
esac
