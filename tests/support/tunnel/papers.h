/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_TUNNEL_PAPERS_H
#define SUPPORT_TUNNEL_PAPERS_H
#include "crypto/tls.h"
#include "tunnel/handshaker.h"
#include <stddef.h>
#include <stdint.h>

/*
 * A CA and the certificates it issued, as files in a directory of their own,
 * so that they are loaded by the way real ones come.  What goes wrong aborts.
 */
enum { PAPERS_MAX = 8 };

struct forged;

struct papers {
    const char *directory;
    struct forged *authority;
    struct forged *leaves[PAPERS_MAX];
    char names[PAPERS_MAX][32];
    size_t count;
};

void papers_make(struct papers *papers);
void papers_remove(struct papers *papers);

/* spiffe://acme/|name|, which |ends| in so many seconds; 0: far away. */
void papers_issue(struct papers *papers, const char *name, int64_t ends);
/* A list that revokes |name|; papers_load() heeds it from then on. */
void papers_revoke(struct papers *papers, const char *name);

/* What belongs to |name|; the caller's. */
void papers_load(const struct papers *papers, const char *name,
                 struct identity **identity, struct trust **trust);
/* Have |handshaker| be |name|. */
void papers_use(const struct papers *papers, const char *name,
                struct handshaker *handshaker);
#endif
