/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_CATALOGUE_H
#define SERVICE_CATALOGUE_H
#include "net/loop.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * What the peers of one worker's tunnels are told of the services it offers:
 * each of those it may open and no other, whether it is up, and how many
 * streams it carries.  Told when a tunnel opens and when it is another list;
 * an ambassador where nothing happens says nothing.
 */
struct switchboard;
struct tunnel;

/* Embedded in the switchboard. */
struct catalogue {
    struct loop_timer timer;
    uint64_t told_us; /* when all tunnels were last looked at */
    bool is_stopped;
};

void catalogue_init(struct switchboard *board);
/* From now on it looks at nothing. */
void catalogue_stop(struct switchboard *board);

/* Tell |tunnel|'s peer, if there is news for it. */
void catalogue_tell(struct switchboard *board, struct tunnel *tunnel);

/* A service, who may open it or its state is another: tell all, very soon. */
void catalogue_changed(struct switchboard *board);
/* Streams came or went: tell all in a second, if it is worth it then. */
void catalogue_load_changed(struct switchboard *board);
#endif
