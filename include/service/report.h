/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_REPORT_H
#define SERVICE_REPORT_H
#include "base/check.h"
#include "discovery/endpoint.h"
#include "service/options.h"
#include "tunnel/host.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct switchboard;

/*
 * What one worker has to say for `status`: a copy, so that it can be taken to
 * another thread.  Times are those of clock_now_us().
 */
struct place_report {
    struct address address;
    char name[256];
    const char
        *state; /* "up", "unfit", "resting", "down", "dialling"; static */
    char failure[256]; /* why, or "" */
    uint32_t active;
    uint64_t connections;
    uint64_t failures;
    uint64_t latency_us;
    bool is_inbound; /* a peer that dialled us */
};

struct service_report {
    char name[TEXT_MAX_NAME + 1];
    enum service_role role;
    bool is_usable;
    uint32_t active;
    uint32_t waiting;
    uint32_t left_behind; /* connections whose place is gone or demoted */
    uint64_t connections;
    uint64_t failed;
    uint64_t denied;
    uint64_t ended_in_order;
    uint64_t ended_by_reset;
    uint64_t lost;
    uint64_t up_bytes;
    uint64_t down_bytes;
    struct place_report *places; /* owned */
    size_t place_count;
};

struct tunnel_summary {
    uint32_t worker;
    uint64_t number;
    char peer[512]; /* identity */
    char node[TEXT_MAX_NAME + 1];
    char version[HELLO_MAX_VERSION + 1];
    struct address address;
    const char *aead; /* static */
    bool is_dialler;
    bool is_ready;
    bool is_draining;
    uint64_t age_us;
    uint64_t rtt_us;
    uint32_t streams;
    uint64_t sent_bytes;
    uint64_t received_bytes;
    int64_t expires;
    struct offers *offers; /* of the peer; owned; NULL: it has not said */
};

struct board_report {
    uint32_t worker;
    struct service_report *services; /* owned */
    size_t service_count;
    struct tunnel_summary *tunnels; /* owned */
    size_t tunnel_count;
    size_t memory_bytes; /* of streams' bytes now */
    size_t max_memory_bytes;
};

/* NULL without memory. */
MUST_CHECK struct board_report *
board_report_new(const struct switchboard *board, uint32_t worker);
void board_report_free(struct board_report *report); /* accepts NULL */
#endif
