/* SPDX-License-Identifier: MIT */
#ifndef ADMIN_SET_VALUE_H
#define ADMIN_SET_VALUE_H
#include "admin/set_status.h"
#include "base/check.h"
#include <jansson.h>

/*
 * What an operator has set, as `status` and `explain` have it: null if |set| is
 * NULL.  NULL without memory.
 */
MUST_CHECK json_t *set_value(const struct set_status *set);
#endif
