/* SPDX-License-Identifier: MIT */
/* An explanation for people: in the order in which they would ask. */
#include "admin/explanation.h"

#include "admin/explanation_words.h"
#include "admin/json_value.h"
#include "admin/sheet.h"
#include <inttypes.h>

static bool is_true(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

/* ---- sources and endpoints ---- */

static void add_source(struct sheet *sheet, const json_t *source)
{
    struct line name = { .length = 0 }, said = { .length = 0 };

    line_put(&name, "  %s%s", is_true(source, "fallback") ? "fallback " : "",
             text_of(source, "source"));
    line_put_source(&said, source);
    sheet_add(sheet, name.text);
    sheet_add(sheet, said.text);
}

/* What is the same for all workers, in the first columns. */
static void add_endpoint(struct sheet *sheet, const json_t *endpoint)
{
    const char *name = text_of(endpoint, "name");
    struct line address = { .length = 0 }, place = { .length = 0 };

    line_put(&address, "  %s", text_of(endpoint, "address"));
    line_put(&place, "%spriority %" PRId64 " weight %" PRId64,
             is_true(endpoint, "fallback") ? "fallback " : "",
             number_of(endpoint, "priority"), number_of(endpoint, "weight"));
    sheet_add(sheet, address.text);
    sheet_add(sheet,
              strcmp(name, text_of(endpoint, "address")) == 0 ? "" : name);
    sheet_add(sheet, place.text);
}

static void add_views(struct sheet *sheet, const json_t *endpoint,
                      const json_t *role)
{
    const json_t *views = json_object_get(endpoint, "views");
    size_t i;
    json_t *view;

    json_array_foreach(views, i, view)
    {
        struct line load = { .length = 0 }, verdict = { .length = 0 };

        for (size_t j = 0; i > 0 && j < 3; j++)
            sheet_add(sheet, "");
        line_put_load(&load, view);
        if (json_array_size(views) > 1) {
            line_put_workers(&verdict, json_object_get(view, "workers"));
            line_put(&verdict, ": ");
        }
        line_put_verdict(&verdict, view, role);
        sheet_add(sheet, load.text);
        sheet_add(sheet, verdict.text);
    }
    for (size_t j = 0; json_array_size(views) == 0 && j < 2; j++)
        sheet_add(sheet, "");
}

/* ---- the next connection ---- */

static bool has_worker(const json_t *choice, const json_t *worker)
{
    const json_t *workers = json_object_get(choice, "workers");

    for (size_t i = 0; json_is_integer(worker) && i < json_array_size(workers);
         i++)
        if (json_equal(json_array_get(workers, i), worker))
            return true;
    return false;
}

/* First what is next; then the others, where they differ. */
static void add_choice(struct sheet *sheet, const json_t *choice,
                       const json_t *role)
{
    const json_t *worker = json_object_get(role, "next_worker");
    bool is_only = json_array_size(json_object_get(role, "next")) == 1;
    const char *what =
        is_text(role, "role", "offer") ? "a new stream" : "a new connection";
    struct line line = { .length = 0 };

    if (is_only)
        line_put(&line, "%s ", what);
    else if (has_worker(choice, worker))
        line_put(&line, "%s (on worker %" PRId64 ", whose turn it is) ", what,
                 number_of(role, "next_worker"));
    else {
        line_put(&line, "%s on ", what);
        line_put_workers(&line, json_object_get(choice, "workers"));
        line_put(&line, " ");
    }
    line_put_outcome(&line, choice, role);
    sheet_add(sheet, line.text);
}

static void add_choices(struct sheet *sheet, const json_t *role)
{
    const json_t *worker = json_object_get(role, "next_worker");
    const json_t *choices = json_object_get(role, "next");
    size_t i;
    json_t *choice;

    json_array_foreach(choices, i, choice)
    {
        if (has_worker(choice, worker))
            add_choice(sheet, choice, role);
    }
    json_array_foreach(choices, i, choice)
    {
        if (!has_worker(choice, worker))
            add_choice(sheet, choice, role);
    }
}

/* ---- the whole ---- */

enum { TITLE, SET, SOURCES, ENDPOINTS, LEFT_OUT, NEXT, SHEETS };

static void add_title(struct sheet *sheet, const json_t *root,
                      const json_t *role)
{
    const json_t *listen = json_object_get(role, "listen");
    const json_t *peers = json_object_get(role, "peers");
    struct line line = { .length = 0 };

    line_put(&line, "%s (%s), balance %s", text_of(root, "service"),
             text_of(role, "role"), text_of(role, "balance"));
    if (json_array_size(listen) > 0) {
        line_put(&line, ", listens on ");
        line_put_texts(&line, listen, LINE_MAX_NAMED, " ");
    }
    if (json_array_size(peers) > 0) {
        line_put(&line,
                 is_text(role, "role", "offer") ? ", allows " : ", peers ");
        line_put_texts(&line, peers, LINE_MAX_NAMED, " ");
    }
    sheet_add(sheet, line.text);
}

/* Before the sources, which then may not count. */
static void add_set(struct sheet *sheet, const json_t *role)
{
    const json_t *set = json_object_get(role, "set");
    struct line line = { .length = 0 };

    if (!json_is_object(set))
        return;
    line_put_set(&line, set);
    sheet_add(sheet, line.text);
}

static void fill(struct sheet *sheets, const json_t *root, const json_t *role)
{
    static const size_t columns[SHEETS] = { 1, 1, 2, 5, 1, 1 };
    size_t i;
    json_t *item;

    for (i = 0; i < SHEETS; i++)
        sheet_init(&sheets[i], columns[i]);
    add_title(&sheets[TITLE], root, role);
    add_set(&sheets[SET], role);
    json_array_foreach(json_object_get(role, "sources"), i, item)
        add_source(&sheets[SOURCES], item);
    json_array_foreach(json_object_get(role, "endpoints"), i, item)
    {
        add_endpoint(&sheets[ENDPOINTS], item);
        add_views(&sheets[ENDPOINTS], item, role);
    }
    if (number_of(role, "endpoints_left_out") > 0) {
        struct line line = { .length = 0 };

        line_put(&line, "  and %" PRId64 " more",
                 number_of(role, "endpoints_left_out"));
        sheet_add(&sheets[LEFT_OUT], line.text);
    }
    add_choices(&sheets[NEXT], role);
}

static bool print_sheets(const struct sheet *sheets, FILE *to)
{
    bool is_whole = true;

    for (size_t i = 0; i < SHEETS; i++)
        if (sheets[i].has_failed)
            return false; /* and nothing is written */
    is_whole = is_whole && sheet_print(&sheets[TITLE], to);
    is_whole = is_whole && sheet_print(&sheets[SET], to);
    fputs("sources:\n", to);
    is_whole = is_whole && sheet_print(&sheets[SOURCES], to);
    fputs(sheets[ENDPOINTS].count > 0 ? "endpoints:\n" : "endpoints: none\n",
          to);
    for (size_t i = ENDPOINTS; i < SHEETS; i++)
        is_whole = is_whole && sheet_print(&sheets[i], to);
    return is_whole;
}

static enum status print_role(const json_t *root, const json_t *role, FILE *to)
{
    struct sheet sheets[SHEETS];
    bool is_whole;

    fill(sheets, root, role);
    is_whole = print_sheets(sheets, to);
    for (size_t i = 0; i < SHEETS; i++)
        sheet_clear(&sheets[i]);
    return is_whole ? STATUS_OK : STATUS_NO_MEMORY;
}

static bool is_document(const json_t *root)
{
    static const char *const arrays[] = { "sources", "endpoints", "next" };
    const json_t *roles = json_object_get(root, "roles");
    size_t i;
    json_t *role;

    if (!json_is_string(json_object_get(root, "service")) ||
        !json_is_array(roles))
        return false;
    json_array_foreach(roles, i, role)
    {
        for (size_t j = 0; j < ARRAY_LENGTH(arrays); j++)
            if (!json_is_array(json_object_get(role, arrays[j])))
                return false;
    }
    return true;
}

enum status explanation_print(const char *json, FILE *to)
{
    json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    enum status status = is_document(root) ? STATUS_OK : STATUS_PROTOCOL;
    size_t i;
    json_t *role;

    json_array_foreach(json_object_get(root, "roles"), i, role)
    {
        if (status != STATUS_OK)
            break;
        if (i > 0)
            fputc('\n', to);
        status = print_role(root, role, to);
    }
    json_decref(root);
    return status;
}
