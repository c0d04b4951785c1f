#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Install what is missing, build and run all the tests; the last line counts.
#
#   scripts/test.sh                 everything, in at most 20 minutes
#   scripts/test.sh unit checks     only these parts
#
# Parts, in the order in which they run:
#   checks       layers, headers, format, documents, hardening
#   unit         unit tests and failing allocations, with ASan and UBSan
#   sim          10,000 simulated pairs of sessions
#   fuzz         every fuzz target for a few seconds
#   integration  real clients and servers through the release build
#   sanitized    some of them again through the ASan and UBSan build
#   tsan         unit and integration tests of what has threads
#   valgrind     a short run of the release build
# Long forms, only by name:
#   long         integration with its full sizes (1 GiB, 512 MiB values, ...)
#   sim-long     1,000,000 seeds
#   fuzz-long    60 seconds a target
set -uo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"

all="checks unit sim fuzz integration sanitized tsan valgrind"
test_packages="python3 python3-pytest python3-pytest-xdist binutils iproute2 nftables tcpdump curl
    socat redis-server redis-tools postgresql postgresql-contrib nginx
    openssh-server openssh-client haproxy procps openssl zookeeper
    default-jre-headless knot knot-dnsutils avahi-daemon avahi-utils dbus iptables
    mariadb-server mariadb-client faketime"
results=$root/build/results
rm -rf "$results"
mkdir -p "$results"

# tally NAME SECONDS RESULT: one test of ours, to be counted.
tally() {
    printf '%s\n' "$3" >>"$results/tally"
    printf '%-7s %4ss  %s\n' "$3" "$2" "$1"
}

# try NAME COMMAND...: run it, count it, show what it said if it failed.
try() {
    local name=$1 began=$SECONDS log
    shift
    log=$results/$(printf '%s' "$name" | tr -c 'a-zA-Z0-9' _).log
    if "$@" >"$log" 2>&1; then
        tally "$name" $((SECONDS - began)) passed
    else
        tail -50 "$log"
        tally "$name" $((SECONDS - began)) failed
    fi
}

# build PRESET TARGET...: a build that fails counts as a failed test.
build() {
    scripts/build.sh -DENTENTE_WERROR=ON "$@" && return 0
    tally "build $1" 0 failed
    return 1
}

# run_ctest PRESET PART OPTION...
run_ctest() {
    local preset=$1 part=$2 under=()
    shift 2
    # ThreadSanitizer cannot live with today's address randomization.
    [ "$preset" != tsan ] || under=(setarch -R)
    "${under[@]}" ctest --test-dir "build/$preset" -j2 --output-on-failure \
        --output-junit "$results/$part.xml" "$@" ||
        printf '%s: ctest failed\n' "$part"
}

# run_pytest PART BINARY OPTION...: four files at a time, since tests wait more
# than they compute.
run_pytest() {
    local part=$1 binary=$2 status
    shift 2
    need_packages $test_packages
    build release verify watch_source announce_service || return
    ENTENTE_BINARY=$root/$binary "$python" -m pytest -q \
        -p no:cacheprovider -n 4 --dist loadfile \
        --rootdir tests/integration tests/integration \
        --junitxml "$results/$part.xml" "$@"
    status=$?
    # Failed tests are in the file; anything worse is not.
    [ $status -le 1 ] || tally "$part: pytest" 0 failed
}

run_checks() {
    local check
    need_packages $build_packages $clang_packages clang-format python3 \
        binutils
    for check in layers.py headers.sh format.sh docs.py hardening.sh; do
        try "check_$check notices" scripts/check_$check --self-test
    done
    for check in layers.py headers.sh format.sh docs.py; do
        try "check_$check" scripts/check_$check
    done
    build release && try check_hardening.sh scripts/check_hardening.sh
    build clang entente && try "clang builds it" true
}

run_unit() { build debug && run_ctest debug unit; }

# run_seeds FIRST LAST: each of the two cores takes half of them.
run_seeds() {
    local middle=$((($1 + $2) / 2))
    build release sim_session || return
    try "sim seeds $1-$middle" \
        build/release/tests/sim/sim_session --seeds "$1-$middle" &
    try "sim seeds $((middle + 1))-$2" \
        build/release/tests/sim/sim_session --seeds "$((middle + 1))-$2"
    wait
}

# run_fuzz SECONDS: two targets at a time; crashes stay in build/results.
run_fuzz() {
    local target name corpus
    build fuzz || return
    for target in build/fuzz/tests/fuzz/fuzz_*; do
        [ -x "$target" ] && [ -f "$target" ] || continue
        name=$(basename "$target")
        corpus=$results/corpus-$name
        mkdir -p "$corpus"
        try "$name" "$target" -max_total_time="$1" -timeout=10 -rss_limit_mb=2048 \
            -print_final_stats=1 -artifact_prefix="$results/$name-" \
            "$corpus" $(ls -d "tests/fuzz/corpus/$name" 2>/dev/null) &
        [ "$(jobs -r | wc -l)" -lt 2 ] || wait -n
    done
    wait
}

run_integration() {
    build release && run_pytest integration build/release/entente
}

run_sanitized() {
    build debug && run_pytest sanitized build/debug/entente -m smoke
}

run_tsan() {
    build tsan || return
    run_ctest tsan tsan-unit -E '^sim_|^wire_|^config_'
    ENTENTE_UNDER="setarch -R" run_pytest tsan build/tsan/entente -m smoke
}

run_valgrind() {
    need_packages valgrind
    build release || return
    ENTENTE_UNDER="valgrind -q --error-exitcode=99 --leak-check=full
        --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite" \
        run_pytest valgrind build/release/entente -m valgrind
}

run_long() { build release && run_pytest long build/release/entente --long; }

parts=${*:-$all}
for part in $parts; do
    case " $all long sim-long fuzz-long " in
        *" $part "*) ;;
        *) die "no part $part: $all long sim-long fuzz-long" ;;
    esac
done
for part in $parts; do
    began=$SECONDS
    printf '== %s\n' "$part"
    case $part in
        sim) run_seeds 1 10000 ;;
        sim-long) run_seeds 1 1000000 ;;
        fuzz) run_fuzz 5 ;;
        fuzz-long) run_fuzz 60 ;;
        *) "run_$part" ;;
    esac
    printf '== %s: %ss\n' "$part" $((SECONDS - began))
done
exec "$python" scripts/count_results.py "$results"
