/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_AUTHORITY_WRITE_H
#define CRYPTO_AUTHORITY_WRITE_H
#include "crypto/store.h"
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>

/* Private to crypto/authority*: what a CA writes, prepared in its store. */

/* Clocks of hosts differ: seconds by which what we sign is older than it is. */
#define AUTHORITY_BACKDATE ((int64_t)300)
#define AUTHORITY_MAX_KEY ((size_t)1 << 14)

/* The CA of a directory, at work. */
struct authority {
    struct store store;
    mbedtls_x509_crt certificate;
    mbedtls_pk_context key;
    struct spiffe domain;
    struct crypto_error *error;
};

MUST_CHECK enum status authority_write_key(struct authority *authority,
                                           const char *name, const char *what,
                                           mbedtls_pk_context *key,
                                           bool overwrite);
MUST_CHECK enum status
authority_write_certificate(struct authority *authority, const char *name,
                            const char *what, const char *pem, bool overwrite);

/* The list of all that issued.txt has as revoked. */
MUST_CHECK enum status authority_write_list(struct authority *authority);

/* Says so in the error; for what fails only then. */
enum status authority_write_nothing(struct authority *authority);
#endif
