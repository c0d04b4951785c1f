#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Install what is missing, build, and measure entente beside HAProxy, stunnel
# and spiped on this machine: about 30 minutes, or 90 seconds with --quick.
# All arguments go to bench/run; bench/README.md says what the figures mean.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

need_packages haproxy iproute2 openssl python3 spiped stunnel4 util-linux
"$root/scripts/build.sh" release entente bench-load bench-server
exec "$root/bench/run" "$@"
