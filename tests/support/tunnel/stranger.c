/* SPDX-License-Identifier: MIT */
#include "support/tunnel/stranger.h"
#include "support/tunnel/patience.h"
#include "wire/metadata.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct stranger *stranger_new(struct loop *loop, const struct papers *papers,
                              int fd)
{
    struct stranger *stranger = calloc(1, sizeof(*stranger));

    ASSERT(stranger);
    stranger->loop = loop;
    stranger->fd = fd;
    stranger->ending = -1;
    stranger->next = 1;
    stranger->out = bytes_writer(stranger->frames, sizeof(stranger->frames));
    ASSERT(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
    papers_load(papers, "app", &stranger->identity, &stranger->trust);
    ASSERT(tls_settings_new(stranger->identity, stranger->trust, TUNNEL_ALPN,
                            &stranger->settings) == STATUS_OK);
    stranger->tls = tls_new(TLS_CLIENT, stranger->settings);
    ASSERT(stranger->tls);
    return stranger;
}

void stranger_free(struct stranger *stranger)
{
    if (!stranger)
        return;
    if (stranger->fd >= 0)
        close(stranger->fd);
    tls_free(stranger->tls);
    tls_settings_free(stranger->settings);
    identity_free(stranger->identity);
    trust_free(stranger->trust);
    free(stranger);
}

/* ---- the handshake ---- */

static void send_outgoing(struct stranger *stranger)
{
    size_t length;
    const uint8_t *bytes = tls_outgoing(stranger->tls, &length);

    while (length > 0) {
        stranger_send_raw(stranger, bytes, length);
        tls_sent(stranger->tls, length);
        bytes = tls_outgoing(stranger->tls, &length);
    }
}

/* What there is to read goes into the handshake; false if it ended. */
static bool feed(struct stranger *stranger)
{
    uint8_t bytes[16384];
    ssize_t got = recv(stranger->fd, bytes, sizeof(bytes), 0);

    if (got > 0)
        return tls_incoming(stranger->tls, bytes, (size_t)got) == STATUS_OK;
    if (got < 0 && errno == EAGAIN)
        return true;
    stranger->ending = got < 0 ? errno : 0;
    return false;
}

bool stranger_shake(struct stranger *stranger)
{
    uint64_t began_us = clock_now_us();
    bool established = false;

    for (;;) {
        enum status status = tls_step(stranger->tls, &established);

        send_outgoing(stranger);
        if (status != STATUS_OK)
            return false;
        if (established)
            break;
        patience_turn(stranger->loop, began_us);
        if (!feed(stranger))
            return false;
    }
    stranger->wire_length =
        tls_take_surplus(stranger->tls, stranger->wire, sizeof(stranger->wire));
    return true;
}

void stranger_hello(struct stranger *stranger)
{
    struct hello hello = { .instance = { 7 },
                           .max_streams = 1000,
                           .credit = 65536,
                           .version = "stranger 1",
                           .node = "stranger" };
    uint8_t payload[512];
    struct bytes_writer writer = bytes_writer(payload, sizeof(payload));
    struct raw_frame frame;

    hello_encode(&hello, &writer);
    frame_encode_header(&stranger->out, FRAME_HELLO, 0, bytes_written(&writer),
                        0);
    bytes_put(&stranger->out, payload, bytes_written(&writer));
    stranger_send(stranger);
    stranger_find(stranger, FRAME_HELLO, 0, &frame);
}

/* ---- out ---- */

uint32_t stranger_put_open(struct stranger *stranger, const char *service)
{
    struct metadata metadata = { .class = CLASS_AUTO };
    uint8_t payload[128];
    struct bytes_writer writer = bytes_writer(payload, sizeof(payload));
    uint32_t id = stranger->next;

    stranger->next += 2;
    snprintf(metadata.service, sizeof(metadata.service), "%s", service);
    metadata_encode(&metadata, &writer);
    frame_encode_header(&stranger->out, FRAME_OPEN, 0, bytes_written(&writer),
                        id);
    bytes_put(&stranger->out, payload, bytes_written(&writer));
    return id;
}

void stranger_put_data(struct stranger *stranger, uint32_t id, uint64_t offset,
                       const void *bytes, size_t length, bool fin)
{
    frame_put_data_header(&stranger->out, id, offset, length, fin);
    if (length > 0)
        bytes_put(&stranger->out, bytes, length);
}

/* What is in |out|, as records at |to|. */
static size_t seal(struct stranger *stranger, uint8_t *to)
{
    size_t length = bytes_written(&stranger->out), sealed = 0;
    uint8_t plaintext[TLS_MAX_PLAINTEXT + 1];

    ASSERT(!stranger->out.failed);
    for (size_t at = 0; at < length;) {
        size_t part =
            length - at < TLS_MAX_PLAINTEXT ? length - at : TLS_MAX_PLAINTEXT;

        memcpy(plaintext, stranger->frames + at, part);
        sealed += tls_seal(stranger->tls, plaintext, part, to + sealed);
        at += part;
    }
    stranger->out = bytes_writer(stranger->frames, sizeof(stranger->frames));
    return sealed;
}

void stranger_send(struct stranger *stranger)
{
    size_t frames = bytes_written(&stranger->out);
    size_t records = frames / TLS_MAX_PLAINTEXT + 1;
    uint8_t *sealed = malloc(frames + records * TLS_SEAL_OVERHEAD);

    ASSERT(sealed);
    stranger_send_raw(stranger, sealed, seal(stranger, sealed));
    free(sealed);
}

void stranger_send_raw(struct stranger *stranger, const void *bytes,
                       size_t length)
{
    uint64_t began_us = clock_now_us();
    const uint8_t *at = bytes;

    while (length > 0) {
        ssize_t sent = send(stranger->fd, at, length, MSG_NOSIGNAL);

        if (sent > 0) {
            at += sent;
            length -= (size_t)sent;
        } else if (errno == EAGAIN) {
            patience_turn(stranger->loop, began_us);
        } else {
            return; /* it has gone: reading will tell how */
        }
    }
}

/* ---- in ---- */

static void open_records(struct stranger *stranger)
{
    uint8_t *at = stranger->wire;
    size_t length = stranger->wire_length;

    while (!stranger->is_closed) {
        struct tls_record record;
        enum status status = tls_open(stranger->tls, at, length, &record);

        if (status == STATUS_CLOSED) {
            stranger->is_closed = true;
            break;
        }
        ASSERT(status == STATUS_OK);
        if (record.consumed == 0)
            break;
        ASSERT(stranger->plain_length + record.length <=
               sizeof(stranger->plain));
        memcpy(stranger->plain + stranger->plain_length, record.plaintext,
               record.length);
        stranger->plain_length += record.length;
        at += record.consumed;
        length -= record.consumed;
    }
    memmove(stranger->wire, at, length);
    stranger->wire_length = length;
}

static void make_room(struct stranger *stranger)
{
    stranger->plain_length -= stranger->plain_at;
    memmove(stranger->plain, stranger->plain + stranger->plain_at,
            stranger->plain_length);
    stranger->plain_at = 0;
}

/* What is there, without waiting. */
static void read_all(struct stranger *stranger)
{
    make_room(stranger);
    open_records(stranger); /* what came with the handshake */
    while (stranger->ending < 0 &&
           stranger->plain_length < sizeof(stranger->plain) / 2) {
        ssize_t got =
            recv(stranger->fd, stranger->wire + stranger->wire_length,
                 sizeof(stranger->wire) / 2 - stranger->wire_length, 0);

        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            stranger->ending = got < 0 ? errno : 0;
            return;
        }
        stranger->wire_length += (size_t)got;
        open_records(stranger);
    }
}

/* The next frame of any type. */
static bool take_frame(struct stranger *stranger, struct raw_frame *frame)
{
    size_t length =
        raw_frame_parse(frame, stranger->plain + stranger->plain_at,
                        stranger->plain_length - stranger->plain_at);

    stranger->plain_at += length;
    return length > 0;
}

bool stranger_look(struct stranger *stranger, struct raw_frame *frame)
{
    read_all(stranger);
    while (take_frame(stranger, frame)) {
        if (frame->type != FRAME_PING)
            return true;
        if (frame->flags & FRAME_FLAG_ANSWER)
            continue;
        frame_put_ping(&stranger->out, frame->number, true);
        stranger_send(stranger);
    }
    return false;
}

void stranger_find(struct stranger *stranger, enum frame_type type,
                   uint32_t stream, struct raw_frame *frame)
{
    uint64_t began_us = clock_now_us();

    for (;;) {
        while (stranger_look(stranger, frame))
            if (frame->type == type && frame->stream == stream)
                return;
        if (stranger->ending >= 0) {
            fprintf(stderr, "stranger: the end (%d) instead of frame %d\n",
                    stranger->ending, (int)type);
            abort();
        }
        patience_turn(stranger->loop, began_us);
    }
}

int stranger_ending(struct stranger *stranger)
{
    uint64_t began_us = clock_now_us();
    struct raw_frame frame;

    for (;;) {
        while (stranger_look(stranger, &frame))
            ;
        if (stranger->ending >= 0)
            return stranger->ending;
        patience_turn(stranger->loop, began_us);
    }
}
