/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_ZOOKEEPER_PLACE_H
#define DISCOVERY_ZOOKEEPER_PLACE_H
#include "base/check.h"
#include "discovery/target.h"
#include <stdbool.h>
#include <stddef.h>

/*
 * A node in a ZooKeeper ensemble as a text says it, the same for sources and
 * announcements:
 *
 *   zk-1.example.com:2181,10.0.0.2/services/redis?auth_file=/run/secrets/zk
 *
 * A secret never stands in the text, only the path of a file that holds
 * "user:password" for digest authentication.
 */
enum { ZOOKEEPER_MAX_SERVERS = 16 };

struct zookeeper_place {
    size_t count;
    struct target servers[ZOOKEEPER_MAX_SERVERS];
    char path[512];
    char auth_file[512]; /* "": none */
};

/* If not, |error| (of |size| bytes) says what was expected. */
MUST_CHECK bool zookeeper_place_parse(struct zookeeper_place *place,
                                      const char *text, char *error,
                                      size_t size);
#endif
