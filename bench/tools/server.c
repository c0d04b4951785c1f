/* SPDX-License-Identifier: MIT */
/*
 * bench-server ADDRESS:PORT
 *
 * The service behind everything that is measured: takes a message and its
 * body, answers with the message and a body (parcel.h).  Ends when its
 * standard input does, so that it never outlives who started it.
 */
#define _GNU_SOURCE /* accept4 */
#include "parcel.h"
#include "socket.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
    int fd;
    bool answering; /* the parcel is an answer on its way out */
    uint32_t events;
    struct parcel parcel;
};

static int open_listener(const struct sockaddr_in *address)
{
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 ||
        listen(fd, 4096) != 0)
        die("listen");
    return fd;
}

static void accept_clients(int epoll, int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct client *client;

        if (fd < 0 && (errno == EMFILE || errno == ENFILE))
            die("accept"); /* the figure would be of us, not of the pair */
        if (fd < 0)
            return; /* none left, or it went away again */
        client = calloc(1, sizeof(*client));
        if (!client)
            die("calloc");
        socket_no_delay(fd);
        *client = (struct client){ .fd = fd, .events = EPOLLIN };
        client->parcel = parcel_expected(true);
        socket_watch(epoll, EPOLL_CTL_ADD, fd, client->events, client);
    }
}

/* One step: receive a piece and, if that was the last one, begin to answer. */
static enum progress serve(struct client *client)
{
    enum progress progress;

    if (!client->answering) {
        progress = parcel_receive(&client->parcel, client->fd);
        if (progress != PROGRESS_DONE)
            return progress;
        client->answering = true;
        client->parcel = (struct parcel){ .message = client->parcel.message };
    }
    progress = parcel_send(&client->parcel, client->fd);
    if (progress == PROGRESS_DONE) {
        client->answering = false;
        client->parcel = parcel_expected(true);
    }
    return progress;
}

static void serve_ready(int epoll, struct client *client)
{
    uint32_t events;

    if (serve(client) == PROGRESS_FAILED) {
        close(client->fd);
        free(client);
        return;
    }
    events = client->answering ? EPOLLOUT : EPOLLIN;
    if (events != client->events)
        socket_watch(epoll, EPOLL_CTL_MOD, client->fd, events, client);
    client->events = events;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address;
    struct epoll_event ready[256];
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener, count;

    if (argc != 2 || !socket_parse(argv[1], &address)) {
        fprintf(stderr, "usage: bench-server ADDRESS:PORT\n");
        return 2;
    }
    parcel_prepare_bodies();
    socket_raise_limit();
    listener = open_listener(&address);
    socket_watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, &listener);
    socket_watch(epoll, EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN, &epoll);
    puts("ready");
    fflush(stdout);
    for (;;) {
        count = epoll_wait(epoll, ready, 256, -1);
        if (count < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < count; i++) {
            if (ready[i].data.ptr == &epoll)
                return 0;
            if (ready[i].data.ptr == &listener)
                accept_clients(epoll, listener);
            else
                serve_ready(epoll, ready[i].data.ptr);
        }
    }
}
