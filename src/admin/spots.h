/* SPDX-License-Identifier: MIT */
#ifndef ADMIN_SPOTS_H
#define ADMIN_SPOTS_H
#include "admin/explanation.h"

/*
 * The endpoints of one service as all workers tell of them.  Every worker has
 * its own view of the same endpoints; here each endpoint is one, with the
 * views beside each other.
 */

/* An endpoint, and what each board says of it, or NULL. */
struct spot {
    const struct place_survey *first;
    const struct place_survey **told; /* borrowed: a part of the sum's */
};

/* One service as all workers tell of it. */
struct spots {
    const struct service_survey **surveys; /* of the boards; or NULL */
    size_t board_count;
    struct spot *items;
    const struct place_survey **told;
    size_t count;
    size_t room;
    size_t left_out;
};

/* False without memory; nothing is to be cleared then. */
MUST_CHECK bool spots_init(struct spots *spots,
                           const struct explanation *explanation,
                           enum service_role role);
void spots_clear(struct spots *spots);
#endif
