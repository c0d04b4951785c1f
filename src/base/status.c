/* SPDX-License-Identifier: MIT */
#include "base/status.h"
#include "base/check.h"
#include <errno.h>

const char *status_text(enum status status)
{
    static const char *const texts[STATUS_COUNT] = {
        [STATUS_OK] = "ok",
        [STATUS_NO_MEMORY] = "no memory",
        [STATUS_LIMIT] = "limit reached",
        [STATUS_PROTOCOL] = "protocol broken",
        [STATUS_AUTH] = "not authenticated",
        [STATUS_DENIED] = "denied",
        [STATUS_REFUSED] = "refused",
        [STATUS_UNREACHABLE] = "unreachable",
        [STATUS_CLOSED] = "closed",
        [STATUS_RESET] = "reset",
        [STATUS_TIMEOUT] = "timed out",
        [STATUS_IO] = "input/output error",
        [STATUS_CONFIG] = "configuration error",
    };

    ASSERT(status < STATUS_COUNT);
    return texts[status];
}

enum status status_from_errno(int error_number)
{
    switch (error_number) {
    case 0:
        return STATUS_OK;
    case ENOMEM:
    case ENOBUFS:
        return STATUS_NO_MEMORY;
    case EMFILE:
    case ENFILE:
        return STATUS_LIMIT;
    case ECONNREFUSED:
    case ENOENT: /* a Unix socket that nobody made */
        return STATUS_REFUSED;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case EADDRNOTAVAIL:
        return STATUS_UNREACHABLE;
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
        return STATUS_RESET;
    case ETIMEDOUT:
        return STATUS_TIMEOUT;
    case EACCES:
    case EPERM:
        return STATUS_DENIED;
    default:
        return STATUS_IO;
    }
}
