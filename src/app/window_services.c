/* SPDX-License-Identifier: MIT */
/* What is said of a service that is not here. */
#include "app/ambassador_internal.h"
#include "base/text.h"
#include <string.h>

enum { MAX_KNOWN = 512 };

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
