/* SPDX-License-Identifier: MIT */
/*
 * The document behind `status --json`.  A NULL value makes whatever it is put
 * into NULL, so that memory is asked about once, at the end.
 */
#include "admin/status.h"

#include "admin/json_value.h"
#include "admin/service_sum.h"
#include "admin/set_value.h"
#include "base/clock.h"
#include <stdlib.h>
#include <string.h>

/* Services of our own making. */
static const char internal_name[] = "*";

/* Whole days until |expires|, rounded down: 0 is the last one. */
static json_t *days_value(int64_t expires)
{
    int64_t left = expires - clock_wall_seconds();

    if (expires == 0)
        return json_null(); /* not known */
    return json_integer(left >= 0 ? left / 86400 : -((-left + 86399) / 86400));
}

/* ---- services ---- */

static json_t *place_value(const struct place_sum *place)
{
    return OBJECT({ "address", address_value(place->address) },
                  { "name", text_value(place->name) },
                  { "state",
                    text_value(place->state ? place->state : "unknown") },
                  { "source", text_value(place->source) },
                  { "streams", number_value(place->active) },
                  { "connections", number_value(place->connections) },
                  { "failures", number_value(place->failures) },
                  { "failure", text_value(place->failure) },
                  { "latency_us", number_value(place->latency_us) });
}

static json_t *places_value(const struct service_sum *sum)
{
    json_t *array = json_array();

    for (size_t i = 0; i < sum->place_count; i++)
        array = append(array, place_value(&sum->places[i]));
    return array;
}

static json_t *source_value(const struct service_status *service, size_t index,
                            uint64_t now_us)
{
    const struct source_report *source = &service->sources[index];
    const char *text = service->source_texts[index];
    bool is_idle = service->are_idle && service->are_idle[index];
    size_t count = source->endpoints ? source->endpoints->count : 0;

    return OBJECT({ "source", text_value(text) },
                  { "endpoints", number_value(count) },
                  { "age_s", age_value(source, now_us) },
                  { "counts", json_boolean(!is_idle) },
                  { "stale", json_boolean(source->is_stale) },
                  { "remembered", json_boolean(source->is_remembered) },
                  { "failure", text_value(source->failure) });
}

static json_t *sources_value(const struct service_status *service,
                             uint64_t now_us)
{
    json_t *array = json_array();

    for (size_t i = 0; i < service->source_count; i++)
        array = append(array, source_value(service, i, now_us));
    return array;
}

static json_t *announcement_value(const struct announcement_status *status)
{
    const struct announcement_report *report = &status->report;
    const char *state = report->is_announced ? "announced"
                        : *report->failure   ? "failed"
                                             : "pending";

    return OBJECT({ "text", text_value(status->text) },
                  { "state", text_value(state) },
                  { "as", text_value(report->as) },
                  { "failure", text_value(report->failure) });
}

static json_t *announcements_value(const struct service_status *service)
{
    json_t *array = json_array();

    for (size_t i = 0; i < service->announcement_count; i++)
        array = append(array, announcement_value(&service->announcements[i]));
    return array;
}

static json_t *service_value(const struct status_document *document,
                             const struct service_status *service)
{
    struct service_sum sum;
    const struct service_report *total = &sum.total;
    json_t *value;

    if (!service_sum_init(&sum, document, service))
        return NULL;
    value =
        OBJECT({ "name", text_value(service->name) },
               { "role", text_value(service_role_text(service->role)) },
               { "state", text_value(service_sum_is_up(&sum) ? "up" : "down") },
               { "listen", texts_value(service->listen) },
               { "streams", number_value(total->active) },
               { "waiting", number_value(total->waiting) },
               { "left_behind", number_value(total->left_behind) },
               { "connections", number_value(total->connections) },
               { "failed", number_value(total->failed) },
               { "denied", number_value(total->denied) },
               { "ended_in_order", number_value(total->ended_in_order) },
               { "ended_by_reset", number_value(total->ended_by_reset) },
               { "lost", number_value(total->lost) },
               { "up_bytes", number_value(total->up_bytes) },
               { "down_bytes", number_value(total->down_bytes) },
               { "endpoints", places_value(&sum) },
               { "set", set_value(service->set) },
               { "sources", sources_value(service, document->now_us) },
               { "announcements", announcements_value(service) });
    service_sum_clear(&sum);
    return value;
}

static json_t *services_value(const struct status_document *document)
{
    json_t *array = json_array();

    for (size_t i = 0; i < document->service_count; i++)
        if (strcmp(document->services[i].name, internal_name) != 0)
            array =
                append(array, service_value(document, &document->services[i]));
    return array;
}

/* tunnels.dial, which is a service inside only; null: nothing is dialled. */
static json_t *dial_value(const struct status_document *document)
{
    for (size_t i = 0; i < document->service_count; i++) {
        const struct service_status *service = &document->services[i];
        struct service_sum sum;
        json_t *value;

        if (strcmp(service->name, internal_name) != 0)
            continue;
        if (!service_sum_init(&sum, document, service))
            return NULL;
        value = OBJECT({ "name", text_value("tunnels.dial") },
                       { "endpoints", places_value(&sum) },
                       { "sources", sources_value(service, document->now_us) });
        service_sum_clear(&sum);
        return value;
    }
    return json_null();
}

/* ---- the rest ---- */

/* What the peer says that it offers us; null if it has not said. */
static json_t *offers_value(const struct offers *offers)
{
    struct bytes_reader reader;
    struct offer offer;
    json_t *array;

    if (!offers)
        return json_null();
    array = json_array();
    reader = bytes_reader(offers->bytes, offers->length);
    while (offers_next(&reader, &offer))
        array =
            append(array, OBJECT({ "name", text_value(offer.name) },
                                 { "usable", json_boolean(offer.is_usable) },
                                 { "load", number_value(offer.load) }));
    return array;
}

static json_t *tunnel_value(const struct tunnel_summary *tunnel)
{
    const char *state = tunnel->is_draining ? "draining"
                        : tunnel->is_ready  ? "up"
                                            : "opening";

    return OBJECT({ "peer", text_value(tunnel->peer) },
                  { "node", text_value(tunnel->node) },
                  { "version", text_value(tunnel->version) },
                  { "address", address_value(&tunnel->address) },
                  { "direction",
                    text_value(tunnel->is_dialler ? "dialled" : "accepted") },
                  { "state", text_value(state) },
                  { "aead", text_value(tunnel->aead ? tunnel->aead : "") },
                  { "rtt_us", number_value(tunnel->rtt_us) },
                  { "streams", number_value(tunnel->streams) },
                  { "resumed", number_value(0) },
                  { "worker", number_value(tunnel->worker) },
                  { "number", number_value(tunnel->number) },
                  { "age_s", number_value(tunnel->age_us / CLOCK_SECOND) },
                  { "sent_bytes", number_value(tunnel->sent_bytes) },
                  { "received_bytes", number_value(tunnel->received_bytes) },
                  { "days_left", days_value(tunnel->expires) },
                  { "offers", offers_value(tunnel->offers) },
                  { "offers_partial",
                    json_boolean(tunnel->offers &&
                                 tunnel->offers->is_partial) });
}

static json_t *tunnels_value(const struct status_document *document)
{
    json_t *array = json_array();

    for (size_t i = 0; i < document->board_count; i++)
        for (size_t j = 0; j < document->boards[i]->tunnel_count; j++)
            array =
                append(array, tunnel_value(&document->boards[i]->tunnels[j]));
    return array;
}

static json_t *certificates_value(const struct status_document *document)
{
    json_t *array = json_array();

    for (size_t i = 0; i < document->certificate_count; i++) {
        const struct certificate_status *certificate =
            &document->certificates[i];

        array =
            append(array,
                   OBJECT({ "what", text_value(certificate->what) },
                          { "identity", text_value(certificate->identity) },
                          { "expires", json_integer(certificate->expires) },
                          { "days_left", days_value(certificate->expires) }));
    }
    return array;
}

static json_t *workers_value(const struct status_document *document)
{
    json_t *array = json_array();

    for (size_t i = 0; i < document->board_count; i++) {
        const struct board_report *board = document->boards[i];

        array =
            append(array,
                   OBJECT({ "worker", number_value(board->worker) },
                          { "tunnels", number_value(board->tunnel_count) },
                          { "memory_bytes", number_value(board->memory_bytes) },
                          { "max_memory_bytes",
                            number_value(board->max_memory_bytes) }));
    }
    return array;
}

char *status_to_json(const struct status_document *document)
{
    const char *state = document->is_draining ? "draining"
                        : document->is_ready  ? "ready"
                                              : "starting";
    json_t *root =
        OBJECT({ "node", text_value(document->node) },
               { "version", text_value(document->version) },
               { "uptime_s", number_value(document->uptime_us / CLOCK_SECOND) },
               { "state", text_value(state) },
               { "tunnel_listen", texts_value(document->tunnel_listen) },
               { "tunnel_dial", dial_value(document) },
               { "services", services_value(document) },
               { "tunnels", tunnels_value(document) },
               { "certificates", certificates_value(document) },
               { "workers", workers_value(document) });
    char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;

    json_decref(root);
    return text;
}
