/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_TRUST_H
#define CRYPTO_TRUST_H
#include "base/check.h"
#include "base/status.h"
#include "crypto/identity.h"
#include <stddef.h>
#include <stdint.h>

/*
 * Whom we accept: roots, revocation lists, and our own rules on top of
 * mbedTLS's (docs/SECURITY.md has the list, RELIABILITY T1 to T15).
 * Immutable; replaced whole.
 */
struct trust;

/*
 * |revocation_path| may be NULL.  Given one, every root must have a list in it
 * that is in force: a list that is missing, expired or not the root's refuses
 * everybody, rather than nobody.
 */
MUST_CHECK enum status trust_load(const char *roots_path,
                                  const char *revocation_path,
                                  struct trust **trust,
                                  struct crypto_error *warning,
                                  struct crypto_error *error);
void trust_free(struct trust *trust); /* accepts NULL */

/* When the first root, or list, ends; seconds since 1970. */
int64_t trust_expires(const struct trust *trust);

/*
 * Whether a peer that was let in with |chain| (tls_peer_chain()) would be let
 * in now.  STATUS_AUTH and the reason in |error| if not.
 */
MUST_CHECK enum status trust_check_again(const struct trust *trust,
                                         const uint8_t *chain, size_t length,
                                         struct crypto_error *error);
#endif
