/* SPDX-License-Identifier: MIT */
#include "transfer.h"
#include "keystream.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK_BYTES = 65536, HALF_DELAY_MS = 200, FLUSH_MS = 5000 };

static const char *const endings[ENDINGS] = {
    [ENDING_FIN] = "fin",         [ENDING_RESET] = "reset",
    [ENDING_FLUSHED] = "flushed", [ENDING_CLOSE] = "close",
    [ENDING_UNREAD] = "unread",   [ENDING_HALF] = "half",
    [ENDING_HOLD] = "hold",
};

static const char *const outcomes[OUTCOMES] = {
    [OUTCOME_NONE] = "none",   [OUTCOME_FIN] = "fin",
    [OUTCOME_RESET] = "reset", [OUTCOME_TIMEOUT] = "timeout",
    [OUTCOME_PIPE] = "pipe",   [OUTCOME_ERROR] = "error",
};

const char *ending_text(enum ending ending)
{
    return endings[ending];
}

const char *outcome_text(enum outcome outcome)
{
    return outcomes[outcome];
}

bool ending_parse(const char *text, enum ending *ending)
{
    for (int i = 0; i < ENDINGS; i++) {
        if (strcmp(text, endings[i]) == 0) {
            *ending = (enum ending)i;
            return true;
        }
    }
    return false;
}

static void half_encode(const struct half *half, uint8_t *bytes)
{
    memcpy(bytes, &half->bytes, 8);
    memcpy(bytes + 8, &half->delay_ms, 4);
    memcpy(bytes + 12, &half->pace, 4);
    bytes[16] = (uint8_t)half->ending;
    bytes[17] = half->answer;
}

static bool half_decode(const uint8_t *bytes, struct half *half)
{
    memcpy(&half->bytes, bytes, 8);
    memcpy(&half->delay_ms, bytes + 8, 4);
    memcpy(&half->pace, bytes + 12, 4);
    half->ending = (enum ending)bytes[16];
    half->answer = bytes[17] == 1;
    return bytes[16] < ENDINGS && bytes[17] < 2;
}

/* Both ends are this program on this machine: its own byte order will do. */
void plan_encode(const struct plan *plan, uint8_t bytes[PLAN_BYTES])
{
    memset(bytes, 0, PLAN_BYTES);
    memcpy(bytes, "PLAN", 4);
    memcpy(bytes + 4, &plan->key, 8);
    half_encode(&plan->up, bytes + 12);
    half_encode(&plan->down, bytes + 30);
}

bool plan_decode(const uint8_t bytes[PLAN_BYTES], struct plan *plan)
{
    memset(plan, 0, sizeof(*plan));
    memcpy(&plan->key, bytes + 4, 8);
    return memcmp(bytes, "PLAN", 4) == 0 &&
           half_decode(bytes + 12, &plan->up) &&
           half_decode(bytes + 30, &plan->down);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A transfer under way. */
struct transfer {
    int fd;
    struct half mine, theirs;
    uint64_t my_key, their_key;
    struct result result;
    int64_t began_ms, progress_ms;
    int64_t ended_ms; /* when our last byte was written; 0: not yet */
    bool shut;        /* our FIN is out */
    bool over;
    uint8_t block[BLOCK_BYTES];
};

static void reset_now(struct transfer *transfer)
{
    struct linger linger = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(transfer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    transfer->over = true;
}

static bool all_left_the_kernel(int fd)
{
    int queued = 0;

    return ioctl(fd, SIOCOUTQ, &queued) < 0 || queued == 0;
}

/* Our bytes are written: end as planned, perhaps not yet. */
static void end_mine(struct transfer *transfer, int64_t now)
{
    switch (transfer->mine.ending) {
    case ENDING_FIN:
    case ENDING_HALF:
        if (!transfer->shut)
            shutdown(transfer->fd, SHUT_WR);
        transfer->shut = true;
        if (transfer->mine.ending == ENDING_HALF &&
            now - transfer->ended_ms >= HALF_DELAY_MS)
            reset_now(transfer);
        break;
    case ENDING_RESET:
        reset_now(transfer);
        break;
    case ENDING_FLUSHED:
        if (all_left_the_kernel(transfer->fd) ||
            now - transfer->ended_ms > FLUSH_MS)
            reset_now(transfer);
        break;
    case ENDING_CLOSE:
        transfer->over = true;
        break;
    case ENDING_UNREAD: /* once there is something to leave unread */
        if (recv(transfer->fd, transfer->block, 1, MSG_PEEK | MSG_DONTWAIT) ==
                1 ||
            now - transfer->ended_ms > FLUSH_MS)
            transfer->over = true;
        break;
    case ENDING_HOLD:
    case ENDINGS:
        break;
    }
}

static void read_some(struct transfer *transfer)
{
    struct result *result = &transfer->result;
    size_t want = sizeof(transfer->block);
    size_t right;
    ssize_t count;

    if (transfer->theirs.pace && transfer->theirs.pace / 20 < want)
        want = transfer->theirs.pace / 20 + 1;
    count = read(transfer->fd, transfer->block, want);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    transfer->progress_ms = now_ms();
    /* Writing may have been told of the reset first: then this reads 0. */
    if (count <= 0) {
        result->end = count == 0 && result->writing != OUTCOME_RESET
                          ? OUTCOME_FIN
                      : count == 0 || errno == ECONNRESET ? OUTCOME_RESET
                                                          : OUTCOME_ERROR;
        return;
    }
    if (transfer->theirs.pace)
        usleep((useconds_t)(count * 1000000 / transfer->theirs.pace));
    right = keystream_match(transfer->their_key, result->got, transfer->block,
                            (size_t)count);
    if (result->got + right > transfer->theirs.bytes)
        right = (size_t)(transfer->theirs.bytes - result->got);
    result->got += right;
    if (right < (size_t)count) {
        result->bad = true;
        reset_now(transfer);
    }
}

static void write_some(struct transfer *transfer)
{
    struct result *result = &transfer->result;
    uint64_t left = transfer->mine.bytes - result->sent;
    size_t want = left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;
    ssize_t count;

    keystream_fill(transfer->my_key, result->sent, transfer->block, want);
    count = send(transfer->fd, transfer->block, want, MSG_NOSIGNAL);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    transfer->progress_ms = now_ms();
    if (count < 0)
        result->writing = errno == ECONNRESET ? OUTCOME_RESET
                          : errno == EPIPE    ? OUTCOME_PIPE
                                              : OUTCOME_ERROR;
    else
        result->sent += (uint64_t)count;
}

static bool may_write(const struct transfer *transfer, int64_t now)
{
    return transfer->result.writing == OUTCOME_NONE &&
           transfer->result.sent < transfer->mine.bytes &&
           now - transfer->began_ms >= transfer->mine.delay_ms &&
           (!transfer->mine.answer || transfer->result.end == OUTCOME_FIN);
}

static bool has_written(const struct transfer *transfer, int64_t now)
{
    return transfer->result.writing == OUTCOME_NONE &&
           transfer->result.sent == transfer->mine.bytes &&
           now - transfer->began_ms >= transfer->mine.delay_ms &&
           (!transfer->mine.answer || transfer->result.end == OUTCOME_FIN);
}

/* Nothing more can happen: both directions have come to an end. */
static bool has_ended(const struct transfer *transfer)
{
    const struct result *result = &transfer->result;

    if (result->end == OUTCOME_RESET || result->end == OUTCOME_ERROR)
        return true;
    return result->end == OUTCOME_FIN &&
           (transfer->shut || result->writing != OUTCOME_NONE ||
            (transfer->mine.ending == ENDING_HOLD &&
             result->sent == transfer->mine.bytes));
}

static void turn(struct transfer *transfer, int timeout_ms)
{
    int64_t now = now_ms();
    bool reads = transfer->result.end == OUTCOME_NONE &&
                 transfer->mine.ending != ENDING_UNREAD;
    bool writes = may_write(transfer, now);
    struct pollfd poll_fd = { .fd = transfer->fd };

    if (has_written(transfer, now)) {
        if (!transfer->ended_ms)
            transfer->ended_ms = now;
        end_mine(transfer, now);
    }
    transfer->over = transfer->over || has_ended(transfer);
    if (transfer->over)
        return;
    if (now - transfer->progress_ms > timeout_ms) {
        transfer->result.end = OUTCOME_TIMEOUT;
        reset_now(transfer);
        return;
    }
    if (reads)
        poll_fd.events |= POLLIN;
    if (writes)
        poll_fd.events |= POLLOUT;
    if (!reads && !writes) /* else a hung up socket would spin */
        poll_fd.fd = -1;
    poll(&poll_fd, 1, 20);
    if (reads && (poll_fd.revents & (POLLIN | POLLHUP | POLLERR)))
        read_some(transfer);
    if (writes && (poll_fd.revents & (POLLOUT | POLLHUP | POLLERR)))
        write_some(transfer);
}

struct result transfer_run(int fd, const struct plan *plan, bool client,
                           int timeout_ms)
{
    struct transfer transfer = {
        .fd = fd,
        .mine = client ? plan->up : plan->down,
        .theirs = client ? plan->down : plan->up,
        .my_key = plan->key * 2 + client,
        .their_key = plan->key * 2 + !client,
        .began_ms = now_ms(),
    };

    transfer.progress_ms = transfer.began_ms;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (!transfer.over)
        turn(&transfer, timeout_ms);
    close(fd);
    return transfer.result;
}
