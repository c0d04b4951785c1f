/* SPDX-License-Identifier: MIT */
#include "tunnel/host.h"
#include "base/clock.h"
#include "base/text.h"
#include "tunnel/relay.h"
#include <stdlib.h>
#include <string.h>

#define LINGER_EVERY_US (5 * CLOCK_MS)

/* Look after the relays that wait for their last bytes to go. */
static void look_at_lingering(struct loop_timer *timer)
{
    struct host *host = CONTAINER_OF(timer, struct host, linger_timer);
    uint64_t now_us = loop_now_us(host->loop);

    LIST_EACH(&host->lingering, node)
    {
        relay_linger(LIST_ITEM(node, struct relay, linger), now_us);
    }
    if (!list_is_empty(&host->lingering))
        loop_timer_start(&host->linger_timer, LINGER_EVERY_US);
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
    list_init(&host->relays);
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
    ASSERT(list_is_empty(&host->tunnels) && list_is_empty(&host->relays));
    loop_timer_stop(&host->linger_timer);
    chunk_pool_clear(&host->pool);
    free(host->input);
    free(host->output);
}
