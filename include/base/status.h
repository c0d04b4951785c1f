/* SPDX-License-Identifier: MIT */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

/*
 * The outcomes of everything that can fail, for the whole program.  Libraries'
 * and errno's numbers are translated where they arise.  "Would block" is not
 * among them: it is zero bytes of progress.
 */
enum status {
    STATUS_OK,
    STATUS_NO_MEMORY,   /* the allocator said no */
    STATUS_LIMIT,       /* one of our own limits said no */
    STATUS_PROTOCOL,    /* the peer broke the protocol */
    STATUS_AUTH,        /* the peer is not who or what it must be */
    STATUS_DENIED,      /* we know the peer, and it may not */
    STATUS_REFUSED,     /* nobody there, or it does not want us */
    STATUS_UNREACHABLE, /* no way to get there */
    STATUS_CLOSED,      /* ended in order */
    STATUS_RESET,       /* ended abruptly */
    STATUS_TIMEOUT,     /* not done when it had to be */
    STATUS_IO,          /* any other failure of the system */
    STATUS_CONFIG,      /* what the operator wrote cannot be done */
    STATUS_COUNT
};

/* One lower-case word or two for logs; never NULL. */
const char *status_text(enum status status);

/* The status that says best what |error_number| (errno) says. */
enum status status_from_errno(int error_number);
#endif
