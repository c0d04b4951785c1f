/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_RULE_H
#define CONFIG_RULE_H
#include "base/check.h"
#include "config/keys.h"
#include <stdbool.h>
#include <stddef.h>

/* What a text must be to be the value of a key. */
enum { RULE_MAX_BYTES = 4095 }; /* of one value */

/*
 * Clean UTF-8, and what the key's type asks of texts; numbers and the like
 * are not looked at yet.  If not, |why| is half a sentence.
 */
MUST_CHECK bool rule_check(const struct key *key, const char *text, char *why,
                           size_t size);

/* "an address like 127.0.0.1:6379", "a number from 1 to 256, or auto". */
void rule_expected(const struct key *key, char *text, size_t size);
/* The same behind "expected "; always false. */
bool rule_say_expected(const struct key *key, char *why, size_t size);

/* In the largest unit that is exact: "90s", "1h", "0". */
void rule_format_duration(uint64_t us, char *text, size_t size);
#endif
