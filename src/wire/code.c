/* SPDX-License-Identifier: MIT */
#include "wire/code.h"
#include "base/check.h"

enum code code_from_wire(uint16_t number)
{
    return number < CODE_COUNT ? (enum code)number : CODE_INTERNAL;
}

enum code code_from_status(enum status status)
{
    static const enum code codes[STATUS_COUNT] = {
        [STATUS_OK] = CODE_NONE,
        [STATUS_NO_MEMORY] = CODE_OVERLOAD,
        [STATUS_LIMIT] = CODE_OVERLOAD,
        [STATUS_PROTOCOL] = CODE_PROTOCOL,
        [STATUS_AUTH] = CODE_DENIED,
        [STATUS_DENIED] = CODE_DENIED,
        [STATUS_REFUSED] = CODE_REFUSED,
        [STATUS_UNREACHABLE] = CODE_UNREACHABLE,
        [STATUS_CLOSED] = CODE_NONE,
        [STATUS_RESET] = CODE_RESET,
        [STATUS_TIMEOUT] = CODE_TIMEOUT,
        [STATUS_IO] = CODE_INTERNAL,
        [STATUS_CONFIG] = CODE_INTERNAL,
    };

    ASSERT(status < STATUS_COUNT);
    return codes[status];
}

const char *code_text(enum code code)
{
    static const char *const texts[CODE_COUNT] = {
        [CODE_NONE] = "none",
        [CODE_REFUSED] = "refused",
        [CODE_UNREACHABLE] = "unreachable",
        [CODE_TIMEOUT] = "timed out",
        [CODE_RESET] = "reset",
        [CODE_DENIED] = "denied",
        [CODE_OVERLOAD] = "overload",
        [CODE_DRAINING] = "draining",
        [CODE_PROTOCOL] = "protocol broken",
        [CODE_INTERNAL] = "internal",
        [CODE_REVOKED] = "revoked",
        [CODE_LOST] = "tunnel lost",
        [CODE_STOPPED] = "stopped",
        [CODE_BAD_METADATA] = "bad metadata",
    };

    ASSERT(code < CODE_COUNT);
    return texts[code];
}
