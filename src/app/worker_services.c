/* SPDX-License-Identifier: MIT */
/* Letters to a worker about its services, and where they are. */
#include "app/worker_internal.h"
#include "base/log.h"
#include <stdlib.h>
#include <string.h>

struct apply_letter {
    struct letter letter;
    struct service_options *options;
    size_t count;
};

static void drop_apply(struct letter *letter)
{
    struct apply_letter *apply =
        CONTAINER_OF(letter, struct apply_letter, letter);

    for (size_t i = 0; i < apply->count; i++)
        service_options_clear(&apply->options[i]);
    free(apply->options);
}

static void carry_out_apply(struct letter *letter)
{
    struct apply_letter *apply =
        CONTAINER_OF(letter, struct apply_letter, letter);

    if (switchboard_apply(&letter->worker->board, apply->options,
                          apply->count) != STATUS_OK)
        LOG(LOG_ERROR, "services_incomplete",
            log_number("worker", letter->worker->number),
            log_text("reason", "out of memory"));
    drop_apply(letter);
}

enum status worker_apply(struct worker *worker,
                         const struct service_options *options, size_t count)
{
    struct apply_letter *apply = calloc(1, sizeof(*apply));

    if (!apply)
        return STATUS_NO_MEMORY;
    apply->options = calloc(count + 1, sizeof(*apply->options));
    for (; apply->options && apply->count < count; apply->count++)
        if (!service_options_copy(&apply->options[apply->count],
                                  &options[apply->count]))
            break;
    if (apply->count < count || !apply->options) {
        drop_apply(&apply->letter);
        free(apply);
        return STATUS_NO_MEMORY;
    }
    apply->letter.carry_out = carry_out_apply;
    apply->letter.drop = drop_apply;
    letter_post(worker->loop, worker, &apply->letter);
    return STATUS_OK;
}

struct place_letter {
    struct letter letter;
    enum service_role role;
    char name[TEXT_MAX_NAME + 1];
    struct endpoints *endpoints;
};

static void drop_place(struct letter *letter)
{
    free(CONTAINER_OF(letter, struct place_letter, letter)->endpoints);
}

static void carry_out_place(struct letter *letter)
{
    struct place_letter *place =
        CONTAINER_OF(letter, struct place_letter, letter);

    if (switchboard_place(&letter->worker->board, place->role, place->name,
                          place->endpoints) != STATUS_OK)
        LOG(LOG_ERROR, "endpoints_incomplete", log_text("service", place->name),
            log_text("reason", "out of memory"));
    drop_place(letter);
}

enum status worker_place(struct worker *worker, enum service_role role,
                         const char *name, const struct endpoints *endpoints)
{
    struct place_letter *place = calloc(1, sizeof(*place));

    if (!place)
        return STATUS_NO_MEMORY;
    place->endpoints = endpoints_new(endpoints->items, endpoints->count);
    if (!place->endpoints ||
        !text_copy(place->name, sizeof(place->name), name)) {
        free(place->endpoints);
        free(place);
        return STATUS_NO_MEMORY;
    }
    place->endpoints->is_set = endpoints->is_set;
    place->role = role;
    place->letter.carry_out = carry_out_place;
    place->letter.drop = drop_place;
    letter_post(worker->loop, worker, &place->letter);
    return STATUS_OK;
}

struct judge_letter {
    struct letter letter;
    enum service_role role;
    char name[TEXT_MAX_NAME + 1];
    size_t count;
    struct verdict verdicts[];
};

static void carry_out_judge(struct letter *letter)
{
    const struct judge_letter *judge =
        CONTAINER_OF(letter, struct judge_letter, letter);

    switchboard_judge(&letter->worker->board, judge->role, judge->name,
                      judge->verdicts, judge->count);
}

enum status worker_judge(struct worker *worker, enum service_role role,
                         const char *name, const struct verdict *verdicts,
                         size_t count)
{
    size_t bytes = count * sizeof(*verdicts);
    struct judge_letter *judge = calloc(1, sizeof(*judge) + bytes);

    if (!judge)
        return STATUS_NO_MEMORY;
    text_format(judge->name, sizeof(judge->name), "%s", name);
    judge->role = role;
    judge->count = count;
    memcpy(judge->verdicts, verdicts, bytes);
    judge->letter.carry_out = carry_out_judge;
    letter_post(worker->loop, worker, &judge->letter);
    return STATUS_OK;
}
