/* SPDX-License-Identifier: MIT */
/*
 * Two endpoints that are fit, asked with each allocation of the way failing in
 * turn: they may be asked later or never, but are never found unfit for it.
 */
#define _GNU_SOURCE /* accept4() */
#include "base/clock.h"
#include "fault/failing.h"
#include "health/health.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ENDPOINTS = 2, MAX_SERVED = 16 };

/*
 * Far more than an answer takes, far less than a timeout.  Where nothing
 * failed there will be one, however busy the machine is.
 */
static const uint64_t patience_us = 10 * CLOCK_SECOND;
static const uint64_t patience_of_failed_us = 100 * CLOCK_MS;

static int listener;
static struct address address;
static unsigned told;

static void judged(void *context, const struct verdict *verdict)
{
    (void)context;
    ASSERT(verdict->unfit[0] == '\0');
    told++;
}

static bool place(struct health *health)
{
    struct endpoint items[ENDPOINTS] = { 0 };
    struct endpoints *endpoints;
    bool placed;

    for (size_t i = 0; i < ENDPOINTS; i++) {
        items[i].address = address;
        items[i].address.v4.sin_addr.s_addr =
            htonl(INADDR_LOOPBACK + (uint32_t)i);
    }
    endpoints = endpoints_new(items, ENDPOINTS);
    placed = endpoints && health_place(health, endpoints) == STATUS_OK;
    free(endpoints);
    return placed;
}

static void serve(int served[MAX_SERVED])
{
    char bytes[256];

    for (size_t i = 0; i < MAX_SERVED; i++) {
        if (served[i] < 0)
            served[i] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (served[i] < 0)
            return;
        if (recv(served[i], bytes, sizeof(bytes), 0) < 0)
            continue;
        (void)send(served[i], "+PONG\r\n", 7, MSG_NOSIGNAL);
        close(served[i]);
        served[i] = -1;
    }
}

static void ask(struct loop *loop)
{
    uint64_t began_us = clock_now_us();
    int served[MAX_SERVED];

    memset(served, 0xff, sizeof(served));
    while (told < ENDPOINTS &&
           clock_now_us() - began_us <
               (failing_failed() ? patience_of_failed_us : patience_us)) {
        loop_turn(loop, CLOCK_MS);
        serve(served);
    }
    for (size_t i = 0; i < MAX_SERVED; i++)
        if (served[i] >= 0)
            close(served[i]);
}

static bool everybody_is_judged(void)
{
    struct health_rules rules = { .protocol = HEALTH_REDIS,
                                  .every_us = 2 * CLOCK_MS,
                                  .timeout_us = 60 * CLOCK_SECOND,
                                  .rise = 2,
                                  .fall = 3 };
    struct loop *loop = loop_new();
    struct health_options options = {
        .loop = loop, .service = "echo", .rules = &rules, .judged = judged
    };
    struct health *health = NULL;

    told = 0;
    if (loop && health_open(&options, &health) == STATUS_OK && place(health))
        ask(loop);
    health_close(health);
    if (loop)
        loop_turn(loop, 0);
    loop_free(loop);
    return told == ENDPOINTS;
}

int main(void)
{
    struct sockaddr_in any = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    ASSERT(bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0);
    ASSERT(listen(fd, 128) == 0);
    ASSERT(address_of_socket(&address, fd));
    listener = fd;
    failing_sweep("health", everybody_is_judged, 0);
    close(fd);
    return 0;
}
