/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_TUNNEL_STRANGER_H
#define SUPPORT_TUNNEL_STRANGER_H
#include "base/bytes.h"
#include "net/address.h"
#include "net/loop.h"
#include "support/tunnel/papers.h"
#include "support/wire/raw_frame.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Who dialled a real tunnel, made by hand: a TLS end over a socket that
 * sends whatever frames a test puts into |out|, or any bytes at all, and takes
 * apart what comes back.  Whatever it waits for (ten seconds at most, then the
 * test is aborted), |loop| turns meanwhile.
 */
struct stranger {
    struct loop *loop; /* borrowed */
    struct identity *identity;
    struct trust *trust;
    struct tls_settings *settings;
    struct tls *tls;
    int fd;
    int ending;     /* -1: open; 0: it ended by FIN; else the errno */
    bool is_closed; /* close_notify came */
    uint32_t next;  /* its next stream's number */

    struct bytes_writer out;
    uint8_t frames[1 << 17];
    uint8_t wire[1 << 18]; /* read, not opened */
    size_t wire_length;
    uint8_t plain[1 << 18]; /* opened, not looked at */
    size_t plain_at, plain_length;
};

/* spiffe://acme/app of |papers|, over |fd|, which becomes its own. */
struct stranger *stranger_new(struct loop *loop, const struct papers *papers,
                              int fd);
void stranger_free(struct stranger *stranger); /* accepts NULL */

/* The handshake; false if it failed. */
bool stranger_shake(struct stranger *stranger);
/* HELLO both ways, with streams and credit to offer. */
void stranger_hello(struct stranger *stranger);

/* ---- out ---- */

/* Into |out|; OPEN returns the stream's number. */
uint32_t stranger_put_open(struct stranger *stranger, const char *service);
void stranger_put_data(struct stranger *stranger, uint32_t id, uint64_t offset,
                       const void *bytes, size_t length, bool fin);

/* Seal what is in |out| and send it. */
void stranger_send(struct stranger *stranger);
/* Any bytes. */
void stranger_send_raw(struct stranger *stranger, const void *bytes,
                       size_t length);

/* ---- in ---- */

/*
 * The next frame if it is there, its bytes until the one after it; PINGs are
 * answered and left out.
 */
bool stranger_look(struct stranger *stranger, struct raw_frame *frame);
/* Turn until there is a frame of |type| on |stream|; those before it go. */
void stranger_find(struct stranger *stranger, enum frame_type type,
                   uint32_t stream, struct raw_frame *frame);
/* Turn until the connection ends; frames go: 0 by FIN, else the errno. */
int stranger_ending(struct stranger *stranger);
#endif
