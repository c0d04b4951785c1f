/* SPDX-License-Identifier: MIT */
#ifndef BASE_LOG_H
#define BASE_LOG_H
#include "base/check.h"
#include "base/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One line is one event: when, level, what happened, fields.
 *
 *   LOG(LOG_INFO, "tunnel_opened", log_text("peer", identity),
 *       log_number("rtt_us", rtt));
 *
 * Event names are stable nouns and past participles; texts may come from
 * outside and are escaped.  Never log keys, payload or credentials.
 *
 * Lines go to standard error: at once until log_start(), then through a
 * bounded queue and a thread of its own, so that a blocked reader of our log
 * never blocks a worker.  What does not fit is counted and reported.
 */
enum log_level {
    LOG_ERROR,   /* the operator must act */
    LOG_WARNING, /* never in normal operation */
    LOG_INFO,    /* life cycle */
    LOG_DEBUG    /* anything */
};

enum log_format { LOG_TEXT, LOG_JSON };

struct log_field {
    const char *name;
    const char *text; /* NULL: the number counts */
    int64_t number;
};

#define LOG(level, event, ...)                                        \
    do {                                                              \
        if (log_is_on(level)) {                                       \
            const struct log_field log_fields_[] = { log_nothing(),   \
                                                     ##__VA_ARGS__ }; \
            log_write(level, event, log_fields_ + 1,                  \
                      ARRAY_LENGTH(log_fields_) - 1);                 \
        }                                                             \
    } while (0)

/*
 * LOG() at most |per_second| times in a second from this place; the next line
 * after some were left out says how many.
 */
#define LOG_LIMITED(per_second, level, event, ...)                  \
    do {                                                            \
        static struct log_limit log_limit_;                         \
        int64_t log_left_out_ = log_admit(&log_limit_, per_second); \
        if (log_left_out_ >= 0)                                     \
            LOG(level, event, ##__VA_ARGS__,                        \
                log_number_unless_zero("left_out", log_left_out_)); \
    } while (0)

struct log_limit {
    _Atomic uint64_t second;
    _Atomic uint32_t count;
    _Atomic uint32_t left_out;
};

static inline struct log_field log_nothing(void)
{
    return (struct log_field){ .name = NULL };
}

static inline struct log_field log_text(const char *name, const char *text)
{
    return (struct log_field){ .name = name, .text = text ? text : "" };
}

static inline struct log_field log_number(const char *name, int64_t number)
{
    return (struct log_field){ .name = name, .number = number };
}

static inline struct log_field log_number_unless_zero(const char *name,
                                                      int64_t number)
{
    return number ? log_number(name, number) : log_nothing();
}

static inline struct log_field log_status(const char *name, enum status status)
{
    return log_text(name, status_text(status));
}

void log_set_level(enum log_level level);
void log_set_format(enum log_format format);
MUST_CHECK bool log_parse_level(const char *text, enum log_level *level);
MUST_CHECK bool log_parse_format(const char *text, enum log_format *format);

/* From here on write through a thread; STATUS_NO_MEMORY if there is none. */
MUST_CHECK enum status log_start(void);

/* Write what is queued, for at most a second, and end the thread. */
void log_stop(void);

bool log_is_on(enum log_level level);
void log_write(enum log_level level, const char *event,
               const struct log_field *fields, size_t count);

/* How many were left out since the last admitted one; -1: leave this out. */
int64_t log_admit(struct log_limit *limit, uint32_t per_second);

/*
 * One line as it would be written, without the time, into |to|; returns its
 * length, cut to fit.  For tests and for log_write() itself.
 */
size_t log_format_line(char *to, size_t size, enum log_format format,
                       enum log_level level, const char *event,
                       const struct log_field *fields, size_t count);
#endif
