/* SPDX-License-Identifier: MIT */
#include "service/reach.h"
#include "base/log.h"

static void log_attempt(const struct reach *reach, enum status status)
{
    const struct service *service = reach->passage.service;
    char address[ADDRESS_TEXT];

    LOG_LIMITED(10, LOG_WARNING, "endpoint_failed",
                log_text("service", service->options.name),
                log_text("endpoint",
                         address_format(&reach->passage.place->endpoint.address,
                                        address)),
                log_status("reason", status));
}

static void dialled(void *context, enum status status, int fd)
{
    struct reach *reach = context;
    struct passage *passage = &reach->passage;

    reach->dial = NULL;
    if (status == STATUS_OK) {
        passage_reached(passage, loop_now_us(passage->service->host->loop) -
                                     reach->dialled_us);
        reach->connected(reach, fd);
        return;
    }
    log_attempt(reach, status);
    reach->failure = status;
    /* That we have no descriptors left is not the place's fault. */
    passage_failed_there(passage, status_text(status),
                         status != STATUS_LIMIT && status != STATUS_NO_MEMORY);
    reach_next(reach);
}

void reach_next(struct reach *reach)
{
    struct passage *passage = &reach->passage;
    struct host *host = passage->service->host;
    struct dial_options options = {
        .timeout_us = passage->service->options.connect_timeout_us,
        .done = dialled,
        .context = reach
    };

    if (!passage_choose(passage)) {
        reach->exhausted(reach);
        return;
    }
    options.address = passage->place->endpoint.address;
    reach->dialled_us = loop_now_us(host->loop);
    reach->dial = dial_start(host->loop, &options);
    if (reach->dial)
        return;
    reach->failure = STATUS_NO_MEMORY;
    passage_failed_there(passage, status_text(STATUS_NO_MEMORY), false);
    reach->exhausted(reach);
}

void reach_elsewhere(struct reach *reach)
{
    if (!reach->dial)
        return; /* it waits, or has ended */
    reach_cancel(reach);
    reach->failure = STATUS_CLOSED;
    passage_failed_there(&reach->passage, "it is not there any more", false);
    reach_next(reach);
}

void reach_cancel(struct reach *reach)
{
    dial_cancel(reach->dial);
    reach->dial = NULL;
}
