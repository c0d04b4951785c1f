/* SPDX-License-Identifier: MIT */
#ifndef ADMIN_EXPLANATION_WORDS_H
#define ADMIN_EXPLANATION_WORDS_H
#include "base/check.h"
#include <jansson.h>
#include <stddef.h>

/*
 * The parts of an explanation in words, from its JSON.  |role| is what the
 * part belongs to.
 */
enum { LINE_MAX_BYTES = 2048, LINE_MAX_NAMED = 8 };

/* A line that grows, and is cut where its room ends. */
struct line {
    char text[LINE_MAX_BYTES];
    size_t length;
};

void line_put(struct line *line, const char *format, ...) PRINTF_LIKE(2, 3);
/* The first |max| of |array|, and how many more there are. */
void line_put_texts(struct line *line, const json_t *array, size_t max,
                    const char *between);
/* "worker 1" or "workers 0-2 5". */
void line_put_workers(struct line *line, const json_t *array);

/* What an operator has set, and whether it counts. */
void line_put_set(struct line *line, const json_t *set);
/* What a source said, and when. */
void line_put_source(struct line *line, const json_t *source);
/* What an endpoint carries. */
void line_put_load(struct line *line, const json_t *view);
/* Whether an endpoint is chosen, and why not. */
void line_put_verdict(struct line *line, const json_t *view,
                      const json_t *role);
/* What becomes of the next connection. */
void line_put_outcome(struct line *line, const json_t *choice,
                      const json_t *role);
#endif
