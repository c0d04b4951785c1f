/* SPDX-License-Identifier: MIT */
#ifndef ADMIN_SERVICE_SUM_H
#define ADMIN_SERVICE_SUM_H
#include "admin/status.h"

/*
 * One service as all workers and sources together tell of it.  Every worker
 * has its own view of the same endpoints; here each endpoint is one.
 */
struct place_sum {
    const struct address *address; /* borrowed, as all here */
    const char *name;
    const char *source;
    const char *state; /* NULL: no worker has told */
    bool is_hearsay;   /* who told has not tried */
    const char *failure;
    bool is_inbound;
    uint64_t active;
    uint64_t connections;
    uint64_t failures;
    uint64_t latency_us; /* of the slowest worker */
};

struct service_sum {
    struct service_report total; /* without its places */
    struct place_sum *places;    /* owned */
    size_t place_count;
    size_t room;
};

/* False without memory; nothing is to be cleared then. */
MUST_CHECK bool service_sum_init(struct service_sum *sum,
                                 const struct status_document *document,
                                 const struct service_status *service);
void service_sum_clear(struct service_sum *sum);

/* Whether a new connection can be expected to succeed. */
bool service_sum_is_up(const struct service_sum *sum);
#endif
