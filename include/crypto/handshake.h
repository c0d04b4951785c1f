/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_HANDSHAKE_H
#define CRYPTO_HANDSHAKE_H
#include "crypto/aead.h"
#include "crypto/tls.h"
#include "crypto/traffic.h"

/*
 * The TLS 1.3 handshake, by mbedTLS over two byte queues.  Nothing beyond the
 * handshake's last byte is read, so what is left belongs to the record layer.
 * Private to crypto/tls, which has the contract for others.
 */
struct handshake;
struct failure;

/* What is left of a handshake that was successful. */
struct handshake_keys { /* in memory of secret_new() */
    enum aead_kind aead;
    uint8_t client[TRAFFIC_MAX_SECRET]; /* application traffic secrets */
    uint8_t server[TRAFFIC_MAX_SECRET];
    uint8_t exporter[TLS_EXPORTER_BYTES];
};

/* |settings| and |failure| are borrowed; NULL without memory. */
MUST_CHECK struct handshake *handshake_new(enum tls_role role,
                                           struct tls_settings *settings,
                                           struct failure *failure);
void handshake_free(struct handshake *handshake); /* accepts NULL */

MUST_CHECK enum status handshake_incoming(struct handshake *handshake,
                                          const uint8_t *bytes, size_t length);
MUST_CHECK enum status handshake_step(struct handshake *handshake, bool *done);

const uint8_t *handshake_outgoing(const struct handshake *handshake,
                                  size_t *length);
void handshake_sent(struct handshake *handshake, size_t length);
size_t handshake_take_surplus(struct handshake *handshake, uint8_t *to,
                              size_t size);

/* ---- once it is done ---- */

const struct handshake_keys *handshake_keys(const struct handshake *handshake);
const struct spiffe *handshake_peer(const struct handshake *handshake);
int64_t handshake_peer_expires(const struct handshake *handshake);

/* The peer's chain, DER behind DER, which the caller frees; NULL: no memory. */
MUST_CHECK uint8_t *handshake_take_chain(struct handshake *handshake,
                                         size_t *length);

/* Give mbedTLS's memory back; only the queues stay. */
void handshake_finish(struct handshake *handshake);
#endif
