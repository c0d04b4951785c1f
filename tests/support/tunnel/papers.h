/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_TUNNEL_PAPERS_H
#define SUPPORT_TUNNEL_PAPERS_H
#include "crypto/tls.h"
#include "tunnel/handshaker.h"

/*
 * A CA and what it issued to spiffe://acme/app and spiffe://acme/db, as files
 * in a directory of their own, so that they are loaded by the way real ones
 * come.  What goes wrong aborts.
 */
struct papers {
    const char *directory;
};

void papers_make(struct papers *papers);
void papers_remove(struct papers *papers);

/* What belongs to |name|, "app" or "db"; the caller's. */
void papers_load(const struct papers *papers, const char *name,
                 struct identity **identity, struct trust **trust);
/* Have |handshaker| be |name|. */
void papers_use(const struct papers *papers, const char *name,
                struct handshaker *handshaker);
#endif
