/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_TUNNEL_PAPERS_H
#define SUPPORT_TUNNEL_PAPERS_H
#include "crypto/tls.h"
#include "tunnel/handshaker.h"

/*
 * A CA and the certificates it issued, as files in a directory of their own,
 * so that they are loaded by the way real ones come.  What goes wrong aborts.
 */
struct forged;

struct papers {
    const char *directory;
    struct forged *authority;
};

void papers_make(struct papers *papers);
void papers_remove(struct papers *papers);

/* spiffe://acme/|name|. */
void papers_issue(struct papers *papers, const char *name);

/* What belongs to |name|; the caller's. */
void papers_load(const struct papers *papers, const char *name,
                 struct identity **identity, struct trust **trust);
/* Have |handshaker| be |name|. */
void papers_use(const struct papers *papers, const char *name,
                struct handshaker *handshaker);
#endif
