/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_REACH_H
#define SERVICE_REACH_H
#include "net/dialer.h"
#include "service/service.h"

/*
 * Dialling the places of a service, one after the other until one answers:
 * what offering and direct have in common.  Embedded in what wants it; the
 * passage has begun.
 */
struct reach {
    struct passage passage;
    struct dial *dial; /* under way */
    uint64_t dialled_us;
    enum status failure; /* of the last attempt */
    /* Connected to passage.place; |fd| is the callee's. */
    void (*connected)(struct reach *reach, int fd);
    /* No place to try is left; |reach->failure| is why the last was not. */
    void (*exhausted)(struct reach *reach);
};

/* Try the next place; connected or exhausted follow, maybe from inside. */
void reach_next(struct reach *reach);

/* Dial no longer where it is being dialled; the next place instead. */
void reach_elsewhere(struct reach *reach);

/* Stop trying; what was under way is forgotten. */
void reach_cancel(struct reach *reach);
#endif
