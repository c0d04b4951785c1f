/* SPDX-License-Identifier: MIT */
#ifndef ADMIN_SHEET_H
#define ADMIN_SHEET_H
#include "base/check.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * A table of texts with aligned columns, for a terminal.  The texts come from
 * other processes: whatever could steer a terminal is replaced.  A sheet that
 * ran out of memory stays failed and prints nothing.
 */
enum { SHEET_MAX_COLUMNS = 8 };

struct sheet {
    size_t columns;
    char **cells; /* owned; row by row */
    size_t count;
    size_t room;
    bool has_failed;
};

void sheet_init(struct sheet *sheet, size_t columns);
void sheet_add(struct sheet *sheet, const char *text); /* the next cell */
/* False if memory was short; whole rows only. */
MUST_CHECK bool sheet_print(const struct sheet *sheet, FILE *to);
void sheet_clear(struct sheet *sheet);

/*
 * A copy of |text| (UTF-8) in which control characters, and those that change
 * the direction of writing, are '?'.  NULL without memory.
 */
MUST_CHECK char *sheet_harmless(const char *text);
#endif
