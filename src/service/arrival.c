/* SPDX-License-Identifier: MIT */
#include "service/arrival.h"
#include "base/index.h"
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

uint64_t arrival_client(const struct arrival *arrival)
{
    const struct address *from = &arrival->from;

    if (from->length > 0 && from->family == AF_INET)
        return index_hash(&from->v4.sin_addr, sizeof(from->v4.sin_addr));
    if (from->length > 0 && from->family == AF_INET6)
        return index_hash(&from->v6.sin6_addr, sizeof(from->v6.sin6_addr));
    return 0;
}

/* Nobody took the connection: its end must not look like an orderly one. */
static void reset(int fd)
{
    struct linger linger = { .l_onoff = 1, .l_linger = 0 };

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(fd);
}

void arrival_clear(struct arrival *arrival)
{
    if (arrival->fd >= 0)
        reset(arrival->fd);
    free(arrival->early);
    arrival->fd = -1;
    arrival->early = NULL;
}
