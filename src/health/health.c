/* SPDX-License-Identifier: MIT */
#include "health/health.h"
#include "base/index.h"
#include "base/list.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "health/check.h"
#include <stdlib.h>

struct health {
    struct loop *loop; /* borrowed */
    char service[TEXT_MAX_NAME + 1];
    struct health_rules rules;
    bool proxy_protocol;
    struct list patients;
    struct index by_address; /* the patients */
    struct list due;         /* patients that wait for their turn */
    struct loop_task ask_due;
    unsigned checks; /* under way */
    struct random random;
    void (*judged)(void *context, const struct verdict *verdict);
    void *context;
};

/* An endpoint that is watched: asked now, due, or waiting for its timer. */
struct patient {
    struct list node; /* in health.patients */
    struct list due;  /* in health.due */
    struct health *health;
    struct address address;
    struct fitness fitness;
    struct check *check;
    struct loop_timer timer;
    uint64_t asked_us; /* the last time */
    bool is_wanted;    /* among the endpoints that are being placed */
};

/* ---- asking ---- */

static void become_due(struct patient *patient)
{
    struct health *health = patient->health;

    list_append(&health->due, &patient->due);
    loop_schedule(health->loop, &health->ask_due);
}

static void timer_expired(struct loop_timer *timer)
{
    become_due(CONTAINER_OF(timer, struct patient, timer));
}

/* Spread, so that many ambassadors do not ask one endpoint in step. */
static void plan(struct patient *patient)
{
    struct health *health = patient->health;
    uint64_t every_us = health->rules.every_us;
    uint64_t next_us = patient->asked_us + every_us - every_us / 10 +
                       random_below(&health->random, every_us / 5 + 1);
    uint64_t now_us = loop_now_us(health->loop);

    loop_timer_start(&patient->timer, next_us > now_us ? next_us - now_us : 0);
}

static void note_change(const struct patient *patient)
{
    char endpoint[ADDRESS_TEXT];

    (void)address_format(&patient->address, endpoint);
    if (patient->fitness.is_fit)
        LOG_LIMITED(10, LOG_INFO, "endpoint_fit",
                    log_text("service", patient->health->service),
                    log_text("endpoint", endpoint));
    else
        LOG_LIMITED(10, LOG_WARNING, "endpoint_unfit",
                    log_text("service", patient->health->service),
                    log_text("endpoint", endpoint),
                    log_text("reason", patient->fitness.unfit));
}

static struct verdict verdict_on(const struct patient *patient)
{
    struct verdict verdict = { .address = patient->address,
                               .is_demoted = patient->fitness.is_demoted };

    text_format(verdict.unfit, sizeof(verdict.unfit), "%s",
                patient->fitness.unfit);
    return verdict;
}

static void answered(void *context, enum check_verdict result,
                     const char *reason)
{
    struct patient *patient = context;
    struct health *health = patient->health;
    bool was_checked = patient->fitness.is_checked;
    bool was_fit = patient->fitness.is_fit;
    struct verdict verdict;

    patient->check = NULL;
    health->checks--;
    loop_schedule(health->loop, &health->ask_due);
    plan(patient);
    if (!fitness_add(&patient->fitness, &health->rules, result, reason))
        return;
    if (!was_checked || was_fit != patient->fitness.is_fit)
        note_change(patient);
    verdict = verdict_on(patient);
    health->judged(health->context, &verdict);
}

static void ask(struct patient *patient)
{
    struct health *health = patient->health;
    struct check_options options = { .rules = &health->rules,
                                     .proxy_protocol = health->proxy_protocol,
                                     .address = patient->address,
                                     .done = answered,
                                     .context = patient };

    patient->asked_us = loop_now_us(health->loop);
    patient->check = check_start(health->loop, &options);
    if (patient->check)
        health->checks++;
    else
        plan(patient);
}

static size_t most_checks(const struct health *health)
{
    size_t half = health->by_address.count / 2;

    return half > HEALTH_MAX_CHECKS ? half : HEALTH_MAX_CHECKS;
}

static void ask_due(struct loop_task *task)
{
    struct health *health = CONTAINER_OF(task, struct health, ask_due);

    while (health->checks < most_checks(health) &&
           !list_is_empty(&health->due)) {
        struct patient *patient =
            LIST_ITEM(health->due.next, struct patient, due);

        list_remove(&patient->due);
        ask(patient);
    }
}

/* ---- patients ---- */

static void stop_asking(struct patient *patient)
{
    loop_timer_stop(&patient->timer);
    list_remove(&patient->due);
    if (!patient->check)
        return;
    check_cancel(patient->check);
    patient->check = NULL;
    patient->health->checks--;
    loop_schedule(patient->health->loop, &patient->health->ask_due);
}

static bool has_address(const void *item, const void *address)
{
    return address_equal(&((const struct patient *)item)->address, address);
}

static struct patient *find(const struct health *health,
                            const struct address *address)
{
    return index_find(&health->by_address, address_hash(address), has_address,
                      address);
}

static struct patient *admit(struct health *health,
                             const struct address *address)
{
    struct patient *patient = calloc(1, sizeof(*patient));

    if (!patient ||
        !index_add(&health->by_address, address_hash(address), patient)) {
        free(patient);
        return NULL;
    }
    patient->health = health;
    patient->address = *address;
    fitness_init(&patient->fitness);
    loop_timer_init(health->loop, &patient->timer, timer_expired);
    list_append(&health->patients, &patient->node);
    list_init(&patient->due);
    become_due(patient);
    return patient;
}

static void dismiss(struct patient *patient)
{
    stop_asking(patient);
    list_remove(&patient->node);
    index_remove(&patient->health->by_address, address_hash(&patient->address),
                 patient);
    free(patient);
}

static void dismiss_unwanted(struct health *health)
{
    LIST_EACH(&health->patients, node)
    {
        struct patient *patient = LIST_ITEM(node, struct patient, node);

        if (!patient->is_wanted)
            dismiss(patient);
    }
}

enum status health_place(struct health *health,
                         const struct endpoints *endpoints)
{
    enum status status = STATUS_OK;

    LIST_EACH(&health->patients, node)
    {
        LIST_ITEM(node, struct patient, node)->is_wanted = false;
    }
    for (size_t i = 0; i < endpoints->count; i++) {
        const struct address *address = &endpoints->items[i].address;
        struct patient *patient = find(health, address);

        if (!patient)
            patient = admit(health, address);
        if (patient)
            patient->is_wanted = true;
        else
            status = STATUS_NO_MEMORY;
    }
    dismiss_unwanted(health);
    return status;
}

size_t health_verdicts(const struct health *health, struct verdict *verdicts,
                       size_t room)
{
    size_t count = 0;

    LIST_EACH(&health->patients, node)
    {
        const struct patient *patient = LIST_ITEM(node, struct patient, node);

        if (patient->fitness.is_checked && count < room)
            verdicts[count++] = verdict_on(patient);
    }
    return count;
}

/* ---- beginning and end ---- */

enum status health_open(const struct health_options *options,
                        struct health **opened)
{
    struct health *health = calloc(1, sizeof(*health));

    if (!health)
        return STATUS_NO_MEMORY;
    health->loop = options->loop;
    text_format(health->service, sizeof(health->service), "%s",
                options->service);
    health->rules = *options->rules;
    health->proxy_protocol = options->proxy_protocol;
    list_init(&health->patients);
    index_init(&health->by_address);
    list_init(&health->due);
    loop_task_init(&health->ask_due, ask_due);
    health->random = random_from_seed(random_seed());
    health->judged = options->judged;
    health->context = options->context;
    *opened = health;
    return STATUS_OK;
}

void health_change(struct health *health, const struct health_rules *rules,
                   bool proxy_protocol)
{
    bool is_known = health_rules_ask_alike(&health->rules, rules);

    health->rules = *rules;
    health->proxy_protocol = proxy_protocol;
    LIST_EACH(&health->patients, node)
    {
        struct patient *patient = LIST_ITEM(node, struct patient, node);

        if (is_known)
            continue;
        stop_asking(patient);
        fitness_init(&patient->fitness);
        become_due(patient);
    }
}

void health_close(struct health *health)
{
    if (!health)
        return;
    LIST_EACH(&health->patients, node)
    {
        dismiss(LIST_ITEM(node, struct patient, node));
    }
    index_clear(&health->by_address);
    loop_task_cancel(&health->ask_due);
    free(health);
}
