/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_NEAREST_H
#define CONFIG_NEAREST_H
#include <stddef.h>

/*
 * Which of some known words somebody meant who typed another one.  Offer all
 * of them; |found| is the nearest if it is as near as a slip of the fingers,
 * the first of several, and NULL if none is.
 */
struct nearest {
    const char *typed; /* borrowed */
    const char *found; /* borrowed from whoever offered it */
    size_t found_length;
    unsigned distance;
};

void nearest_init(struct nearest *nearest, const char *typed);
void nearest_offer(struct nearest *nearest, const char *known, size_t length);

/*
 * How many edits apart: a letter more, less or another one, or two neighbours
 * swapped.  Words longer than 64 bytes are as far from all as they are long.
 */
unsigned nearest_distance(const char *a, size_t a_length, const char *b,
                          size_t b_length);
#endif
