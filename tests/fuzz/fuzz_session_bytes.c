/* SPDX-License-Identifier: MIT */
/*
 * Any bytes of a peer, twice: in one piece and in pieces.  Both sessions must
 * tell the same and say the same, and keep what every session keeps.
 */
#include "base/clock.h"
#include "base/random.h"
#include "support/wire/session_invariants.h"
#include <string.h>

enum { POOL_BYTES = 1 << 22, STREAMS = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
    struct chunk_pool pool;
    struct session *session;
    uint8_t habits; /* of the owners of streams */
    uint64_t trace; /* of everything that was told and said */
    uint64_t now_us;
    bool closed;
};

static void note(struct run *run, const void *bytes, size_t length)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < length; i++) /* FNV-1a */
        run->trace = (run->trace ^ at[i]) * UINT64_C(0x100000001b3);
}

static void note_number(struct run *run, uint64_t number)
{
    note(run, &number, sizeof(number));
}

static void pull_all(struct run *run)
{
    struct session_record record;
    struct stream *stream;

    while (session_pull(run->session, run->now_us, &record)) {
        ASSERT(record.length >= FRAME_HEADER && record.length <= FRAME_MAX);
        note(run, record.bytes, record.length);
        record.bytes[record.length] = 0xee;
    }
    while ((stream = session_next_writable(run->session)))
        ASSERT(stream->owner);
}

/* Streams of ours, for WINDOW, STOP and OPEN_FAIL to be about. */
static void open_some(struct run *run)
{
    struct metadata metadata = { .service = "fuzz" };
    struct stream *stream;

    for (int i = 0; i < 3 && session_can_open(run->session); i++) {
        struct iovec part;

        if (session_open(run->session, &metadata, run, NULL, run->now_us,
                         &stream) != STATUS_OK)
            return;
        if (session_prepare(run->session, stream, &part, 1) > 0) {
            memset(part.iov_base, i, 500);
            session_commit(run->session, stream, 500, run->now_us);
        }
        if (i == 1)
            session_finish(run->session, stream, run->now_us);
    }
}

static void react(struct run *run, const struct session_event *event)
{
    struct session *session = run->session;
    struct stream *stream = event->stream;

    ASSERT(!run->closed); /* CLOSE is the last event */
    ASSERT(!stream || event->type == SESSION_OPENED || stream->owner);
    if (event->type == SESSION_READY)
        open_some(run);
    if (event->type == SESSION_CLOSED)
        run->closed = true;
    if (event->type == SESSION_OPENED && stream->id % 7 == 0)
        session_refuse(session, stream, CODE_DENIED, false);
    else if (event->type == SESSION_OPENED)
        stream->owner = run;
    if (event->type == SESSION_DATA && (run->habits & 1)) {
        session_consumed(session, stream, event->length, run->now_us);
        if (event->finished && stream->consumed == stream->received)
            session_fin_consumed(session, stream, run->now_us);
    }
    if (event->type == SESSION_DATA && event->finished && (run->habits & 2))
        session_stop(session, stream, CODE_RESET);
    if (event->type == SESSION_RESET || event->type == SESSION_OPEN_FAILED ||
        (event->type == SESSION_DATA && (run->habits & 4)))
        session_release(session, stream, CODE_RESET);
    if (event->type == SESSION_OPENED && (run->habits & 8))
        session_accept(session, stream, run->now_us);
}

static bool take(struct run *run, const uint8_t *bytes, size_t length)
{
    struct session_input input = { .at = bytes, .length = length };
    struct session_event event;
    const char *broken;

    do {
        if (session_receive(run->session, &input, run->now_us, &event) !=
            STATUS_OK) {
            note(run, session_failure(run->session),
                 strlen(session_failure(run->session)));
            return false;
        }
        if (event.type == SESSION_NOTHING)
            break;
        note_number(run, event.type);
        note_number(run, event.stream ? event.stream->id : 0);
        note(run, event.bytes, event.length);
        react(run, &event);
        if (run->habits & 16)
            pull_all(run);
        broken = session_broken(run->session);
        if (broken)
            check_failed(broken, __FILE__, __LINE__);
    } while (event.type != SESSION_NOTHING);
    ASSERT(input.length == 0);
    return true;
}

/* |largest| pieces; returns what was told and said. */
static uint64_t run_once(uint8_t habits, const uint8_t *data, size_t size,
                         size_t largest)
{
    struct run run = { .habits = habits, .now_us = CLOCK_SECOND };
    struct random random = random_from_seed(size);
    struct session_options options = {
        .role = habits & 32 ? SESSION_DIALER : SESSION_ACCEPTOR,
        .limits = LIMITS_DEFAULT,
        .pool = &run.pool,
        .seed = 1,
        .now_us = run.now_us,
    };
    static const uint8_t hello[] = {
        1,  0,  0,  33, 0,  0,  0, 0, 1, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8,  9, 10,
        11, 12, 13, 14, 15, 16, 2, 0, 4, 0, 0,  0, 9, 3, 0, 4, 0, 0, 64, 0,
    };

    chunk_pool_init(&run.pool, POOL_BYTES);
    options.limits.max_streams = STREAMS;
    run.session = session_new(&options);
    ASSERT(run.session);
    if (!(habits & 64))
        ASSERT(take(&run, hello, sizeof(hello)));
    for (size_t at = 0; at < size;) {
        size_t piece = 1 + random_below(&random, largest);

        piece = piece < size - at ? piece : size - at;
        if (!take(&run, data + at, piece))
            break;
        at += piece;
    }
    ASSERT(run.pool.used_bytes <= 3 * (500 + 1024));
    pull_all(&run);
    session_free(run.session);
    chunk_pool_clear(&run.pool); /* which asserts that all came back */
    return run.trace;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t whole;

    if (size < 1)
        return 0;
    whole = run_once(data[0], data + 1, size - 1, SIZE_MAX / 2);
    ASSERT(run_once(data[0], data + 1, size - 1, 1) == whole);
    ASSERT(run_once(data[0], data + 1, size - 1, 40) == whole);
    return 0;
}
