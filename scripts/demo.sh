#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# redis-cli on one "host" reaches a Redis on another through two ambassadors,
# with nothing readable on the wire between them.
#
# Installs what is missing, builds, makes certificates, starts everything in
# two network namespaces, runs real traffic, shows what happened, cleans up.
# Without the right to make namespaces all of it happens on loopback, without
# Redis an echo service stands in for it.
#
#   scripts/demo.sh [--keep]     --keep: wait for Enter before cleaning up
set -euo pipefail
. "$(dirname "$0")/lib.sh"

keep=no
case ${1-} in
    --keep) keep=yes ;;
    "") ;;
    *) sed -n '3,11s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac

if [ -z "${ENTENTE_DEMO_INSIDE-}" ]; then
    (need_packages redis-server redis-tools) ||
        say "no Redis to be had: an echo service stands in for it"
    (need_packages iproute2 tcpdump) ||
        say "without iproute2 and tcpdump there is less to see"
    "$root/scripts/build.sh" release
    # Not root: a user namespace of our own, where we are.
    if [ "$(id -u)" != 0 ] && unshare -rmn true 2>/dev/null; then
        exec unshare -rmn env ENTENTE_DEMO_INSIDE=1 "$0" "$@"
    fi
fi

entente=$root/build/release/entente
work=$(mktemp -d "${TMPDIR:-/tmp}/entente-demo.XXXXXX")
pids=()
namespaces=()

clean_up() {
    local pid namespace
    trap - EXIT INT TERM HUP
    for pid in ${pids[@]+"${pids[@]}"}; do
        kill "$pid" 2>/dev/null || :
    done
    for pid in ${pids[@]+"${pids[@]}"}; do
        wait "$pid" 2>/dev/null || :
    done
    for namespace in ${namespaces[@]+"${namespaces[@]}"}; do
        ip netns del "$namespace" 2>/dev/null || :
    done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

title() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { printf '  $ %s\n' "$*"; }
indent() { sed 's/^/    /'; }

# fail MESSAGE: with what everybody said.
fail() {
    say "$1"
    tail -n 20 "$work"/*.log >&2
    exit 1
}

# on HOST COMMAND...
on() {
    local under
    enter "$1"
    shift
    ${under[@]+"${under[@]}"} "$@"
}

# start NAME HOST COMMAND...: in the background, on a host.  Not by on(): that
# would be a shell with the command below it, which outlives the shell.
start() {
    local name=$1 under
    enter "$2"
    shift 2
    ${under[@]+"${under[@]}"} "$@" >"$work/$name.log" 2>&1 &
    pids=("$!" ${pids[@]+"${pids[@]}"})
}

# ---- two hosts, or one ----

make_hosts() {
    local wire=ent$$
    command -v ip >/dev/null || return 1
    if [ -n "${ENTENTE_DEMO_INSIDE-}" ]; then
        mount -t tmpfs tmpfs /run 2>/dev/null || return 1
    fi
    ip netns add "entente-app-$$" 2>/dev/null || return 1
    namespaces+=("entente-app-$$")
    ip netns add "entente-db-$$" 2>/dev/null || return 1
    namespaces+=("entente-db-$$")
    ip link add "$wire" netns "entente-app-$$" type veth \
        peer name "$wire" netns "entente-db-$$" 2>/dev/null || return 1
    ip -n "entente-app-$$" addr add 10.77.1.1/24 dev "$wire"
    ip -n "entente-db-$$" addr add 10.77.1.2/24 dev "$wire"
    for host in app db; do
        ip -n "entente-$host-$$" link set lo up
        ip -n "entente-$host-$$" link set "$wire" up
    done
    device=$wire
}

if make_hosts; then
    enter() { under=(ip netns exec "entente-$1-$$"); }
    far=10.77.1.2
    port=6379
    service_port=12345
    tunnel_port=7411
else
    enter() { under=(); }
    free_port() { # not taken on loopback, as far as a connection can tell
        local try
        for try in $(seq "$1" $(($1 + 200))); do
            (: <"/dev/tcp/127.0.0.1/$try") 2>/dev/null || {
                printf '%s\n' "$try"
                return
            }
        done
    }
    far=127.0.0.1
    device=lo
    port=$(free_port 16379)
    service_port=$(free_port 12345)
    tunnel_port=$(free_port 17411)
    say "no right to make network namespaces: everything is on loopback"
fi

# ---- the service, which knows nothing of us ----

if command -v redis-server >/dev/null && command -v redis-cli >/dev/null; then
    service=redis
    start redis db redis-server --port "$service_port" --bind 127.0.0.1 \
        --save "" --appendonly no --dir "$work"
else
    service=echo
    start echo db perl -MIO::Socket::INET -e '
        $SIG{CHLD} = "IGNORE";
        $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1",
            LocalPort => shift, Listen => 64, ReuseAddr => 1) or die $!;
        while ($client = $listener->accept) {
            next if fork;
            print $client $_ while sysread($client, $_, 65536)
                && ($client->autoflush || 1);
            exit;
        }' "$service_port"
fi

# ---- two ambassadors ----

title "Certificates: a CA, and a pair for $service"
show "entente pki pair $service"
"$entente" pki pair "$service" --dir "$work/certs" >"$work/pki.log" 2>&1 ||
    fail "entente pki failed"
sed -n '/^On the host/p' "$work/pki.log" | indent

identity() { # identity ROLE: the words that say who we are
    printf '%s\n' --certificate "$work/certs/$service-$1.crt" \
        --private-key "$work/certs/$service-$1.key" \
        --trust "$work/certs/ca.crt"
}

title "On the host of the service: $service at 127.0.0.1:$service_port, and"
show "entente offer $service --to static:127.0.0.1:$service_port" \
    "--tunnel-listen $far:$tunnel_port" \
    "--allow spiffe://entente/$service-client ..."
start offer db "$entente" offer "$service" \
    --to "static:127.0.0.1:$service_port" \
    --tunnel-listen "$far:$tunnel_port" \
    --allow "spiffe://entente/$service-client" \
    --admin "unix:$work/offer.sock" $(identity server)

title "On the host of the application"
show "entente consume $service --listen 127.0.0.1:$port" \
    "--from static:$far:$tunnel_port" \
    "--peer spiffe://entente/$service-server ..."
start consume app "$entente" consume "$service" --listen "127.0.0.1:$port" \
    --from "static:$far:$tunnel_port" \
    --peer "spiffe://entente/$service-server" \
    --admin "unix:$work/consume.sock" $(identity client)

# Its log is not there at once, nor its socket.
for _ in $(seq 100); do
    [ -S "$work/consume.sock" ] && break
    sleep 0.1
done
"$entente" wait --admin "unix:$work/consume.sock" --timeout 20s "$service" \
    >"$work/wait.log" 2>&1 || fail "the ambassadors did not find each other"

# ---- traffic, watched ----

watch_wire() { # watch_wire NAME HOST DEVICE PORT
    command -v tcpdump >/dev/null || return 1
    start "$1" "$2" tcpdump -Z "$(id -un)" -i "$3" -U --immediate-mode \
        -w "$work/$1.pcap" "tcp port $4"
    for _ in $(seq 50); do
        grep -q "listening on" "$work/$1.log" 2>/dev/null && return 0
        sleep 0.1
    done
    return 1
}

watched=no
if watch_wire wire app "$device" "$tunnel_port" &&
   watch_wire behind db lo "$service_port"; then
    watched=yes
fi

canary=canary-$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
title "The application speaks to 127.0.0.1:$port, as if $service were there"
if [ $service = redis ]; then
    client() { on app redis-cli -p "$port" "$@"; }
    for words in "set greeting $canary" "get greeting" "incr visits"; do
        show "redis-cli -p $port $words"
        client $words 2>&1 | indent || fail "redis-cli failed"
    done
    [ "$(client get greeting)" = "$canary" ] || fail "the wrong answer"
    show "redis-benchmark -p $port -t set,get -n 50000 -P 16 -q"
    on app redis-benchmark -p "$port" -t set,get -n 50000 -P 16 -q 2>&1 |
        tr '\r' '\n' | grep 'requests per second' | indent ||
        fail "redis-benchmark failed"
else
    show "echo $canary >/dev/tcp/127.0.0.1/$port"
    answer=$(on app bash -c 'exec 3<>/dev/tcp/127.0.0.1/$0 && echo "$1" >&3 &&
        head -1 <&3' "$port" "$canary")
    printf '%s\n' "$answer" | indent
    [ "$answer" = "$canary" ] || fail "the wrong answer"
fi

title "What somebody on the wire saw"
if [ $watched = yes ]; then
    sleep 0.5
    packets=$(tcpdump -r "$work/wire.pcap" 2>/dev/null | wc -l)
    bytes=$(stat -c %s "$work/wire.pcap")
    grep -qa "$canary" "$work/behind.pcap" ||
        fail "the canary is not even behind the far ambassador"
    printf '    %s\n' \
        "between the hosts: $packets packets, $bytes bytes of TLS 1.3"
    if grep -qa -e "$canary" -e greeting "$work/wire.pcap"; then
        fail "the canary is readable on the wire"
    fi
    printf '    %s\n' "\"$canary\" is not among them;" \
        "between far ambassador and $service, on that host, it is"
else
    printf '    %s\n' "(not watched: tcpdump may not capture here)"
fi

title "What the ambassador beside the application says"
show "entente status"
"$entente" status --admin "unix:$work/consume.sock" | indent

title "To look further"
cat <<END
    scripts/demo.sh --keep               the same, and wait for you
    build/release/entente --help         all commands
    build/release/entente consume --help
    scripts/test.sh                      all tests
END
if [ $keep = yes ]; then
    title "Kept; in another terminal:"
    if [ ${#namespaces[@]} -gt 0 ] && [ -z "${ENTENTE_DEMO_INSIDE-}" ]; then
        printf '    ip netns exec entente-app-%s redis-cli -p %s\n' $$ "$port"
    fi
    printf '    %s status --admin unix:%s/consume.sock\n' "$entente" "$work"
    printf '    tail -f %s/*.log\n\n    Enter ends it. ' "$work"
    read -r _ || :
fi
printf '\nIt works.\n'
