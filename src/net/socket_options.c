/* SPDX-License-Identifier: MIT */
#include "net/socket_options.h"
#include <netinet/tcp.h>
#include <sys/socket.h>

enum { QUIET_SECONDS = 60, PROBE_SECONDS = 15, PROBES = 4 };

static void set_number(int fd, int level, int option, int number)
{
    (void)setsockopt(fd, level, option, &number, sizeof(number));
}

void socket_options_set(int fd, const struct address *address)
{
    static const char on_loopback[] = "reno";

    if (address_is_unix(address))
        return;
    set_number(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_number(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_number(fd, IPPROTO_TCP, TCP_KEEPIDLE, QUIET_SECONDS);
    set_number(fd, IPPROTO_TCP, TCP_KEEPINTVL, PROBE_SECONDS);
    set_number(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
    if (address_is_loopback(address))
        (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, on_loopback,
                         sizeof(on_loopback) - 1);
}
