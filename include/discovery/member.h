/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_MEMBER_H
#define DISCOVERY_MEMBER_H
#include "base/check.h"
#include "base/status.h"
#include "discovery/target.h"
#include <stdbool.h>
#include <stddef.h>

/*
 * What a member of a service has written of itself into ZooKeeper, in one of
 * the forms others use:
 *
 *   {"host": "10.0.0.1", "port": 6379, "weight": 2}               nerve
 *   {"serviceEndpoint": {"host": ..., "port": ...},
 *    "status": "ALIVE"}                               Finagle's serverset
 *   {"address": "10.0.0.1", "port": 6379}                       Curator
 *   10.0.0.1:6379
 *
 * with "priority", which is ours, in any of the first three.  Pure.
 */
enum { MEMBER_MAX_BYTES = 16 * 1024 };

struct member {
    struct target target;
    bool is_up; /* a serverset may hold members that are not */
};

/* STATUS_PROTOCOL: |error| (of |size| bytes) says what is wrong with it. */
MUST_CHECK enum status member_parse(struct member *member, const char *bytes,
                                    size_t length, char *error, size_t size);

/* As nerve writes it: what we announce.  False if it does not fit. */
MUST_CHECK bool member_format(const struct target *target, const char *name,
                              char *text, size_t size);
#endif
