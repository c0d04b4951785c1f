/* SPDX-License-Identifier: MIT */
#include "config/nearest.h"
#include <stdbool.h>
#include <string.h>

enum { MAX_WORD = 64 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment, with the three rows of the matrix it looks at. */
unsigned nearest_distance(const char *a, size_t a_length, const char *b,
                          size_t b_length)
{
    unsigned rows[3][MAX_WORD + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2], *spare;

    if (a_length > MAX_WORD || b_length > MAX_WORD)
        return (unsigned)(a_length > b_length ? a_length : b_length);
    for (size_t j = 0; j <= b_length; j++)
        before[j] = last[j] = (unsigned)j;
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            row[j] = least(last[j], row[j - 1]) + 1;
            row[j] = least(row[j], last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[b_length];
}

void nearest_init(struct nearest *nearest, const char *typed)
{
    *nearest = (struct nearest){ .typed = typed };
}

void nearest_offer(struct nearest *nearest, const char *known, size_t length)
{
    size_t typed = strlen(nearest->typed);
    unsigned distance = nearest_distance(nearest->typed, typed, known, length);
    /* A third of the letters wrong is a slip, more is another word. */
    size_t most = length < 6 ? 1 : length / 3;

    if (distance > most || (nearest->found && distance >= nearest->distance))
        return;
    nearest->found = known;
    nearest->found_length = length;
    nearest->distance = distance;
}
