/* SPDX-License-Identifier: MIT */
/*
 * What the multiplexer costs by itself, with memcpy() for the ciphers and the
 * socket: bench_session [bulk|echo] [streams] [count]
 *
 *   bulk  bytes from one end to the other: GB/s, ns a record
 *   echo  64 bytes there and back: ns a round trip
 */
#include "base/clock.h"
#include "wire/session.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { MAX_STREAMS = 4096, MESSAGE = 64, BATCH_BYTES = 256 * 1024 };

static struct end {
    struct session *session;
    struct chunk_pool pool;
    struct stream *streams[MAX_STREAMS];
    int count;
    bool echoes;
} ends[2];

static uint64_t now_us = CLOCK_SECOND, records, arrived;
static uint8_t batch[BATCH_BYTES + 16384];

static double cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void start(void)
{
    for (int side = 0; side < 2; side++) {
        struct session_options options = {
            .role = side ? SESSION_ACCEPTOR : SESSION_DIALER,
            .limits = LIMITS_DEFAULT,
            .pool = &ends[side].pool,
            .seed = 1,
            .now_us = now_us,
        };

        chunk_pool_init(&ends[side].pool, 256 << 20);
        ends[side].session = session_new(&options);
        ASSERT(ends[side].session);
    }
}

static size_t write_to(struct end *end, struct stream *stream, size_t bytes)
{
    struct iovec parts[16];
    int count = session_prepare(end->session, stream, parts, 16);
    size_t filled = 0;

    if (count == 0)
        return 0;
    for (int i = 0; i < count && filled < bytes; i++) {
        size_t part = parts[i].iov_len < bytes - filled ? parts[i].iov_len
                                                        : bytes - filled;

        memset(parts[i].iov_base, (int)i, part); /* what read() would do */
        filled += part;
    }
    session_commit(end->session, stream, filled, now_us);
    return filled;
}

static void react(struct end *end, const struct session_event *event)
{
    if (event->type == SESSION_OPENED) {
        event->stream->owner = end;
        end->streams[end->count++] = event->stream;
    }
    if (event->type != SESSION_DATA)
        return;
    arrived += event->length;
    session_consumed(end->session, event->stream, event->length, now_us);
    if (end->echoes)
        ASSERT(write_to(end, event->stream, event->length) == event->length);
}

/* A batch of records from |from| to the other end; false: there was none. */
static bool move(struct end *from, struct end *to)
{
    struct session_record record;
    struct session_event event;
    size_t length = 0;

    while (length < BATCH_BYTES &&
           session_pull(from->session, now_us, &record)) {
        memcpy(batch + length, record.bytes, record.length);
        length += record.length;
        records++;
    }
    if (length == 0)
        return false;
    struct session_input input = { .at = batch, .length = length };
    do {
        ASSERT(session_receive(to->session, &input, now_us, &event) ==
               STATUS_OK);
        react(to, &event);
    } while (event.type != SESSION_NOTHING);
    return true;
}

static void open_streams(int count)
{
    struct metadata metadata = { .service = "bench" };

    while (move(&ends[0], &ends[1]) || move(&ends[1], &ends[0]))
        ;
    for (int i = 0; i < count; i++)
        ASSERT(session_open(ends[0].session, &metadata, &ends[0], NULL, now_us,
                            &ends[0].streams[i]) == STATUS_OK);
    while (move(&ends[0], &ends[1]) || move(&ends[1], &ends[0]))
        now_us += 100;
    ASSERT(ends[1].count == count);
}

static void pass_time(void)
{
    now_us += 100;
    for (int side = 0; side < 2; side++)
        (void)!session_tick(ends[side].session, now_us);
    while (session_next_writable(ends[0].session))
        ;
}

static void bulk(int streams, uint64_t bytes)
{
    double began = cpu_seconds(), spent;

    arrived = records = 0;
    while (arrived < bytes) {
        for (int i = 0; i < streams; i++)
            (void)write_to(&ends[0], ends[0].streams[i], SIZE_MAX);
        while (move(&ends[0], &ends[1]))
            ;
        (void)move(&ends[1], &ends[0]);
        pass_time();
    }
    spent = cpu_seconds() - began;
    printf("bulk, %4d streams: %5.2f GB/s, %5.0f ns a record\n", streams,
           (double)arrived / spent / 1e9, spent * 1e9 / (double)records);
}

static void echo(int streams, uint64_t count)
{
    double began = cpu_seconds(), spent;
    uint64_t done = 0;

    ends[1].echoes = true;
    while (done < count) {
        for (int i = 0; i < streams; i++, done++)
            ASSERT(write_to(&ends[0], ends[0].streams[i], MESSAGE) == MESSAGE);
        (void)move(&ends[0], &ends[1]);
        (void)move(&ends[1], &ends[0]);
        pass_time();
    }
    spent = cpu_seconds() - began;
    printf("echo, %4d streams: %5.0f ns a round trip\n", streams,
           spent * 1e9 / (double)done);
}

int main(int argc, char **argv)
{
    bool is_echo = argc > 1 && strcmp(argv[1], "echo") == 0;
    int streams = argc > 2 ? atoi(argv[2]) : 1;
    uint64_t count = argc > 3 ? strtoull(argv[3], NULL, 10) : UINT64_C(4) << 30;

    ASSERT(streams > 0 && streams <= MAX_STREAMS);
    start();
    open_streams(streams);
    if (is_echo)
        echo(streams, argc > 3 ? count : 5000000);
    else
        bulk(streams, count);
    for (int side = 0; side < 2; side++) {
        session_free(ends[side].session);
        chunk_pool_clear(&ends[side].pool);
    }
    return 0;
}
