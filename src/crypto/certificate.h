/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_CERTIFICATE_H
#define CRYPTO_CERTIFICATE_H
#include "crypto/failure.h"
#include "crypto/spiffe.h"
#include <mbedtls/x509_crt.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Our rules for one certificate by itself, whoever signed it
 * (docs/SECURITY.md).  What breaks a rule is told in |failure|, in a sentence
 * that begins with |who|, like "the peer's certificate".
 */

/* One that speaks for an ambassador; |*identity| is who that is. */
MUST_CHECK bool certificate_check_leaf(const mbedtls_x509_crt *certificate,
                                       const char *who, struct spiffe *identity,
                                       struct failure *failure);

/*
 * One that signs others.  |*domain| is the trust domain it is bound to, with
 * an empty text if it is bound to none.
 */
MUST_CHECK bool certificate_check_authority(const mbedtls_x509_crt *certificate,
                                            const char *who,
                                            struct spiffe *domain,
                                            struct failure *failure);

/* Key and signature of any certificate in a path. */
MUST_CHECK bool certificate_check_strength(const mbedtls_x509_crt *certificate,
                                           const char *who,
                                           struct failure *failure);

/* Whether it is in force at |now|, seconds since 1970. */
MUST_CHECK bool certificate_check_time(const mbedtls_x509_crt *certificate,
                                       int64_t now, const char *who,
                                       struct failure *failure);

/* Seconds since 1970; a day as "2026-01-02". */
int64_t certificate_seconds(const mbedtls_x509_time *time);
#define CERTIFICATE_DAY 16
const char *certificate_day(const mbedtls_x509_time *time,
                            char day[CERTIFICATE_DAY]);

/* A name in a certificate, cut to fit, like "CN=entente CA, O=acme". */
#define CERTIFICATE_NAME 128
const char *certificate_name(const mbedtls_x509_name *name,
                             char text[CERTIFICATE_NAME]);

/*
 * |certificate| for a sentence: |who| and in brackets the identity it claims,
 * or else its subject.
 */
#define CERTIFICATE_WHO 256
const char *certificate_who(const mbedtls_x509_crt *certificate,
                            const char *who, char text[CERTIFICATE_WHO]);

/* What a library's |error| from parsing one means. */
const char *certificate_parse_error(int error);

/* The hash of a signature: at least SHA-256. */
bool certificate_hash_is_strong(mbedtls_md_type_t hash);
#endif
