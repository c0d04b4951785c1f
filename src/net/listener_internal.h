/* SPDX-License-Identifier: MIT */
#ifndef NET_LISTENER_INTERNAL_H
#define NET_LISTENER_INTERNAL_H
#include "net/listener.h"
#include <sys/stat.h>

/* What listener_socket.c makes and listener.c uses. */
struct listener_socket {
    int fd;
    struct address address; /* with the port the kernel chose */
    bool has_file;          /* a Unix socket with a path */
    dev_t device;           /* of that file, to remove no other */
    ino_t inode;
};

MUST_CHECK enum status
listener_socket_open(struct listener_socket *socket,
                     const struct listener_options *options,
                     struct net_error *error);

void listener_explain(struct net_error *error, const struct address *address,
                      const char *reason);

/* Removes the file too, if it is still ours. */
void listener_socket_close(struct listener_socket *socket);
#endif
