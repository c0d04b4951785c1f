/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_CRYPTO_TLS_PAIR_H
#define SUPPORT_CRYPTO_TLS_PAIR_H
#include "base/random.h"
#include "crypto/tls.h"

/* Two ends of TLS in one process, and the wire between them. */
#define TLS_PAIR_ALPN "entente/1"

struct tls_pair_end {
    struct tls *tls;
    enum status status; /* of the last step or open */
    bool is_established;
    uint8_t wire[1 << 20]; /* on its way to this end */
    size_t wire_bytes;
    uint8_t plaintext[1 << 20]; /* what came out of it */
    size_t plaintext_bytes;
    bool is_closed; /* close_notify came */
};

struct tls_pair {
    struct tls_pair_end ends[2]; /* by enum tls_role */
    struct random random;
    size_t max_fragment; /* bytes at once; 0: all there is */
    /* Sees, and may change, what goes to |to|; may be NULL. */
    void (*meddle)(struct tls_pair *pair, enum tls_role to, uint8_t *bytes,
                   size_t *length, void *context);
    void *meddle_context;
};

struct tls_pair *tls_pair_new(struct tls_settings *client,
                              struct tls_settings *server);
void tls_pair_free(struct tls_pair *pair);

/*
 * Carry bytes to and fro until nothing moves.  True if both are established;
 * each end's |status| and tls_failure() say what became of it.
 */
bool tls_pair_shake(struct tls_pair *pair);

/* Seal |length| bytes at |from| and put them on the wire. */
void tls_pair_write(struct tls_pair *pair, enum tls_role from,
                    const void *bytes, size_t length);

/* Put foreign bytes on the wire to |to|. */
void tls_pair_inject(struct tls_pair *pair, enum tls_role to, const void *bytes,
                     size_t length);

/* Let |to| open all that is on its wire. */
void tls_pair_read(struct tls_pair *pair, enum tls_role to);
#endif
