/* SPDX-License-Identifier: MIT */
#include "discovery/memory.h"
#include "base/text.h"
#include "discovery/small_file.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1 };

enum { NAME = 48 };

/*
 * A source's text may be longer than a file's name, so it is told by a digest.
 * Two that share one overwrite each other's file but never believe it: the
 * text is in the file.
 */
static void file_name(char name[NAME], const char *source)
{
    uint64_t digest = UINT64_C(0xcbf29ce484222325);

    for (const char *at = source; *at; at++)
        digest = (digest ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
    text_format(name, NAME, "source-%016llx.json", (unsigned long long)digest);
}

static json_t *encode_endpoint(const struct endpoint *endpoint)
{
    char address[ADDRESS_TEXT];

    return json_pack("{s:s, s:s, s:i, s:i}", "address",
                     address_format(&endpoint->address, address), "name",
                     endpoint->name, "priority", (int)endpoint->priority,
                     "weight", (int)endpoint->weight);
}

static char *encode(const char *source, const struct endpoints *endpoints,
                    int64_t answered_at)
{
    json_t *list = json_array();
    json_t *document;
    char *text = NULL;
    bool complete = list != NULL;

    for (size_t i = 0; complete && i < endpoints->count; i++)
        complete =
            json_array_append_new(list,
                                  encode_endpoint(&endpoints->items[i])) == 0;
    if (!complete) {
        json_decref(list);
        return NULL;
    }
    document =
        json_pack("{s:i, s:s, s:I, s:o}", "version", VERSION, "source", source,
                  "answered", (json_int_t)answered_at, "endpoints", list);
    if (document)
        text = json_dumps(document, JSON_INDENT(1));
    json_decref(document);
    return text;
}

enum status memory_save(const char *directory, const char *source,
                        const struct endpoints *endpoints, int64_t answered_at)
{
    char *text = encode(source, endpoints, answered_at);
    enum status status;
    char name[NAME];

    if (!text)
        return STATUS_NO_MEMORY;
    file_name(name, source);
    status = small_file_replace(directory, name, text);
    free(text);
    return status;
}

static bool decode_endpoint(json_t *item, struct endpoint *endpoint)
{
    const char *address, *name;
    int priority, weight;

    if (json_unpack(item, "{s:s, s:s, s:i, s:i}", "address", &address, "name",
                    &name, "priority", &priority, "weight", &weight) != 0)
        return false;
    if (priority < 0 || priority > UINT16_MAX || weight < 0 ||
        weight > UINT16_MAX)
        return false;
    endpoint->priority = (uint16_t)priority;
    endpoint->weight = (uint16_t)weight;
    return text_copy(endpoint->name, sizeof(endpoint->name), name) &&
           address_parse(&endpoint->address, address);
}

static enum status decode_list(json_t *list, struct memory *memory)
{
    size_t count = json_array_size(list);
    struct endpoint *items;
    bool valid = true;

    if (!json_is_array(list) || count > ENDPOINTS_MAX)
        return STATUS_PROTOCOL;
    items = calloc(count + 1, sizeof(*items));
    if (!items)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; valid && i < count; i++)
        valid = decode_endpoint(json_array_get(list, i), &items[i]);
    memory->endpoints = valid ? endpoints_new(items, count) : NULL;
    free(items);
    if (!valid)
        return STATUS_PROTOCOL;
    return memory->endpoints ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status memory_decode(const char *bytes, size_t length, const char *source,
                          int64_t now, struct memory *memory)
{
    json_t *document = json_loadb(bytes, length, 0, NULL);
    enum status status = STATUS_PROTOCOL;
    json_int_t answered;
    const char *written_for;
    json_t *list;
    int version;

    if (json_unpack(document, "{s:i, s:s, s:I, s:o}", "version", &version,
                    "source", &written_for, "answered", &answered, "endpoints",
                    &list) == 0 &&
        version == VERSION && strcmp(written_for, source) == 0 &&
        answered >= 0) {
        memory->answered_at = answered < now ? answered : now;
        if (now - memory->answered_at > MEMORY_MAX_AGE_S)
            status = STATUS_CLOSED;
        else
            status = decode_list(list, memory);
    }
    json_decref(document);
    return status;
}

enum status memory_load(const char *directory, const char *source, int64_t now,
                        struct memory *memory)
{
    enum status status;
    char name[NAME], *bytes;
    size_t length;

    file_name(name, source);
    status = small_file_read(directory, name, MEMORY_MAX_BYTES, &bytes, &length,
                             NULL);
    if (status != STATUS_OK)
        return status;
    status = memory_decode(bytes, length, source, now, memory);
    free(bytes);
    return status;
}
