/* SPDX-License-Identifier: MIT */
#include "crypto/handshake_error.h"
#include "base/check.h"
#include "crypto/certificate.h"
#include <mbedtls/error.h>
#include <mbedtls/pk.h>
#include <psa/crypto_values.h>

#define RECORD_HEADER 5u

void handshake_see(struct handshake_seen *seen, const uint8_t *bytes,
                   size_t length)
{
    for (size_t i = 0; i < length; i++) {
        const uint8_t *front = seen->front;
        size_t end = RECORD_HEADER + ((size_t)front[3] << 8 | front[4]);

        if (seen->position >= RECORD_HEADER && seen->position >= end)
            seen->position = 0;
        if (seen->position == 0)
            seen->records++;
        if (seen->position < sizeof(seen->front))
            seen->front[seen->position] = bytes[i];
        seen->position++;
    }
}

/*
 * An alert in the clear where we could only read encrypted ones.  Anybody may
 * have sent it, as anybody may have cut the connection; but it explains.
 */
static bool explain_clear_alert(struct failure *failure,
                                const struct handshake_seen *seen)
{
    const uint8_t *front = seen->front;

    if (seen->position != RECORD_HEADER + 2 ||
        front[0] != MBEDTLS_SSL_MSG_ALERT || front[3] != 0 || front[4] != 2)
        return false;
    failure_set_theirs(failure, front[6]);
    return true;
}

/* The first bytes are no TLS record. */
static bool explain_stranger(struct failure *failure,
                             const struct handshake_seen *seen)
{
    const uint8_t *front = seen->front;
    bool is_text = true;

    if (seen->records != 1 ||
        (front[0] >= MBEDTLS_SSL_MSG_CHANGE_CIPHER_SPEC &&
         front[0] <= MBEDTLS_SSL_MSG_APPLICATION_DATA && front[1] == 3))
        return false;
    for (size_t i = 0; i < RECORD_HEADER; i++)
        is_text = is_text && front[i] >= ' ' && front[i] <= '~';
    failure_set(failure, STATUS_PROTOCOL, ALERT_UNEXPECTED_MESSAGE,
                "what the peer sends is not TLS%s%.*s%s",
                is_text ? "; it begins with \"" : "",
                is_text ? (int)RECORD_HEADER : 0, (const char *)front,
                is_text ? "\" (an application instead of an ambassador?)" : "");
    return true;
}

static bool is_memory(int error)
{
    return error == MBEDTLS_ERR_SSL_ALLOC_FAILED ||
           error == MBEDTLS_ERR_X509_ALLOC_FAILED ||
           error == MBEDTLS_ERR_PK_ALLOC_FAILED ||
           error == MBEDTLS_ERR_MPI_ALLOC_FAILED ||
           error == PSA_ERROR_INSUFFICIENT_MEMORY;
}

struct meaning {
    int error;
    int alert;
    const char *words;
};

static const struct meaning meanings[] = {
    { MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION, ALERT_PROTOCOL_VERSION,
      "the peer does not speak TLS 1.3, or is no TLS peer" },
    { MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL, ALERT_NO_APPLICATION_PROTOCOL,
      "the peer speaks another protocol inside TLS (not an ambassador, or "
      "another version)" },
    { MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE, ALERT_CERTIFICATE_REQUIRED,
      "the peer presented no certificate" },
    { MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE, ALERT_CERTIFICATE_REQUIRED,
      "the peer presented no certificate" },
    { MBEDTLS_ERR_SSL_INVALID_MAC, ALERT_BAD_RECORD_MAC,
      "a record of the handshake was changed or forged on the way" },
    { MBEDTLS_ERR_SSL_INVALID_RECORD, ALERT_DECODE_ERROR,
      "the peer sent a malformed record in the handshake" },
    { MBEDTLS_ERR_SSL_DECODE_ERROR, ALERT_DECODE_ERROR,
      "the peer sent a malformed handshake message" },
    { MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE, ALERT_UNEXPECTED_MESSAGE,
      "the peer sent a handshake message out of place" },
    { MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER, ALERT_ILLEGAL_PARAMETER,
      "the peer sent a value in the handshake that is not allowed" },
    { MBEDTLS_ERR_SSL_UNSUPPORTED_EXTENSION, ALERT_UNSUPPORTED_EXTENSION,
      "the peer sent an extension we had not asked for" },
    { MBEDTLS_ERR_SSL_BAD_CERTIFICATE, ALERT_BAD_CERTIFICATE,
      "the peer's certificate is not made for this use" },
    { MBEDTLS_ERR_X509_CERT_VERIFY_FAILED, ALERT_CERTIFICATE_UNKNOWN,
      "the peer's certificate is not acceptable" },
    { MBEDTLS_ERR_X509_FATAL_ERROR, ALERT_CERTIFICATE_UNKNOWN,
      "the peer's certificate chain is too long" },
};

static const struct meaning *find_meaning(int error)
{
    for (size_t i = 0; i < ARRAY_LENGTH(meanings); i++)
        if (meanings[i].error == error)
            return &meanings[i];
    return NULL;
}

/* Parsing the peer's certificate failed: errors of three modules, added. */
static bool is_certificate_error(int error)
{
    int high = -error & 0xff80;

    return (high >= -MBEDTLS_ERR_X509_FEATURE_UNAVAILABLE &&
            high <= -MBEDTLS_ERR_X509_FATAL_ERROR) ||
           (high >= -MBEDTLS_ERR_PK_FEATURE_UNAVAILABLE &&
            high <= -MBEDTLS_ERR_PK_ALLOC_FAILED);
}

/* Out of the same error for "nothing in common" and "signature is wrong". */
static void explain_mismatch(struct failure *failure, bool encrypted)
{
    if (encrypted)
        failure_set(failure, STATUS_AUTH, ALERT_DECRYPT_ERROR,
                    "a signature or checksum of the peer's handshake is "
                    "wrong: changed on the way, or not the key of its "
                    "certificate");
    else
        failure_set(failure, STATUS_PROTOCOL, ALERT_HANDSHAKE_FAILURE,
                    "the peer has no cipher, curve or signature in common "
                    "with us");
}

static bool is_alert(const mbedtls_ssl_context *ssl)
{
    /* There is no other way to ask which alert it was. */
    return ssl->MBEDTLS_PRIVATE(in_msgtype) == MBEDTLS_SSL_MSG_ALERT;
}

void handshake_explain(struct failure *failure, const mbedtls_ssl_context *ssl,
                       int error, bool encrypted,
                       const struct handshake_seen *seen)
{
    const struct meaning *meaning = find_meaning(error);

    if (failure->status != STATUS_OK)
        return;
    if (error == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE && is_alert(ssl))
        failure_set_theirs(failure, ssl->MBEDTLS_PRIVATE(in_msg)[1]);
    else if (error == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
        failure_set_theirs(failure, ALERT_CLOSE_NOTIFY);
    else if (is_memory(error))
        failure_set(failure, STATUS_NO_MEMORY, ALERT_INTERNAL_ERROR,
                    "no memory for a handshake");
    else if (explain_stranger(failure, seen) ||
             (encrypted && explain_clear_alert(failure, seen)))
        return;
    else if (error == MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE)
        explain_mismatch(failure, encrypted);
    else if (meaning)
        failure_set(failure,
                    meaning->alert == ALERT_CERTIFICATE_REQUIRED
                        ? STATUS_AUTH
                        : STATUS_PROTOCOL,
                    meaning->alert, "%s", meaning->words);
    else if (is_certificate_error(error))
        failure_set(failure, STATUS_AUTH, ALERT_BAD_CERTIFICATE,
                    "the peer's certificate cannot be used: %s",
                    certificate_parse_error(error));
    else
        failure_set(failure, STATUS_PROTOCOL, ALERT_INTERNAL_ERROR,
                    "the handshake failed (mbedTLS: -%#x)", (unsigned)-error);
}
