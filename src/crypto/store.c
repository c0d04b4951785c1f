/* SPDX-License-Identifier: MIT */
#include "crypto/store.h"
#include "base/text.h"
#include "crypto/pem.h"
#include "crypto/secret.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char issued[] = "issued.txt";

#define MAX_ISSUED ((size_t)64 << 20)

static enum status failed(struct crypto_error *error, const char *what,
                          const char *directory, const char *name)
{
    text_format(error->text, sizeof(error->text), "%s %s%s%s: %s", what,
                directory, *name ? "/" : "", name, strerror(errno));
    return STATUS_IO;
}

static enum status no_memory(struct crypto_error *error)
{
    text_format(error->text, sizeof(error->text), "no memory");
    return STATUS_NO_MEMORY;
}

enum status store_open(struct store *store, const char *directory, bool create,
                       struct crypto_error *error)
{
    *store = (struct store){ .directory = directory, .handle = -1 };
    if (create && mkdir(directory, 0755) != 0 && errno != EEXIST)
        return failed(error, "cannot make the directory", directory, "");
    store->handle = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->handle < 0)
        return failed(error, "cannot open the directory", directory, "");
    if (flock(store->handle, LOCK_EX) != 0)
        return failed(error, "cannot lock the directory", directory, "");
    return STATUS_OK;
}

void store_close(struct store *store)
{
    for (size_t i = 0; i < store->count; i++)
        unlinkat(store->handle, store->files[i].temporary, 0);
    if (store->handle >= 0)
        close(store->handle);
    free(store->entries);
    *store = (struct store){ .handle = -1 };
}

static bool has(const struct store *store, const char *name)
{
    return faccessat(store->handle, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The directories in front of the last '/' of |name|. */
static bool make_directories(const struct store *store, const char *name)
{
    char part[512];

    for (const char *slash = strchr(name, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        text_format(part, sizeof(part), "%.*s", (int)(slash - name), name);
        if (mkdirat(store->handle, part, 0755) != 0 && errno != EEXIST)
            return false;
    }
    return true;
}

static bool write_all(int file, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(file, bytes, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        length -= (size_t)written;
    }
    return true;
}

/* Nobody but the owner can open it before its mode is set. */
static bool write_temporary(const struct store *store,
                            const struct store_file *place,
                            const struct store_content *content)
{
    int file =
        openat(store->handle, place->temporary,
               O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool written = file >= 0 && fchmod(file, (mode_t)content->mode) == 0 &&
                   write_all(file, content->bytes, content->length) &&
                   fsync(file) == 0;

    if (file >= 0 && close(file) != 0)
        written = false;
    return written;
}

enum status store_prepare(struct store *store,
                          const struct store_content *content,
                          struct crypto_error *error)
{
    struct store_file *place = &store->files[store->count];

    ASSERT(store->count < STORE_MAX_FILES);
    if (!content->overwrite && has(store, content->name))
        return pem_refuse(error, "%s/%s exists already; --force overwrites it",
                          store->directory, content->name);
    if (!text_copy(place->final, sizeof(place->final), content->name) ||
        !text_format(place->temporary, sizeof(place->temporary), "%s.new",
                     content->name) ||
        !text_copy(place->what, sizeof(place->what), content->what))
        return pem_refuse(error, "the name %s is too long", content->name);
    store->count++;
    if (!make_directories(store, content->name) ||
        !write_temporary(store, place, content))
        return failed(error, "cannot write", store->directory, content->name);
    return STATUS_OK;
}

enum status store_commit(struct store *store, authority_wrote *wrote,
                         void *context, struct crypto_error *error)
{
    size_t count = store->count;

    for (size_t i = 0; i < count; i++) {
        struct store_file *file = &store->files[i];

        if (renameat(store->handle, file->temporary, store->handle,
                     file->final) != 0)
            return failed(error, "cannot put in place", store->directory,
                          file->final);
        if (wrote) {
            char path[1024];

            text_format(path, sizeof(path), "%s/%s", store->directory,
                        file->final);
            wrote(context, path, file->what);
        }
    }
    store->count = 0;
    if (fsync(store->handle) != 0)
        return failed(error, "cannot sync the directory", store->directory, "");
    return STATUS_OK;
}

/* ---- issued.txt ---- */

static void format_time(int64_t seconds, char text[32])
{
    time_t moment = (time_t)seconds;
    struct tm fields;

    ASSERT(gmtime_r(&moment, &fields) != NULL);
    strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &fields);
}

static bool parse_time(const char *text, int64_t *seconds)
{
    struct tm fields = { 0 };
    int length = 0;

    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ%n", &fields.tm_year,
               &fields.tm_mon, &fields.tm_mday, &fields.tm_hour, &fields.tm_min,
               &fields.tm_sec, &length) != 6 ||
        text[length] != '\0')
        return false;
    fields.tm_year -= 1900;
    fields.tm_mon -= 1;
    *seconds = (int64_t)timegm(&fields);
    return true;
}

static bool parse_state(const char *text, struct authority_entry *entry)
{
    static const char revoked[] = "revoked:";

    if (strcmp(text, "valid") == 0)
        return true;
    entry->revoked = true;
    return strncmp(text, revoked, sizeof(revoked) - 1) == 0 &&
           parse_time(text + sizeof(revoked) - 1, &entry->revoked_at);
}

static bool parse_line(char *line, struct authority_entry *entry)
{
    char *fields[5];
    char *rest = line;
    size_t count = 0;

    *entry = (struct authority_entry){ 0 };
    while (count < ARRAY_LENGTH(fields)) {
        fields[count] = strsep(&rest, " ");
        if (!fields[count] || !*fields[count++])
            return false;
    }
    return !rest &&
           strspn(fields[0], "0123456789abcdef") == strlen(fields[0]) &&
           text_copy(entry->serial, sizeof(entry->serial), fields[0]) &&
           parse_time(fields[1], &entry->expires) &&
           parse_state(fields[2], entry) &&
           text_copy(entry->identity, sizeof(entry->identity), fields[3]) &&
           text_copy(entry->name, sizeof(entry->name), fields[4]);
}

enum status store_add_entry(struct store *store,
                            const struct authority_entry *entry,
                            struct crypto_error *error)
{
    size_t count = store->entry_count;

    /* grown by powers of two */
    if ((count & (count - 1)) == 0) {
        struct authority_entry *entries =
            realloc(store->entries, (count ? 2 * count : 1) * sizeof(*entries));

        if (!entries)
            return no_memory(error);
        store->entries = entries;
    }
    store->entries[count] = *entry;
    store->entry_count++;
    return STATUS_OK;
}

static enum status parse_entries(struct store *store, char *text,
                                 struct crypto_error *error)
{
    struct authority_entry entry;
    char *line;

    for (unsigned number = 1; (line = strsep(&text, "\n")) && *line; number++) {
        enum status status;

        if (!parse_line(line, &entry))
            return pem_refuse(error, "%s/%s:%u: this line cannot be read",
                              store->directory, issued, number);
        status = store_add_entry(store, &entry, error);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

enum status store_read_entries(struct store *store, struct crypto_error *error)
{
    char path[1024];
    uint8_t *bytes;
    size_t length;
    enum status status;

    if (!has(store, issued))
        return STATUS_OK;
    text_format(path, sizeof(path), "%s/%s", store->directory, issued);
    status = secret_read(path, MAX_ISSUED, &bytes, &length);
    if (status != STATUS_OK)
        return failed(error, "cannot read", store->directory, issued);
    status = parse_entries(store, (char *)bytes, error);
    secret_free(bytes);
    return status;
}

enum status store_prepare_entries(struct store *store,
                                  struct crypto_error *error)
{
    struct store_content content = { .name = issued,
                                     .what = "what was issued",
                                     .mode = 0644,
                                     .overwrite = true };
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    enum status status;

    if (!stream)
        return no_memory(error);
    for (size_t i = 0; i < store->entry_count; i++) {
        const struct authority_entry *entry = &store->entries[i];
        char expires[32], revoked[32];

        format_time(entry->expires, expires);
        format_time(entry->revoked_at, revoked);
        fprintf(stream, "%s %s %s%s %s %s\n", entry->serial, expires,
                entry->revoked ? "revoked:" : "valid",
                entry->revoked ? revoked : "", entry->identity, entry->name);
    }
    if (fclose(stream) != 0) {
        free(text);
        return no_memory(error);
    }
    content.bytes = text;
    content.length = length;
    status = store_prepare(store, &content, error);
    free(text);
    return status;
}
