/* SPDX-License-Identifier: MIT */
/* The document behind `explain --json`: what is common is said once. */
#include "admin/explanation.h"

#include "admin/json_value.h"
#include "admin/set_value.h"
#include "admin/spots.h"
#include "base/clock.h"
#include <string.h>

/* ---- sources ---- */

static json_t *addresses_value(const struct endpoints *endpoints)
{
    json_t *array = json_array();

    for (size_t i = 0; endpoints && i < endpoints->count; i++)
        array = append(array, address_value(&endpoints->items[i].address));
    return array;
}

static json_t *held_value(const struct source_report *report, uint64_t now_us)
{
    uint64_t left_us =
        report->held_until_us > now_us ? report->held_until_us - now_us : 0;

    if (!report->held)
        return json_null();
    return OBJECT({ "addresses", addresses_value(report->held) },
                  { "for_ms", number_value(left_us / CLOCK_MS) });
}

static json_t *failure_age_value(const struct source_report *report,
                                 uint64_t now_us)
{
    if (report->failed_us == 0)
        return json_null();
    return number_value(now_us > report->failed_us
                            ? (now_us - report->failed_us) / CLOCK_SECOND
                            : 0);
}

static const char *state_of(const struct source_report *report)
{
    if (report->is_remembered)
        return "remembered";
    if (report->is_stale)
        return "failing";
    return report->endpoints ? "answered" : "silent";
}

static json_t *source_value(const struct explained_source *source,
                            uint64_t now_us)
{
    const struct source_report *report = &source->report;

    return OBJECT({ "source", text_value(source->text) },
                  { "fallback", json_boolean(source->is_fallback) },
                  { "counts", json_boolean(!source->is_idle) },
                  { "state", text_value(state_of(report)) },
                  { "age_s", age_value(report, now_us) },
                  { "addresses", addresses_value(report->endpoints) },
                  { "failure", text_value(report->failure) },
                  { "failure_age_s", failure_age_value(report, now_us) },
                  { "held", held_value(report, now_us) });
}

/*
 * What "inbound:" says: the peers that have dialled us.  Where something else
 * is set they are no places, and so not told.
 */
static json_t *inbound_value(const struct explained_service *service,
                             const struct spots *spots)
{
    json_t *addresses = json_array();

    for (size_t i = 0; i < spots->count; i++)
        if (spots->items[i].first->is_inbound)
            addresses = append(addresses,
                               address_value(&spots->items[i].first->address));
    return OBJECT({ "source", text_value("inbound:") },
                  { "fallback", json_false() },
                  { "counts", json_boolean(!service->is_inbound_idle) },
                  { "state", text_value("answered") },
                  { "age_s", number_value(0) }, { "addresses", addresses },
                  { "failure", text_value("") },
                  { "failure_age_s", json_null() }, { "held", json_null() });
}

static json_t *sources_value(const struct explained_service *service,
                             const struct spots *spots, uint64_t now_us)
{
    json_t *array = json_array();

    if (service_options_take_inbound(service->options))
        array = append(array, inbound_value(service, spots));
    for (size_t i = 0; i < service->source_count; i++)
        array = append(array, source_value(&service->sources[i], now_us));
    return array;
}

/* ---- endpoints ---- */

static bool is_same_view(const struct place_survey *a,
                         const struct place_survey *b)
{
    return strcmp(a->verdict, b->verdict) == 0 &&
           strcmp(a->reason, b->reason) == 0 &&
           strcmp(a->failure, b->failure) == 0 &&
           strcmp(a->tunnel, b->tunnel) == 0 && strcmp(a->peer, b->peer) == 0;
}

/* True, false, or null where nobody is. */
static json_t *accepted_value(const struct place_survey *place)
{
    return *place->peer ? json_boolean(place->peer_is_accepted) : json_null();
}

/*
 * The view that |board| has of |spot|, with all who share it; their numbers
 * are added up, or the largest counts.
 */
static json_t *view_value(const struct explanation *explanation,
                          const struct spot *spot, size_t board)
{
    const struct place_survey *first = spot->told[board];
    struct place_survey sum = { .failures = 0 };
    json_t *workers = json_array();

    for (size_t i = board; i < explanation->board_count; i++) {
        const struct place_survey *told = spot->told[i];

        if (!told || !is_same_view(first, told))
            continue;
        workers = append(workers, number_value(explanation->boards[i]->worker));
        sum.active += told->active;
        if (told->failures > sum.failures)
            sum.failures = told->failures;
        if (told->rest_us > sum.rest_us)
            sum.rest_us = told->rest_us;
        if (told->latency_us > sum.latency_us)
            sum.latency_us = told->latency_us;
    }
    return OBJECT({ "workers", workers },
                  { "verdict", text_value(first->verdict) },
                  { "reason", text_value(first->reason) },
                  { "failure", text_value(first->failure) },
                  { "failures", number_value(sum.failures) },
                  { "rest_ms", number_value(sum.rest_us / CLOCK_MS) },
                  { "tunnel", text_value(first->tunnel) },
                  { "peer", text_value(first->peer) },
                  { "peer_accepted", accepted_value(first) },
                  { "streams", number_value(sum.active) },
                  { "latency_us", number_value(sum.latency_us) });
}

/* Whether a board before |board| has the same view, and so has told it. */
static bool is_told(const struct spot *spot, size_t board)
{
    for (size_t i = 0; i < board; i++)
        if (spot->told[i] && is_same_view(spot->told[i], spot->told[board]))
            return true;
    return false;
}

static json_t *views_value(const struct explanation *explanation,
                           const struct spot *spot)
{
    json_t *array = json_array();

    for (size_t i = 0; i < explanation->board_count; i++)
        if (spot->told[i] && !is_told(spot, i))
            array = append(array, view_value(explanation, spot, i));
    return array;
}

/* The texts of those who name the endpoint, and count. */
static json_t *namers_value(const struct explained_service *service,
                            const struct place_survey *place)
{
    json_t *array = json_array();

    if (place->is_inbound)
        return append(array, text_value("inbound:"));
    for (size_t i = 0; i < service->source_count; i++)
        if (!service->sources[i].is_idle &&
            endpoints_have(service->sources[i].report.endpoints,
                           &place->address))
            array = append(array, text_value(service->sources[i].text));
    return array;
}

static json_t *spot_value(const struct explanation *explanation,
                          const struct explained_service *service,
                          const struct spot *spot)
{
    const struct place_survey *place = spot->first;

    return OBJECT({ "address", address_value(&place->address) },
                  { "name", text_value(place->name) },
                  { "sources", namers_value(service, place) },
                  { "fallback", json_boolean(place->tier > 0) },
                  { "priority", number_value(place->priority) },
                  { "weight", number_value(place->weight) },
                  { "views", views_value(explanation, spot) });
}

static json_t *spots_value(const struct explanation *explanation,
                           const struct explained_service *service,
                           const struct spots *spots)
{
    json_t *array = json_array();

    for (size_t i = 0; i < spots->count; i++)
        array =
            append(array, spot_value(explanation, service, &spots->items[i]));
    return array;
}

/* ---- the next connection ---- */

static bool is_same_choice(const struct service_survey *a,
                           const struct service_survey *b)
{
    return strcmp(a->outcome, b->outcome) == 0 &&
           strcmp(a->reason, b->reason) == 0 &&
           address_equal(&a->address, &b->address);
}

static json_t *choice_value(const struct explanation *explanation,
                            const struct spots *spots, size_t board)
{
    const struct service_survey *first = spots->surveys[board];
    bool goes = strcmp(first->outcome, "goes") == 0;
    json_t *workers = json_array();

    for (size_t i = board; i < spots->board_count; i++)
        if (spots->surveys[i] && is_same_choice(first, spots->surveys[i]))
            workers =
                append(workers, number_value(explanation->boards[i]->worker));
    return OBJECT({ "workers", workers },
                  { "outcome", text_value(first->outcome) },
                  { "address",
                    goes ? address_value(&first->address) : json_null() },
                  { "reason", text_value(first->reason) });
}

static bool is_chosen_before(const struct spots *spots, size_t board)
{
    for (size_t i = 0; i < board; i++)
        if (spots->surveys[i] &&
            is_same_choice(spots->surveys[i], spots->surveys[board]))
            return true;
    return false;
}

static json_t *choices_value(const struct explanation *explanation,
                             const struct spots *spots)
{
    json_t *array = json_array();

    for (size_t i = 0; i < spots->board_count; i++)
        if (spots->surveys[i] && !is_chosen_before(spots, i))
            array = append(array, choice_value(explanation, spots, i));
    return array;
}

/* ---- the whole ---- */

static json_t *patterns_value(const struct text_list *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++)
        array = append(array, text_value(list->items[i]));
    return array;
}

static json_t *service_value(const struct explanation *explanation,
                             const struct explained_service *service)
{
    const struct service_options *options = service->options;
    bool is_offer = options->role == SERVICE_OFFER;
    struct spots spots;
    json_t *value;

    if (!spots_init(&spots, explanation, options->role))
        return NULL;
    value = OBJECT(
        { "role", text_value(service_role_text(options->role)) },
        { "balance", text_value(service_balance_text(options->balance)) },
        { "listen", texts_value(service->listen) },
        { "hold_ms", number_value(options->hold_us / CLOCK_MS) },
        { "peers",
          patterns_value(is_offer ? &options->allow : &options->peers) },
        { "set", set_value(service->set) },
        { "sources", sources_value(service, &spots, explanation->now_us) },
        { "endpoints", spots_value(explanation, service, &spots) },
        { "endpoints_left_out", number_value(spots.left_out) },
        { "next_worker",
          is_offer ? json_null() : number_value(service->next_worker) },
        { "next", choices_value(explanation, &spots) });
    spots_clear(&spots);
    return value;
}

char *explanation_to_json(const struct explanation *explanation)
{
    json_t *roles = json_array();
    json_t *root;
    char *text;

    for (size_t i = 0; i < explanation->service_count; i++)
        roles = append(roles,
                       service_value(explanation, &explanation->services[i]));
    root = OBJECT({ "service", text_value(explanation->name) },
                  { "roles", roles });
    text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    return text;
}
