/* SPDX-License-Identifier: MIT */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H
#include "histogram.h"
#include "parcel.h"
#include <netinet/in.h>

/* What to do; main.c reads them from the command line. */
struct load_options {
    struct sockaddr_in target;
    uint64_t streams;    /* connections at work at the same time */
    uint64_t up_bytes;   /* body of a request */
    uint64_t down_bytes; /* body of an answer */
    uint64_t depth;      /* exchanges under way on one connection */
    double seconds;      /* no exchange begins later than this */
    uint64_t rate;       /* of bodies, bytes a second in all; 0: no limit */
    bool reconnect;      /* a new connection for every exchange */
    bool verify;         /* look at every byte, not only at their count */
};

/* What came of it. */
struct load_result {
    uint64_t exchanges;
    uint64_t bytes; /* of bodies, both directions, arrived and answered */
    uint64_t failures;
    char first_failure[96];
    struct histogram
        latency; /* ns; of a connection's first byte if reconnect */
};

/* A client connection and what is under way on it. */
struct stream {
    uint64_t id;
    int fd;              /* -1: not connected */
    uint32_t events;     /* that epoll waits for */
    uint64_t begun;      /* exchanges whose sending began */
    uint64_t answered;   /* exchanges that are complete */
    uint64_t started_ns; /* when the connection or last exchange began */
    bool busy;           /* has exchanges under way, or is about to */
    bool sending;        /* |out| is partly sent */
    struct parcel out, in;
};

enum load_phase { LOAD_CONNECT, LOAD_RUN, LOAD_END };

struct load {
    struct load_options options;
    struct load_result result;
    enum load_phase phase;
    uint64_t begin_ns;    /* of load_run() */
    uint64_t end_ns;      /* no exchange begins after this */
    uint64_t begun_bytes; /* of bodies of exchanges that began */
    uint64_t busy;        /* how many streams are */
    uint64_t next_id;     /* of the next connection */
    uint64_t next_turn;   /* the stream to look at first for work */
    int epoll;
    struct stream *streams;
};

/* Connect all streams and see one empty exchange on each; not if reconnect. */
void load_connect(struct load *load);

/* Exchange until the time is up and everything under way has arrived. */
void load_run(struct load *load);
#endif
