/* SPDX-License-Identifier: MIT */
#include "service/balance.h"

static uint64_t mix(uint64_t value)
{
    value = (value ^ (value >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    value = (value ^ (value >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return value ^ (value >> 33);
}

/* Those among whom to choose: usable, of the tiers that count, of some weight.
 */
struct tier {
    uint32_t priority; /* of the last that counts */
    bool weighted;     /* somebody in it has a weight */
    size_t count;
};

/* The first priority from |from| on that somebody has; false: nobody. */
static bool find_tier(const struct candidate *candidates, size_t count,
                      uint64_t from, uint32_t *priority)
{
    bool found = false;

    for (size_t i = 0; i < count; i++)
        if (candidates[i].priority >= from &&
            (!found || candidates[i].priority < *priority)) {
            *priority = candidates[i].priority;
            found = true;
        }
    return found;
}

/* Can the tier of |priority| do without the next? */
static bool is_enough(const struct balance_rule *rule,
                      const struct candidate *candidates, size_t count,
                      uint32_t priority)
{
    uint64_t all = 0, fit = 0;

    for (size_t i = 0; i < count; i++)
        if (candidates[i].priority == priority) {
            all++;
            fit += candidates[i].fit;
        }
    return fit > 0 && fit * 100 >= all * rule->min_healthy;
}

static void count_in(struct tier *tier, const struct candidate *candidates,
                     size_t count)
{
    tier->count = 0;
    tier->weighted = false;
    for (size_t i = 0; i < count; i++) {
        if (!candidates[i].usable || candidates[i].priority > tier->priority)
            continue;
        tier->weighted = tier->weighted || candidates[i].weight > 0;
        tier->count++;
    }
}

static struct tier tiers_that_count(const struct balance_rule *rule,
                                    const struct candidate *candidates,
                                    size_t count)
{
    struct tier tier = { .count = 0 };
    uint64_t from = 0;

    while (find_tier(candidates, count, from, &tier.priority)) {
        count_in(&tier, candidates, count);
        if (tier.count > 0 &&
            (rule->min_healthy == 0 ||
             is_enough(rule, candidates, count, tier.priority)))
            break;
        from = (uint64_t)tier.priority + 1;
    }
    return tier;
}

bool balance_is_short(const struct balance_rule *rule,
                      const struct candidate *candidates, size_t count)
{
    uint64_t from = 0;
    uint32_t priority = 0;

    while (find_tier(candidates, count, from, &priority)) {
        if (is_enough(rule, candidates, count, priority))
            return false;
        from = (uint64_t)priority + 1;
    }
    return true;
}

/* Which of them count. */
static void mark(const struct tier *tier, struct candidate *candidates,
                 size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct candidate *candidate = &candidates[i];

        candidate->is_in_turn =
            tier->count > 0 && candidate->priority <= tier->priority;
        candidate->counts = candidate->is_in_turn && candidate->usable &&
                            (candidate->weight > 0 || !tier->weighted);
    }
}

static int64_t weight_of(const struct candidate *candidate)
{
    return candidate->weight > 0 ? candidate->weight : 1;
}

static bool is_richer(const struct candidate *a, const struct candidate *b)
{
    return a->current == b->current ? a->order < b->order
                                    : a->current > b->current;
}

static int64_t total_weight(const struct candidate *candidates, size_t count)
{
    int64_t total = 0;

    for (size_t i = 0; i < count; i++)
        if (candidates[i].counts)
            total += weight_of(&candidates[i]);
    return total;
}

static int64_t within(int64_t value, int64_t limit)
{
    if (value > limit)
        return limit;
    return value < -limit ? -limit : value;
}

/*
 * Smooth weighted round robin: each gains its weight, the richest is chosen
 * and pays what all gained, so the heavy ones do not come in a row.  Ties go
 * by an order that each pool has drawn, or all who begin would begin at the
 * same one.  Nobody has or owes more than a round, unless weights were greater
 * before: what is left of that would take many rounds to level out.
 */
static size_t round_robin(struct candidate *candidates, size_t count)
{
    size_t chosen = BALANCE_NONE;
    int64_t total = total_weight(candidates, count);

    for (size_t i = 0; i < count; i++) {
        if (!candidates[i].counts)
            continue;
        candidates[i].current =
            within(candidates[i].current, total) + weight_of(&candidates[i]);
        if (chosen == BALANCE_NONE ||
            is_richer(&candidates[i], &candidates[chosen]))
            chosen = i;
    }
    if (chosen != BALANCE_NONE)
        candidates[chosen].current -= total;
    return chosen;
}

/* Fewer connections for its weight? */
static bool is_less_loaded(const struct candidate *a, const struct candidate *b)
{
    return ((uint64_t)a->active + 1) * (uint64_t)weight_of(b) <
           ((uint64_t)b->active + 1) * (uint64_t)weight_of(a);
}

/* Ties go to whoever comes first from a random start. */
static size_t least_loaded(const struct candidate *candidates, size_t count,
                           uint64_t random)
{
    size_t chosen = BALANCE_NONE, i = (size_t)(random % count);

    for (size_t n = 0; n < count; n++, i = i + 1 == count ? 0 : i + 1)
        if (candidates[i].counts &&
            (chosen == BALANCE_NONE ||
             is_less_loaded(&candidates[i], &candidates[chosen])))
            chosen = i;
    return chosen;
}

/* One of the tier, with chances by weight. */
static size_t pick(const struct candidate *candidates, size_t count,
                   uint64_t random)
{
    uint64_t total = (uint64_t)total_weight(candidates, count);

    random = total ? random % total : 0;
    for (size_t i = 0; i < count; i++) {
        if (!candidates[i].counts)
            continue;
        if (random < (uint64_t)weight_of(&candidates[i]))
            return i;
        random -= (uint64_t)weight_of(&candidates[i]);
    }
    return BALANCE_NONE;
}

/* What one more connection would wait: its latency times its queue. */
static uint64_t cost(const struct candidate *candidate)
{
    uint64_t latency = candidate->latency_us ? candidate->latency_us : 1;
    uint64_t queue = candidate->active > candidate->told_load
                         ? candidate->active
                         : candidate->told_load;

    return latency * (queue + 1);
}

/* The better of two picked at random: nearly the best, without a herd. */
static size_t two_choices(const struct candidate *candidates, size_t count,
                          uint64_t random)
{
    size_t first = pick(candidates, count, mix(random));
    size_t second = first;

    if (first == BALANCE_NONE)
        return first;
    for (uint64_t n = 1; n < 8 && second == first; n++)
        second = pick(candidates, count, mix(random + n));
    return cost(&candidates[second]) < cost(&candidates[first]) ? second
                                                                : first;
}

/* -log2(|number| / 2^64), in 2^24ths; |number| is not 0. */
static uint64_t negative_log2(uint64_t number)
{
    enum { FRACTION_BITS = 24 };
    uint64_t exponent = 63 - (uint64_t)__builtin_clzll(number);
    uint64_t mantissa = (number << (63 - exponent)) >> 32; /* 2^31 is 1 */
    uint64_t log2 = exponent;

    for (int bit = 0; bit < FRACTION_BITS; bit++) {
        mantissa *= mantissa;
        log2 = log2 << 1 | mantissa >> 63;
        mantissa >>= mantissa >> 63 ? 32 : 31;
    }
    return (UINT64_C(64) << FRACTION_BITS) - log2;
}

/*
 * Rendezvous hashing: each endpoint draws a number for the client and the
 * highest wins, so an endpoint that leaves moves only its own clients.  For
 * weight w the number's w-th root counts, which is as the best of w draws
 * would be; or rather its logarithm, a w-th of which is to be small.
 */
static size_t by_hash(const struct candidate *candidates, size_t count,
                      uint64_t client)
{
    size_t chosen = BALANCE_NONE;
    uint64_t best = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t drawn;

        if (!candidates[i].counts)
            continue;
        drawn = negative_log2(mix(client ^ mix(candidates[i].key)) | 1);
        if (chosen == BALANCE_NONE ||
            drawn * (uint64_t)weight_of(&candidates[chosen]) <
                best * (uint64_t)weight_of(&candidates[i])) {
            chosen = i;
            best = drawn;
        }
    }
    return chosen;
}

size_t balance_choose(const struct balance_rule *rule,
                      struct candidate *candidates, size_t count,
                      uint64_t client, uint64_t random)
{
    struct tier tier = tiers_that_count(rule, candidates, count);

    mark(&tier, candidates, count);
    if (tier.count == 0)
        return BALANCE_NONE;
    switch (rule->balance) {
    case BALANCE_ROUND_ROBIN:
        return round_robin(candidates, count);
    case BALANCE_LEAST_LOADED:
        return least_loaded(candidates, count, random);
    case BALANCE_TWO_CHOICES:
        return two_choices(candidates, count, random);
    case BALANCE_HASH:
        return by_hash(candidates, count, client);
    }
    return BALANCE_NONE;
}

const char *balance_why_not(const struct balance_rule *rule,
                            const struct candidate *chosen,
                            const struct candidate *other)
{
    if (!other->counts && !other->is_in_turn)
        return rule->min_healthy > 0
                   ? "of a later priority: only while too few before it can "
                     "be used"
                   : "of a later priority: only while none before it can be "
                     "used";
    if (!other->counts)
        return "weight 0: only while no other can be used";
    switch (rule->balance) {
    case BALANCE_ROUND_ROBIN:
        return "its turn comes later";
    case BALANCE_LEAST_LOADED:
        return is_less_loaded(chosen, other)
                   ? "more connections for its weight"
                   : "as few connections for its weight: chance decided";
    case BALANCE_TWO_CHOICES:
        return cost(chosen) < cost(other)
                   ? "slower, by its latency and connections"
                   : "not better than the chosen one, or not drawn by chance";
    case BALANCE_HASH:
        return "the client's address belongs to another";
    }
    return "";
}
