/* SPDX-License-Identifier: MIT */
#ifndef ADMIN_CLIENT_H
#define ADMIN_CLIENT_H
#include "base/check.h"
#include "base/status.h"
#include "net/address.h"
#include "net/listener.h"
#include <stdint.h>

/* A longer answer is refused. */
enum { ADMIN_MAX_ANSWER_BYTES = 16 * 1024 * 1024 };

/*
 * Asking a running ambassador, blocking: for the command line.  |target| is a
 * path and perhaps a query, encoded as a URL wants it.  On STATUS_OK |*body|
 * is malloc()ed and NUL-terminated, whatever |*code| is; both are untouched
 * otherwise, and |error| is one sentence with the address and what to do.
 *
 * STATUS_REFUSED: nobody listens there.  STATUS_DENIED: we may not ask.
 * STATUS_TIMEOUT: no whole answer within |timeout_us|.  STATUS_PROTOCOL: what
 * answered is no ambassador.  STATUS_RESET: it went away before it had
 * answered.  STATUS_LIMIT, _NO_MEMORY, _IO as ever.
 */
MUST_CHECK enum status admin_call(const struct address *address,
                                  const char *method, const char *target,
                                  uint64_t timeout_us, int *code, char **body,
                                  struct net_error *error);
#endif
