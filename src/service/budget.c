/* SPDX-License-Identifier: MIT */
#include "service/budget.h"
#include "base/clock.h"

enum { HUNDREDTHS = 100 };
#define HUNDREDTH_US (CLOCK_SECOND / (BUDGET_PER_SECOND * HUNDREDTHS))

static void add(struct budget *budget, uint64_t hundredths)
{
    budget->hundredths += hundredths;
    if (budget->hundredths > BUDGET_MAX * HUNDREDTHS)
        budget->hundredths = BUDGET_MAX * HUNDREDTHS;
}

/* What the time that passed brings. */
static void fill(struct budget *budget, uint64_t now_us)
{
    uint64_t hundredths = (now_us - budget->filled_us) / HUNDREDTH_US;

    /* By time alone no more than those of a second are saved up. */
    if (budget->hundredths < BUDGET_PER_SECOND * HUNDREDTHS) {
        add(budget, hundredths);
        if (budget->hundredths > BUDGET_PER_SECOND * HUNDREDTHS)
            budget->hundredths = BUDGET_PER_SECOND * HUNDREDTHS;
    }
    budget->filled_us += hundredths * HUNDREDTH_US;
}

void budget_init(struct budget *budget, uint64_t now_us)
{
    *budget = (struct budget){ .hundredths = BUDGET_MAX * HUNDREDTHS,
                               .filled_us = now_us };
}

void budget_pay_in(struct budget *budget, uint32_t percent)
{
    add(budget, percent);
}

bool budget_take(struct budget *budget, uint64_t now_us)
{
    fill(budget, now_us);
    if (budget->hundredths < HUNDREDTHS)
        return false;
    budget->hundredths -= HUNDREDTHS;
    return true;
}

void budget_give_back(struct budget *budget)
{
    add(budget, HUNDREDTHS);
}

uint64_t budget_next_us(const struct budget *budget, uint64_t now_us)
{
    if (budget->hundredths >= HUNDREDTHS)
        return now_us;
    return budget->filled_us + (HUNDREDTHS - budget->hundredths) * HUNDREDTH_US;
}
