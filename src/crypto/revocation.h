/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_REVOCATION_H
#define CRYPTO_REVOCATION_H
#include "crypto/failure.h"
#include "crypto/identity.h"
#include <mbedtls/x509_crl.h>
#include <mbedtls/x509_crt.h>
#include <stdint.h>

/*
 * Revocation lists, with teeth: mbedTLS lets a certificate pass when it finds
 * no list of its issuer, we do not.  An issuer may have several lists: one
 * must be in force, and what any of them says is revoked is revoked.
 */
struct revocation;

/*
 * The lists in |path|; every one of |roots| that has not expired must have one
 * in force.  The roots are borrowed.
 */
MUST_CHECK enum status revocation_load(const char *path,
                                       mbedtls_x509_crt *roots, int64_t now,
                                       struct revocation **revocation,
                                       struct crypto_error *error);
void revocation_free(struct revocation *revocation); /* accepts NULL */

/* When the first root is without a list in force. */
int64_t revocation_expires(const struct revocation *revocation);

/* Whether |issuer| has a list in force which does not name |certificate|. */
MUST_CHECK bool revocation_check(const struct revocation *revocation,
                                 const mbedtls_x509_crt *certificate,
                                 mbedtls_x509_crt *issuer, int64_t now,
                                 const char *who, struct failure *failure);
#endif
