/* SPDX-License-Identifier: MIT */
#include "support/tunnel/papers.h"
#include "support/crypto/forge.h"
#include <stdio.h>
#include <stdlib.h>

static const char *path_of(const struct papers *papers, const char *name,
                           const char *kind)
{
    static char paths[4][300];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s.%s", papers->directory, name, kind);
    return path;
}

void papers_make(struct papers *papers)
{
    *papers = (struct papers){ .directory = forge_directory() };
    papers->authority =
        forge(&(struct forge_plan){ .is_authority = true, .no_names = true });
    forge_write_certificates(path_of(papers, "ca", "crt"), &papers->authority,
                             1);
}

void papers_remove(struct papers *papers)
{
    forge_free(papers->authority);
    forge_remove(papers->directory);
}

void papers_issue(struct papers *papers, const char *name)
{
    char uri[100];
    struct forge_plan plan = { .issuer = papers->authority, .uris = { uri } };
    struct forged *leaf;

    snprintf(uri, sizeof(uri), "spiffe://acme/%s", name);
    leaf = forge(&plan);
    forge_write_certificates(path_of(papers, name, "crt"), &leaf, 1);
    forge_write_key(path_of(papers, name, "key"), leaf);
    forge_free(leaf);
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
