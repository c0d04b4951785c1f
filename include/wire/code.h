/* SPDX-License-Identifier: MIT */
#ifndef WIRE_CODE_H
#define WIRE_CODE_H
#include "base/status.h"
#include <stdint.h>

/* Why something ended, on the wire: docs/PROTOCOL.md section 5. */
enum code {
    CODE_NONE,
    CODE_REFUSED,
    CODE_UNREACHABLE,
    CODE_TIMEOUT,
    CODE_RESET,
    CODE_DENIED,
    CODE_OVERLOAD,
    CODE_DRAINING,
    CODE_PROTOCOL,
    CODE_INTERNAL,
    CODE_REVOKED,
    CODE_LOST,
    CODE_STOPPED,
    CODE_BAD_METADATA,
    CODE_COUNT
};

/* A number from the wire; one we do not know is CODE_INTERNAL. */
enum code code_from_wire(uint16_t number);

/* The code that tells a peer best what |status| is. */
enum code code_from_status(enum status status);

/* One or two lower-case words for logs; never NULL. */
const char *code_text(enum code code);
#endif
