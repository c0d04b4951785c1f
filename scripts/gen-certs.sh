#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Make the CA, if there is none, and a certificate pair for each service, with
# `entente pki`; says where each file goes and what to configure.
#
#   scripts/gen-certs.sh redis postgres
#   scripts/gen-certs.sh --domain acme --dir /somewhere/safe redis
set -euo pipefail
. "$(dirname "$0")/lib.sh"

options=(--dir "$root/certs")
services=()
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) sed -n '3,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
        --dir | --domain | --days)
            [ $# -gt 1 ] || die "$1 wants a value"
            options+=("$1" "$2")
            shift 2
            ;;
        --force) options+=("$1"); shift ;;
        -*) die "no option $1: --dir --domain --days --force" ;;
        *) services+=("$1"); shift ;;
    esac
done
[ ${#services[@]} -gt 0 ] || die "which services? like: $0 redis"

entente=$root/build/release/entente
[ -x "$entente" ] || "$root/scripts/build.sh"
for service in "${services[@]}"; do
    "$entente" pki pair "$service" "${options[@]}"
    printf '\n'
done
