/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_HANDSHAKE_ERROR_H
#define CRYPTO_HANDSHAKE_ERROR_H
#include "crypto/failure.h"
#include <mbedtls/ssl.h>
#include <stddef.h>
#include <stdint.h>

/* Private to crypto/handshake: what an error of mbedTLS means. */

/* The front of the record read last, to tell what a stranger speaks. */
struct handshake_seen {
    uint8_t front[8];
    size_t position; /* in the record */
    size_t records;  /* begun so far */
};

void handshake_see(struct handshake_seen *seen, const uint8_t *bytes,
                   size_t length);

/* Fill |failure|, unless it is, from |error|; |encrypted|: keys are in use. */
void handshake_explain(struct failure *failure, const mbedtls_ssl_context *ssl,
                       int error, bool encrypted,
                       const struct handshake_seen *seen);
#endif
