/* SPDX-License-Identifier: MIT */
#include "discovery/zookeeper_session.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "discovery/level_watch.h"
#include "discovery/targets.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * A server that does not answer is left after two thirds of this; what we
 * announced outlives us by all of it.
 */
enum { SESSION_MS = 10000, MAX_SECRET = 512, MAX_SERVERS_TEXT = 8192 };

static const uint64_t pace_us = CLOCK_SECOND; /* between two connections */
static const uint64_t spread_us = 500 * CLOCK_MS;
static const uint64_t refused_us = 30 * CLOCK_SECOND; /* wrong password */

struct zookeeper_session {
    struct zookeeper_session_options options;
    struct random random;
    struct targets *targets; /* the ensemble's servers */
    char *servers;           /* their addresses as the library wants them */
    zhandle_t *handle;
    bool is_connected;
    bool in_connection;     /* a socket is open, or being connected */
    bool is_over;           /* the handle is of no use any more */
    uint64_t not_before_us; /* no connection is tried before */
    int fd;                 /* the library's, while connected */
    struct level_watch watch;
    struct loop_timer timer;
    struct loop_task turn;
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void start_library(void)
{
    zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
}

static void on_log(const char *message)
{
    LOG(LOG_DEBUG, "zookeeper_client", log_text("message", message));
}

const char *zookeeper_session_error(int code)
{
    return zerror(code);
}

zhandle_t *zookeeper_session_handle(struct zookeeper_session *session)
{
    return session->is_connected ? session->handle : NULL;
}

bool zookeeper_session_own_ip(struct zookeeper_session *session, char *ip,
                              size_t size)
{
    struct address address;
    const void *bytes = &address.v4.sin_addr;

    if (!session->is_connected || !address_of_socket(&address, session->fd))
        return false;
    if (address.family == AF_INET6)
        bytes = &address.v6.sin6_addr;
    return inet_ntop(address.family, bytes, ip, (socklen_t)size) != NULL;
}

static struct loop *loop_of(const struct zookeeper_session *session)
{
    return session->options.world->loop;
}

void zookeeper_session_send(struct zookeeper_session *session)
{
    loop_schedule(loop_of(session), &session->turn);
}

/* No connection for |delay_us| and a little by chance. */
static void hold_off(struct zookeeper_session *session, uint64_t delay_us)
{
    uint64_t until_us = loop_now_us(loop_of(session)) + delay_us +
                        random_below(&session->random, spread_us);

    if (until_us > session->not_before_us)
        session->not_before_us = until_us;
}

static void lose(struct zookeeper_session *session, const char *reason)
{
    session->is_connected = false;
    session->options.lost(session->options.context, reason);
}

/* The library tells what became of the session. */
static void on_event(zhandle_t *handle, int type, int state, const char *path,
                     void *context)
{
    struct zookeeper_session *session = context;

    (void)handle;
    (void)path;
    if (type != ZOO_SESSION_EVENT)
        return;
    if (state == ZOO_CONNECTED_STATE) {
        session->is_connected = true;
        session->options.connected(session->options.context);
    } else if (state == ZOO_EXPIRED_SESSION_STATE) {
        session->is_over = true;
        hold_off(session, 0);
        lose(session, "the session has expired");
    } else if (state == ZOO_AUTH_FAILED_STATE) {
        session->is_over = true;
        hold_off(session, refused_us);
        lose(session, "the servers refuse the password");
    } else if (session->is_connected) {
        hold_off(session, 0);
        lose(session, "the connection is lost");
    }
}

static void end_handle(struct zookeeper_session *session)
{
    zhandle_t *handle = session->handle;

    level_watch_stop(&session->watch);
    session->handle = NULL;
    session->is_connected = session->in_connection = session->is_over = false;
    if (handle)
        zookeeper_close(handle); /* calls completions */
}

/* "user:password" of the file; false, and lost() told, if there is none. */
static bool read_secret(struct zookeeper_session *session, char *secret)
{
    const char *path = session->options.place.auth_file;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t length = fd < 0 ? -1 : read(fd, secret, MAX_SECRET - 1);
    char reason[1024];

    text_format(reason, sizeof(reason), "%s: %s", path,
                length < 0 ? strerror(errno) : "holds no user:password");
    if (fd >= 0)
        close(fd);
    secret[length > 0 ? length : 0] = '\0';
    secret[strcspn(secret, "\r\n")] = '\0';
    if (strchr(secret, ':'))
        return true;
    lose(session, reason);
    return false;
}

static bool add_secret(struct zookeeper_session *session)
{
    char secret[MAX_SECRET];
    bool added;

    if (session->options.place.auth_file[0] == '\0')
        return true;
    added = read_secret(session, secret) &&
            zoo_add_auth(session->handle, "digest", secret, (int)strlen(secret),
                         NULL, NULL) == ZOK;
    explicit_bzero(secret, sizeof(secret));
    return added;
}

static void begin_handle(struct zookeeper_session *session)
{
    session->handle =
        zookeeper_init2(session->servers, on_event, SESSION_MS, NULL, session,
                        ZOO_NO_LOG_CLIENTENV, on_log);
    if (!session->handle) {
        hold_off(session, pace_us);
        lose(session, strerror(errno));
    } else if (!add_secret(session)) {
        end_handle(session);
        hold_off(session, pace_us);
    }
}

static void on_ready(struct level_watch *watch, unsigned what);

/* Ask the library what it waits for, and wait for it. */
static void wait_on(struct zookeeper_session *session)
{
    int fd = -1, interest = 0, code;
    struct timeval wait = { 0 };
    unsigned wanted = 0;

    code = zookeeper_interest(session->handle, &fd, &interest, &wait);
    if (code != ZOK || fd < 0) {
        session->in_connection = false;
        hold_off(session, 0);
        if (code != ZOK && !session->is_over && !session->is_connected)
            lose(session, zerror(code));
        zookeeper_session_send(session);
        return;
    }
    session->in_connection = true;
    session->fd = fd;
    if (interest & ZOOKEEPER_READ)
        wanted |= LOOP_READABLE;
    if (interest & ZOOKEEPER_WRITE)
        wanted |= LOOP_WRITABLE;
    if (level_watch_start(loop_of(session), &session->watch, fd, wanted,
                          on_ready) != STATUS_OK)
        hold_off(session, pace_us);
    loop_timer_start(&session->timer, (uint64_t)wait.tv_sec * CLOCK_SECOND +
                                          (uint64_t)wait.tv_usec);
}

/*
 * One step: make the handle, make a connection, or wait on it.  The watch is
 * always started anew, since the library may have closed the descriptor and
 * opened another of the same number.
 */
static void step(struct zookeeper_session *session)
{
    uint64_t now_us = loop_now_us(loop_of(session));

    level_watch_stop(&session->watch);
    if (session->is_over)
        end_handle(session);
    if (!session->in_connection && now_us < session->not_before_us) {
        loop_timer_start(&session->timer, session->not_before_us - now_us);
        return;
    }
    if (!session->handle && session->servers)
        begin_handle(session);
    if (!session->handle) {
        if (session->servers)
            zookeeper_session_send(session);
        return;
    }
    if (!session->in_connection)
        session->not_before_us =
            now_us + pace_us + random_below(&session->random, spread_us);
    wait_on(session);
}

static void run_turn(struct loop_task *task)
{
    step(CONTAINER_OF(task, struct zookeeper_session, turn));
}

static void process(struct zookeeper_session *session, int events)
{
    if (session->handle && session->in_connection) {
        int code;

        level_watch_stop(&session->watch);
        code = zookeeper_process(session->handle, events);
        if (code != ZOK && code != ZNOTHING) {
            session->in_connection = false;
            if (!session->is_over && !session->is_connected)
                lose(session, zerror(code));
        }
    }
    step(session);
}

static void on_ready(struct level_watch *watch, unsigned what)
{
    process(CONTAINER_OF(watch, struct zookeeper_session, watch),
            (what & LOOP_READABLE ? ZOOKEEPER_READ : 0) |
                (what & LOOP_WRITABLE ? ZOOKEEPER_WRITE : 0));
}

static void on_timer(struct loop_timer *timer)
{
    process(CONTAINER_OF(timer, struct zookeeper_session, timer), 0);
}

/* ---- the ensemble ---- */

/* The library splits at the last colon and knows no brackets. */
static void format_server(const struct address *address, char *text,
                          size_t size)
{
    char bracketed[ADDRESS_TEXT], *end;

    address_format(address, bracketed);
    end = strchr(bracketed, ']');
    if (bracketed[0] == '[' && end)
        text_format(text, size, "%.*s%s", (int)(end - bracketed - 1),
                    bracketed + 1, end + 1);
    else
        text_format(text, size, "%s", bracketed);
}

static char *join(const struct targets_report *report)
{
    char *servers = calloc(1, MAX_SERVERS_TEXT);
    size_t used = 0;

    for (size_t i = 0; servers && i < report->count; i++) {
        char text[ADDRESS_TEXT];

        format_server(&report->items[i].address, text, sizeof(text));
        if (!text_format(servers + used, MAX_SERVERS_TEXT - used, "%s%s",
                         used > 0 ? "," : "", text)) {
            servers[used] = '\0'; /* what fits is enough of an ensemble */
            break;
        }
        used += strlen(servers + used);
    }
    return servers;
}

static void on_servers(void *context, const struct targets_report *report)
{
    struct zookeeper_session *session = context;
    char *servers;

    if (report->all_failed || report->count == 0) {
        if (!session->servers)
            lose(session, report->failure);
        return;
    }
    servers = join(report);
    if (!servers ||
        (session->servers && strcmp(servers, session->servers) == 0)) {
        free(servers);
        return;
    }
    free(session->servers);
    session->servers = servers;
    if (session->handle)
        zoo_set_servers(session->handle, servers);
    zookeeper_session_send(session);
}

/* ---- life ---- */

enum status
zookeeper_session_open(const struct zookeeper_session_options *options,
                       struct zookeeper_session **result)
{
    struct zookeeper_session *session = calloc(1, sizeof(*session));
    struct targets_options targets = { .loop = options->world->loop,
                                       .resolver = options->world->resolver,
                                       .changed = on_servers,
                                       .context = session };

    if (!session)
        return STATUS_NO_MEMORY;
    pthread_once(&library_once, start_library);
    session->options = *options;
    session->random = random_from_seed(random_seed());
    loop_timer_init(loop_of(session), &session->timer, on_timer);
    loop_task_init(&session->turn, run_turn);
    session->targets = targets_new(&targets);
    if (!session->targets ||
        targets_set(session->targets, options->place.servers,
                    options->place.count, NULL) != STATUS_OK) {
        zookeeper_session_close(session);
        return STATUS_NO_MEMORY;
    }
    *result = session;
    return STATUS_OK;
}

void zookeeper_session_close(struct zookeeper_session *session)
{
    if (!session)
        return;
    end_handle(session);
    targets_free(session->targets);
    loop_timer_stop(&session->timer);
    loop_task_cancel(&session->turn);
    free(session->servers);
    free(session);
}
