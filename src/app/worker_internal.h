/* SPDX-License-Identifier: MIT */
#ifndef APP_WORKER_INTERNAL_H
#define APP_WORKER_INTERNAL_H
/* What the files of the worker share. */
#include "app/worker.h"
#include "net/loop.h"
#include <pthread.h>

struct worker {
    pthread_t thread;
    struct loop *loop;
    struct loop *main_loop; /* borrowed */
    struct switchboard board;
    uint32_t number;
    const struct worker_events *events;
    void *context;
};

/* A message that knows what to do where it arrives. */
struct letter {
    struct loop_message message;
    struct worker *worker;
    void (*carry_out)(struct letter *letter);
    void (*drop)(struct letter *letter); /* what it holds; may be NULL */
};

/* |letter| is what the first member of a malloc()ed struct is. */
void letter_post(struct loop *loop, struct worker *worker,
                 struct letter *letter);

/* One that needs no more than a name. */
struct name_letter {
    struct letter letter;
    enum service_role role;
    char name[TEXT_MAX_NAME + 1];
    bool flag;
    void *token;
    const char *why; /* static text */
};

struct name_letter *letter_name(struct letter *letter);
/* NULL without memory. */
struct name_letter *name_letter_new(const char *name,
                                    void (*carry_out)(struct letter *letter));
#endif
