/* SPDX-License-Identifier: MIT */
#ifndef ADMIN_JSON_VALUE_H
#define ADMIN_JSON_VALUE_H
#include "base/clock.h"
#include "discovery/source.h"
#include "net/address.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The values that documents are made of, and reading them again.  A NULL value
 * makes whatever it is put into NULL, so that memory is asked about once, at
 * the end.
 */

/* ---- writing ---- */

/* Registries and paths may have bytes that JSON cannot: each becomes a '?'. */
json_t *text_value(const char *text);
json_t *address_value(const struct address *address);
json_t *number_value(uint64_t number);
/* An array; |texts| ends with NULL, or is it. */
json_t *texts_value(const char *const *texts);
/* Its answer's age at clock_now_us(), in seconds; null: there never was one. */
json_t *age_value(const struct source_report *source, uint64_t now_us);

struct member {
    const char *name;
    json_t *value;
};

/* Takes the values over, also when it fails; ended by one without name. */
json_t *make_object(const struct member *members);

#define OBJECT(...) \
    make_object((const struct member[]){ __VA_ARGS__, { NULL, NULL } })

/* The array, or NULL without |array| or |value|, which are taken over. */
json_t *append(json_t *array, json_t *value);

/* ---- reading: what is not there is empty ---- */

const char *text_of(const json_t *object, const char *name);
int64_t number_of(const json_t *object, const char *name);
bool is_text(const json_t *object, const char *name, const char *wanted);

/* The two largest units, like "3d 4h"; returns |text|. */
const char *duration(int64_t seconds, char *text, size_t size);
#endif
