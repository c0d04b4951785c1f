/* SPDX-License-Identifier: MIT */
#include "parcel.h"
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

/*
 * Bodies are cut from a ring of random bytes whose length is a prime, at a
 * place that depends on stream and sequence: a byte that is lost, doubled,
 * swapped or of another stream shows.  The ring is laid twice in a row, so a
 * piece is always contiguous.  It fits a level-2 cache.
 */
enum { RING_BYTES = 262139, PIECE_BYTES = 256 * 1024 };
_Static_assert(PIECE_BYTES <= RING_BYTES + 5, "a piece fits the second copy");

static unsigned char ring[RING_BYTES + PIECE_BYTES];

void parcel_prepare_bodies(void)
{
    uint64_t word = 0x9e3779b97f4a7c15;

    for (size_t at = 0; at < RING_BYTES; at++) {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        ring[at] = (unsigned char)(word >> 32);
    }
    for (size_t at = RING_BYTES; at < sizeof(ring); at++)
        ring[at] = ring[at - RING_BYTES];
}

struct parcel parcel_expected(bool upward)
{
    return (struct parcel){ .upward = upward };
}

static uint64_t body_total(const struct parcel *parcel)
{
    return parcel->upward ? parcel->message.up_bytes
                          : parcel->message.down_bytes;
}

/* The bytes that come next in the body; |count| is how many of them. */
static const unsigned char *body_next(const struct parcel *parcel,
                                      size_t *count)
{
    const struct message *message = &parcel->message;
    uint64_t left = body_total(parcel) - parcel->body_bytes;
    uint64_t start = message->stream * 7919 + message->sequence * 104729;

    *count = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
    return ring + (start + parcel->body_bytes) % RING_BYTES;
}

/* What a send or receive that moved nothing means. */
static enum progress stopped(ssize_t moved)
{
    if (moved == 0)
        errno = 0; /* end of file */
    else if (errno == EAGAIN || errno == EINTR)
        return PROGRESS_SOME;
    return PROGRESS_FAILED;
}

enum progress parcel_send(struct parcel *parcel, int fd)
{
    size_t left = sizeof(parcel->message) - (size_t)parcel->message_bytes;
    const unsigned char *from = (const unsigned char *)&parcel->message;
    uint64_t total = body_total(parcel);
    ssize_t moved;

    if (left > 0) {
        moved = send(fd, from + parcel->message_bytes, left,
                     MSG_NOSIGNAL | (total ? MSG_MORE : 0));
        if (moved <= 0)
            return stopped(moved);
        parcel->message_bytes += (uint64_t)moved;
        if ((size_t)moved < left)
            return PROGRESS_SOME;
    }
    if (parcel->body_bytes < total) {
        from = body_next(parcel, &left);
        moved = send(fd, from, left, MSG_NOSIGNAL);
        if (moved <= 0)
            return stopped(moved);
        parcel->body_bytes += (uint64_t)moved;
    }
    return parcel->body_bytes < total ? PROGRESS_SOME : PROGRESS_DONE;
}

/* Receive a piece of the body; what a wrong one means is the caller's. */
static ssize_t receive_body(struct parcel *parcel, int fd)
{
    static unsigned char scratch[PIECE_BYTES];
    const unsigned char *expected;
    size_t count;
    ssize_t moved;

    expected = body_next(parcel, &count);
    if (!parcel->message.verify)
        return recv(fd, scratch, count, MSG_TRUNC); /* thrown away unread */
    moved = recv(fd, scratch, count, 0);
    if (moved > 0 && memcmp(scratch, expected, (size_t)moved) != 0)
        parcel->message.wrong = 1;
    return moved;
}

enum progress parcel_receive(struct parcel *parcel, int fd)
{
    size_t left = sizeof(parcel->message) - (size_t)parcel->message_bytes;
    ssize_t moved;

    if (left > 0) {
        moved =
            recv(fd, (char *)&parcel->message + parcel->message_bytes, left, 0);
        if (moved <= 0)
            return stopped(moved);
        parcel->message_bytes += (uint64_t)moved;
        if ((size_t)moved < left)
            return PROGRESS_SOME;
    }
    if (parcel->body_bytes < body_total(parcel)) {
        moved = receive_body(parcel, fd);
        if (moved <= 0)
            return stopped(moved);
        parcel->body_bytes += (uint64_t)moved;
    }
    return parcel->body_bytes < body_total(parcel) ? PROGRESS_SOME
                                                   : PROGRESS_DONE;
}
