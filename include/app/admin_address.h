/* SPDX-License-Identifier: MIT */
#ifndef APP_ADMIN_ADDRESS_H
#define APP_ADMIN_ADDRESS_H
#include "base/check.h"
#include "base/status.h"
#include "config/config.h"

/*
 * Where an ambassador and the commands that ask it meet when nobody says
 * where: a Unix socket of its own in a directory of the user's own, so that
 * several ambassadors on one machine never collide and the only one is found.
 *
 *   under systemd     $RUNTIME_DIRECTORY/NAME.sock
 *   root              /run/entente/NAME.sock
 *   in a session      $XDG_RUNTIME_DIR/entente/NAME.sock
 *   otherwise         $TMPDIR/entente-UID/NAME.sock
 */
enum { ADMIN_ADDRESS_TEXT = 128 };

/*
 * The address of a new ambassador called |name| into |address|, which holds
 * ADMIN_ADDRESS_TEXT bytes: NAME.sock, or NAME-2.sock and so on while somebody
 * listens there.  STATUS_CONFIG if the directory's path is too long.
 */
MUST_CHECK enum status admin_address_choose(const char *name, char *address,
                                            struct config_error *error);

/*
 * Make the directory (only the last one) that a Unix socket at |address| needs.
 * In a directory for all, ours is refused if it is not ours alone.
 */
MUST_CHECK enum status admin_address_prepare(const char *address,
                                             struct config_error *error);

/*
 * Where to ask: |said| (a flag or ENTENTE_ADMIN) if it is not NULL or "", else
 * the only ambassador of this user that runs here.  On failure |error| lists
 * those there are, or says where none was found.
 */
MUST_CHECK enum status admin_address_find(const char *said, char *address,
                                          struct config_error *error);
#endif
