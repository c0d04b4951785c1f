/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_TRANSFER_H
#define TOOLS_TRANSFER_H
#include <stdbool.h>
#include <stdint.h>

/*
 * One transfer over one connected socket: what each side sends, how it ends,
 * and what it then saw of the other.
 */
enum ending {
    ENDING_FIN,     /* shut down writing; read to the other's end */
    ENDING_RESET,   /* reset at once behind the last byte written */
    ENDING_FLUSHED, /* reset when the kernel has sent every byte */
    ENDING_CLOSE,   /* close with nothing unread, not waiting for more */
    ENDING_UNREAD,  /* read nothing, close: the kernel makes it a reset */
    ENDING_HALF,    /* shut down writing, reset some time later */
    ENDING_HOLD,    /* stay open until the other side ends */
    ENDINGS
};

struct half {
    uint64_t bytes;
    enum ending ending;
    uint32_t delay_ms; /* before the first byte */
    uint32_t pace;     /* its reader takes so many bytes a second; 0: all */
    bool answer;       /* starts only after the other's FIN */
};

struct plan {
    uint64_t key;
    struct half up;   /* the client's */
    struct half down; /* the server's */
};

enum outcome {
    OUTCOME_NONE,  /* we did not look, or have not seen it */
    OUTCOME_FIN,   /* end of file */
    OUTCOME_RESET, /* ECONNRESET */
    OUTCOME_TIMEOUT,
    OUTCOME_PIPE, /* EPIPE: the other side had closed before */
    OUTCOME_ERROR,
    OUTCOMES
};

struct result {
    uint64_t sent; /* taken by our kernel */
    uint64_t got;  /* all of it right unless |bad| */
    bool bad;      /* the byte at offset |got| is wrong, or one too many */
    enum outcome end;
    enum outcome writing; /* not NONE: refused before all was written */
};

enum { PLAN_BYTES = 48 };

const char *ending_text(enum ending ending);
bool ending_parse(const char *text, enum ending *ending);
const char *outcome_text(enum outcome outcome);

/* A plan opens the client's bytes, so that the server knows its part. */
void plan_encode(const struct plan *plan, uint8_t bytes[PLAN_BYTES]);
bool plan_decode(const uint8_t bytes[PLAN_BYTES], struct plan *plan);

/*
 * Carry out a side's part of |plan|; the plan itself has been sent or read.
 * Closes |fd|.  Ends by |timeout_ms| of silence at the latest.
 */
struct result transfer_run(int fd, const struct plan *plan, bool client,
                           int timeout_ms);
#endif
