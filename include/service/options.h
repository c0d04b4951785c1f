/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_OPTIONS_H
#define SERVICE_OPTIONS_H
#include "base/check.h"
#include "base/text.h"
#include "health/rules.h"
#include "net/address.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What an operator says about one service.  Filled by config or by the
 * command line, validated there, immutable afterwards.
 */
enum service_role {
    SERVICE_CONSUME, /* listen for applications, reach it through tunnels */
    SERVICE_DIRECT,  /* listen for applications, dial it ourselves */
    SERVICE_OFFER    /* accept streams from peers, dial it */
};

enum { SERVICE_ROLES = SERVICE_OFFER + 1 };

enum service_balance {
    BALANCE_ROUND_ROBIN,
    BALANCE_LEAST_LOADED,
    BALANCE_TWO_CHOICES,
    BALANCE_HASH
};

/* Besides times, for service_options.move_us. */
#define SERVICE_MOVE_CLOSE UINT64_C(0)
#define SERVICE_MOVE_KEEP UINT64_MAX

struct service_options {
    char name[TEXT_MAX_NAME + 1];
    enum service_role role;
    struct text_list listen;   /* addresses; not for SERVICE_OFFER */
    struct text_list sources;  /* from, direct or to */
    struct text_list fallback; /* sources that count while those do not serve */
    struct text_list peers;    /* consume.peer: who may claim to offer it */
    struct text_list allow;    /* offer.allow: who may open it */
    struct text_list announce; /* registries that are told we offer it */
    enum service_balance balance;
    uint64_t hold_us;            /* a new connection may wait this long */
    uint64_t connect_timeout_us; /* for one attempt at an endpoint */
    uint64_t move_us;          /* connections may outlast their place by this */
    uint64_t slow_start_us;    /* until a new endpoint has its whole share */
    uint32_t max_per_endpoint; /* connections at a time; 0: any number */
    uint32_t min_healthy;      /* percent; fewer in a tier: the next helps */
    uint32_t retry_budget;     /* retries in percent of new connections */
    bool proxy_protocol;       /* offer, direct: tell the service whose */
    uint32_t max_connections;  /* at a time, in all */
    uint32_t max_waiting;      /* connections on hold at a time */
    uint32_t announce_weight;  /* 0 to 65535, as registries have them */
    uint32_t announce_priority;
    struct health_rules health; /* offer, direct: ask the endpoints */
};

/* The defaults of |role|; nothing in it needs freeing yet. */
void service_options_init(struct service_options *options,
                          enum service_role role);
MUST_CHECK bool service_options_copy(struct service_options *to,
                                     const struct service_options *from);
bool service_options_equal(const struct service_options *a,
                           const struct service_options *b);
void service_options_clear(struct service_options *options);

/* "keep", "close" or "drain". */
const char *service_move_text(uint64_t move_us);

/* Whether peers that dial us are among its sources. */
bool service_options_take_inbound(const struct service_options *options);

const char *service_role_text(enum service_role role);
MUST_CHECK bool service_role_parse(const char *text, enum service_role *role);

const char *service_balance_text(enum service_balance balance);
MUST_CHECK bool service_balance_parse(const char *text,
                                      enum service_balance *balance);
#endif
