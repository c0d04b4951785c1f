/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H
#include "base/check.h"
#include "base/status.h"
#include "config/keys.h"
#include <stdbool.h>
#include <stddef.h>

/*
 * The member that |key| fills in |object| (a struct config or a struct
 * service_options, as the key says): from text, to text, compared.
 */
enum { VALUE_MAX_ITEMS = 1024 }; /* of one list */

/*
 * A list grows by |text|, anything else becomes it.  On failure nothing has
 * changed, and unless it was memory |why| is half a sentence.
 */
MUST_CHECK enum status value_set(const struct key *key, void *object,
                                 const char *text, char *why, size_t size);

/* As if the key were absent. */
void value_reset(const struct key *key, void *object);

/* How many texts value_text() gives: 0 or 1, of a list any number. */
size_t value_count(const struct key *key, const void *object);

enum { VALUE_TEXT = 32 }; /* enough for a number, a time, a flag */
/* The one at |index|; |room| (of VALUE_TEXT bytes) is where it may be. */
const char *value_text(const struct key *key, const void *object, size_t index,
                       char *room);

bool value_equal(const struct key *key, const void *a, const void *b);
#endif
