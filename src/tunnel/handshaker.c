/* SPDX-License-Identifier: MIT */
/*
 * WAITING --> DIALLING --connected--> GREETING --established--> back to who
 * asked.  Any failure goes back, too; an alert of ours is sent first if it can
 * be.
 *
 * Who wants tunnels to a thousand peers at once must not have a little of each
 * handshake done, and all of them too late.  So of those that we dial only
 * some are under way at a time.  A peer that lets us wait does not count for
 * long, so that those that are there do not wait for those that are not.
 */
#include "tunnel/handshaker.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/text.h"
#include "net/dialer.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 16384, MAX_OURS = 64 };

/* So long one that we dial counts before it has connected, and then again. */
static const uint64_t dialling_counts_us = 200 * CLOCK_MS;
static const uint64_t greeting_counts_us = CLOCK_SECOND;

/* Who we are and whom we accept, while any handshake uses them. */
struct credentials {
    struct loop_message message;
    struct handshaker *handshaker;
    struct list node;
    struct identity *identity;
    struct trust *trust;
    struct tls_settings *settings;
    unsigned uses;
};

struct handshaker {
    struct loop *loop;
    pthread_t thread;
    struct list credentials; /* the newest first; owned */
    struct list attempts;    /* owned */
    struct list waiting;     /* greetings that are not begun; owned */
    unsigned ours;           /* attempts that count */
    struct loop_task begin_waiting;
};

/* One handshake under way. */
struct attempt {
    struct list node;
    struct loop_deferred deferred;
    struct handshaker *handshaker;
    struct greeting *greeting; /* NULL once answered */
    struct credentials *credentials;
    struct dial *dial;
    struct loop_watch watch;
    struct loop_task task;
    struct loop_timer timer;
    struct tls *tls;
    int fd;
    bool counts; /* in handshaker.ours */
    bool readable;
    bool writable;
};

void greeting_free(struct greeting *greeting)
{
    if (!greeting)
        return;
    if (greeting->fd >= 0)
        close(greeting->fd);
    tls_free(greeting->tls);
    free(greeting->surplus);
    free(greeting);
}

void recheck_free(struct recheck *recheck)
{
    if (!recheck)
        return;
    free(recheck->chain);
    free(recheck);
}

/* ---- credentials ---- */

static void free_credentials(struct credentials *credentials)
{
    if (!credentials)
        return;
    tls_settings_free(credentials->settings);
    identity_free(credentials->identity);
    trust_free(credentials->trust);
    free(credentials);
}

static struct credentials *newest(const struct handshaker *handshaker)
{
    struct list *node = list_first(&handshaker->credentials);

    return node ? LIST_ITEM(node, struct credentials, node) : NULL;
}

/* Free those that neither the next handshake nor any other will use. */
static void retire_credentials(struct handshaker *handshaker)
{
    LIST_EACH(&handshaker->credentials, node)
    {
        struct credentials *credentials =
            LIST_ITEM(node, struct credentials, node);

        if (credentials == newest(handshaker) || credentials->uses > 0)
            continue;
        list_remove(node);
        free_credentials(credentials);
    }
}

static void use_credentials(struct loop_message *message, bool discarded)
{
    struct credentials *credentials =
        CONTAINER_OF(message, struct credentials, message);
    struct handshaker *handshaker = credentials->handshaker;

    if (discarded) {
        free_credentials(credentials);
        return;
    }
    list_prepend(&handshaker->credentials, &credentials->node);
    retire_credentials(handshaker);
}

enum status handshaker_use(struct handshaker *handshaker,
                           struct identity *identity, struct trust *trust)
{
    struct credentials *credentials = calloc(1, sizeof(*credentials));
    enum status status;

    if (!credentials)
        return STATUS_NO_MEMORY;
    status =
        tls_settings_new(identity, trust, TUNNEL_ALPN, &credentials->settings);
    if (status != STATUS_OK) {
        free(credentials);
        return status;
    }
    credentials->identity = identity;
    credentials->trust = trust;
    credentials->handshaker = handshaker;
    credentials->message.deliver = use_credentials;
    loop_post(handshaker->loop, &credentials->message);
    return STATUS_OK;
}

/* ---- answering ---- */

static void deliver_answer(struct loop_message *message, bool discarded)
{
    struct greeting *greeting = CONTAINER_OF(message, struct greeting, message);

    if (discarded)
        greeting_free(greeting);
    else
        greeting->done(greeting);
}

static void answer(struct greeting *greeting, enum status status,
                   const char *failure)
{
    greeting->status = status;
    text_format(greeting->failure, sizeof(greeting->failure), "%s", failure);
    greeting->message.deliver = deliver_answer;
    loop_post(greeting->reply_to, &greeting->message);
}

static void release_attempt(struct loop_deferred *deferred)
{
    free(CONTAINER_OF(deferred, struct attempt, deferred));
}

/* ---- how many of ours ---- */

static void count(struct attempt *attempt, uint64_t duration_us)
{
    attempt->handshaker->ours += !attempt->counts;
    attempt->counts = true;
    loop_timer_start(&attempt->timer, duration_us);
}

static void stop_counting(struct attempt *attempt)
{
    if (!attempt->counts)
        return;
    attempt->counts = false;
    attempt->handshaker->ours--;
    loop_schedule(attempt->handshaker->loop,
                  &attempt->handshaker->begin_waiting);
}

/* ---- the end of an attempt ---- */

/* The end of |attempt|; what it has not given away goes with it. */
static void close_attempt(struct attempt *attempt)
{
    struct handshaker *handshaker = attempt->handshaker;

    dial_cancel(attempt->dial);
    attempt->dial = NULL;
    loop_watch_stop(&attempt->watch);
    loop_timer_stop(&attempt->timer);
    loop_task_cancel(&attempt->task);
    if (attempt->fd >= 0)
        close(attempt->fd);
    attempt->fd = -1;
    tls_free(attempt->tls);
    attempt->tls = NULL;
    list_remove(&attempt->node);
    stop_counting(attempt);
    attempt->credentials->uses--;
    retire_credentials(handshaker);
    loop_defer(handshaker->loop, &attempt->deferred, release_attempt);
}

static void fail_attempt(struct attempt *attempt, enum status status,
                         const char *failure)
{
    struct greeting *greeting = attempt->greeting;

    attempt->greeting = NULL;
    close_attempt(attempt);
    answer(greeting, status, failure);
}

static void succeed(struct attempt *attempt)
{
    struct greeting *greeting = attempt->greeting;
    enum { SURPLUS = TLS_MAX_HANDSHAKE };

    greeting->surplus = malloc(SURPLUS);
    if (!greeting->surplus) {
        fail_attempt(attempt, STATUS_NO_MEMORY, "out of memory");
        return;
    }
    greeting->surplus_length =
        tls_take_surplus(attempt->tls, greeting->surplus, SURPLUS);
    loop_watch_stop(&attempt->watch); /* before another loop has it */
    greeting->tls = attempt->tls;
    greeting->fd = attempt->fd;
    attempt->tls = NULL;
    attempt->fd = -1;
    attempt->greeting = NULL;
    close_attempt(attempt);
    answer(greeting, STATUS_OK, "");
}

/* ---- the handshake itself ---- */

/* Bytes of ours out; false if the connection is broken. */
static bool send_outgoing(struct attempt *attempt)
{
    for (;;) {
        size_t length;
        const uint8_t *bytes = tls_outgoing(attempt->tls, &length);
        ssize_t sent;

        if (length == 0 || !attempt->writable)
            return true;
        sent = send(attempt->fd, bytes, length, MSG_NOSIGNAL);
        if (sent > 0)
            tls_sent(attempt->tls, (size_t)sent);
        else if (errno == EAGAIN)
            attempt->writable = false;
        else if (errno != EINTR)
            return false;
    }
}

/*
 * Bytes of the peer in; STATUS_OK with |*bytes| 0 if there are none now.
 */
static enum status read_incoming(struct attempt *attempt, size_t *bytes)
{
    uint8_t buffer[READ_BYTES];
    ssize_t length;

    *bytes = 0;
    if (!attempt->readable)
        return STATUS_OK;
    do
        length = recv(attempt->fd, buffer, sizeof(buffer), 0);
    while (length < 0 && errno == EINTR);
    if (length == 0)
        return STATUS_CLOSED;
    if (length < 0 && errno == EAGAIN) {
        attempt->readable = false;
        return STATUS_OK;
    }
    if (length < 0)
        return status_from_errno(errno);
    *bytes = (size_t)length;
    return tls_incoming(attempt->tls, buffer, (size_t)length);
}

static void fail_tls(struct attempt *attempt, enum status status)
{
    char failure[512];

    text_format(failure, sizeof(failure), "%s", tls_failure(attempt->tls));
    (void)send_outgoing(attempt); /* our alert, if it fits */
    /* A reset would destroy the alert on its way. */
    shutdown(attempt->fd, SHUT_WR);
    fail_attempt(attempt, status, failure);
}

static const char *ending_text(enum status status)
{
    return status == STATUS_CLOSED
               ? "the peer closed the connection during the handshake"
               : status_text(status);
}

/* One piece of the handshake a turn: others wait for their milliseconds. */
static void run_attempt(struct loop_task *task)
{
    struct attempt *attempt = CONTAINER_OF(task, struct attempt, task);
    bool established = false;
    size_t bytes;
    enum status status = read_incoming(attempt, &bytes);

    if (status != STATUS_OK) {
        fail_attempt(attempt, status, ending_text(status));
        return;
    }
    status = tls_step(attempt->tls, &established);
    if (status != STATUS_OK) {
        fail_tls(attempt, status);
        return;
    }
    if (!send_outgoing(attempt)) {
        fail_attempt(attempt, STATUS_RESET, "the connection broke");
        return;
    }
    tls_outgoing(attempt->tls, &bytes);
    if (established && bytes == 0)
        succeed(attempt);
    else if (attempt->readable && !established)
        loop_schedule(attempt->handshaker->loop, &attempt->task);
}

static void became_ready(struct loop_watch *watch, unsigned what)
{
    struct attempt *attempt = CONTAINER_OF(watch, struct attempt, watch);

    if (what & (LOOP_READABLE | LOOP_HUNG_UP))
        attempt->readable = true;
    if (what & LOOP_WRITABLE)
        attempt->writable = true;
    loop_schedule(attempt->handshaker->loop, &attempt->task);
}

static void greet(struct attempt *attempt)
{
    struct handshaker *handshaker = attempt->handshaker;

    attempt->tls =
        tls_new(attempt->greeting->role, attempt->credentials->settings);
    if (!attempt->tls ||
        loop_watch_start(handshaker->loop, &attempt->watch, attempt->fd,
                         became_ready) != STATUS_OK) {
        fail_attempt(attempt, STATUS_NO_MEMORY, "out of memory");
        return;
    }
    attempt->writable = true;
    loop_schedule(handshaker->loop, &attempt->task);
}

static void dialled(void *context, enum status status, int fd)
{
    struct attempt *attempt = context;

    attempt->dial = NULL;
    if (status != STATUS_OK) {
        fail_attempt(attempt, status, status_text(status));
        return;
    }
    attempt->fd = fd;
    count(attempt, greeting_counts_us);
    greet(attempt);
}

static void timed_out(struct loop_timer *timer)
{
    struct attempt *attempt = CONTAINER_OF(timer, struct attempt, timer);
    uint64_t timeout_us = attempt->greeting->timeout_us;

    if (!attempt->counts) {
        fail_attempt(attempt, STATUS_TIMEOUT, "the handshake took too long");
        return;
    }
    stop_counting(attempt);
    if (!attempt->dial) /* dialling has a limit of its own */
        loop_timer_start(timer, timeout_us > greeting_counts_us
                                    ? timeout_us - greeting_counts_us
                                    : 0);
}

static void begin(struct handshaker *handshaker, struct greeting *greeting)
{
    struct attempt *attempt = calloc(1, sizeof(*attempt));
    struct dial_options options = { .address = greeting->address,
                                    .timeout_us = greeting->timeout_us,
                                    .done = dialled,
                                    .context = attempt };

    if (!attempt) {
        answer(greeting, STATUS_NO_MEMORY, "out of memory");
        return;
    }
    attempt->handshaker = handshaker;
    attempt->greeting = greeting;
    attempt->credentials = newest(handshaker);
    attempt->credentials->uses++;
    attempt->fd = greeting->fd;
    greeting->fd = -1;
    loop_task_init(&attempt->task, run_attempt);
    loop_timer_init(handshaker->loop, &attempt->timer, timed_out);
    list_append(&handshaker->attempts, &attempt->node);
    if (greeting->role == TLS_SERVER) {
        loop_timer_start(&attempt->timer, greeting->timeout_us);
        greet(attempt);
        return;
    }
    count(attempt, dialling_counts_us);
    attempt->dial = dial_start(handshaker->loop, &options);
    if (!attempt->dial)
        fail_attempt(attempt, STATUS_NO_MEMORY, "out of memory");
}

static void begin_waiting(struct loop_task *task)
{
    struct handshaker *handshaker =
        CONTAINER_OF(task, struct handshaker, begin_waiting);

    while (handshaker->ours < MAX_OURS &&
           !list_is_empty(&handshaker->waiting)) {
        struct greeting *greeting = LIST_ITEM(list_first(&handshaker->waiting),
                                              struct greeting, waiting);

        list_remove(&greeting->waiting);
        begin(handshaker, greeting);
    }
}

static void wait_for_turn(struct greeting *greeting)
{
    struct handshaker *handshaker = greeting->handshaker;

    list_append(&handshaker->waiting, &greeting->waiting);
    loop_schedule(handshaker->loop, &handshaker->begin_waiting);
}

static void take_handshake(struct loop_message *message, bool discarded)
{
    struct greeting *greeting = CONTAINER_OF(message, struct greeting, message);

    if (discarded)
        answer(greeting, STATUS_CLOSED, "stopping");
    else if (!newest(greeting->handshaker))
        answer(greeting, STATUS_CLOSED, "no identity to show");
    else if (greeting->role == TLS_CLIENT)
        wait_for_turn(greeting);
    else
        begin(greeting->handshaker, greeting);
}

void handshaker_submit(struct handshaker *handshaker, struct greeting *greeting)
{
    greeting->handshaker = handshaker;
    greeting->message.deliver = take_handshake;
    loop_post(handshaker->loop, &greeting->message);
}

/* ---- checking live peers again ---- */

static void deliver_verdict(struct loop_message *message, bool discarded)
{
    struct recheck *recheck = CONTAINER_OF(message, struct recheck, message);

    if (discarded)
        recheck_free(recheck);
    else
        recheck->done(recheck);
}

static void take_recheck(struct loop_message *message, bool discarded)
{
    struct recheck *recheck = CONTAINER_OF(message, struct recheck, message);
    struct credentials *credentials =
        discarded ? NULL : newest(recheck->handshaker);
    struct crypto_error error = { .text = "nobody can tell any more" };

    recheck->status = STATUS_CLOSED; /* who cannot be checked is not let in */
    if (credentials)
        recheck->status = trust_check_again(credentials->trust, recheck->chain,
                                            recheck->length, &error);
    text_format(recheck->failure, sizeof(recheck->failure), "%s", error.text);
    recheck->message.deliver = deliver_verdict;
    loop_post(recheck->reply_to, &recheck->message);
}

void handshaker_recheck(struct handshaker *handshaker, struct recheck *recheck)
{
    recheck->handshaker = handshaker;
    recheck->message.deliver = take_recheck;
    loop_post(handshaker->loop, &recheck->message);
}

/* ---- the thread ---- */

static void *run(void *context)
{
    struct handshaker *handshaker = context;

    loop_run(handshaker->loop);
    return NULL;
}

/* Signals are the main thread's. */
static int start_thread(struct handshaker *handshaker)
{
    sigset_t all, before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&handshaker->thread, NULL, run, handshaker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

enum status handshaker_start(struct handshaker **started)
{
    struct handshaker *handshaker = calloc(1, sizeof(*handshaker));

    if (!handshaker)
        return STATUS_NO_MEMORY;
    list_init(&handshaker->credentials);
    list_init(&handshaker->attempts);
    list_init(&handshaker->waiting);
    loop_task_init(&handshaker->begin_waiting, begin_waiting);
    handshaker->loop = loop_new();
    if (!handshaker->loop || start_thread(handshaker) != 0) {
        loop_free(handshaker->loop);
        free(handshaker);
        return STATUS_NO_MEMORY;
    }
    *started = handshaker;
    return STATUS_OK;
}

void handshaker_stop(struct handshaker *handshaker)
{
    if (!handshaker)
        return;
    loop_stop(handshaker->loop);
    pthread_join(handshaker->thread, NULL);
    LIST_EACH(&handshaker->waiting, waiting)
    {
        list_remove(waiting);
        answer(LIST_ITEM(waiting, struct greeting, waiting), STATUS_CLOSED,
               "stopping");
    }
    LIST_EACH(&handshaker->attempts, node)
    {
        fail_attempt(LIST_ITEM(node, struct attempt, node), STATUS_CLOSED,
                     "stopping");
    }
    loop_task_cancel(&handshaker->begin_waiting);
    loop_free(handshaker->loop);
    LIST_EACH(&handshaker->credentials, node)
    {
        free_credentials(LIST_ITEM(node, struct credentials, node));
    }
    free(handshaker);
}
