/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_AUTHORITY_H
#define CRYPTO_AUTHORITY_H
#include "base/check.h"
#include "base/status.h"
#include "crypto/identity.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * The small certificate authority behind `entente pki`, in one directory:
 *   ca.crt ca.key  its own certificate and key
 *   ca.crl         what it has revoked; always there and signed
 *   NAME.crt NAME.key  what it has issued
 *   issued.txt     one line a certificate: serial, expiry, state, identity,
 *                  name; so that revoking a name revokes all it ever had
 * P-256 throughout.  Keys are made with mode 0600, and nothing that exists is
 * overwritten unless |force|.  All files of a command are written and synced
 * beside their places, then renamed: a crash leaves each old or new, never
 * half.  Commands on one directory wait for each other.
 *
 * The list of the revoked is in force as long as the CA, since nobody renews
 * it on a schedule here; every command but init and show makes a new one.
 * A name may have segments, "prod/web-1": so has its path then.
 */
struct authority_options {
    const char *directory;
    const char *trust_domain; /* init only, like "acme" */
    const char *name;         /* whom to issue to: the identity's path */
    int64_t days;             /* how long; 0 is the default */
    bool force;
};

struct authority_entry {
    char serial[65]; /* hexadecimal */
    char identity[SPIFFE_MAX_LENGTH + 1];
    char name[256];
    int64_t expires;    /* seconds since 1970 */
    int64_t revoked_at; /* 0: it was not */
    bool revoked;
};

#define AUTHORITY_DEFAULT_DAYS 365
#define AUTHORITY_DEFAULT_CA_DAYS 3650
#define AUTHORITY_MAX_DAYS 36500

/*
 * On failure |error| is one sentence for the operator; nothing was changed.
 * The names and paths of what was written are told through |wrote|, a line
 * each, which may be NULL.
 */
typedef void authority_wrote(void *context, const char *path, const char *what);

/* Whether |directory| has a CA; what state it is in is another matter. */
MUST_CHECK bool authority_exists(const char *directory);

MUST_CHECK enum status authority_init(const struct authority_options *options,
                                      authority_wrote *wrote, void *context,
                                      struct crypto_error *error);
MUST_CHECK enum status authority_issue(const struct authority_options *options,
                                       authority_wrote *wrote, void *context,
                                       struct crypto_error *error);
/* A new key and certificate for a name that has one; the old stays valid. */
MUST_CHECK enum status authority_renew(const struct authority_options *options,
                                       authority_wrote *wrote, void *context,
                                       struct crypto_error *error);
MUST_CHECK enum status authority_revoke(const struct authority_options *options,
                                        authority_wrote *wrote, void *context,
                                        struct crypto_error *error);
/* Calls |each| for every line of issued.txt, and for the CA itself first. */
MUST_CHECK enum status
authority_list(const struct authority_options *options,
               void (*each)(void *context, const struct authority_entry *),
               void *context, struct crypto_error *error);
#endif
