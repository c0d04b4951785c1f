/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_CRYPTO_FORGE_H
#define SUPPORT_CRYPTO_FORGE_H
#include "crypto/identity.h"
#include "crypto/trust.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Certificates for tests, as odd as wanted.  All zeros asks for a good leaf of
 * spiffe://acme/peer; each member that is set bends one thing.  Anything that
 * cannot be made aborts the test.
 */
struct forged;

#define FORGE_DAY ((int64_t)86400)

struct forge_plan {
    struct forged *issuer;    /* borrowed; NULL: signed by itself */
    struct forged *key_of;    /* borrowed; NULL: a fresh P-256 key */
    struct forged *signed_by; /* borrowed; the key that really signs */
    const char *subject;      /* "CN=peer" */
    const char *issuer_name;
    const char *uris[4]; /* NULL and no other name: spiffe://acme/peer */
    const char *dns;
    bool no_names;
    bool is_authority; /* with the key usage of one */
    bool has_path_length;
    int path_length;
    int64_t starts; /* seconds from now; 0: a day ago */
    int64_t ends;   /* 0: in 30 days */
    bool no_key_usage;
    bool plain_key_usage; /* not critical */
    unsigned key_usage;   /* 0: what fits */
    bool no_purpose;
    const char *purposes[4]; /* OIDs; NULL: server and client */
    const char *extra_oid;   /* one more extension, of one NULL value */
    bool extra_is_critical;
    const uint8_t *extra_value;
    size_t extra_length;
    bool curve_384;
    const uint8_t *serial; /* 16 bytes; NULL: random */
};

struct forged *forge(const struct forge_plan *plan);

/* What others made, in PEM files; with |key_path| NULL it gets a wrong key. */
struct forged *forge_read(const char *certificate_path, const char *key_path);
void forge_free(struct forged *forged); /* accepts NULL */

const uint8_t *forge_der(const struct forged *forged, size_t *length);

/* The same certificate in the hands of somebody without its key. */
struct forged *forge_steal(const struct forged *victim);

/* Change one byte of the certificate itself. */
void forge_flip(struct forged *forged, size_t offset);

/*
 * An identity that presents |chain|, leaf first, |count| of them, whatever
 * they are.  Not checked as identity_load() does.
 */
struct identity *forge_identity(struct forged *const *chain, size_t count);
void forge_identity_free(struct identity *identity);

/* The shortest way to an identity: one leaf by |plan|. */
struct identity *forge_leaf(const struct forge_plan *plan);

/* PEM files in |directory|; overwritten. */
void forge_write_certificates(const char *path, struct forged *const *chain,
                              size_t count);
void forge_write_key(const char *path, const struct forged *forged);

/* A revocation list of |issuer|, in PEM appended to |path|. */
struct forge_list_plan {
    struct forged *issuer;
    struct forged *signed_by; /* NULL: issuer */
    const struct forged *revoked[4];
    int64_t starts; /* seconds from now; 0: a day ago */
    int64_t ends;   /* 0: in 30 days */
    bool no_end;
};
void forge_append_list(const char *path, const struct forge_list_plan *plan);

/* Trust in |roots|, whatever they are, and the lists unless NULL. */
struct trust *forge_trust(struct forged *const *roots, size_t count,
                          const char *lists_path);

/* As if it had been loaded at |when|, seconds from now. */
struct trust *forge_trust_at(struct forged *const *roots, size_t count,
                             const char *lists_path, int64_t when);

/* A fresh directory; and all in it removed. */
const char *forge_directory(void);
void forge_remove(const char *directory);
/* |name| in it; the fourth call from here takes the same memory. */
const char *forge_path(const char *directory, const char *name);
/* Whether |command| succeeds there; what it says is not kept. */
bool forge_shell(const char *directory, const char *command);
#endif
