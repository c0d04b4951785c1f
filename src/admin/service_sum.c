/* SPDX-License-Identifier: MIT */
#include "admin/service_sum.h"
#include <stdlib.h>
#include <string.h>

/* From good to bad; a word that is not there is the worst. */
static size_t badness(const char *state)
{
    static const char *const states[] = { "up",      "dialling", "opening",
                                          "resting", "down",     "unfit" };
    size_t i = 0;

    while (i < ARRAY_LENGTH(states) && strcmp(states[i], state) != 0)
        i++;
    return i;
}

/*
 * What nobody has tried yet is called up.  That is no news beside a worker who
 * has; but a tunnel that is up is, without any connection.
 */
static bool is_hearsay(const struct place_report *place, enum service_role role)
{
    return badness(place->state) == 0 && role != SERVICE_CONSUME &&
           place->connections == 0;
}

/* One worker that is up is enough; otherwise the worst is told. */
static void take_state(struct place_sum *sum, const struct place_report *place,
                       enum service_role role)
{
    bool is_known = sum->state && !sum->is_hearsay;
    bool is_up = badness(place->state) == 0;

    if (is_known && badness(sum->state) == 0)
        return;
    if (is_known && !is_up && badness(place->state) <= badness(sum->state))
        return;
    if (sum->state && is_hearsay(place, role))
        return;
    sum->state = place->state;
    sum->failure = is_up ? "" : place->failure;
    sum->is_hearsay = is_hearsay(place, role);
}

/*
 * The sum for |address|, made if it is new.  Workers tell their places in much
 * the same order, so the search begins at |hint|.
 */
static struct place_sum *get_place(struct service_sum *sum,
                                   const struct address *address,
                                   bool is_inbound, size_t hint)
{
    struct place_sum *place;

    for (size_t i = 0; i < sum->place_count; i++) {
        place = &sum->places[(hint + i) % sum->place_count];
        if (place->is_inbound == is_inbound &&
            address_equal(place->address, address))
            return place;
    }
    ASSERT(sum->place_count < sum->room);
    place = &sum->places[sum->place_count++];
    *place = (struct place_sum){ .address = address,
                                 .name = "",
                                 .source = is_inbound ? "inbound:" : "",
                                 .failure = "",
                                 .is_inbound = is_inbound };
    return place;
}

static void add_source(struct service_sum *sum, const struct endpoints *found,
                       const char *source)
{
    for (size_t i = 0; found && i < found->count; i++) {
        struct place_sum *place =
            get_place(sum, &found->items[i].address, false, i);

        if (*place->source == '\0') {
            place->source = source;
            place->name = found->items[i].name;
        }
    }
}

static void add_report(struct service_sum *sum,
                       const struct service_report *report)
{
    struct service_report *total = &sum->total;

    total->is_usable |= report->is_usable;
    total->active += report->active;
    total->waiting += report->waiting;
    total->left_behind += report->left_behind;
    total->connections += report->connections;
    total->failed += report->failed;
    total->denied += report->denied;
    total->ended_in_order += report->ended_in_order;
    total->ended_by_reset += report->ended_by_reset;
    total->lost += report->lost;
    total->up_bytes += report->up_bytes;
    total->down_bytes += report->down_bytes;
    for (size_t i = 0; i < report->place_count; i++) {
        const struct place_report *told = &report->places[i];
        struct place_sum *place =
            get_place(sum, &told->address, told->is_inbound, i);

        take_state(place, told, report->role);
        if (*place->name == '\0')
            place->name = told->name;
        place->active += told->active;
        place->connections += told->connections;
        place->failures += told->failures;
        if (told->latency_us > place->latency_us)
            place->latency_us = told->latency_us;
    }
}

/* What |board| says of |service|, or NULL. */
static const struct service_report *
find_report(const struct board_report *board,
            const struct service_status *service)
{
    for (size_t i = 0; i < board->service_count; i++)
        if (board->services[i].role == service->role &&
            strcmp(board->services[i].name, service->name) == 0)
            return &board->services[i];
    return NULL;
}

static size_t room_for(const struct status_document *document,
                       const struct service_status *service)
{
    size_t room = 1;

    for (size_t i = 0; i < service->source_count; i++)
        if (service->sources[i].endpoints)
            room += service->sources[i].endpoints->count;
    for (size_t i = 0; i < document->board_count; i++) {
        const struct service_report *report =
            find_report(document->boards[i], service);

        room += report ? report->place_count : 0;
    }
    return room;
}

bool service_sum_init(struct service_sum *sum,
                      const struct status_document *document,
                      const struct service_status *service)
{
    *sum = (struct service_sum){ .room = room_for(document, service) };
    sum->places = calloc(sum->room, sizeof(*sum->places));
    if (!sum->places)
        return false;
    for (size_t i = 0; i < service->source_count; i++)
        if (!service->are_idle || !service->are_idle[i])
            add_source(sum, service->sources[i].endpoints,
                       service->source_texts[i]);
    for (size_t i = 0; i < document->board_count; i++) {
        const struct service_report *report =
            find_report(document->boards[i], service);

        if (report)
            add_report(sum, report);
    }
    return true;
}

void service_sum_clear(struct service_sum *sum)
{
    free(sum->places);
}

bool service_sum_is_up(const struct service_sum *sum)
{
    for (size_t i = 0; sum->total.is_usable && i < sum->place_count; i++)
        if (sum->places[i].state && badness(sum->places[i].state) == 0)
            return true;
    return false;
}
