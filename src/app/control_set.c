/* SPDX-License-Identifier: MIT */
/* `entente set`: a service and its endpoints into one request. */
#include "app/control_internal.h"
#include "base/text.h"
#include "discovery/setting.h"
#include <string.h>

/* What a request may have in its first line, less what else is in it. */
enum { MAX_TARGET = 7 * 1024 };

static bool refuse_usage(const char *text)
{
    fprintf(stderr, "entente set: %s\n", text);
    return false;
}

bool control_set_check(const struct control *control)
{
    bool has_endpoint = control->service_count > 1;

    if (control->wants_sources && has_endpoint)
        return refuse_usage("--sources or endpoints, not both");
    if (control->wants_sources && control->wants_keep)
        return refuse_usage("--keep is for endpoints; --sources needs none");
    if (control->wants_sources || has_endpoint)
        return true;
    return refuse_usage("which endpoints? entente set SERVICE ENDPOINT..., or "
                        "--sources for where its sources say");
}

/* ---- the request ---- */

struct target {
    char text[MAX_TARGET];
    size_t length;
    bool is_cut;
};

static void add_byte(struct target *target, char byte)
{
    if (target->length + 1 < sizeof(target->text)) {
        target->text[target->length++] = byte;
        target->text[target->length] = '\0';
    } else {
        target->is_cut = true;
    }
}

static void add_plain(struct target *target, const char *text)
{
    while (*text != '\0')
        add_byte(target, *text++);
}

/* With everything escaped that means something in a query, or nothing. */
static void add_value(struct target *target, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789-._:/=,";
    static const char digits[] = "0123456789ABCDEF";

    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;

        if (strchr(plain, byte)) {
            add_byte(target, *text);
            continue;
        }
        add_byte(target, '%');
        add_byte(target, digits[byte >> 4]);
        add_byte(target, digits[byte & 15]);
    }
}

/* Each is checked here too, to say which is wrong as it was typed. */
static bool add_endpoint(struct target *target, const char *endpoint)
{
    char error[256], text[640];

    if (!setting_is_valid(endpoint, error, sizeof(error))) {
        const char *reason = strstr(error, ": ");

        text_format(text, sizeof(text), "\"%.200s\": %s", endpoint,
                    reason ? reason + 2 : error);
        control_complain("", text);
        return false;
    }
    add_value(target, endpoint);
    return true;
}

int control_set_run(const struct control *control)
{
    struct target target = { .length = 0 };

    add_plain(&target, "/set?service=");
    add_value(&target, control->services[0]);
    if (control->role) {
        add_plain(&target, "&role=");
        add_value(&target, control->role);
    }
    if (control->wants_keep)
        add_plain(&target, "&keep=1");
    add_plain(&target, control->wants_sources ? "&sources=1" : "&endpoints=");
    for (size_t i = 1; i < control->service_count; i++) {
        add_value(&target, i > 1 ? "\n" : "");
        if (!add_endpoint(&target, control->services[i]))
            return EXIT_REFUSED;
    }
    if (target.is_cut)
        return control_complain(control->services[0],
                                "more endpoints than one command can tell");
    return control_order(control, target.text, control->services[0], true);
}
