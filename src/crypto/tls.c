/* SPDX-License-Identifier: MIT */
#include "crypto/tls.h"
#include "crypto/failure.h"
#include "crypto/handshake.h"
#include "crypto/record.h"
#include "crypto/secret.h"
#include <stdlib.h>
#include <string.h>

/*
 * While |record| is NULL the handshake goes on; afterwards |handshake| only
 * holds bytes that are still to be sent or read.
 */
struct tls {
    enum tls_role role;
    struct handshake *handshake;
    struct record *record;
    uint8_t *exporter; /* in memory of secret_new() */
    uint8_t *chain;
    size_t chain_length;
    struct spiffe peer;
    int64_t peer_expires;
    struct failure failure;
    uint8_t alert[TLS_SEAL_OVERHEAD]; /* the last record of a failed end */
    size_t alert_start;
    size_t alert_end;
};

struct tls *tls_new(enum tls_role role, struct tls_settings *settings)
{
    struct tls *tls = calloc(1, sizeof(*tls));

    if (!tls)
        return NULL;
    tls->role = role;
    tls->handshake = handshake_new(role, settings, &tls->failure);
    if (!tls->handshake) {
        tls_free(tls);
        return NULL;
    }
    return tls;
}

void tls_free(struct tls *tls)
{
    if (!tls)
        return;
    handshake_free(tls->handshake);
    record_free(tls->record);
    secret_free(tls->exporter);
    free(tls->chain);
    free(tls);
}

/* ---- handshake ---- */

enum status tls_incoming(struct tls *tls, const uint8_t *bytes, size_t length)
{
    ASSERT(!tls->record);
    if (tls->failure.status != STATUS_OK)
        return tls->failure.status;
    return handshake_incoming(tls->handshake, bytes, length);
}

/* Take over what the handshake leaves behind. */
static enum status establish(struct tls *tls)
{
    const struct handshake_keys *keys = handshake_keys(tls->handshake);

    tls->peer = *handshake_peer(tls->handshake);
    tls->peer_expires = handshake_peer_expires(tls->handshake);
    tls->chain = handshake_take_chain(tls->handshake, &tls->chain_length);
    tls->exporter = secret_new(TLS_EXPORTER_BYTES);
    if (tls->chain && tls->exporter)
        tls->record =
            record_new(tls->role, keys->aead, keys->client, keys->server);
    if (!tls->record)
        return failure_set(&tls->failure, STATUS_NO_MEMORY, ALERT_NONE,
                           "no memory for a connection");
    memcpy(tls->exporter, keys->exporter, TLS_EXPORTER_BYTES);
    handshake_finish(tls->handshake);
    return STATUS_OK;
}

enum status tls_step(struct tls *tls, bool *established)
{
    enum status status = tls->failure.status;
    bool done = false;

    *established = tls->record != NULL;
    if (status != STATUS_OK || tls->record)
        return status;
    status = handshake_step(tls->handshake, &done);
    if (status == STATUS_OK && done)
        status = establish(tls);
    *established = tls->record != NULL;
    return status;
}

/* What a handshake wrote goes before anything later. */
const uint8_t *tls_outgoing(const struct tls *tls, size_t *length)
{
    const uint8_t *bytes = handshake_outgoing(tls->handshake, length);

    if (*length > 0)
        return bytes;
    *length = tls->alert_end - tls->alert_start;
    return tls->alert + tls->alert_start;
}

void tls_sent(struct tls *tls, size_t length)
{
    size_t of_handshake;

    handshake_outgoing(tls->handshake, &of_handshake);
    if (of_handshake > 0) {
        handshake_sent(tls->handshake, length);
        return;
    }
    ASSERT(length <= tls->alert_end - tls->alert_start);
    tls->alert_start += length;
}

size_t tls_take_surplus(struct tls *tls, uint8_t *to, size_t size)
{
    ASSERT(tls->record);
    return handshake_take_surplus(tls->handshake, to, size);
}

/* ---- after it ---- */

const struct spiffe *tls_peer(const struct tls *tls)
{
    return &tls->peer;
}

int64_t tls_peer_expires(const struct tls *tls)
{
    return tls->peer_expires;
}

const uint8_t *tls_peer_chain(const struct tls *tls, size_t *length)
{
    *length = tls->chain_length;
    return tls->chain;
}

const char *tls_aead_name(const struct tls *tls)
{
    return record_aead_name(tls->record);
}

const uint8_t *tls_exporter(const struct tls *tls)
{
    return tls->exporter;
}

void tls_set_update_after(struct tls *tls, uint64_t records)
{
    record_set_update_after(tls->record, records);
}

size_t tls_seal(struct tls *tls, uint8_t *plaintext, size_t length,
                uint8_t *out)
{
    return record_seal(tls->record, plaintext, length, out);
}

size_t tls_seal_close(struct tls *tls, uint8_t *out)
{
    return record_seal_alert(tls->record, ALERT_CLOSE_NOTIFY, out);
}

/* Once: keep the reason, and tell the peer if it does not know. */
static void give_up(struct tls *tls)
{
    tls->failure = *record_failure(tls->record);
    if (!tls->failure.is_theirs && record_can_seal(tls->record))
        tls->alert_end =
            record_seal_alert(tls->record, tls->failure.alert, tls->alert);
}

enum status tls_open(struct tls *tls, uint8_t *bytes, size_t length,
                     struct tls_record *record)
{
    enum status status = record_open(tls->record, bytes, length, record);

    if (status != STATUS_OK && status != STATUS_CLOSED &&
        tls->failure.status == STATUS_OK)
        give_up(tls);
    return status;
}

const char *tls_failure(const struct tls *tls)
{
    return tls->failure.text;
}

int tls_failure_alert(const struct tls *tls)
{
    return tls->failure.status == STATUS_OK ? ALERT_NONE : tls->failure.alert;
}

bool tls_failure_is_theirs(const struct tls *tls)
{
    return tls->failure.is_theirs;
}
