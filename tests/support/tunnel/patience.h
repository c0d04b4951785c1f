/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_TUNNEL_PATIENCE_H
#define SUPPORT_TUNNEL_PATIENCE_H
#include "base/clock.h"
#include "net/loop.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a test waits for while |loop| turns, without cmocka: ten seconds at
 * most, then it is aborted.
 */
#define PATIENCE_US (10 * CLOCK_SECOND)

/* One turn of the wait that began at |began_us|. */
void patience_turn(struct loop *loop, uint64_t began_us);
/* Turn until |*condition|; false if it does not come. */
bool patience_wait(struct loop *loop, const bool *condition);
/* Let |us| of real time pass. */
void patience_pass(struct loop *loop, uint64_t us);
/* The |length| bytes that come out of |fd|; false if they end before. */
bool patience_receive(struct loop *loop, int fd, void *bytes, size_t length);
/* How |fd| ends after nothing more: 0 by FIN, else the errno. */
int patience_ending(struct loop *loop, int fd);
#endif
