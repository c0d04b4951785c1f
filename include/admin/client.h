/* SPDX-License-Identifier: MIT */
#ifndef ADMIN_CLIENT_H
#define ADMIN_CLIENT_H
#include "base/check.h"
#include "base/status.h"
#include "net/address.h"
#include "net/listener.h"
#include <stdint.h>

/*
 * Asking a running ambassador, blocking: for the command line.  |*body| is
 * malloc()ed and NUL-terminated, whatever |*code| is.  STATUS_REFUSED: nobody
 * listens there; |error| says so with the address and what to do.
 */
MUST_CHECK enum status admin_call(const struct address *address,
                                  const char *method, const char *target,
                                  uint64_t timeout_us, int *code, char **body,
                                  struct net_error *error);
#endif
