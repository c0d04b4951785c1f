/* SPDX-License-Identifier: MIT */
#ifndef BENCH_PARCEL_H
#define BENCH_PARCEL_H
#include <stdbool.h>
#include <stdint.h>

/*
 * What client and server of the benchmark say to each other, through whatever
 * is being measured.  The client sends a message of 64 bytes and a body of
 * |up_bytes|; the server answers with the same message and a body of
 * |down_bytes|.  With two empty bodies that is an echo, with one large body it
 * is bulk in one direction.  No end of file is needed to tell where a body
 * ends, so pairs that do not know half-close can be measured too.
 *
 * Both ends run on one machine: numbers are in its own byte order.
 */
struct message {
    uint64_t stream;     /* which of the client's connections */
    uint64_t sequence;   /* which exchange on it */
    uint64_t up_bytes;   /* body behind the request */
    uint64_t down_bytes; /* body behind the answer */
    uint64_t verify;     /* 1: compare every byte of the bodies */
    uint64_t wrong;      /* answer: 1 if the request's body was not right */
    uint64_t filler[2];  /* differs from exchange to exchange */
};
_Static_assert(sizeof(struct message) == 64, "the echo everybody quotes");

/* A message and its body on the way in one direction, partly moved. */
struct parcel {
    struct message message;
    uint64_t message_bytes; /* moved so far */
    uint64_t body_bytes;    /* moved so far */
    bool upward;            /* which of the two bodies this is */
};

enum progress { PROGRESS_SOME, PROGRESS_DONE, PROGRESS_FAILED };

/* Make the bytes that bodies consist of; once, before anything else. */
void parcel_prepare_bodies(void);

/* A parcel to be filled by parcel_receive(). */
struct parcel parcel_expected(bool upward);

/*
 * Move at most one piece through the non-blocking |fd|.  PROGRESS_SOME: come
 * back when it is ready again.  PROGRESS_FAILED: errno says why, 0 for an end
 * of file.  A body that is not verified is counted and thrown away inside the
 * kernel, so that receiving costs next to nothing.
 */
enum progress parcel_send(struct parcel *parcel, int fd);
enum progress parcel_receive(struct parcel *parcel, int fd);
#endif
