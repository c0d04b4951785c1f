/* SPDX-License-Identifier: MIT */
#ifndef HEALTH_FITNESS_H
#define HEALTH_FITNESS_H
#include "base/check.h"
#include "health/check.h"
#include "health/rules.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * What the checks of one endpoint amount to.  Pure.
 *
 *   not checked --first verdict, at once--> FIT or UNFIT
 *   UNFIT --|rise| good ones in a row--> FIT
 *   FIT --|fall| bad ones in a row, or one of the wrong role--> UNFIT
 *
 * The wrong role needs no second word: what is written to a replica is lost.
 */
enum { FITNESS_TEXT = 96 };

/* What stands in the way of an endpoint until its first check. */
#define FITNESS_NOT_CHECKED "not checked yet"

struct fitness {
    bool is_checked;
    bool is_fit;
    uint32_t good; /* in a row */
    uint32_t bad;
    bool is_demoted;          /* it had the wrong role, and is not fit since */
    char unfit[FITNESS_TEXT]; /* why it is not fit; "" */
};

void fitness_init(struct fitness *fitness);

/* Add a verdict; true if |unfit| or |is_demoted| is another. */
bool fitness_add(struct fitness *fitness, const struct health_rules *rules,
                 enum check_verdict verdict, const char *reason);
#endif
