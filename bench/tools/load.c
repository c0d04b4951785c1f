/* SPDX-License-Identifier: MIT */
#include "load.h"
#include "socket.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTS_AT_ONCE = 64, /* while connecting; far below any backlog */
    CONNECT_SECONDS = 120, /* for all of them together */
    GRACE_SECONDS = 20,    /* for what is under way when the time is up */
    MAX_FAILURES = 1000,   /* then it is not worth going on */
    SOURCE_ADDRESSES = 200 /* so that source ports do not run out */
};

static void stream_work(struct load *load, struct stream *stream)
{
    stream->busy = true;
    load->busy++;
}

static void stream_rest(struct load *load, struct stream *stream)
{
    if (stream->busy)
        load->busy--;
    stream->busy = false;
}

static void fail(struct load *load, struct stream *stream, const char *why)
{
    struct load_result *result = &load->result;

    if (result->failures++ == 0)
        snprintf(result->first_failure, sizeof(result->first_failure), "%s",
                 why);
    stream_rest(load, stream);
    close(stream->fd);
    stream->fd = -1;
}

/* The loopback network is ours: 127.0.1.1 and on are its addresses too. */
static void bind_source(const struct load *load, int fd)
{
    uint32_t host = 0x7f000101 + (uint32_t)(load->next_id % SOURCE_ADDRESSES);
    struct sockaddr_in source = { .sin_family = AF_INET };
    int on = 1;

    source.sin_addr.s_addr = htonl(host);
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) ||
        bind(fd, (const struct sockaddr *)&source, sizeof(source)) != 0)
        die("bind");
}

static void stream_connect(struct load *load, struct stream *stream)
{
    const struct sockaddr_in *target = &load->options.target;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        die("socket");
    *stream = (struct stream){ .fd = fd, .id = load->next_id };
    stream->started_ns = clock_ns();
    stream->events = EPOLLIN | EPOLLOUT;
    bind_source(load, fd);
    load->next_id++;
    stream_work(load, stream);
    socket_no_delay(fd);
    if (connect(fd, (const struct sockaddr *)target, sizeof(*target)) != 0 &&
        errno != EINPROGRESS) {
        fail(load, stream, strerror(errno));
        return;
    }
    socket_watch(load->epoll, EPOLL_CTL_ADD, fd, stream->events, stream);
}

/* The message that exchange |sequence| of |stream| consists of. */
static struct message message_of(const struct load *load,
                                 const struct stream *stream, uint64_t sequence)
{
    struct message message = { .stream = stream->id, .sequence = sequence };
    uint64_t mixed = (stream->id << 32 ^ sequence) * 0x9e3779b97f4a7c15;

    if (sequence > 0 || load->options.reconnect) { /* 0: only connecting */
        message.up_bytes = load->options.up_bytes;
        message.down_bytes = load->options.down_bytes;
    }
    message.verify = load->options.verify;
    message.filler[0] = mixed;
    message.filler[1] = ~mixed;
    return message;
}

static bool within_rate(const struct load *load)
{
    double elapsed = (double)(clock_ns() - load->begin_ns) / 1e9;

    return !load->options.rate ||
           (double)load->begun_bytes < elapsed * (double)load->options.rate;
}

static bool may_begin(const struct load *load, const struct stream *stream)
{
    if (load->phase == LOAD_CONNECT || load->options.reconnect)
        return stream->begun == 0;
    return load->phase == LOAD_RUN &&
           stream->begun - stream->answered < load->options.depth &&
           within_rate(load);
}

static enum progress stream_send(struct load *load, struct stream *stream)
{
    enum progress progress;

    if (!stream->sending) {
        if (stream->begun > 0) /* a connection's first began with connect() */
            stream->started_ns = clock_ns();
        stream->out = (struct parcel){
            .message = message_of(load, stream, stream->begun),
            .upward = true,
        };
        load->begun_bytes +=
            stream->out.message.up_bytes + stream->out.message.down_bytes;
        stream->begun++;
        stream->sending = true;
    }
    progress = parcel_send(&stream->out, stream->fd);
    if (progress == PROGRESS_DONE)
        stream->sending = false;
    return progress;
}

/* An answer is complete: is it the one we asked for? */
static bool accept_answer(struct load *load, struct stream *stream)
{
    struct message expected = message_of(load, stream, stream->answered);
    const struct message *answer = &stream->in.message;

    if (memcmp(answer, &expected, sizeof(expected)) != 0) {
        fail(load, stream, answer->wrong ? "wrong bytes" : "wrong answer");
        return false;
    }
    if (load->phase != LOAD_CONNECT) {
        load->result.exchanges++;
        load->result.bytes += answer->up_bytes + answer->down_bytes;
        histogram_add(&load->result.latency, clock_ns() - stream->started_ns);
    }
    stream->answered++;
    stream->in = parcel_expected(false);
    return true;
}

/* Receive a piece; false if the stream is gone. */
static bool stream_receive(struct load *load, struct stream *stream)
{
    enum progress progress = parcel_receive(&stream->in, stream->fd);

    if (progress == PROGRESS_FAILED) {
        fail(load, stream, errno ? strerror(errno) : "end of file");
        return false;
    }
    if (stream->begun == stream->answered && stream->in.message_bytes > 0) {
        fail(load, stream, "bytes nobody asked for");
        return false;
    }
    return progress != PROGRESS_DONE || accept_answer(load, stream);
}

static void stream_turn(struct load *load, struct stream *stream,
                        uint32_t ready)
{
    uint32_t wanted;

    if ((ready & ~(uint32_t)EPOLLOUT) && !stream_receive(load, stream))
        return;
    if ((stream->sending || may_begin(load, stream)) &&
        stream_send(load, stream) == PROGRESS_FAILED) {
        fail(load, stream, strerror(errno));
        return;
    }
    wanted = EPOLLIN;
    if (stream->sending || may_begin(load, stream))
        wanted |= EPOLLOUT;
    if (wanted != stream->events)
        socket_watch(load->epoll, EPOLL_CTL_MOD, stream->fd, wanted, stream);
    stream->events = wanted;
    if (stream->begun > stream->answered || (wanted & EPOLLOUT))
        return;
    stream_rest(load, stream);
    if (load->options.reconnect) {
        close(stream->fd);
        stream->fd = -1;
    }
}

static bool loop_once(struct load *load, uint64_t give_up_ns)
{
    struct epoll_event ready[256];
    int patience_ms = load->options.rate ? 1 : 100;
    int count = epoll_wait(load->epoll, ready, 256, patience_ms);
    uint64_t now = clock_ns();

    if (count < 0 && errno != EINTR)
        die("epoll_wait");
    if (load->phase == LOAD_RUN && now >= load->end_ns)
        load->phase = LOAD_END;
    for (int i = 0; i < count; i++)
        stream_turn(load, ready[i].data.ptr, ready[i].events);
    return now < give_up_ns && load->result.failures < MAX_FAILURES;
}

/* Whatever is still under way will not arrive any more. */
static void give_up(struct load *load)
{
    for (uint64_t i = 0; i < load->options.streams; i++)
        if (load->streams[i].busy)
            fail(load, &load->streams[i], "no answer in time");
}

void load_connect(struct load *load)
{
    uint64_t limit_ns = clock_ns() + CONNECT_SECONDS * 1000000000ull;
    uint64_t made = 0;

    load->phase = LOAD_CONNECT;
    for (uint64_t i = 0; i < load->options.streams; i++)
        load->streams[i].fd = -1;
    if (load->options.reconnect)
        return;
    while (made < load->options.streams || load->busy > 0) {
        while (made < load->options.streams && load->busy < CONNECTS_AT_ONCE)
            stream_connect(load, &load->streams[made++]);
        if (!loop_once(load, limit_ns)) {
            give_up(load);
            return;
        }
    }
}

/* Put streams to work that rest and may; others first than last time. */
static void start_streams(struct load *load)
{
    uint64_t count = load->options.streams;

    load->next_turn++;
    for (uint64_t i = 0; i < count; i++) {
        struct stream *stream = &load->streams[(load->next_turn + i) % count];

        if (load->options.reconnect && stream->fd < 0) {
            stream_connect(load, stream);
        } else if (stream->fd >= 0 && !stream->busy &&
                   may_begin(load, stream)) {
            stream_work(load, stream);
            stream_turn(load, stream, 0);
        }
    }
}

void load_run(struct load *load)
{
    const struct load_options *options = &load->options;
    uint64_t give_up_ns;

    load->begin_ns = clock_ns();
    load->end_ns = load->begin_ns + (uint64_t)(options->seconds * 1e9);
    give_up_ns = load->end_ns + GRACE_SECONDS * 1000000000ull;
    load->phase = LOAD_RUN;
    load->begun_bytes = 0;
    start_streams(load);
    while (load->busy > 0 || load->phase == LOAD_RUN) {
        if (!loop_once(load, give_up_ns))
            break;
        if ((options->reconnect || options->rate) && load->phase == LOAD_RUN)
            start_streams(load);
    }
    give_up(load);
}
