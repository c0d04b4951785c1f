/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_BUDGET_H
#define SERVICE_BUDGET_H
#include "base/check.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * How many connections that failed at one place may be tried at another: some
 * always, and beyond them a share of all new connections, so that a service
 * in trouble is not buried under retries.  Pure.
 */
struct budget {
    uint64_t hundredths; /* of a retry that may be made */
    uint64_t filled_us;
};

enum { BUDGET_PER_SECOND = 10, BUDGET_MAX = 100 };

void budget_init(struct budget *budget, uint64_t now_us);

/* A new connection pays in |percent| of a retry. */
void budget_pay_in(struct budget *budget, uint32_t percent);

/* May a retry be made now?  If so it is paid. */
MUST_CHECK bool budget_take(struct budget *budget, uint64_t now_us);

/* The retry that was paid could not be made. */
void budget_give_back(struct budget *budget);

/* When the next may be made. */
uint64_t budget_next_us(const struct budget *budget, uint64_t now_us);
#endif
