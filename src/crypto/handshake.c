/* SPDX-License-Identifier: MIT */
#include "crypto/handshake.h"
#include "crypto/failure.h"
#include "crypto/handshake_error.h"
#include "crypto/queue.h"
#include "crypto/record.h"
#include "crypto/secret.h"
#include "crypto/tls_settings.h"
#include "crypto/trust_path.h"
#include <stdlib.h>
#include <string.h>

#define RECORD_APPLICATION_DATA 23

static const char exporter_label[] = "EXPORTER-entente";

/* Which keys our next record is under, as the peer expects it. */
enum stage { STAGE_PLAIN, STAGE_HANDSHAKE, STAGE_APPLICATION };

struct secrets { /* in memory of secret_new() */
    struct handshake_keys keys;
    uint8_t client_handshake[TRAFFIC_MAX_SECRET];
    uint8_t server_handshake[TRAFFIC_MAX_SECRET];
};

struct handshake {
    enum tls_role role;
    enum stage stage;
    const char *alpn;
    struct failure *failure; /* borrowed */
    struct secrets *secrets;
    mbedtls_ssl_context ssl;
    struct trust_path path;
    struct queue incoming;
    struct queue outgoing;
    size_t received;         /* bytes of the peer's, in all */
    uint64_t encrypted_sent; /* records of ours under handshake keys */
    struct handshake_seen seen;
};

/* ---- what mbedTLS calls ---- */

static int on_send(void *context, const unsigned char *bytes, size_t length)
{
    struct handshake *handshake = context;

    if (queue_append(&handshake->outgoing, bytes, length) != STATUS_OK)
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    /* It flushes whole records, one at a time. */
    if (length > 0 && bytes[0] == RECORD_APPLICATION_DATA)
        handshake->encrypted_sent++;
    return (int)length;
}

static int on_receive(void *context, unsigned char *to, size_t size)
{
    struct handshake *handshake = context;
    size_t length = queue_take(&handshake->incoming, to, size);

    if (length == 0)
        return MBEDTLS_ERR_SSL_WANT_READ;
    handshake_see(&handshake->seen, to, length);
    return (int)length;
}

static void on_keys(void *context, mbedtls_ssl_key_export_type type,
                    const unsigned char *secret, size_t length,
                    const unsigned char client_random[32],
                    const unsigned char server_random[32],
                    mbedtls_tls_prf_types unused)
{
    struct handshake *handshake = context;
    struct secrets *secrets = handshake->secrets;
    uint8_t *to = NULL;

    (void)client_random;
    (void)server_random;
    (void)unused;
    if (type == MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_HANDSHAKE_TRAFFIC_SECRET)
        to = secrets->client_handshake;
    if (type == MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_HANDSHAKE_TRAFFIC_SECRET)
        to = secrets->server_handshake;
    if (type == MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_APPLICATION_TRAFFIC_SECRET)
        to = secrets->keys.client;
    if (type == MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_APPLICATION_TRAFFIC_SECRET)
        to = secrets->keys.server;
    if (!to)
        return;
    ASSERT(length <= TRAFFIC_MAX_SECRET);
    memcpy(to, secret, length);
    secrets->keys.aead = length == traffic_secret_bytes(AEAD_AES_256_GCM)
                             ? AEAD_AES_256_GCM
                             : AEAD_CHACHA20_POLY1305;
    /* A client goes on under handshake keys until it is done. */
    if (to == secrets->keys.server && handshake->role == TLS_SERVER)
        handshake->stage = STAGE_APPLICATION;
    else if (handshake->stage == STAGE_PLAIN)
        handshake->stage = STAGE_HANDSHAKE;
}

/* Whether both ends agreed on what to speak; the peer may not have asked. */
static bool check_alpn(struct handshake *handshake)
{
    const char *chosen = mbedtls_ssl_get_alpn_protocol(&handshake->ssl);

    if (chosen && strcmp(chosen, handshake->alpn) == 0)
        return true;
    failure_set(handshake->failure, STATUS_PROTOCOL,
                ALERT_NO_APPLICATION_PROTOCOL,
                "the peer does not say that it speaks %s (not an ambassador?)",
                handshake->alpn);
    return false;
}

/* A server knows before it spends a signature on a stranger. */
int handshake_on_hello(mbedtls_ssl_context *ssl)
{
    struct handshake *handshake = mbedtls_ssl_get_user_data_p(ssl);

    return check_alpn(handshake) ? 0 : MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL;
}

static int on_certificate(void *context, mbedtls_x509_crt *certificate,
                          int depth, uint32_t *flags)
{
    struct handshake *handshake = context;

    if (!check_alpn(handshake))
        return MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL;
    return trust_path_judge(&handshake->path, certificate, depth, flags);
}

/* ---- birth and death ---- */

static bool set_up(struct handshake *handshake, struct tls_settings *settings)
{
    mbedtls_ssl_context *ssl = &handshake->ssl;

    if (mbedtls_ssl_setup(ssl, &settings->roles[handshake->role]) != 0)
        return false;
    mbedtls_ssl_set_user_data_p(ssl, handshake);
    mbedtls_ssl_set_bio(ssl, handshake, on_send, on_receive, NULL);
    mbedtls_ssl_set_export_keys_cb(ssl, on_keys, handshake);
    mbedtls_ssl_set_verify(ssl, on_certificate, handshake);
    if (handshake->role == TLS_SERVER)
        return true;
    /* Names are ours to check: none is sent, none is compared. */
    return mbedtls_ssl_set_hostname(ssl, NULL) == 0;
}

struct handshake *handshake_new(enum tls_role role,
                                struct tls_settings *settings,
                                struct failure *failure)
{
    struct handshake *handshake = calloc(1, sizeof(*handshake));

    if (!handshake)
        return NULL;
    mbedtls_ssl_init(&handshake->ssl);
    handshake->role = role;
    handshake->alpn = settings->alpn[0];
    handshake->failure = failure;
    trust_path_start(&handshake->path, settings->trust,
                     "the peer's certificate");
    handshake->secrets = secret_new(sizeof(*handshake->secrets));
    if (!handshake->secrets || !set_up(handshake, settings)) {
        handshake_free(handshake);
        return NULL;
    }
    return handshake;
}

void handshake_finish(struct handshake *handshake)
{
    mbedtls_ssl_free(&handshake->ssl);
    mbedtls_ssl_init(&handshake->ssl);
    secret_free(handshake->secrets);
    handshake->secrets = NULL;
    if (queue_length(&handshake->incoming) == 0)
        queue_clear(&handshake->incoming);
}

void handshake_free(struct handshake *handshake)
{
    if (!handshake)
        return;
    handshake_finish(handshake);
    queue_clear(&handshake->incoming);
    queue_clear(&handshake->outgoing);
    free(handshake);
}

/* ---- bytes ---- */

enum status handshake_incoming(struct handshake *handshake,
                               const uint8_t *bytes, size_t length)
{
    enum status status;

    if (length > TLS_MAX_HANDSHAKE - handshake->received)
        return failure_set(handshake->failure, STATUS_LIMIT,
                           ALERT_HANDSHAKE_FAILURE,
                           "the peer's handshake has no end: more than %u "
                           "bytes",
                           TLS_MAX_HANDSHAKE);
    status = queue_append(&handshake->incoming, bytes, length);
    if (status != STATUS_OK)
        return failure_set(handshake->failure, status, ALERT_INTERNAL_ERROR,
                           "no memory for a handshake");
    handshake->received += length;
    return STATUS_OK;
}

const uint8_t *handshake_outgoing(const struct handshake *handshake,
                                  size_t *length)
{
    *length = queue_length(&handshake->outgoing);
    return queue_bytes(&handshake->outgoing);
}

void handshake_sent(struct handshake *handshake, size_t length)
{
    queue_consume(&handshake->outgoing, length);
    if (queue_length(&handshake->outgoing) == 0)
        queue_clear(&handshake->outgoing);
}

size_t handshake_take_surplus(struct handshake *handshake, uint8_t *to,
                              size_t size)
{
    size_t taken = queue_take(&handshake->incoming, to, size);

    if (queue_length(&handshake->incoming) == 0)
        queue_clear(&handshake->incoming);
    return taken;
}

/* ---- failing ---- */

/* What was true of our sending before a step that failed. */
struct mark {
    size_t outgoing;
    uint64_t encrypted_sent;
    enum stage stage;
};

/*
 * Tell the peer why, under the keys it expects.  mbedTLS does not: its server
 * stays under handshake keys when the RFC says application keys, its client
 * sends such alerts in the clear, and for some errors neither sends any.
 */
static void send_alert(struct handshake *handshake, struct mark mark)
{
    const struct secrets *secrets = handshake->secrets;
    bool is_client = handshake->role == TLS_CLIENT;
    int alert = handshake->failure->alert;
    uint8_t out[TLS_SEAL_OVERHEAD] = { 21, 3, 3, 0, 2, 2, (uint8_t)alert };
    size_t length = 7;

    /* Drop what the failed step wrote; the peer would misread it. */
    queue_cut(&handshake->outgoing, mark.outgoing);
    if (alert == ALERT_NONE || handshake->failure->is_theirs)
        return;
    if (mark.stage == STAGE_HANDSHAKE)
        length = record_seal_lone_alert(secrets->keys.aead,
                                        is_client ? secrets->client_handshake
                                                  : secrets->server_handshake,
                                        mark.encrypted_sent, alert, out);
    else if (mark.stage == STAGE_APPLICATION)
        length = record_seal_lone_alert(secrets->keys.aead,
                                        is_client ? secrets->keys.client
                                                  : secrets->keys.server,
                                        0, alert, out);
    /* Without memory the peer will see us go, and not learn why. */
    if (queue_append(&handshake->outgoing, out, length) != STATUS_OK)
        return;
}

static enum status fail(struct handshake *handshake, int error,
                        struct mark mark)
{
    /* What our own rules found counts before mbedTLS's number. */
    const struct failure *found = &handshake->path.failure;

    if (handshake->failure->status == STATUS_OK && found->status != STATUS_OK)
        *handshake->failure = *found;
    handshake_explain(handshake->failure, &handshake->ssl, error,
                      mark.stage != STAGE_PLAIN, &handshake->seen);
    send_alert(handshake, mark);
    return handshake->failure->status;
}

/* ---- stepping ---- */

/* Nothing is taken for granted that was asked for. */
static bool is_complete(struct handshake *handshake)
{
    struct secrets *secrets = handshake->secrets;
    int suite = mbedtls_ssl_get_ciphersuite_id_from_ssl(&handshake->ssl);
    bool is_aes = suite == MBEDTLS_TLS1_3_AES_256_GCM_SHA384;
    bool is_chacha = suite == MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256;

    return handshake->path.is_accepted && check_alpn(handshake) &&
           (is_aes
                ? secrets->keys.aead == AEAD_AES_256_GCM
                : is_chacha && secrets->keys.aead == AEAD_CHACHA20_POLY1305) &&
           mbedtls_ssl_get_version_number(&handshake->ssl) ==
               MBEDTLS_SSL_VERSION_TLS1_3 &&
           mbedtls_ssl_check_pending(&handshake->ssl) == 0;
}

static bool export(struct handshake *handshake)
{
    return mbedtls_ssl_export_keying_material(&handshake->ssl,
                                              handshake->secrets->keys.exporter,
                                              TLS_EXPORTER_BYTES,
                                              exporter_label,
                                              sizeof(exporter_label) - 1, NULL,
                                              0, 0) == 0;
}

enum status handshake_step(struct handshake *handshake, bool *done)
{
    *done = false;
    while (!mbedtls_ssl_is_handshake_over(&handshake->ssl)) {
        struct mark mark = { queue_length(&handshake->outgoing),
                             handshake->encrypted_sent, handshake->stage };
        int error = mbedtls_ssl_handshake_step(&handshake->ssl);

        if (error == MBEDTLS_ERR_SSL_WANT_READ)
            return STATUS_OK;
        if (error != 0)
            return fail(handshake, error, mark);
    }
    if (!is_complete(handshake) || !export(handshake))
        return fail(handshake, MBEDTLS_ERR_SSL_INTERNAL_ERROR,
                    (struct mark){ queue_length(&handshake->outgoing), 0,
                                   STAGE_APPLICATION });
    *done = true;
    return STATUS_OK;
}

/* ---- what it found ---- */

const struct handshake_keys *handshake_keys(const struct handshake *handshake)
{
    return &handshake->secrets->keys;
}

const struct spiffe *handshake_peer(const struct handshake *handshake)
{
    return &handshake->path.identity;
}

int64_t handshake_peer_expires(const struct handshake *handshake)
{
    return handshake->path.expires;
}

uint8_t *handshake_take_chain(struct handshake *handshake, size_t *length)
{
    const mbedtls_x509_crt *chain = mbedtls_ssl_get_peer_cert(&handshake->ssl);
    const mbedtls_x509_crt *certificate;
    uint8_t *bytes;
    size_t total = 0;

    for (certificate = chain; certificate; certificate = certificate->next)
        total += certificate->raw.len;
    ASSERT(total > 0);
    bytes = malloc(total);
    if (!bytes)
        return NULL;
    *length = total;
    total = 0;
    for (certificate = chain; certificate; certificate = certificate->next) {
        memcpy(bytes + total, certificate->raw.p, certificate->raw.len);
        total += certificate->raw.len;
    }
    return bytes;
}
