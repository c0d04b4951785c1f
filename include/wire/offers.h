/* SPDX-License-Identifier: MIT */
#ifndef WIRE_OFFERS_H
#define WIRE_OFFERS_H
#include "base/bytes.h"
#include "base/check.h"
#include "base/text.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What an end offers its peer: docs/PROTOCOL.md section 3, OFFERS.  A list is
 * kept as it is on the wire, so it costs what it cost its sender.  Pure, but
 * for memory.
 */
struct offer {
    char name[TEXT_MAX_NAME + 1];
    bool is_usable; /* the service may be reached there now */
    uint32_t load;  /* streams it has there */
};

struct offers {
    const uint8_t *bytes; /* borrowed: the payload of the frame */
    size_t length;
    bool is_partial; /* there are more: who is not in it may be offered too */
};

/* Add |offer|; false, and nothing put, if there is no room for it. */
MUST_CHECK bool offers_put(struct bytes_writer *writer,
                           const struct offer *offer);

/* The next of a list; false at its end, and |reader| failed if it is bad. */
MUST_CHECK bool offers_next(struct bytes_reader *reader, struct offer *offer);

/* Nothing in it is bad. */
bool offers_are_sound(const struct offers *offers);

/* The first of that name in a sound list; false if there is none. */
MUST_CHECK bool offers_find(const struct offers *offers, const char *name,
                            struct offer *found);

bool offers_equal(const struct offers *a, const struct offers *b);

/*
 * Is |now| worth telling who was told |before|?  Another service or state is,
 * and a load that is another by a tenth at least.  Both are sound.
 */
bool offers_are_news(const struct offers *before, const struct offers *now);

/* In one piece, for free(); NULL without memory. */
MUST_CHECK struct offers *offers_copy(const struct offers *offers);
#endif
