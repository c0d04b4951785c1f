/* SPDX-License-Identifier: MIT */
#include "support/tunnel/patience.h"
#include "base/check.h"
#include <errno.h>
#include <sys/socket.h>

void patience_turn(struct loop *loop, uint64_t began_us)
{
    ASSERT(clock_now_us() - began_us < PATIENCE_US);
    loop_turn(loop, CLOCK_MS);
}

bool patience_wait(struct loop *loop, const bool *condition)
{
    uint64_t began_us = clock_now_us();

    while (!*condition && clock_now_us() - began_us < PATIENCE_US)
        loop_turn(loop, CLOCK_MS);
    return *condition;
}

void patience_pass(struct loop *loop, uint64_t us)
{
    uint64_t began_us = clock_now_us();

    while (clock_now_us() - began_us < us)
        loop_turn(loop, CLOCK_MS);
}

bool patience_receive(struct loop *loop, int fd, void *bytes, size_t length)
{
    uint64_t began_us = clock_now_us();
    uint8_t *at = bytes;

    while (length > 0) {
        ssize_t got = recv(fd, at, length, 0);

        if (got > 0) {
            at += got;
            length -= (size_t)got;
        } else if (got == 0 || errno != EAGAIN) {
            return false;
        } else {
            patience_turn(loop, began_us);
        }
    }
    return true;
}

int patience_ending(struct loop *loop, int fd)
{
    uint64_t began_us = clock_now_us();
    uint8_t byte;

    for (;;) {
        ssize_t got = recv(fd, &byte, 1, 0);

        ASSERT(got <= 0); /* more bytes than the test thought */
        if (got == 0)
            return 0;
        if (errno != EAGAIN)
            return errno;
        patience_turn(loop, began_us);
    }
}
