/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_WIRE_SESSION_PAIR_H
#define SUPPORT_WIRE_SESSION_PAIR_H
#include "base/chunk.h"
#include "base/clock.h"
#include "support/check_test.h"
#include "wire/session.h"

/*
 * Two sessions joined by memory.  Streams are taken as they come; their bytes
 * are counted, checked against the pattern that pair_write() writes, and
 * consumed at once unless |holds|.
 */
struct pair_end {
    struct session *session;
    struct chunk_pool pool;
    struct stream *stream; /* the last that was opened here or there */
    uint64_t got;          /* bytes of DATA, of all streams */
    bool got_fin;
    bool holds;
    int answers; /* how often SESSION_ANSWERED came */
};

struct session_pair {
    struct pair_end ends[2]; /* 0: the dialer */
    uint64_t now_us;
    uint64_t delay_us; /* that a turn of pair_run() takes, each way */
};

/* |limits| NULL: the defaults. */
void pair_start(struct session_pair *pair, const struct limits *limits);
/* Nothing of the pools may be out when the sessions are gone. */
void pair_stop(struct session_pair *pair);

/* Move bytes both ways until there are none, waiting for what may wait. */
void pair_run(struct session_pair *pair);
/* One turn: what one end has, to the other; true if anything moved. */
bool pair_turn(struct session_pair *pair, int from);

/* Let |side| open a stream and the other end take it. */
struct stream *pair_open(struct session_pair *pair, int side);
/* As many of |bytes| as there is room for. */
size_t pair_write(struct session_pair *pair, int side, struct stream *stream,
                  size_t bytes);
#endif
