/* SPDX-License-Identifier: MIT */
#include "discovery/memory.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VERSION = 1 };

/*
 * A source's text may be longer than a file's name, so it is told by a digest.
 * Two that share one overwrite each other's file but never believe it: the
 * text is in the file.
 */
static bool file_path(char *path, size_t size, const char *directory,
                      const char *source, const char *suffix)
{
    uint64_t digest = UINT64_C(0xcbf29ce484222325);

    for (const char *at = source; *at; at++)
        digest = (digest ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
    return text_format(path, size, "%s/source-%016llx.json%s", directory,
                       (unsigned long long)digest, suffix);
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

static enum status write_all(int fd, const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        ssize_t written = write(fd, text, left);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return STATUS_CONFIG;
        text += written;
        left -= (size_t)written;
    }
    return STATUS_OK;
}

/*
 * Without fsync(), which may stall the loop for as long as the disk likes:
 * after a power failure the file may be damaged, is told by that, and ignored.
 */
static enum status replace_file(const char *path, const char *fresh,
                                const char *text)
{
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                  S_IRUSR | S_IWUSR);
    enum status status;

    if (fd < 0)
        return STATUS_CONFIG;
    status = write_all(fd, text);
    if (close(fd) != 0)
        status = STATUS_CONFIG;
    if (status == STATUS_OK && rename(fresh, path) != 0)
        status = STATUS_CONFIG;
    if (status != STATUS_OK) {
        int reason = errno;

        unlink(fresh);
        errno = reason;
    }
    return status;
}

enum status memory_save(const char *directory, const char *source,
                        const struct endpoints *endpoints, int64_t answered_at)
{
    char path[PATH_MAX], fresh[PATH_MAX], suffix[32];
    enum status status;
    char *text;

    text_format(suffix, sizeof(suffix), ".%ld.new", (long)getpid());
    if (!file_path(path, sizeof(path), directory, source, "") ||
        !file_path(fresh, sizeof(fresh), directory, source, suffix)) {
        errno = ENAMETOOLONG;
        return STATUS_CONFIG;
    }
    text = encode(source, endpoints, answered_at);
    if (!text)
        return STATUS_NO_MEMORY;
    if (mkdir(directory, S_IRWXU) != 0 && errno != EEXIST)
        status = STATUS_CONFIG;
    else
        status = replace_file(path, fresh, text);
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

/* Up to |size| bytes, fewer only at the end of the file. */
static ssize_t read_all(int fd, char *bytes, size_t size)
{
    size_t length = 0;

    while (length < size) {
        ssize_t got = read(fd, bytes + length, size - length);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        length += (size_t)got;
    }
    return (ssize_t)length;
}

enum status memory_load(const char *directory, const char *source, int64_t now,
                        struct memory *memory)
{
    enum status status = STATUS_PROTOCOL;
    char path[PATH_MAX];
    ssize_t length;
    char *bytes;
    int fd;

    if (!file_path(path, sizeof(path), directory, source, ""))
        return STATUS_CLOSED;
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return STATUS_CLOSED;
    bytes = malloc(MEMORY_MAX_BYTES + 1);
    if (!bytes) {
        close(fd);
        return STATUS_NO_MEMORY;
    }
    length = read_all(fd, bytes, MEMORY_MAX_BYTES + 1);
    if (length >= 0 && length <= MEMORY_MAX_BYTES)
        status = memory_decode(bytes, (size_t)length, source, now, memory);
    free(bytes);
    close(fd);
    return status;
}
