/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_ARRIVAL_H
#define SERVICE_ARRIVAL_H
#include "base/text.h"
#include "net/address.h"
#include "service/options.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * An application's connection on its way to the worker that will carry it:
 * from the listener, or from a worker that has no tunnel to one that has.
 * Whoever holds it owns the descriptor and the bytes.
 */
struct arrival {
    int fd; /* -1: taken over */
    struct address from;
    char service[TEXT_MAX_NAME + 1];
    enum service_role role;
    uint64_t until_us; /* handed over: it may wait until then; else 0 */
    uint8_t *early;    /* bytes read from it already; malloc()ed, or NULL */
    size_t early_length;
    bool finished; /* and its FIN behind them */
};

/* Who asks, for balance by hash: its address without the port. */
uint64_t arrival_client(const struct arrival *arrival);

/* Closes and frees what was not taken over. */
void arrival_clear(struct arrival *arrival);
#endif
