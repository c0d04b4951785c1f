/* SPDX-License-Identifier: MIT */
/* One request, one answer, one deadline, by a socket that never blocks. */
#include "admin/client.h"

#include "admin/answer.h"
#include "base/clock.h"
#include "base/text.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_REQUEST = 8 * 1024, FIRST_ROOM = 8 * 1024 };

struct call {
    const struct address *address; /* borrowed */
    uint64_t timeout_us;
    uint64_t until_us;
    int fd;
    char *bytes; /* of the answer, one more allocated for a NUL */
    size_t room;
    size_t length;
    bool has_ended; /* the other end has closed */
    struct net_error *error;
};

/* ---- what to tell ---- */

static enum status explain(struct call *call, enum status status,
                           const char *before, const char *after)
{
    char text[ADDRESS_TEXT];

    text_format(call->error->text, sizeof(call->error->text), "%s %s%s", before,
                address_format(call->address, text), after);
    return status;
}

static enum status fail(struct call *call, int error_number)
{
    char after[128];

    switch (error_number) {
    case ENOENT:
    case ECONNREFUSED:
        return explain(call, STATUS_REFUSED, "nothing listens at",
                       ": is `entente run` running? --admin ADDR says where");
    case EACCES:
    case EPERM:
        return explain(call, STATUS_DENIED, "no permission to ask at",
                       ": run as root or as the ambassador's user");
    case ECONNRESET:
    case EPIPE:
        return explain(call, STATUS_RESET, "the ambassador at",
                       " went away before it had answered");
    default:
        text_format(after, sizeof(after), ": %s", strerror(error_number));
        return explain(call, STATUS_IO, "cannot ask at", after);
    }
}

static enum status fail_late(struct call *call)
{
    char after[64];

    text_format(after, sizeof(after), " within %llu ms",
                (unsigned long long)(call->timeout_us / CLOCK_MS));
    return explain(call, STATUS_TIMEOUT, "no answer from", after);
}

static enum status fail_by_protocol(struct call *call)
{
    return explain(call, STATUS_PROTOCOL, "what answers at",
                   " is not an ambassador's admin window");
}

/* ---- waiting ---- */

/* Until |events| are there, or any failure. */
static enum status wait_for(struct call *call, short events)
{
    struct pollfd pollfd = { .fd = call->fd, .events = events };

    for (;;) {
        uint64_t now_us = clock_now_us();
        uint64_t left_ms;
        int count;

        if (now_us >= call->until_us)
            return fail_late(call);
        left_ms = (call->until_us - now_us) / CLOCK_MS + 1;
        count = poll(&pollfd, 1, left_ms < 60000 ? (int)left_ms : 60000);
        if (count > 0)
            return STATUS_OK;
        if (count < 0 && errno != EINTR)
            return fail(call, errno);
    }
}

/* A Unix listener's full queue tells no event. */
static enum status pause_briefly(struct call *call)
{
    const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };

    if (clock_now_us() >= call->until_us)
        return fail_late(call);
    nanosleep(&pause, NULL);
    return STATUS_OK;
}

/* ---- the three steps ---- */

static enum status finish_connecting(struct call *call)
{
    int error_number = 0;
    socklen_t length = sizeof(error_number);
    enum status status = wait_for(call, POLLOUT);

    if (status != STATUS_OK)
        return status;
    if (getsockopt(call->fd, SOL_SOCKET, SO_ERROR, &error_number, &length) != 0)
        return fail(call, errno);
    return error_number ? fail(call, error_number) : STATUS_OK;
}

static enum status connect_there(struct call *call)
{
    const struct address *address = call->address;

    call->fd =
        socket(address->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (call->fd < 0)
        return fail(call, errno);
    while (connect(call->fd, &address->any, address->length) != 0) {
        enum status status;

        if (errno == EINPROGRESS)
            return finish_connecting(call);
        if (errno != EAGAIN && errno != EINTR)
            return fail(call, errno);
        status = pause_briefly(call);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status send_request(struct call *call, const char *method,
                                const char *target)
{
    char request[MAX_REQUEST], host[ADDRESS_TEXT] = "localhost";
    size_t sent = 0, length;

    if (!address_is_unix(call->address))
        address_format(call->address, host);
    if (!text_format(request, sizeof(request),
                     "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\n"
                     "Connection: close\r\n\r\n",
                     method, target, host))
        return explain(call, STATUS_LIMIT, "too much to ask at", "");
    length = strlen(request);
    while (sent < length) {
        ssize_t count =
            send(call->fd, request + sent, length - sent, MSG_NOSIGNAL);
        enum status status;

        if (count > 0) {
            sent += (size_t)count;
            continue;
        }
        if (errno == EPIPE || errno == ECONNRESET)
            return STATUS_OK; /* it may have said why before */
        if (errno != EAGAIN && errno != EINTR)
            return fail(call, errno);
        status = wait_for(call, POLLOUT);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status make_room(struct call *call)
{
    size_t max_room = ANSWER_MAX_HEAD_BYTES + ADMIN_MAX_ANSWER_BYTES;
    size_t room = call->room ? call->room * 2 : FIRST_ROOM;
    char *bytes;

    if (call->length < call->room)
        return STATUS_OK;
    if (call->room == max_room)
        return explain(call, STATUS_LIMIT, "too long an answer from", "");
    if (room > max_room)
        room = max_room;
    bytes = realloc(call->bytes, room + 1);
    if (!bytes)
        return explain(call, STATUS_NO_MEMORY,
                       "out of memory for the answer from", "");
    call->bytes = bytes;
    call->room = room;
    return STATUS_OK;
}

/* Read something more, or the end. */
static enum status read_more(struct call *call)
{
    enum status status = make_room(call);

    while (status == STATUS_OK) {
        ssize_t count = recv(call->fd, call->bytes + call->length,
                             call->room - call->length, 0);

        if (count >= 0) {
            call->length += (size_t)count;
            call->has_ended = count == 0;
            return STATUS_OK;
        }
        if (errno != EAGAIN && errno != EINTR)
            return fail(call, errno);
        status = wait_for(call, POLLIN);
    }
    return status;
}

static enum status read_head(struct call *call, struct answer *answer)
{
    for (;;) {
        enum status status = read_more(call);

        if (status != STATUS_OK)
            return status;
        status = answer_parse(call->bytes, call->length, answer);
        if (status != STATUS_OK)
            return fail_by_protocol(call);
        if (answer->head_bytes > 0)
            return STATUS_OK;
        if (call->has_ended)
            return call->length > 0 ? fail_by_protocol(call)
                                    : fail(call, ECONNRESET);
    }
}

static enum status read_body(struct call *call, struct answer *answer)
{
    size_t wanted = answer->head_bytes + answer->body_bytes;

    if (answer->body_bytes > ADMIN_MAX_ANSWER_BYTES)
        return explain(call, STATUS_LIMIT, "too long an answer from", "");
    while (!call->has_ended &&
           !(answer->has_length && call->length >= wanted)) {
        enum status status = read_more(call);

        if (status != STATUS_OK)
            return status;
    }
    if (answer->has_length && call->length < wanted)
        return fail(call, ECONNRESET);
    if (answer->has_length && call->length > wanted)
        return fail_by_protocol(call);
    answer->body_bytes = call->length - answer->head_bytes;
    return answer->body_bytes > ADMIN_MAX_ANSWER_BYTES
               ? explain(call, STATUS_LIMIT, "too long an answer from", "")
               : STATUS_OK;
}

static bool is_target(const char *target)
{
    for (const char *at = target; *at != '\0'; at++)
        if (*at <= ' ' || *at >= 0x7f)
            return false;
    return target[0] == '/';
}

enum status admin_call(const struct address *address, const char *method,
                       const char *target, uint64_t timeout_us, int *code,
                       char **body, struct net_error *error)
{
    struct call call = { .address = address,
                         .timeout_us = timeout_us,
                         .until_us = clock_now_us() + timeout_us,
                         .fd = -1,
                         .error = error };
    struct answer answer;
    enum status status;

    ASSERT(is_target(target));
    status = connect_there(&call);
    if (status == STATUS_OK)
        status = send_request(&call, method, target);
    if (status == STATUS_OK)
        status = read_head(&call, &answer);
    if (status == STATUS_OK)
        status = read_body(&call, &answer);
    if (call.fd >= 0)
        close(call.fd);
    if (status != STATUS_OK) {
        free(call.bytes);
        return status;
    }
    memmove(call.bytes, call.bytes + answer.head_bytes, answer.body_bytes);
    call.bytes[answer.body_bytes] = '\0';
    *code = answer.code;
    *body = call.bytes;
    return STATUS_OK;
}
