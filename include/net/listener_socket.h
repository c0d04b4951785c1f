/* SPDX-License-Identifier: MIT */
#ifndef NET_LISTENER_SOCKET_H
#define NET_LISTENER_SOCKET_H
#include "net/listener.h"
#include <stdbool.h>
#include <sys/stat.h>

/*
 * A socket that listens, made by the rules of net/listener.h, for a library
 * that accepts by itself.  Non-blocking, close-on-exec.
 */
struct listener_socket {
    int fd;
    struct address address; /* with the port the kernel chose */
    bool has_file;          /* a Unix socket with a path */
    dev_t device;           /* of that file, to remove no other */
    ino_t inode;
};

/* Fails as listener_open() does; |options| may leave out what is called. */
MUST_CHECK enum status
listener_socket_open(struct listener_socket *socket,
                     const struct listener_options *options,
                     struct net_error *error);

/* Removes the file too, if it is still ours.  Idempotent. */
void listener_socket_close(struct listener_socket *socket);
#endif
