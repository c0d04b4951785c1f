/* SPDX-License-Identifier: MIT */
#ifndef ADMIN_SET_STATUS_H
#define ADMIN_SET_STATUS_H
#include <stdbool.h>
#include <stdint.h>

/* Endpoints that an operator has set instead of the sources. */
struct set_status {
    const char *lines; /* an endpoint each */
    int64_t at;        /* seconds since 1970 */
    bool is_in_force;  /* or waits for its first name */
    bool is_kept;      /* over a restart */
};
#endif
