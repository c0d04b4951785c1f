/* SPDX-License-Identifier: MIT */
/* The document for people: first what is wrong, then who, what and where. */
#include "admin/json_value.h"
#include "admin/sheet.h"
#include "admin/status.h"
#include "base/text.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Days before its end from which a certificate is spoken of. */
enum { SOON_DAYS = 14, FULL_PERCENT = 90, MAX_ENDPOINTS_NAMED = 5 };

static bool is_document(const json_t *root)
{
    static const char *const arrays[] = { "services", "tunnels",
                                          "certificates" };

    for (size_t i = 0; i < ARRAY_LENGTH(arrays); i++)
        if (!json_is_array(json_object_get(root, arrays[i])))
            return false;
    return json_is_string(json_object_get(root, "node")) &&
           json_is_string(json_object_get(root, "version")) &&
           json_is_integer(json_object_get(root, "uptime_s"));
}

/* ---- writing ---- */

static void add(struct sheet *sheet, const char *format, ...) PRINTF_LIKE(2, 3);

static void add(struct sheet *sheet, const char *format, ...)
{
    char text[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    sheet_add(sheet, text);
}

static void add_time(struct sheet *sheet, int64_t time_us)
{
    if (time_us <= 0)
        sheet_add(sheet, "-");
    else if (time_us < 1000)
        add(sheet, "%" PRId64 "us", time_us);
    else
        add(sheet, "%.1fms", (double)time_us / 1000);
}

/* As many of the texts as fit. */
static const char *join(const json_t *array, char *text, size_t size)
{
    size_t length = 0, i;
    json_t *item;

    text[0] = '\0';
    json_array_foreach(array, i, item)
    {
        const char *word = json_string_value(item);

        if (!word || length + strlen(word) + 2 > size)
            break;
        text_format(text + length, size - length, "%s%s", length ? " " : "",
                    word);
        length = strlen(text);
    }
    return text;
}

/* ---- what is wrong ---- */

static void blame_endpoints(struct sheet *wrong, const json_t *service)
{
    const json_t *endpoints = json_object_get(service, "endpoints");
    const char *name = text_of(service, "name");
    size_t bad = 0, i;
    json_t *endpoint;

    json_array_foreach(endpoints, i, endpoint)
    {
        const char *failure = text_of(endpoint, "failure");

        if (is_text(endpoint, "state", "up") ||
            is_text(endpoint, "state", "unknown"))
            continue;
        if (bad++ < MAX_ENDPOINTS_NAMED)
            add(wrong, "%s: %s is %s%s%s", name, text_of(endpoint, "address"),
                text_of(endpoint, "state"), *failure ? ": " : "", failure);
    }
    if (bad > MAX_ENDPOINTS_NAMED)
        add(wrong, "%s: and %zu more endpoints", name,
            bad - MAX_ENDPOINTS_NAMED);
}

static void blame_sources(struct sheet *wrong, const json_t *service)
{
    const json_t *sources = json_object_get(service, "sources");
    size_t i;
    json_t *source;

    json_array_foreach(sources, i, source)
    {
        const json_t *age = json_object_get(source, "age_s");
        char text[64], since[128] = "never answered";

        if (!json_is_true(json_object_get(source, "stale")) &&
            *text_of(source, "failure") == '\0')
            continue;
        if (json_is_integer(age))
            text_format(since, sizeof(since), "answered %s ago",
                        duration(json_integer_value(age), text, sizeof(text)));
        add(wrong, "%s: %s fails: %s; it %s", text_of(service, "name"),
            text_of(source, "source"), text_of(source, "failure"), since);
    }
}

static void blame_announcements(struct sheet *wrong, const json_t *service)
{
    size_t i;
    json_t *announcement;

    json_array_foreach(json_object_get(service, "announcements"), i,
                       announcement)
    {
        if (is_text(announcement, "state", "failed"))
            add(wrong, "%s: not announced at %s: %s", text_of(service, "name"),
                text_of(announcement, "text"),
                text_of(announcement, "failure"));
    }
}

static void blame_service(struct sheet *wrong, const json_t *service)
{
    const char *name = text_of(service, "name");
    int64_t waiting = number_of(service, "waiting");

    if (json_array_size(json_object_get(service, "endpoints")) == 0)
        add(wrong, "%s: no endpoint is known", name);
    else if (is_text(service, "state", "down"))
        add(wrong, "%s: no endpoint is up", name);
    if (json_is_false(
            json_object_get(json_object_get(service, "set"), "in_force")))
        add(wrong, "%s: what was set waits for its names", name);
    if (waiting > 0)
        add(wrong, "%s: %" PRId64 " connection%s", name, waiting,
            waiting == 1 ? " waits" : "s wait");
    blame_endpoints(wrong, service);
    blame_sources(wrong, service);
    blame_announcements(wrong, service);
}

static void blame_certificate(struct sheet *wrong, const json_t *certificate)
{
    bool is_known = json_is_integer(json_object_get(certificate, "days_left"));
    int64_t days = number_of(certificate, "days_left");
    const char *identity = text_of(certificate, "identity");
    const char *what = text_of(certificate, "what");

    if (!is_known || days >= SOON_DAYS)
        return;
    if (days < 0)
        add(wrong, "certificate %s%s%s has expired", what, *identity ? " " : "",
            identity);
    else
        add(wrong, "certificate %s%s%s expires in %" PRId64 " day%s", what,
            *identity ? " " : "", identity, days, days == 1 ? "" : "s");
}

static void blame_worker(struct sheet *wrong, const json_t *worker)
{
    int64_t used = number_of(worker, "memory_bytes");
    int64_t max = number_of(worker, "max_memory_bytes");

    double percent = max > 0 ? 100.0 * (double)used / (double)max : 0;

    if (percent >= FULL_PERCENT)
        add(wrong,
            "worker %" PRId64 ": %.0f%% of the memory for streams is in use",
            number_of(worker, "worker"), percent);
}

static void blame_all(struct sheet *wrong, const json_t *root)
{
    size_t i;
    json_t *item;

    if (is_text(root, "state", "draining"))
        sheet_add(wrong, "draining: no new connection is taken");
    else if (is_text(root, "state", "starting"))
        sheet_add(wrong, "not ready yet");
    blame_endpoints(wrong, json_object_get(root, "tunnel_dial"));
    blame_sources(wrong, json_object_get(root, "tunnel_dial"));
    json_array_foreach(json_object_get(root, "services"), i, item)
        blame_service(wrong, item);
    json_array_foreach(json_object_get(root, "certificates"), i, item)
        blame_certificate(wrong, item);
    json_array_foreach(json_object_get(root, "workers"), i, item)
        blame_worker(wrong, item);
}

/* ---- tables ---- */

struct column {
    const char *title;
    const char *member;
    enum { TEXT, TEXTS, NUMBER, TIME, OWNER /* the list's own name */ } kind;
};

static const struct column service_columns[] = {
    { "SERVICE", "name", TEXT },
    { "ROLE", "role", TEXT },
    { "STATE", "state", TEXT },
    { "STREAMS", "streams", NUMBER },
    { "CONNECTIONS", "connections", NUMBER },
    { "FAILED", "failed", NUMBER },
    { "LISTEN", "listen", TEXTS },
};

static const struct column endpoint_columns[] = {
    { "SERVICE", "name", OWNER },       { "ENDPOINT", "address", TEXT },
    { "STATE", "state", TEXT },         { "STREAMS", "streams", NUMBER },
    { "FAILURES", "failures", NUMBER }, { "LATENCY", "latency_us", TIME },
    { "SOURCE", "source", TEXT },
};

static const struct column announcement_columns[] = {
    { "SERVICE", "name", OWNER },
    { "ANNOUNCED", "text", TEXT },
    { "STATE", "state", TEXT },
    { "AS", "as", TEXT },
};

static const struct column tunnel_columns[] = {
    { "PEER", "peer", TEXT },           { "ADDRESS", "address", TEXT },
    { "DIRECTION", "direction", TEXT }, { "STATE", "state", TEXT },
    { "RTT", "rtt_us", TIME },          { "STREAMS", "streams", NUMBER },
    { "AEAD", "aead", TEXT },
};

static const struct column certificate_columns[] = {
    { "CERTIFICATE", "what", TEXT },
    { "DAYS LEFT", "days_left", NUMBER },
    { "IDENTITY", "identity", TEXT },
};

static const char *const set_titles[] = { "SERVICE",   "ROLE",     "SET TO",
                                          "SINCE",     "IN FORCE", "KEPT",
                                          "INSTEAD OF" };

static void begin(struct sheet *sheet, const struct column *columns,
                  size_t count)
{
    sheet_init(sheet, count);
    for (size_t i = 0; i < count; i++)
        sheet_add(sheet, columns[i].title);
}

static void add_cell(struct sheet *sheet, const struct column *column,
                     const json_t *item, const json_t *owner)
{
    const json_t *value = json_object_get(item, column->member);
    char text[1024];

    switch (column->kind) {
    case TEXT:
        sheet_add(sheet, text_of(item, column->member));
        return;
    case TEXTS:
        sheet_add(sheet, join(value, text, sizeof(text)));
        return;
    case NUMBER:
        if (json_is_integer(value))
            add(sheet, "%" PRId64, number_of(item, column->member));
        else
            sheet_add(sheet, "-");
        return;
    case TIME:
        add_time(sheet, number_of(item, column->member));
        return;
    case OWNER:
        sheet_add(sheet, text_of(owner, column->member));
        return;
    }
}

static void add_rows(struct sheet *sheet, const struct column *columns,
                     const json_t *array, const json_t *owner)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        for (size_t j = 0; j < sheet->columns; j++)
            add_cell(sheet, &columns[j], json_array_get(array, i), owner);
}

/* The sources that do not count, as many as fit. */
static const char *join_idle(const json_t *sources, char *text, size_t size)
{
    size_t i;
    json_t *source;

    text[0] = '\0';
    json_array_foreach(sources, i, source)
    {
        size_t length = strlen(text);

        if (json_is_false(json_object_get(source, "counts")) &&
            !is_text(source, "source", "set"))
            text_format(text + length, size - length, "%s%s", length ? " " : "",
                        text_of(source, "source"));
    }
    return text;
}

static const char *yes_or_no(const json_t *value)
{
    return json_is_true(value) ? "yes" : "no";
}

/* What an operator has set, and might forget. */
static void add_set(struct sheet *sheet, const json_t *service)
{
    const json_t *set = json_object_get(service, "set");
    char text[512];

    if (!json_is_object(set))
        return;
    sheet_add(sheet, text_of(service, "name"));
    sheet_add(sheet, text_of(service, "role"));
    sheet_add(sheet,
              join(json_object_get(set, "endpoints"), text, sizeof(text)));
    add(sheet, "%s ago", duration(number_of(set, "age_s"), text, sizeof(text)));
    sheet_add(sheet, yes_or_no(json_object_get(set, "in_force")));
    sheet_add(sheet, yes_or_no(json_object_get(set, "kept")));
    sheet_add(sheet, join_idle(json_object_get(service, "sources"), text,
                               sizeof(text)));
}

static void add_sets(struct sheet *sheet, const json_t *services)
{
    size_t i;
    json_t *service;

    sheet_init(sheet, ARRAY_LENGTH(set_titles));
    for (i = 0; i < ARRAY_LENGTH(set_titles); i++)
        sheet_add(sheet, set_titles[i]);
    json_array_foreach(services, i, service) add_set(sheet, service);
}

static void summarize(struct sheet *sheet, const json_t *root)
{
    const json_t *gates = json_object_get(root, "tunnel_listen");
    char text[1024];

    sheet_init(sheet, 1);
    add(sheet, "%s: %s, entente %s, up %s", text_of(root, "node"),
        text_of(root, "state"), text_of(root, "version"),
        duration(number_of(root, "uptime_s"), text, sizeof(text)));
    if (json_array_size(gates) > 0 && !is_text(root, "state", "draining"))
        add(sheet, "accepts tunnels at %s", join(gates, text, sizeof(text)));
}

enum {
    SUMMARY,
    WRONG,
    SERVICES,
    SETS,
    ENDPOINTS,
    ANNOUNCEMENTS,
    TUNNELS,
    CERTIFICATES,
    SHEETS
};

static void fill_sheets(struct sheet *sheets, const json_t *root)
{
    const json_t *services = json_object_get(root, "services");
    size_t i;
    json_t *service;

    summarize(&sheets[SUMMARY], root);
    sheet_init(&sheets[WRONG], 1);
    blame_all(&sheets[WRONG], root);
    begin(&sheets[SERVICES], service_columns, ARRAY_LENGTH(service_columns));
    add_rows(&sheets[SERVICES], service_columns, services, NULL);
    add_sets(&sheets[SETS], services);
    begin(&sheets[ENDPOINTS], endpoint_columns, ARRAY_LENGTH(endpoint_columns));
    json_array_foreach(services, i, service)
        add_rows(&sheets[ENDPOINTS], endpoint_columns,
                 json_object_get(service, "endpoints"), service);
    begin(&sheets[ANNOUNCEMENTS], announcement_columns,
          ARRAY_LENGTH(announcement_columns));
    json_array_foreach(services, i, service)
        add_rows(&sheets[ANNOUNCEMENTS], announcement_columns,
                 json_object_get(service, "announcements"), service);
    begin(&sheets[TUNNELS], tunnel_columns, ARRAY_LENGTH(tunnel_columns));
    add_rows(&sheets[TUNNELS], tunnel_columns, json_object_get(root, "tunnels"),
             NULL);
    begin(&sheets[CERTIFICATES], certificate_columns,
          ARRAY_LENGTH(certificate_columns));
    add_rows(&sheets[CERTIFICATES], certificate_columns,
             json_object_get(root, "certificates"), NULL);
}

/* Nothing is written unless all of it can be. */
static enum status print_sheets(const struct sheet *sheets, FILE *to)
{
    for (size_t i = 0; i < SHEETS; i++)
        if (sheets[i].has_failed)
            return STATUS_NO_MEMORY;
    for (size_t i = 0; i < SHEETS; i++) {
        const struct sheet *sheet = &sheets[i];

        if (i >= SERVICES && sheet->count == sheet->columns)
            continue; /* titles only */
        if (sheet->count == 0)
            continue;
        if (i != SUMMARY)
            fputc('\n', to);
        if (i == WRONG)
            fputs("WRONG\n", to);
        if (!sheet_print(sheet, to))
            return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

enum status status_print(const char *json, FILE *to)
{
    json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    struct sheet sheets[SHEETS];
    enum status status;

    if (!is_document(root)) {
        json_decref(root);
        return STATUS_PROTOCOL;
    }
    fill_sheets(sheets, root);
    status = print_sheets(sheets, to);
    for (size_t i = 0; i < SHEETS; i++)
        sheet_clear(&sheets[i]);
    json_decref(root);
    return status;
}
