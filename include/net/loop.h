/* SPDX-License-Identifier: MIT */
#ifndef NET_LOOP_H
#define NET_LOOP_H
#include "base/check.h"
#include "base/list.h"
#include "base/status.h"
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * One thread's world: sockets, timers, tasks, and one door for messages from
 * other threads.  Everything here but loop_post() and loop_stop() belongs to
 * the thread that runs the loop.
 *
 * A turn: wait for events; deliver messages; run tasks; run last tasks
 * (flushes: what many tasks of the turn have put together leaves at once);
 * free what was deferred.
 */
struct loop;

/* NULL without memory or descriptors (a loop has four). */
MUST_CHECK struct loop *loop_new(void);

/*
 * The owner has stopped its watches, timers and tasks.  Messages nobody
 * delivered are discarded, deferred objects freed.  Accepts NULL.
 */
void loop_free(struct loop *loop);

/*
 * Turn until loop_stop(), which may have come before; then it can be run
 * again.
 */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop); /* from any thread or signal watch */

/* One turn, which waits at most |max_wait_us| for something to happen. */
void loop_turn(struct loop *loop, uint64_t max_wait_us);

/* When this turn began. */
uint64_t loop_now_us(const struct loop *loop);

/* ---- tasks: later in this turn ---- */

struct loop_task {
    struct list node;
    void (*run)(struct loop_task *task);
};

void loop_task_init(struct loop_task *task, void (*run)(struct loop_task *));

/*
 * Run |task| among this turn's tasks, or in the next turn if they have begun;
 * once, however often it is scheduled, and where it was scheduled first.  A
 * turn with tasks does not wait.
 */
void loop_schedule(struct loop *loop, struct loop_task *task);
/*
 * Run it among the last tasks of the turn that begins or goes on; of the next
 * one if the last tasks have begun.
 */
void loop_schedule_last(struct loop *loop, struct loop_task *task);
void loop_task_cancel(struct loop_task *task); /* harmless if not scheduled */

/* ---- sockets ---- */

enum {
    LOOP_READABLE = 1,
    LOOP_WRITABLE = 2,
    LOOP_HUNG_UP = 4 /* the peer sends no more, or the socket failed */
};

/*
 * Edge-triggered: |ready| is told once when a direction becomes possible, and
 * must remember it until a call says EAGAIN.
 *
 * LOOP_HUNG_UP is certain for an end of file, and once told comes with every
 * later call.  A failure of the socket (libevent does not say which events
 * are EPOLLERR) may come as LOOP_READABLE and LOOP_WRITABLE without it.
 */
struct loop_watch {
    struct event event;
    struct loop *loop; /* borrowed */
    void (*ready)(struct loop_watch *watch, unsigned what);
};

MUST_CHECK enum status
loop_watch_start(struct loop *loop, struct loop_watch *watch, int fd,
                 void (*ready)(struct loop_watch *, unsigned what));
/* Harmless for a zeroed or stopped watch.  Before the descriptor is closed. */
void loop_watch_stop(struct loop_watch *watch);

/* ---- time ---- */

struct loop_timer {
    struct event event;
    struct loop *loop; /* borrowed */
    uint64_t due_us;   /* 0: not running */
    struct list node;  /* waits for memory to be armed with */
    void (*expired)(struct loop_timer *timer);
};

void loop_timer_init(struct loop *loop, struct loop_timer *timer,
                     void (*expired)(struct loop_timer *));
/* Once, |delay_us| from now, never early; starting it again moves it. */
void loop_timer_start(struct loop_timer *timer, uint64_t delay_us);
void loop_timer_stop(struct loop_timer *timer); /* zeroed ones too */
bool loop_timer_is_running(const struct loop_timer *timer);

/*
 * A coarse timer for many: |visit| comes within LOOP_SOON_US, together with
 * all others that wait for theirs, and costs as much as a task.
 */
#define LOOP_SOON_US UINT64_C(20000)

struct loop_visit {
    struct list node;
    void (*visit)(struct loop_visit *visit);
};

void loop_visit_init(struct loop_visit *visit,
                     void (*callback)(struct loop_visit *));
void loop_visit_soon(struct loop *loop, struct loop_visit *visit);
void loop_visit_cancel(struct loop_visit *visit); /* harmless if not waiting */

/* ---- signals, in one loop of the process ---- */

struct loop_signal {
    struct event event;
    struct loop *loop; /* borrowed */
    void (*received)(struct loop_signal *signal, int number);
};

MUST_CHECK enum status
loop_signal_start(struct loop *loop, struct loop_signal *signal, int number,
                  void (*received)(struct loop_signal *, int number));
void loop_signal_stop(struct loop_signal *signal);

/* ---- the door between threads ---- */

/*
 * Owned by the sender until posted, then by |deliver|, which runs in the
 * loop's thread and frees it.  |discarded| is true when the loop is going away:
 * then only give back what the message holds.
 */
struct loop_message {
    struct loop_message *next;
    void (*deliver)(struct loop_message *message, bool discarded);
};

/* From any thread.  Messages of one sender arrive in their order. */
void loop_post(struct loop *loop, struct loop_message *message);

/* ---- the end of objects ---- */

/*
 * Call |release| with |object| at the end of this turn, when no stack frame
 * looks at it any more.  |deferred| lives in the object.
 */
struct loop_deferred {
    struct list node;
    void (*release)(struct loop_deferred *deferred);
};

void loop_defer(struct loop *loop, struct loop_deferred *deferred,
                void (*release)(struct loop_deferred *));

/* ---- the library underneath ---- */

/* libevent's version, as it runs: "2.1.13-stable". */
const char *loop_library_version(void);

/* The same as a number. */
uint32_t loop_library_number(void);

/*
 * Whether a libevent of this number has the fixes we rely on, and the
 * structures we were compiled with.
 */
MUST_CHECK bool loop_library_is_supported(uint32_t version);

/* libevent's base, for the libraries that want one (HTTP in admin). */
struct event_base *loop_base(struct loop *loop);
#endif
