#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Read the defences that cmake/Hardening.cmake asks for back from a binary.
#
#   scripts/check_hardening.sh [BINARY]     build/release/entente by default
#   scripts/check_hardening.sh --self-test  leave one out, see it noticed
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# check_binary FILE: print what is missing; 0 if nothing is.
check_binary() {
    local file=$1 missing=0 headers dynamic symbols notes start
    headers=$(readelf -hlW "$file")
    dynamic=$(readelf -dW "$file")
    symbols=$(readelf --dyn-syms -W "$file")
    notes=$(readelf -nW "$file" 2>/dev/null)
    has() { # has NAME TEXT PATTERN
        grep -qE -e "$3" <<<"$2" || { say "$file: no $1"; missing=1; }
    }
    has_not() {
        if grep -qE -e "$3" <<<"$2"; then say "$file: $1"; missing=1; fi
    }
    has "position independence" "$headers" 'Type:.*DYN'
    has "position independence (PIE)" "$dynamic" 'FLAGS_1.*PIE'
    has "read-only relocations" "$headers" 'GNU_RELRO'
    has "immediate binding (full RELRO)" "$dynamic" 'FLAGS_1.*NOW'
    has "stack that is not executable" "$headers" 'GNU_STACK.* RW  '
    has_not "a segment both writable and executable" "$headers" 'LOAD.* RWE '
    has_not "relocations in code" "$dynamic" 'TEXTREL'
    has_not "a search path for libraries" "$dynamic" 'RPATH|RUNPATH'
    has "stack protector" "$symbols" '__stack_chk_fail'
    has "fortified library calls" "$symbols" '__[a-z]+_chk(@|$)'
    # (-z nodlopen leaves no mark in an executable, only in libraries.)
    case $(uname -m) in
        x86_64)
            start=$(objdump -d --no-show-raw-insn --disassemble=main "$file")
            has "branch target at the start of main" "$start" 'endbr64'
            # Marked as a whole only where the C library's start files are.
            if readelf -n "$(gcc -print-file-name=crt1.o)" | grep -q IBT; then
                has "branch tracking" "$notes" 'x86 feature:.*IBT.*SHSTK'
            fi ;;
        aarch64)
            has "branch targets" "$notes" 'AArch64 feature:.*BTI' ;;
    esac
    return $missing
}

self_test() {
    local tree good name change
    tree=$(mktemp -d)
    trap 'rm -rf "$tree"' RETURN
    cat >"$tree/a.c" <<'CODE'
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
    char text[16];
    memcpy(text, argv[0], (size_t)argc);
    return printf("%s%d\n", text, argc) < 0;
}
CODE
    good="-O2 -fPIE -pie -fstack-protector-strong -U_FORTIFY_SOURCE
        -D_FORTIFY_SOURCE=3 -Wl,-z,relro,-z,now,-z,noexecstack"
    case $(uname -m) in
        x86_64) good="$good -fcf-protection=full" ;;
        aarch64) good="$good -mbranch-protection=standard" ;;
    esac
    gcc $good "$tree/a.c" -o "$tree/good"
    check_binary "$tree/good" || die "a hardened binary did not pass"
    while IFS='|' read -r name change; do
        gcc $good $change "$tree/a.c" -o "$tree/bad"
        if check_binary "$tree/bad" 2>"$tree/said"; then
            die "a binary without $name passed"
        fi
        grep -q "$name" "$tree/said" || die "$name was not named"
    done <<'END'
position independence|-no-pie
read-only relocations|-Wl,-z,norelro
immediate binding|-Wl,-z,lazy
stack that is not executable|-Wl,-z,execstack
a search path for libraries|-Wl,-rpath,/nowhere
stack protector|-fno-stack-protector
fortified library calls|-U_FORTIFY_SOURCE
END
    if [ "$(uname -m)" = x86_64 ]; then
        gcc $good -fcf-protection=none "$tree/a.c" -o "$tree/bad"
        if check_binary "$tree/bad" 2>/dev/null; then
            die "a binary without branch targets passed"
        fi
    fi
    echo "hardening: a hardened binary passes, eight weaker ones do not"
}

case ${1-} in
    --self-test) self_test ;;
    *)  binary=${1:-$root/build/release/entente}
        [ -e "$binary" ] || die "$binary is not there: scripts/build.sh"
        check_binary "$binary"
        echo "hardening: $(basename "$binary") has all its defences" ;;
esac
