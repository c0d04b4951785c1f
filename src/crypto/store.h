/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_STORE_H
#define CRYPTO_STORE_H
#include "crypto/authority.h"
#include <stddef.h>

/*
 * Private to crypto/authority*: its directory.  Files are prepared beside
 * their places and put there all at once.
 */
#define STORE_MAX_FILES 5u

struct store_file {
    char temporary[512];
    char final[512];
    char what[128];
};

struct store {
    const char *directory; /* borrowed */
    int handle;            /* of the directory; holds the lock */
    struct store_file files[STORE_MAX_FILES];
    size_t count;
    struct authority_entry *entries; /* issued.txt */
    size_t entry_count;
};

/* Open and lock |directory|, made first if |create|. */
MUST_CHECK enum status store_open(struct store *store, const char *directory,
                                  bool create, struct crypto_error *error);

/* Drop what was prepared and not committed; a closed store may be closed. */
void store_close(struct store *store);

/*
 * Prepare |name|; STATUS_CONFIG if it exists, unless |overwrite|.  |what| says
 * what it is for.
 */
struct store_content {
    const char *name;
    const char *what;
    const void *bytes;
    size_t length;
    unsigned mode;
    bool overwrite;
};
MUST_CHECK enum status store_prepare(struct store *store,
                                     const struct store_content *content,
                                     struct crypto_error *error);

/* Put what was prepared in place, in that order. */
MUST_CHECK enum status store_commit(struct store *store, authority_wrote *wrote,
                                    void *context, struct crypto_error *error);

/* issued.txt; without one there are no entries. */
MUST_CHECK enum status store_read_entries(struct store *store,
                                          struct crypto_error *error);
MUST_CHECK enum status store_add_entry(struct store *store,
                                       const struct authority_entry *entry,
                                       struct crypto_error *error);
MUST_CHECK enum status store_prepare_entries(struct store *store,
                                             struct crypto_error *error);
#endif
