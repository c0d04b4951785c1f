/* SPDX-License-Identifier: MIT */
#include "admin/set_value.h"

#include "admin/json_value.h"

/* The lines that have something, as an array. */
static json_t *lines_value(const char *lines)
{
    json_t *array = json_array();
    char *copy = strdup(lines), *rest = NULL;

    for (char *line = copy ? strtok_r(copy, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest))
        array = append(array, text_value(line));
    if (!copy) {
        json_decref(array);
        return NULL;
    }
    free(copy);
    return array;
}

json_t *set_value(const struct set_status *set)
{
    int64_t age = set ? clock_wall_seconds() - set->at : 0;

    if (!set)
        return json_null();
    return OBJECT({ "endpoints", lines_value(set->lines) },
                  { "since", json_integer(set->at) },
                  { "age_s", json_integer(age > 0 ? age : 0) },
                  { "in_force", json_boolean(set->is_in_force) },
                  { "kept", json_boolean(set->is_kept) });
}
