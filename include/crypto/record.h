/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_RECORD_H
#define CRYPTO_RECORD_H
#include "crypto/aead.h"
#include "crypto/tls.h"
#include "crypto/traffic.h"

/*
 * TLS 1.3 records after the handshake (RFC 8446 section 5 and 4.6.3), both
 * directions of one end.  Pure: bytes in, bytes out, nothing allocated after
 * record_new(), no clock.
 *
 * Keys are changed by KeyUpdate before RECORD_UPDATE_AFTER records, far below
 * what AES-GCM allows, and on the peer's request.  The peer may change its own
 * keys as it likes, within a budget it shares with everything else that costs
 * us work and carries no data: records below RECORD_SMALL bytes on average
 * and messages of TLS itself.  Whoever spends it all is cut off.
 */
struct record; /* in memory of secret_new() */

#define RECORD_HEADER 5u
#define RECORD_UPDATE_AFTER (UINT64_C(1) << 23)
#define RECORD_SMALL 16
#define RECORD_MESSAGE_COST 4096
#define RECORD_BUDGET (10000 * RECORD_SMALL)

/* Either secret has traffic_secret_bytes(kind); NULL without memory. */
MUST_CHECK struct record *record_new(enum tls_role role, enum aead_kind kind,
                                     const uint8_t *client_secret,
                                     const uint8_t *server_secret);
void record_free(struct record *record); /* accepts NULL; wipes */

/* Change keys after |records| (at least 2) instead of RECORD_UPDATE_AFTER. */
void record_set_update_after(struct record *record, uint64_t records);

const char *record_aead_name(const struct record *record);

/* As tls_seal() says. */
size_t record_seal(struct record *record, uint8_t *plaintext, size_t length,
                   uint8_t *out);

/*
 * Write |alert| to |out|, which has room for TLS_SEAL_OVERHEAD bytes; nothing
 * may be sealed after it.
 */
size_t record_seal_alert(struct record *record, int alert, uint8_t *out);

/* Whether our last record is not out yet. */
bool record_can_seal(const struct record *record);

/* As tls_open() says; record_failure() has the reason. */
MUST_CHECK enum status record_open(struct record *record, uint8_t *bytes,
                                   size_t length, struct tls_record *opened);

struct failure;
const struct failure *record_failure(const struct record *record);

/*
 * One alert as record number |sequence| under |secret|, for an end that fails
 * before it has a struct record.  Returns its bytes, or 0 without memory.
 */
size_t record_seal_lone_alert(enum aead_kind kind, const uint8_t *secret,
                              uint64_t sequence, int alert, uint8_t *out);
#endif
