/* SPDX-License-Identifier: MIT */
#ifndef APP_WORKER_H
#define APP_WORKER_H
#include "base/check.h"
#include "base/status.h"
#include "service/report.h"
#include "service/switchboard.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A thread with its own loop, switchboard and everything in it.  All functions
 * here are the main thread's; they send messages, and |events| come back as
 * messages in the main loop.
 */
struct worker;

struct worker_events {
    /* A consumed service can be reached through this worker, or not. */
    void (*usable_changed)(void *context, struct worker *worker,
                           const char *service, bool usable);
    /* A service was not where it is known to be: once a second at most. */
    void (*doubted)(void *context, enum service_role role, const char *service);
    /* A connection the worker could not place: takes |arrival| over. */
    void (*homeless)(void *context, struct worker *worker,
                     struct arrival *arrival);
    /* The answer to worker_report(); NULL if memory was short. */
    void (*reported)(void *context, struct worker *worker,
                     struct board_report *report);
    /* The answer to worker_probe(). */
    void (*probed)(void *context, void *token, bool reached, const char *why);
};

/*
 * A question of any kind, embedded in what asks.  |ask| (or NULL) is called in
 * the worker behind everything it was told before, then |answered| in the main
 * loop; only that, and |is_lost|, if the worker has come to its end before.
 */
struct worker_question {
    struct loop_message message;
    struct worker *worker;
    void (*ask)(struct worker_question *question, struct switchboard *board);
    void (*answered)(struct worker_question *question, bool is_lost);
};

struct worker_options {
    uint32_t number;
    struct loop *main_loop;
    struct handshaker *handshaker;
    struct limits limits;
    size_t max_memory_bytes;
    uint8_t instance[HELLO_INSTANCE];
    const char *node;                   /* borrowed */
    const char *version;                /* borrowed */
    const struct worker_events *events; /* borrowed */
    void *context;
};

MUST_CHECK enum status worker_start(const struct worker_options *options,
                                    struct worker **worker);
/* Aborts what it carries and ends the thread.  Accepts NULL. */
void worker_stop(struct worker *worker);

uint32_t worker_number(const struct worker *worker);

/* |options| are copied; STATUS_NO_MEMORY: nothing was sent. */
MUST_CHECK enum status worker_apply(struct worker *worker,
                                    const struct service_options *options,
                                    size_t count);
MUST_CHECK enum status worker_place(struct worker *worker,
                                    enum service_role role, const char *name,
                                    const struct endpoints *endpoints);
/* |verdicts| are copied. */
MUST_CHECK enum status worker_judge(struct worker *worker,
                                    enum service_role role, const char *name,
                                    const struct verdict *verdicts,
                                    size_t count);
/* |arrival| is taken over, whatever happens. */
void worker_accept(struct worker *worker, struct arrival *arrival);
void worker_adopt(struct worker *worker, struct greeting *greeting);
void worker_release(struct worker *worker, const char *service);
void worker_recheck(struct worker *worker);
void worker_drain(struct worker *worker);
MUST_CHECK enum status worker_report(struct worker *worker);
void worker_ask(struct worker *worker, struct worker_question *question);
MUST_CHECK enum status worker_probe(struct worker *worker,
                                    enum service_role role, const char *name,
                                    void *token);
#endif
