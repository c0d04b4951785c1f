/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_IDENTITY_H
#define CRYPTO_IDENTITY_H
#include "base/check.h"
#include "base/status.h"
#include "crypto/spiffe.h"
#include <stdint.h>

/*
 * Who we are: our certificate chain and its private key, read from PEM files
 * and checked by the same rules we apply to peers, so that a certificate which
 * no peer would accept is refused at the start and not on the first call.
 * Immutable; replaced whole.
 */
struct identity;

/* Enough for a sentence with two paths. */
struct crypto_error {
    char text[1024];
};

/*
 * On failure |error| says which file and what to do.  STATUS_CONFIG: the files
 * do not do; STATUS_IO: they cannot be read.  |warning| is "" or one sentence
 * the operator should see although we go on (key readable by others, soon
 * expired).
 */
MUST_CHECK enum status identity_load(const char *certificate_path,
                                     const char *key_path,
                                     struct identity **identity,
                                     struct crypto_error *warning,
                                     struct crypto_error *error);
void identity_free(struct identity *identity); /* accepts NULL; wipes */

const struct spiffe *identity_spiffe(const struct identity *identity);
/* The earliest end in the chain, seconds since 1970. */
int64_t identity_expires(const struct identity *identity);
#endif
