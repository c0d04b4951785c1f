/* SPDX-License-Identifier: MIT */
#ifndef TUNNEL_HANDSHAKER_H
#define TUNNEL_HANDSHAKER_H
#include "base/check.h"
#include "base/list.h"
#include "base/status.h"
#include "crypto/tls.h"
#include "net/address.h"
#include "net/loop.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The thread that does TLS handshakes.  One takes milliseconds of computing,
 * which on a worker would stall every stream; here it stalls only the next
 * handshake.  It owns our identity and whom we trust, so replacing them needs
 * no lock, and everything it is asked and answers is a message.
 *
 * Where we dial many peers at once, most wait for their turn first, so that
 * those whose turn it is are done in time.
 */
struct handshaker;

#define TUNNEL_ALPN "entente/1"

MUST_CHECK enum status handshaker_start(struct handshaker **handshaker);
/* Ends the thread; handshakes under way come back as STATUS_CLOSED. */
void handshaker_stop(struct handshaker *handshaker); /* accepts NULL */

/*
 * From now on be |identity| and accept |trust|: takes ownership of both.  Those
 * before go when the last handshake that began with them has ended.
 */
MUST_CHECK enum status handshaker_use(struct handshaker *handshaker,
                                      struct identity *identity,
                                      struct trust *trust);

/*
 * One handshake: made by whoever wants it, owned by the handshaker between
 * handshaker_submit() and |done|, which runs in the loop |reply_to| and owns
 * it again.  The handshaker never looks at |context|, so who loses interest
 * sets it to NULL and throws the result away when it comes.
 */
struct greeting {
    struct loop_message message;
    struct list waiting;           /* the handshaker's */
    struct handshaker *handshaker; /* set by handshaker_submit() */
    struct loop *reply_to;
    void (*done)(struct greeting *greeting);
    void *context;

    /* Asked. */
    enum tls_role role;
    struct address address; /* TLS_CLIENT: whom to dial */
    int fd;                 /* TLS_SERVER: who dialled us; ours now */
    uint64_t timeout_us;    /* to dial, and again for what follows */

    /* Answered. */
    enum status status;
    struct tls *tls;  /* STATUS_OK: established, and |fd| connected */
    uint8_t *surplus; /* what came behind the handshake; malloc()ed */
    size_t surplus_length;
    char failure[600]; /* why not, in words */
};

void handshaker_submit(struct handshaker *handshaker,
                       struct greeting *greeting);
/* With everything in it that nobody took out. */
void greeting_free(struct greeting *greeting);

/*
 * Would a peer with |chain| (tls_peer_chain()) be let in now?  Answered like a
 * handshake: |done| runs in |reply_to|.
 */
struct recheck {
    struct loop_message message;
    struct handshaker *handshaker; /* set by handshaker_recheck() */
    struct loop *reply_to;
    void (*done)(struct recheck *recheck);
    void *context;
    uint8_t *chain; /* malloc()ed; owned by this */
    size_t length;
    enum status status;
    char failure[600];
};

void handshaker_recheck(struct handshaker *handshaker, struct recheck *recheck);
void recheck_free(struct recheck *recheck);
#endif
