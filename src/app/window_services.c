/* SPDX-License-Identifier: MIT */
/* Which services an operator may name, and what is said of others. */
#include "app/ambassador_internal.h"
#include "base/text.h"
#include <string.h>

enum { MAX_KNOWN = 512 };

bool window_has_service(const struct ambassador *ambassador, const char *name)
{
    for (unsigned role = 0; role < SERVICE_ROLES; role++)
        if (entrance_find(ambassador, (enum service_role)role, name))
            return strcmp(name, DIAL_SERVICE) != 0;
    return false;
}

/* Named before, in another role? */
static bool is_repeated(const struct ambassador *ambassador,
                        const struct entrance *entrance)
{
    LIST_EACH(&ambassador->entrances, node)
    {
        const struct entrance *other = LIST_ITEM(node, struct entrance, node);

        if (other == entrance)
            return false;
        if (strcmp(other->options.name, entrance->options.name) == 0)
            return true;
    }
    return false;
}

void window_refuse_stranger(const struct ambassador *ambassador,
                            struct admin_request *request)
{
    char text[MAX_KNOWN + 64] = "no such service here";
    size_t length = strlen(text);
    const char *before = "; there is ";

    LIST_EACH(&ambassador->entrances, node)
    {
        const struct entrance *entrance =
            LIST_ITEM(node, struct entrance, node);
        const char *name = entrance->options.name;

        if (strcmp(name, DIAL_SERVICE) == 0 ||
            is_repeated(ambassador, entrance))
            continue;
        if (length + strlen(name) + strlen(before) > MAX_KNOWN) {
            text_format(text + length, sizeof(text) - length, " and more");
            break;
        }
        text_format(text + length, sizeof(text) - length, "%s%s", before, name);
        length = strlen(text);
        before = ", ";
    }
    strncat(text, "\n", sizeof(text) - strlen(text) - 1);
    admin_answer(request, 404, "text/plain", text);
}
