/* SPDX-License-Identifier: MIT */
#include "tunnel/host.h"
#include "base/clock.h"
#include "base/text.h"
#include <stdlib.h>
#include <string.h>

#define LINGER_US (2 * CLOCK_SECOND)
#define LINGER_FIRST_US CLOCK_MS
#define LINGER_EVERY_US (5 * CLOCK_MS)

static void look_at_lingering(struct loop_timer *timer)
{
    struct host *host = CONTAINER_OF(timer, struct host, linger_timer);
    uint64_t now_us = loop_now_us(host->loop);

    LIST_EACH(&host->lingering, node)
    {
        struct lingering *lingering = LIST_ITEM(node, struct lingering, node);

        lingering->look(lingering, now_us >= lingering->until_us);
    }
    if (!list_is_empty(&host->lingering))
        loop_timer_start(&host->linger_timer, LINGER_EVERY_US);
}

void host_linger(struct host *host, struct lingering *lingering,
                 void (*look)(struct lingering *lingering, bool is_over))
{
    if (lingering->until_us)
        return;
    lingering->until_us = loop_now_us(host->loop) + LINGER_US;
    lingering->look = look;
    if (list_is_empty(&host->lingering))
        loop_timer_start(&host->linger_timer, LINGER_FIRST_US);
    list_append(&host->lingering, &lingering->node);
}

void host_leave(struct lingering *lingering)
{
    if (!lingering->until_us)
        return;
    lingering->until_us = 0;
    list_remove(&lingering->node);
}

enum status host_init(struct host *host, const struct host_options *options)
{
    *host = (struct host){ .loop = options->loop,
                           .handshaker = options->handshaker,
                           .limits = options->limits,
                           .events = options->events,
                           .context = options->context };
    memcpy(host->hello.instance, options->instance, HELLO_INSTANCE);
    text_format(host->hello.node, sizeof(host->hello.node), "%s",
                options->node);
    text_format(host->hello.version, sizeof(host->hello.version), "%s",
                options->version);
    chunk_pool_init(&host->pool, options->max_memory_bytes);
    list_init(&host->tunnels);
    list_init(&host->lingering);
    loop_timer_init(host->loop, &host->linger_timer, look_at_lingering);
    host->input = malloc(HOST_INPUT_BYTES);
    host->output = malloc(HOST_OUTPUT_BYTES);
    if (host->input && host->output)
        return STATUS_OK;
    host_clear(host);
    return STATUS_NO_MEMORY;
}

void host_clear(struct host *host)
{
    ASSERT(list_is_empty(&host->tunnels) && host->relay_count == 0);
    loop_timer_stop(&host->linger_timer);
    chunk_pool_clear(&host->pool);
    free(host->input);
    free(host->output);
}
