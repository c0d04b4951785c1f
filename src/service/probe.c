/* SPDX-License-Identifier: MIT */
#include "service/probe.h"
#include "service/consume.h"
#include "service/reach.h"
#include "tunnel/relay.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct probe {
    struct reach reach; /* its passage serves both ways */
    struct relay relay; /* of a consumed service */
    uint64_t attached_us;
    void (*done)(void *context, bool reached, const char *why); /* or NULL */
    void *context;
};

static struct probe *of_relay(struct relay *relay)
{
    return CONTAINER_OF(relay, struct probe, relay);
}

static struct probe *of_reach(struct reach *reach)
{
    return CONTAINER_OF(reach, struct probe, reach);
}

static void tell(struct probe *probe, bool reached, const char *why)
{
    void (*done)(void *context, bool, const char *) = probe->done;

    probe->done = NULL;
    if (done)
        done(probe->context, reached, why);
}

static const char *reason(const struct probe *probe)
{
    const char *failure = probe->reach.passage.failure;

    return *failure ? failure : "no place to reach it at is known to be up";
}

static struct probe *of_passage(struct passage *passage)
{
    return of_reach(CONTAINER_OF(passage, struct reach, passage));
}

/* The service goes: so does the question. */
static void abort_passage(struct passage *passage)
{
    struct probe *probe = of_passage(passage);

    tell(probe, false, "the service was removed");
    if (passage->service->options.role == SERVICE_CONSUME) {
        relay_abort(&probe->relay, RELAY_REFUSED);
        return;
    }
    reach_cancel(&probe->reach);
    passage_end(passage);
    free(probe);
}

/* It never waits, so nobody has it try again or give up. */
static const struct passage_kind kind = { .abort = abort_passage };

/* ---- through a tunnel ---- */

static void attach(struct probe *probe)
{
    struct passage *passage = &probe->reach.passage;
    struct metadata metadata = { .class = CLASS_INTERACTIVE };

    memcpy(metadata.service, passage->service->options.name,
           sizeof(metadata.service));
    while (passage_choose(passage)) {
        probe->attached_us = loop_now_us(passage->service->host->loop);
        if (relay_attach(&probe->relay, consume_tunnel(passage->place),
                         &metadata) == STATUS_OK)
            return;
        passage_failed_there(passage, "the tunnel takes no streams", false);
    }
    tell(probe, false, reason(probe));
    relay_abort(&probe->relay, RELAY_REFUSED);
}

static void answered(struct relay *relay)
{
    struct probe *probe = of_relay(relay);
    struct passage *passage = &probe->reach.passage;

    if (passage->place)
        passage_reached(passage, loop_now_us(passage->service->host->loop) -
                                     probe->attached_us);
    tell(probe, true, "");
    relay_abort(relay, RELAY_REFUSED);
}

static void open_failed(struct relay *relay, enum code code, bool delivered)
{
    struct probe *probe = of_relay(relay);

    (void)delivered; /* there was nothing to deliver */
    passage_failed_there(&probe->reach.passage, code_text(code), false);
    attach(probe);
}

static void ended(struct relay *relay, enum relay_ending ending)
{
    struct probe *probe = of_relay(relay);

    (void)ending;
    tell(probe, false, "the tunnel was lost");
    passage_end(&probe->reach.passage);
    free(probe);
}

static const struct relay_events events = { .answered = answered,
                                            .open_failed = open_failed,
                                            .ended = ended };

/* ---- directly ---- */

static void connected(struct reach *reach, int fd)
{
    struct probe *probe = of_reach(reach);

    close(fd);
    tell(probe, true, "");
    passage_end(&reach->passage);
    free(probe);
}

static void exhausted(struct reach *reach)
{
    struct probe *probe = of_reach(reach);

    tell(probe, false, reason(probe));
    passage_end(&reach->passage);
    free(probe);
}

void probe_service(struct service *service,
                   void (*done)(void *context, bool reached, const char *why),
                   void *context)
{
    struct probe *probe = calloc(1, sizeof(*probe));

    if (!probe || !passage_begin(&probe->reach.passage, &kind, service, 0)) {
        free(probe);
        done(context, false,
             "it has all the connections that max_connections allows");
        return;
    }
    probe->done = done;
    probe->context = context;
    probe->reach.connected = connected;
    probe->reach.exhausted = exhausted;
    if (service->options.role != SERVICE_CONSUME) {
        reach_next(&probe->reach);
        return;
    }
    relay_init(&probe->relay, service->host, &events);
    attach(probe);
}
