/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_DOCUMENT_H
#define CONFIG_DOCUMENT_H
#include "base/check.h"
#include "base/status.h"
#include <stddef.h>

/*
 * A YAML text as a tree of what it says, with the place of every key and
 * value.  Pure, and strict: one document of maps, lists and texts, without
 * anchors, aliases and tags, no key twice in a map, all of it bounded.
 */
#define DOCUMENT_MAX_BYTES (1024u * 1024)
#define DOCUMENT_MAX_DEPTH 16u
#define DOCUMENT_MAX_NODES 65536u

enum document_kind {
    DOCUMENT_NOTHING, /* "key:" alone, null or ~ */
    DOCUMENT_TEXT,
    DOCUMENT_LIST,
    DOCUMENT_MAP
};

struct document_place {
    size_t line; /* both from 1; 0: no place */
    size_t column;
};

/* Owned by the node it is in; the root by document_parse()'s caller. */
struct document_node {
    enum document_kind kind;
    struct document_place place;
    char *key; /* in a map; NULL elsewhere */
    struct document_place key_place;
    char *text;                     /* of a DOCUMENT_TEXT, no NUL within */
    struct document_node *children; /* the first one, in order */
    struct document_node *next;     /* brother */
};

struct document_error {
    struct document_place place;
    char text[512];
};

/*
 * |*root| is freed by document_free().  STATUS_CONFIG: |error| says what is
 * wrong and where; STATUS_NO_MEMORY: so does it, with no place.
 */
MUST_CHECK enum status document_parse(const char *text, size_t length,
                                      struct document_node **root,
                                      struct document_error *error);
void document_free(struct document_node *node); /* accepts NULL */
#endif
