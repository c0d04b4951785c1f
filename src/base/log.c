/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "base/clock.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_LINE = 1024, QUEUE_BYTES = 256 * 1024 };

static atomic_int current_level = LOG_INFO;
static atomic_int current_format = LOG_TEXT;

/* The queue between the threads that log and the one that writes. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool running;
    bool stopping;
    size_t used;
    uint64_t dropped;
    char bytes[QUEUE_BYTES];
} queue = { .lock = PTHREAD_MUTEX_INITIALIZER,
            .changed = PTHREAD_COND_INITIALIZER };

static const char *const level_names[] = { "error", "warning", "info",
                                           "debug" };
static const char *const format_names[] = { "text", "json" };

void log_set_level(enum log_level level)
{
    atomic_store(&current_level, (int)level);
}

void log_set_format(enum log_format format)
{
    atomic_store(&current_format, (int)format);
}

bool log_parse_level(const char *text, enum log_level *level)
{
    for (size_t i = 0; i < ARRAY_LENGTH(level_names); i++)
        if (strcmp(text, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    return false;
}

bool log_parse_format(const char *text, enum log_format *format)
{
    for (size_t i = 0; i < ARRAY_LENGTH(format_names); i++)
        if (strcmp(text, format_names[i]) == 0) {
            *format = (enum log_format)i;
            return true;
        }
    return false;
}

bool log_is_on(enum log_level level)
{
    return (int)level <=
           atomic_load_explicit(&current_level, memory_order_relaxed);
}

int64_t log_admit(struct log_limit *limit, uint32_t per_second)
{
    uint64_t second = clock_now_us() / CLOCK_SECOND + 1;

    if (atomic_exchange(&limit->second, second) != second)
        atomic_store(&limit->count, 0);
    if (atomic_fetch_add(&limit->count, 1) >= per_second) {
        atomic_fetch_add(&limit->left_out, 1);
        return -1;
    }
    return atomic_exchange(&limit->left_out, 0);
}

/* A line under construction; what does not fit is cut. */
struct line {
    char *at;
    char *end;
};

static void put_char(struct line *line, char c)
{
    if (line->at < line->end)
        *line->at++ = c;
}

static void put_raw(struct line *line, const char *text)
{
    for (; *text; text++)
        put_char(line, *text);
}

static void put_number(struct line *line, int64_t number)
{
    char digits[24];

    snprintf(digits, sizeof(digits), "%lld", (long long)number);
    put_raw(line, digits);
}

/* Quoted as JSON wants it, which no terminal or log reader misreads either. */
static void put_quoted(struct line *line, const char *text)
{
    put_char(line, '"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        char escape[8];

        if (c == '"' || c == '\\') {
            put_char(line, '\\');
            put_char(line, (char)c);
        } else if (c < 0x20 || c >= 0x7f) {
            snprintf(escape, sizeof(escape), "\\u%04x", c);
            put_raw(line, escape);
        } else {
            put_char(line, (char)c);
        }
    }
    put_char(line, '"');
}

static bool needs_quotes(const char *text)
{
    if (*text == '\0')
        return true;
    for (; *text; text++)
        if (*text <= ' ' || *text >= 0x7f || *text == '"' || *text == '\\' ||
            *text == '=')
            return true;
    return false;
}

static void put_json_field(struct line *line, const struct log_field *field)
{
    put_raw(line, ",\"");
    put_raw(line, field->name);
    put_raw(line, "\":");
    if (field->text)
        put_quoted(line, field->text);
    else
        put_number(line, field->number);
}

static void put_text_field(struct line *line, const struct log_field *field)
{
    put_char(line, ' ');
    put_raw(line, field->name);
    put_char(line, '=');
    if (!field->text)
        put_number(line, field->number);
    else if (needs_quotes(field->text))
        put_quoted(line, field->text);
    else
        put_raw(line, field->text);
}

static void put_event(struct line *line, enum log_format format,
                      enum log_level level, const char *event)
{
    if (format == LOG_JSON) {
        put_raw(line, "\"level\":\"");
        put_raw(line, level_names[level]);
        put_raw(line, "\",\"event\":\"");
        put_raw(line, event);
        put_char(line, '"');
    } else {
        put_raw(line, level_names[level]);
        put_char(line, ' ');
        put_raw(line, event);
    }
}

static void put_fields(struct line *line, enum log_format format,
                       const struct log_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *before = line->at;

        if (!fields[i].name)
            continue;
        if (format == LOG_JSON)
            put_json_field(line, &fields[i]);
        else
            put_text_field(line, &fields[i]);
        if (line->at == line->end) {
            line->at = before; /* half a field would not parse */
            return;
        }
    }
}

size_t log_format_line(char *to, size_t size, enum log_format format,
                       enum log_level level, const char *event,
                       const struct log_field *fields, size_t count)
{
    struct line line = { .at = to, .end = to + size - 2 };

    ASSERT(size > 2);
    put_event(&line, format, level, event);
    put_fields(&line, format, fields, count);
    line.end = to + size;
    if (format == LOG_JSON)
        put_char(&line, '}');
    put_char(&line, '\n');
    return (size_t)(line.at - to);
}

static size_t format_time(char *to, size_t size, enum log_format format)
{
    struct timespec now;
    struct tm parts;
    char second[32];
    int length;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(second, sizeof(second), "%Y-%m-%dT%H:%M:%S", &parts);
    length =
        snprintf(to, size,
                 format == LOG_JSON ? "{\"time\":\"%s.%03ldZ\"," : "%s.%03ldZ ",
                 second, now.tv_nsec / 1000000);
    return length > 0 ? (size_t)length : 0;
}

/* Nothing can be done about a log that cannot be written. */
static void write_out(const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(STDERR_FILENO, bytes, length);

        if (written <= 0)
            return;
        bytes += written;
        length -= (size_t)written;
    }
}

void log_write(enum log_level level, const char *event,
               const struct log_field *fields, size_t count)
{
    enum log_format format = (enum log_format)atomic_load(&current_format);
    char line[MAX_LINE];
    size_t length = format_time(line, sizeof(line), format);

    length += log_format_line(line + length, sizeof(line) - length, format,
                              level, event, fields, count);
    pthread_mutex_lock(&queue.lock);
    if (!queue.running) {
        write_out(line, length);
    } else if (length > sizeof(queue.bytes) - queue.used) {
        queue.dropped++;
    } else {
        memcpy(queue.bytes + queue.used, line, length);
        queue.used += length;
        pthread_cond_signal(&queue.changed);
    }
    pthread_mutex_unlock(&queue.lock);
}

static void report_dropped(uint64_t dropped)
{
    struct log_field field = log_number("lines", (int64_t)dropped);
    enum log_format format = (enum log_format)atomic_load(&current_format);
    char line[MAX_LINE];
    size_t length = format_time(line, sizeof(line), format);

    length += log_format_line(line + length, sizeof(line) - length, format,
                              LOG_WARNING, "log_lines_dropped", &field, 1);
    write_out(line, length);
}

static void *write_queue(void *nothing)
{
    static char batch[QUEUE_BYTES];

    (void)nothing;
    pthread_mutex_lock(&queue.lock);
    while (!queue.stopping || queue.used > 0) {
        size_t length = queue.used;
        uint64_t dropped = queue.dropped;

        if (length == 0) {
            pthread_cond_wait(&queue.changed, &queue.lock);
            continue;
        }
        memcpy(batch, queue.bytes, length);
        queue.used = 0;
        queue.dropped = 0;
        pthread_mutex_unlock(&queue.lock);
        write_out(batch, length);
        if (dropped)
            report_dropped(dropped);
        pthread_mutex_lock(&queue.lock);
    }
    queue.running = false;
    pthread_cond_broadcast(&queue.changed);
    pthread_mutex_unlock(&queue.lock);
    return NULL;
}

enum status log_start(void)
{
    enum status status = STATUS_OK;

    pthread_mutex_lock(&queue.lock);
    if (!queue.running) {
        queue.stopping = false;
        queue.running =
            pthread_create(&queue.thread, NULL, write_queue, NULL) == 0;
        if (queue.running)
            pthread_detach(queue.thread);
        else
            status = STATUS_NO_MEMORY;
    }
    pthread_mutex_unlock(&queue.lock);
    return status;
}

void log_stop(void)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1;
    pthread_mutex_lock(&queue.lock);
    queue.stopping = true;
    pthread_cond_broadcast(&queue.changed);
    while (queue.running)
        if (pthread_cond_timedwait(&queue.changed, &queue.lock, &until) != 0)
            break; /* whoever reads our log has stopped reading */
    pthread_mutex_unlock(&queue.lock);
}
