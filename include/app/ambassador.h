/* SPDX-License-Identifier: MIT */
#ifndef APP_AMBASSADOR_H
#define APP_AMBASSADOR_H
#include "config/config.h"

/*
 * One ambassador, from its configuration to its end: main thread, handshaker
 * and workers.  Everything that can be wrong is found before anything is
 * begun, and again at every reload, which changes all or nothing.
 */

/*
 * Run in the foreground until told to end; takes ownership of |config|.
 * |reread| reads the configuration again for a reload, or NULL if there is
 * nothing to read; |context| is its.  Returns the exit code: 0 when everything
 * came to its end, 1 when something was cut or could not begin.
 */
int ambassador_run(struct config *config,
                   enum status (*reread)(void *context, struct config **config,
                                         struct config_error *error),
                   void *context);

/* Could it run?  Reads the certificates, opens nothing. */
MUST_CHECK enum status ambassador_check(struct config *config,
                                        struct config_error *error);

#define AMBASSADOR_VERSION "0.1.0"
#endif
