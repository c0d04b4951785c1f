/* SPDX-License-Identifier: MIT */
#include "admin/explanation_words.h"

#include "admin/json_value.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void line_put(struct line *line, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line->text + line->length, sizeof(line->text) - line->length,
              format, arguments);
    va_end(arguments);
    line->length += strlen(line->text + line->length);
}

static bool has_number(const json_t *object, const char *name)
{
    return json_is_integer(json_object_get(object, name));
}

/* ---- words ---- */

static void put_age(struct line *line, int64_t seconds)
{
    char text[64];

    line_put(line, "%s ago", duration(seconds, text, sizeof(text)));
}

/* Short times are told to the millisecond. */
static void put_ms(struct line *line, int64_t ms)
{
    char text[64];

    if (ms < 10000 && ms % 1000 != 0)
        line_put(line, "%" PRId64 "ms", ms);
    else
        line_put(line, "%s", duration(ms / 1000, text, sizeof(text)));
}

void line_put_texts(struct line *line, const json_t *array, size_t max,
                    const char *between)
{
    size_t count = json_array_size(array);

    for (size_t i = 0; i < count && i < max; i++) {
        const char *text = json_string_value(json_array_get(array, i));

        line_put(line, "%s%s", i > 0 ? between : "", text ? text : "");
    }
    if (count > max)
        line_put(line, " and %zu more", count - max);
}

static void put_addresses(struct line *line, const json_t *array)
{
    if (json_array_size(array) == 0)
        line_put(line, "no endpoint");
    else
        line_put_texts(line, array, LINE_MAX_NAMED, ", ");
}

void line_put_workers(struct line *line, const json_t *array)
{
    size_t count = json_array_size(array);

    line_put(line, count == 1 ? "worker" : "workers");
    for (size_t i = 0; i < count; i++) {
        json_int_t first = json_integer_value(json_array_get(array, i));
        json_int_t last = first;

        while (i + 1 < count &&
               json_integer_value(json_array_get(array, i + 1)) == last + 1) {
            last++;
            i++;
        }
        line_put(line, " %" JSON_INTEGER_FORMAT, first);
        if (last > first)
            line_put(line, "-%" JSON_INTEGER_FORMAT, last);
    }
}

/* ---- sources ---- */

static void put_answer(struct line *line, const json_t *source)
{
    line_put(line, "answered ");
    put_age(line, number_of(source, "age_s"));
    line_put(line, ": ");
    put_addresses(line, json_object_get(source, "addresses"));
    if (*text_of(source, "failure"))
        line_put(line, "; but %s", text_of(source, "failure"));
}

static void put_failure(struct line *line, const json_t *source)
{
    line_put(line, "failed ");
    if (has_number(source, "failure_age_s"))
        put_age(line, number_of(source, "failure_age_s"));
    line_put(line, ": %s", text_of(source, "failure"));
    if (!has_number(source, "age_s")) {
        line_put(line, "; it never answered");
        return;
    }
    line_put(line, "; still uses its answer of ");
    put_age(line, number_of(source, "age_s"));
    if (is_text(source, "state", "remembered"))
        line_put(line, ", from the disk");
    line_put(line, ": ");
    put_addresses(line, json_object_get(source, "addresses"));
}

static void put_held(struct line *line, const json_t *held)
{
    if (!json_is_object(held))
        return;
    line_put(line, "; a newer answer is held back for another ");
    put_ms(line, number_of(held, "for_ms"));
    line_put(line, ": ");
    put_addresses(line, json_object_get(held, "addresses"));
}

void line_put_source(struct line *line, const json_t *source)
{
    bool is_idle = json_is_false(json_object_get(source, "counts"));

    if (is_idle)
        line_put(line, "does not count now; ");
    if (is_text(source, "source", "inbound:")) {
        line_put(line, "peers that dialled us%s", is_idle ? "" : ": ");
        if (!is_idle)
            put_addresses(line, json_object_get(source, "addresses"));
    } else if (is_text(source, "state", "answered")) {
        put_answer(line, source);
    } else if (is_text(source, "state", "silent")) {
        line_put(line, "has not answered yet");
    } else {
        put_failure(line, source);
    }
    put_held(line, json_object_get(source, "held"));
}

void line_put_set(struct line *line, const json_t *set)
{
    bool is_in_force = json_is_true(json_object_get(set, "in_force"));

    line_put(line, "set by an operator ");
    put_age(line, number_of(set, "age_s"));
    if (json_is_true(json_object_get(set, "kept")))
        line_put(line, ", kept over a restart");
    line_put(line, is_in_force ? ", and in force: "
                               : ", but it waits for its first name: ");
    put_addresses(line, json_object_get(set, "endpoints"));
    line_put(line, is_in_force ? "; the sources are watched but do not count"
                               : "; until then all stays as it was");
}

/* ---- endpoints ---- */

/* What there is besides the reason, in brackets. */
static void put_details(struct line *line, const json_t *view,
                        const json_t *role)
{
    int64_t failures = number_of(view, "failures");
    int64_t rest_ms = number_of(view, "rest_ms");
    bool is_refused = json_is_false(json_object_get(view, "peer_accepted"));
    const char *failure = text_of(view, "failure");
    size_t before = line->length;
    const char *comma = " (";

    if (is_refused) {
        line_put(line, "%sit is %s, wanted ", comma, text_of(view, "peer"));
        line_put_texts(line, json_object_get(role, "peers"), LINE_MAX_NAMED,
                       " or ");
        comma = "; ";
    }
    if (*text_of(view, "tunnel") && !is_text(view, "tunnel", "up")) {
        line_put(line, "%s%s", comma, text_of(view, "tunnel"));
        comma = "; ";
    }
    if (*failure) {
        line_put(line, "%s%s", comma, failure);
        comma = "; ";
    }
    if (failures > 0) {
        line_put(line, "%s%" PRId64 " failure%s in a row", comma, failures,
                 failures == 1 ? "" : "s");
        comma = "; ";
    }
    if (rest_ms > 0) {
        line_put(line, "%sfor another ", comma);
        put_ms(line, rest_ms);
    }
    if (line->length > before)
        line_put(line, ")");
}

void line_put_verdict(struct line *line, const json_t *view, const json_t *role)
{
    const char *reason = text_of(view, "reason");

    if (is_text(view, "verdict", "chosen"))
        line_put(line, "chosen%s", *reason ? ", although: " : "");
    else if (is_text(view, "verdict", "possible"))
        line_put(line, "perhaps%s", *reason ? ": " : "");
    else if (is_text(view, "verdict", "unusable"))
        line_put(line, "no%s", *reason ? ": " : "");
    else
        line_put(line, "not now%s", *reason ? ": " : "");
    line_put(line, "%s", reason);
    put_details(line, view, role);
}

void line_put_load(struct line *line, const json_t *view)
{
    int64_t streams = number_of(view, "streams");
    int64_t latency_us = number_of(view, "latency_us");

    line_put(line, "%" PRId64 " stream%s", streams, streams == 1 ? "" : "s");
    if (latency_us > 0)
        line_put(line, ", %.1fms", (double)latency_us / 1000);
}

/* ---- the next connection ---- */

void line_put_outcome(struct line *line, const json_t *choice,
                      const json_t *role)
{
    const char *reason = text_of(choice, "reason");

    if (is_text(choice, "outcome", "goes")) {
        line_put(line, "goes to %s%s%s", text_of(choice, "address"),
                 *reason ? ", although: " : "", reason);
    } else if (is_text(choice, "outcome", "depends")) {
        line_put(line, "depends: %s; --client IP says where one goes", reason);
    } else if (is_text(choice, "outcome", "waits")) {
        line_put(line, "waits up to ");
        put_ms(line, number_of(role, "hold_ms"));
        line_put(line, ": %s", reason);
    } else {
        line_put(line, "is refused: %s", reason);
    }
}
