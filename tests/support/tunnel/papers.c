/* SPDX-License-Identifier: MIT */
#include "support/tunnel/papers.h"
#include "support/crypto/forge.h"
#include <stdio.h>
#include <stdlib.h>

static const char *path_of(const struct papers *papers, const char *name,
                           const char *kind)
{
    char file[64];

    snprintf(file, sizeof(file), "%s.%s", name, kind);
    return forge_path(papers->directory, file);
}

static void issue(const struct papers *papers, struct forged *authority,
                  const char *name, const char *uri)
{
    struct forged *leaf =
        forge(&(struct forge_plan){ .issuer = authority, .uris = { uri } });

    forge_write_certificates(path_of(papers, name, "crt"), &leaf, 1);
    forge_write_key(path_of(papers, name, "key"), leaf);
    forge_free(leaf);
}

void papers_make(struct papers *papers)
{
    struct forged *authority =
        forge(&(struct forge_plan){ .is_authority = true, .no_names = true });

    papers->directory = forge_directory();
    forge_write_certificates(path_of(papers, "ca", "crt"), &authority, 1);
    issue(papers, authority, "app", "spiffe://acme/app");
    issue(papers, authority, "db", "spiffe://acme/db");
    forge_free(authority);
}

void papers_remove(struct papers *papers)
{
    forge_remove(papers->directory);
}

void papers_load(const struct papers *papers, const char *name,
                 struct identity **identity, struct trust **trust)
{
    struct crypto_error warning, error;

    if (identity_load(path_of(papers, name, "crt"),
                      path_of(papers, name, "key"), identity, &warning,
                      &error) != STATUS_OK ||
        trust_load(path_of(papers, "ca", "crt"), NULL, trust, &warning,
                   &error) != STATUS_OK) {
        fprintf(stderr, "papers: %s\n", error.text);
        abort();
    }
}

void papers_use(const struct papers *papers, const char *name,
                struct handshaker *handshaker)
{
    struct identity *identity;
    struct trust *trust;

    papers_load(papers, name, &identity, &trust);
    ASSERT(handshaker_use(handshaker, identity, trust) == STATUS_OK);
}
