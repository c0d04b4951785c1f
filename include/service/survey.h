/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_SURVEY_H
#define SERVICE_SURVEY_H
#include "base/check.h"
#include "service/options.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct switchboard;

/*
 * What one worker would do with the next connection to a service, and why: for
 * `explain`.  Found by the code that chooses, and a copy, so that it can be
 * taken to another thread.  Asking changes nothing.
 */
enum { SURVEY_MAX_PLACES = 1024, SURVEY_MAX_ROLES = 2 };

struct place_survey {
    struct address address;
    char name[256];
    uint16_t tier;
    uint16_t priority;
    uint16_t weight;
    bool is_inbound; /* a peer that dialled us */
    /*
     * "chosen"; "usable": another was; "possible": the client decides, and
     * nobody named one; "reserve": while others are usable it gets nothing;
     * "unusable".  Static text.
     */
    const char *verdict;
    /*
     * Half a sentence; "" if there is none.  Of one that is chosen: what speaks
     * against it, and yet it is.
     */
    char reason[256];
    char failure[256]; /* the last, of those in a row; "" */
    uint32_t failures; /* in a row */
    uint64_t rest_us;  /* it still rests after them */
    /* Of a consumed service: */
    const char *tunnel;    /* "up", "dialling", "opening", "down"; static */
    char peer[512];        /* who is there; "" */
    bool peer_is_accepted; /* may claim to offer it */
    uint32_t active;
    uint64_t latency_us;
};

struct service_survey {
    enum service_role role;
    /*
     * "goes", to |address|; "depends", on the client; "waits", up to
     * |hold_us|; "refused".  Static text.
     */
    const char *outcome;
    char reason[160]; /* why it does not go; "" if it does */
    struct address address;
    uint64_t hold_us;
    struct place_survey *places; /* owned */
    size_t place_count;
    size_t left_out; /* places more than SURVEY_MAX_PLACES */
};

/* Of the services with one name, in every role. */
struct board_survey {
    uint32_t worker;
    struct service_survey services[SURVEY_MAX_ROLES];
    size_t service_count;
};

/*
 * |client| is the address of who would connect (its port counts for nothing),
 * or NULL.  NULL without memory.
 */
MUST_CHECK struct board_survey *
board_survey_new(const struct switchboard *board, uint32_t worker,
                 const char *name, const struct address *client);
void board_survey_free(struct board_survey *survey); /* accepts NULL */
#endif
