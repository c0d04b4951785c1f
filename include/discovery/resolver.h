/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_RESOLVER_H
#define DISCOVERY_RESOLVER_H
#include "base/check.h"
#include "base/status.h"
#include "base/text.h"
#include "discovery/dns_message.h"
#include "net/loop.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Asks name servers, without ever blocking: several of them in turn, search
 * domains, TCP when an answer is cut.  Keeps nothing: who asks looks after
 * times to live.  The hosts file is asked first.
 */
struct resolver;

struct resolver_options {
    struct loop *loop;
    /* "10.0.0.2", "10.0.0.2:53", "[2001:db8::1]:53"; empty: the system's. */
    struct text_list servers; /* borrowed until resolver_open() returns */
    /* Servers, if none are given, and search domains; NULL: the system's. */
    const char *configuration;
};

/* One of |servers| above. */
MUST_CHECK bool resolver_is_server(const char *text);

MUST_CHECK enum status resolver_open(const struct resolver_options *options,
                                     struct resolver **resolver);
/* Every lookup has ended or is cancelled.  Accepts NULL. */
void resolver_close(struct resolver *resolver);

enum lookup_kind {
    LOOKUP_ADDRESSES, /* A and AAAA */
    LOOKUP_TARGETS    /* SRV */
};

enum lookup_outcome {
    LOOKUP_FOUND,
    LOOKUP_NOTHING,  /* no such name, or no such records of it */
    LOOKUP_DECLINED, /* SRV: there is decidedly no such service */
    LOOKUP_FAILED    /* nobody answered, or not what we understand */
};

struct lookup_result {
    enum lookup_outcome outcome;
    const char *reason;        /* in words, unless LOOKUP_FOUND */
    bool v4_failed, v6_failed; /* found, but this family was not answered */
    struct dns_answer answer;  /* if LOOKUP_FOUND; the lookup's */
};

struct lookup;

struct lookup_options {
    enum lookup_kind kind;
    const char *name;
    /* Called once, never from inside lookup_start(); the lookup is gone then.
     */
    void (*done)(void *context, const struct lookup_result *result);
    void *context;
};

/* NULL without memory; |done| is not called then. */
MUST_CHECK struct lookup *lookup_start(struct resolver *resolver,
                                       const struct lookup_options *options);
/* |done| is not called.  Accepts NULL. */
void lookup_cancel(struct lookup *lookup);
#endif
