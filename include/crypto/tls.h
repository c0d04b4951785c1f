/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_TLS_H
#define CRYPTO_TLS_H
#include "base/check.h"
#include "base/status.h"
#include "crypto/identity.h"
#include "crypto/spiffe.h"
#include "crypto/trust.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One end of a mutually authenticated TLS 1.3 connection as byte queues: no
 * socket, no clock but the wall's for certificates, no log.  First mbedTLS
 * does the handshake, slowly (milliseconds: give it a thread of its own); then
 * its memory goes back and records are sealed and opened by crypto/record.
 * The object may move to another thread between two calls.
 *
 *   HANDSHAKING --tls_step()--> ESTABLISHED --any failure--> FAILED
 *        \-----------failure---------------------------------/
 *
 * An end that failed may still have an alert to send: see tls_outgoing().
 */
enum tls_role { TLS_CLIENT, TLS_SERVER };

struct tls; /* owned by whoever made it */

/* Most bytes a handshake may take from the peer, in all. */
#define TLS_MAX_HANDSHAKE 65536u
/* Plaintext in one record, at most. */
#define TLS_MAX_PLAINTEXT 16384u
/* Room beyond the plaintext that tls_seal() may use. */
#define TLS_SEAL_OVERHEAD 64u
/* Bytes of tls_exporter(). */
#define TLS_EXPORTER_BYTES 32u
/* Bytes of the largest record on the wire. */
#define TLS_MAX_RECORD (5u + 16384u + 256u)

/*
 * What our end offers and demands, immutable once made, shared by any number
 * of connections, in one thread at a time.  |identity| and |trust| are
 * borrowed and must outlive it.  |alpn| is the one protocol name we speak
 * (borrowed, static).
 */
struct tls_settings;
MUST_CHECK enum status tls_settings_new(const struct identity *identity,
                                        const struct trust *trust,
                                        const char *alpn,
                                        struct tls_settings **settings);
void tls_settings_free(struct tls_settings *settings); /* accepts NULL */

/* |settings| are borrowed until the handshake is over. */
MUST_CHECK struct tls *tls_new(enum tls_role role,
                               struct tls_settings *settings);
void tls_free(struct tls *tls); /* accepts NULL; wipes the keys */

/* ---- handshake ---- */

/*
 * Take |length| bytes from the peer; STATUS_LIMIT past TLS_MAX_HANDSHAKE.
 * Call tls_step() after every 16 KiB at most: what comes behind the handshake
 * counts too.
 */
MUST_CHECK enum status tls_incoming(struct tls *tls, const uint8_t *bytes,
                                    size_t length);

/*
 * Go on as far as the bytes allow.  STATUS_OK with |*established| false: more
 * bytes are wanted.  Any other status is final: tls_failure() says why, and
 * what tls_outgoing() still has (an alert) should be sent before closing.
 */
MUST_CHECK enum status tls_step(struct tls *tls, bool *established);

/* Bytes of ours for the peer, until tls_sent() takes them off. */
const uint8_t *tls_outgoing(const struct tls *tls, size_t *length);
void tls_sent(struct tls *tls, size_t length);

/*
 * Once established: what the peer sent behind its handshake, which belongs to
 * tls_open().  Moves at most |size| bytes to |to|; returns how many.
 */
size_t tls_take_surplus(struct tls *tls, uint8_t *to, size_t size);

/* ---- after it ---- */

/* The peer, as its certificate says; valid as long as |tls|. */
const struct spiffe *tls_peer(const struct tls *tls);
/* When the first certificate of the peer's chain expires, seconds since 1970 */
int64_t tls_peer_expires(const struct tls *tls);
/* The peer's chain, leaf first, DER behind DER; for trust_check_again(). */
const uint8_t *tls_peer_chain(const struct tls *tls, size_t *length);
/* Name of the cipher in use, like "aes-256-gcm". */
const char *tls_aead_name(const struct tls *tls);
/*
 * TLS_EXPORTER_BYTES that only the two ends of this connection know (RFC 8446
 * section 7.5, label "EXPORTER-entente", no context), to bind others to it.
 */
const uint8_t *tls_exporter(const struct tls *tls);

/*
 * Write one record with |length| (1 to TLS_MAX_PLAINTEXT) bytes of |plaintext|
 * to |out|, which has room for TLS_SEAL_OVERHEAD more; returns its bytes.  The
 * byte behind the plaintext must be writable and is overwritten.  A KeyUpdate
 * that is due goes in front of it.
 */
size_t tls_seal(struct tls *tls, uint8_t *plaintext, size_t length,
                uint8_t *out);

/*
 * Write the close_notify alert, which ends what we send, to |out|, which has
 * room for TLS_SEAL_OVERHEAD.  Nothing may be sealed after it, or after
 * tls_open() failed (STATUS_CLOSED is no failure).
 */
size_t tls_seal_close(struct tls *tls, uint8_t *out);

/* What tls_open() found. */
struct tls_record {
    size_t consumed;          /* bytes of ciphertext used; 0: need more */
    const uint8_t *plaintext; /* inside the opened bytes */
    size_t length;            /* 0: a record for TLS itself */
};

/*
 * Open the first record of |bytes|, in place.
 *   STATUS_OK        |*record| is filled
 *   STATUS_CLOSED    close_notify: the peer sends no more
 *   STATUS_REFUSED   a fatal alert: tls_failure() has its name
 *   STATUS_PROTOCOL  forged, malformed or out of order: all is over
 * After STATUS_PROTOCOL tls_outgoing() has an alert that tells the peer; it
 * goes behind everything sealed so far.  A client may learn only here that the
 * server refused its certificate.
 */
MUST_CHECK enum status tls_open(struct tls *tls, uint8_t *bytes, size_t length,
                                struct tls_record *record);

/*
 * Change our keys after |records| records (at least 2) instead of 2^23, which
 * is far below what the ciphers allow.  For tests.
 */
void tls_set_update_after(struct tls *tls, uint64_t records);

/* Why it failed, in words an operator understands; "" if it did not. */
const char *tls_failure(const struct tls *tls);
/* The TLS alert behind the failure, ours or the peer's, or -1. */
int tls_failure_alert(const struct tls *tls);
/* Whether the peer refused us (true) or we the peer (false). */
bool tls_failure_is_theirs(const struct tls *tls);
#endif
