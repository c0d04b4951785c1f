/* SPDX-License-Identifier: MIT */
#ifndef TUNNEL_ACCEPTOR_H
#define TUNNEL_ACCEPTOR_H
#include "base/check.h"
#include "base/status.h"
#include "net/listener.h"
#include "tunnel/handshaker.h"

/*
 * Where peers dial us: listens, and has the handshaker greet who comes.  A
 * stranger can make us hold at most so many unfinished handshakes, and begin
 * at most so many a second; the rest waits in the kernel, and who has too many
 * already is closed.
 */
struct acceptor;

struct acceptor_options {
    struct loop *loop;
    struct handshaker *handshaker;
    struct address address;
    /*
     * An authenticated peer: takes |greeting|, with its tls, fd and surplus,
     * and frees it by greeting_free().
     */
    void (*established)(void *context, struct greeting *greeting);
    void *context;
};

MUST_CHECK enum status acceptor_open(const struct acceptor_options *options,
                                     struct acceptor **acceptor,
                                     struct net_error *error);
void acceptor_close(struct acceptor *acceptor); /* accepts NULL */
const struct address *acceptor_address(const struct acceptor *acceptor);
#endif
