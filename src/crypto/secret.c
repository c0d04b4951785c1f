/* SPDX-License-Identifier: MIT */
#include "crypto/secret.h"
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

/* sodium_malloc() aligns the end; whole lines also align the start. */
#define LINE_BYTES 64u

void *secret_new(size_t size)
{
    size_t rounded = (size + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
    void *secret;

    if (rounded < size)
        return NULL;
    secret = sodium_malloc(rounded ? rounded : LINE_BYTES);
    if (secret)
        sodium_memzero(secret, rounded ? rounded : LINE_BYTES);
    return secret;
}

void secret_free(void *secret)
{
    sodium_free(secret);
}

void secret_wipe(void *bytes, size_t length)
{
    sodium_memzero(bytes, length);
}

/* All of |file| up to |size| bytes; false with errno if it cannot be read. */
static bool read_all(int file, uint8_t *to, size_t size, size_t *length)
{
    *length = 0;
    while (*length < size) {
        ssize_t got = read(file, to + *length, size - *length);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            return true;
        *length += (size_t)got;
    }
    return true;
}

/* One byte more than there is is asked for, to see a file that grows. */
static enum status read_open(int file, size_t max_bytes, uint8_t **bytes,
                             size_t *length)
{
    struct stat about;
    uint8_t *secret;
    size_t size;

    if (fstat(file, &about) != 0)
        return STATUS_IO;
    if (!S_ISREG(about.st_mode)) {
        errno = S_ISDIR(about.st_mode) ? EISDIR : EINVAL;
        return STATUS_IO;
    }
    size = (size_t)about.st_size;
    if (size > max_bytes)
        return STATUS_LIMIT;
    secret = secret_new(size + 1);
    if (!secret)
        return STATUS_NO_MEMORY;
    if (!read_all(file, secret, size + 1, length) || *length > size) {
        errno = *length > size ? EBUSY : errno;
        secret_free(secret);
        return STATUS_IO;
    }
    *bytes = secret;
    return STATUS_OK;
}

enum status secret_read(const char *path, size_t max_bytes, uint8_t **bytes,
                        size_t *length)
{
    /* Not blocking: a pipe must not hold us up before it is refused. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    enum status status;
    int error;

    if (file < 0)
        return STATUS_IO;
    status = read_open(file, max_bytes, bytes, length);
    error = errno;
    close(file);
    errno = error;
    return status;
}
