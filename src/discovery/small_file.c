/* SPDX-License-Identifier: MIT */
#include "discovery/small_file.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static enum status replace(const char *path, const char *fresh,
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

enum status small_file_replace(const char *directory, const char *name,
                               const char *text)
{
    char path[PATH_MAX], fresh[PATH_MAX];

    if (!text_format(path, sizeof(path), "%s/%s", directory, name) ||
        !text_format(fresh, sizeof(fresh), "%s/%s.%ld.new", directory, name,
                     (long)getpid())) {
        errno = ENAMETOOLONG;
        return STATUS_CONFIG;
    }
    if (mkdir(directory, S_IRWXU) != 0 && errno != EEXIST)
        return STATUS_CONFIG;
    return replace(path, fresh, text);
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

static enum status read_open(int fd, size_t max, char **result, size_t *length)
{
    char *bytes = malloc(max + 1);
    ssize_t got;

    if (!bytes)
        return STATUS_NO_MEMORY;
    got = read_all(fd, bytes, max + 1);
    if (got < 0 || (size_t)got > max) {
        free(bytes);
        return STATUS_PROTOCOL;
    }
    bytes[got] = '\0';
    *length = (size_t)got;
    *result = bytes;
    return STATUS_OK;
}

enum status small_file_read(const char *directory, const char *name, size_t max,
                            char **bytes, size_t *length, int64_t *time)
{
    char path[PATH_MAX];
    enum status status;
    struct stat found;
    int fd;

    if (!text_format(path, sizeof(path), "%s/%s", directory, name))
        return STATUS_CLOSED;
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return STATUS_CLOSED;
    status = read_open(fd, max, bytes, length);
    if (time)
        *time = fstat(fd, &found) == 0 ? (int64_t)found.st_mtime : 0;
    close(fd);
    return status;
}
