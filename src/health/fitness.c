/* SPDX-License-Identifier: MIT */
#include "health/fitness.h"
#include "base/text.h"
#include <string.h>

void fitness_init(struct fitness *fitness)
{
    *fitness = (struct fitness){ .unfit = FITNESS_NOT_CHECKED };
}

static void count(struct fitness *fitness, bool is_good)
{
    fitness->good = is_good ? fitness->good + 1 : 0;
    fitness->bad = is_good ? 0 : fitness->bad + 1;
}

static bool is_fit_now(const struct fitness *fitness,
                       const struct health_rules *rules,
                       enum check_verdict verdict)
{
    if (verdict == CHECK_WRONG_ROLE)
        return false;
    if (!fitness->is_checked)
        return verdict == CHECK_FIT;
    return fitness->is_fit ? fitness->bad < rules->fall
                           : fitness->good >= rules->rise;
}

bool fitness_add(struct fitness *fitness, const struct health_rules *rules,
                 enum check_verdict verdict, const char *reason)
{
    bool was_demoted = fitness->is_demoted;
    char before[FITNESS_TEXT];

    if (verdict == CHECK_UNKNOWN)
        return false;
    memcpy(before, fitness->unfit, sizeof(before));
    count(fitness, verdict == CHECK_FIT);
    fitness->is_fit = is_fit_now(fitness, rules, verdict);
    fitness->is_checked = true;
    if (verdict == CHECK_WRONG_ROLE || fitness->is_fit)
        fitness->is_demoted = verdict == CHECK_WRONG_ROLE;
    if (fitness->is_fit)
        fitness->unfit[0] = '\0';
    else if (verdict != CHECK_FIT) /* on its way up the old reason stays */
        text_format(fitness->unfit, sizeof(fitness->unfit), "%s", reason);
    return was_demoted != fitness->is_demoted ||
           strcmp(before, fitness->unfit) != 0;
}
