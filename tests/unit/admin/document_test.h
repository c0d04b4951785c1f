/* SPDX-License-Identifier: MIT */
#ifndef UNIT_ADMIN_DOCUMENT_TEST_H
#define UNIT_ADMIN_DOCUMENT_TEST_H
/* What the tests of documents have in common: their words, and their memory. */
#include "base/status.h"
#include "net/address.h"
#include "support/check_test.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline struct address at(const char *text)
{
    struct address address;

    assert_true(address_parse(&address, text));
    return address;
}

/* What |print| makes of |json|, which is released. */
static inline char *words_of(char *json,
                             enum status (*print)(const char *json, FILE *to))
{
    char *text = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);

    assert_non_null(json);
    assert_non_null(to);
    assert_int_equal(print(json, to), STATUS_OK);
    fclose(to);
    free(json);
    return text;
}

/* |text| is released. */
static inline void expect_words(char *text, const char *expected)
{
    if (!strstr(text, expected))
        fail_msg("no \"%s\" in:\n%s", expected, text);
    free(text);
}

static size_t document_allocations, document_allowed;

static inline void *document_malloc(size_t size)
{
    return ++document_allocations > document_allowed ? NULL : malloc(size);
}

/* Each allocation of |write| fails in turn: no document, and no leak. */
static inline void fail_each_allocation(char *(*write)(void *fixture),
                                        void *fixture)
{
    size_t needed;
    char *whole;

    json_set_alloc_funcs(document_malloc, free);
    document_allowed = SIZE_MAX;
    document_allocations = 0;
    whole = write(fixture);
    needed = document_allocations;
    assert_true(whole && needed > 100);
    for (size_t i = 0; i < needed; i++) {
        document_allocations = 0;
        document_allowed = i;
        assert_null(write(fixture));
    }
    free(whole);
    json_set_alloc_funcs(malloc, free);
}
#endif
