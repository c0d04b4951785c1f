/* SPDX-License-Identifier: MIT */
/*
 * file:PATH: a list of endpoints in a file that others write.
 *
 * The kernel tells of three things: the directory in which the path's last
 * part lies (a file renamed into place, a link that Kubernetes swaps), the
 * file itself (a file mounted into a container, written in place), and the
 * directory it really lies in.  A slow look every few seconds finds what the
 * kernel could not tell, on a network's file system.
 *
 * A file is read when its writer has closed it or renamed it into place, or
 * else when nothing was written to it for two seconds: never half of it.  What
 * happens to other names beside it may be such a swap of links, and so is
 * looked at, but says nothing of a file that is being written.
 */
#include "base/clock.h"
#include "base/text.h"
#include "discovery/endpoint_file.h"
#include "discovery/kind.h"
#include "discovery/targets.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const uint64_t merge_us = 10 * CLOCK_MS; /* events of one replacement */
static const uint64_t look_us = 5 * CLOCK_SECOND;
static const int64_t quiet_us = 2 * (int64_t)CLOCK_SECOND;

enum watched { DIRECTORY, REAL_DIRECTORY, ITSELF, WATCHED };

/* What the events since it was read say of the file. */
enum hint {
    NOTHING,
    BEING_WRITTEN,
    MAY_BE_ANOTHER, /* and is whole then */
    WRITTEN         /* whole, and new even if its times are the same */
};

struct file_watcher {
    struct watcher watcher;
    char *path;
    struct targets *targets;
    struct loop_watch events;
    int fd;                       /* inotify's; -1: there was none to have */
    int watched[WATCHED];         /* -1: not watched */
    char real_name[NAME_MAX + 1]; /* the last part of what links lead to */
    struct loop_timer timer;
    bool is_due; /* the timer runs for events, and not again for more */
    enum hint hint;
    bool failing;     /* the last reading failed */
    struct stat seen; /* as it was read; zeroed: not yet */
};

static bool file_is_valid(const char *rest, char *error, size_t size)
{
    size_t length = strlen(rest);

    if (length > 0 && length < PATH_MAX && rest[length - 1] != '/')
        return true;
    text_format(error, size, "expected file:/path/of/a/file");
    return false;
}

static void on_targets(void *context, const struct targets_report *report)
{
    struct file_watcher *self = context;

    if (!self->failing)
        source_tell(self->watcher.source, report);
    else if (!report->all_failed && report->count > 0)
        source_revised(self->watcher.source, report->items, report->count);
}

static void fail(struct file_watcher *self, const char *reason)
{
    self->failing = true;
    source_failed(self->watcher.source, "%s", reason);
}

/* ---- reading ---- */

static void take(struct file_watcher *self, const char *bytes, size_t length)
{
    struct endpoint_file file;
    enum status status;
    char error[256];

    status = endpoint_file_parse(&file, endpoint_file_format(self->path), bytes,
                                 length, error, sizeof(error));
    if (status == STATUS_CONFIG) {
        fail(self, error);
        return;
    }
    if (status == STATUS_OK) {
        status = targets_set(self->targets, file.items, file.count, NULL);
        free(file.items);
    }
    self->failing = status != STATUS_OK;
    if (self->failing)
        fail(self, "out of memory");
}

static bool read_all(int fd, char *bytes, size_t size, size_t *length)
{
    *length = 0;
    while (*length < size) {
        ssize_t got = read(fd, bytes + *length, size - *length);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break;
        *length += (size_t)got;
    }
    return true;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
           a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Whether it did not change while we read it; if it did, it changes still. */
static bool read_whole(struct file_watcher *self, int fd)
{
    size_t size = ENDPOINT_FILE_MAX_BYTES + 1, length;
    char *bytes = malloc(size);
    struct stat after;
    bool whole = true;

    if (!bytes)
        fail(self, "out of memory");
    else if (!read_all(fd, bytes, size, &length))
        fail(self, strerror(errno));
    else if (length == size)
        fail(self, "longer than 1 MiB");
    else if (fstat(fd, &after) == 0 && !same_file(&after, &self->seen))
        whole = false;
    else
        take(self, bytes, length);
    free(bytes);
    return whole;
}

/* How long ago something was written to it; a time to come counts as long. */
static int64_t age_us(const struct stat *about)
{
    struct timespec now;
    int64_t age;

    clock_gettime(CLOCK_REALTIME, &now);
    age =
        ((int64_t)now.tv_sec - about->st_mtim.tv_sec) * (int64_t)CLOCK_SECOND +
        (now.tv_nsec - about->st_mtim.tv_nsec) / 1000;
    return age < 0 ? quiet_us : age;
}

/* Returns when to look again. */
static uint64_t look_at(struct file_watcher *self, int fd)
{
    struct stat about;

    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
        fail(self, "not a regular file");
        return look_us;
    }
    if (self->hint != WRITTEN && same_file(&about, &self->seen))
        return look_us;
    if (self->hint < MAY_BE_ANOTHER && age_us(&about) < quiet_us)
        return (uint64_t)(quiet_us - age_us(&about)) + merge_us;
    self->seen = about;
    if (read_whole(self, fd))
        return look_us;
    memset(&self->seen, 0, sizeof(self->seen));
    self->hint = BEING_WRITTEN;
    return merge_us;
}

static void watch_again(struct file_watcher *self);

static void on_timer(struct loop_timer *timer)
{
    struct file_watcher *self = CONTAINER_OF(timer, struct file_watcher, timer);
    uint64_t again_us = look_us;
    int fd;

    self->is_due = false;
    watch_again(self); /* before reading: nothing is missed in between */
    fd = open(self->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        memset(&self->seen, 0, sizeof(self->seen));
        fail(self, strerror(errno));
    } else {
        again_us = look_at(self, fd);
        close(fd);
    }
    if (again_us == look_us)
        self->hint = NOTHING;
    loop_timer_start(timer, again_us);
}

/* ---- watching ---- */

static void set_watch(struct file_watcher *self, enum watched which,
                      const char *path)
{
    static const uint32_t in_directory =
        IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE |
        IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD;
    static const uint32_t on_file = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB |
                                    IN_DELETE_SELF | IN_MOVE_SELF | IN_MASK_ADD;
    int old = self->watched[which];
    int fresh = inotify_add_watch(self->fd, path,
                                  which == ITSELF ? on_file : in_directory);

    self->watched[which] = fresh;
    if (old < 0 || old == fresh)
        return;
    for (size_t i = 0; i < WATCHED; i++)
        if (self->watched[i] == old)
            return;
    inotify_rm_watch(self->fd, old);
}

static void watch_again(struct file_watcher *self)
{
    char path[PATH_MAX], *real;

    if (self->fd < 0 || !text_copy(path, sizeof(path), self->path))
        return;
    set_watch(self, DIRECTORY, dirname(path));
    set_watch(self, ITSELF, self->path);
    real = realpath(self->path, path);
    if (real && text_copy(self->real_name, sizeof(self->real_name),
                          strrchr(real, '/') + 1))
        set_watch(self, REAL_DIRECTORY, dirname(real));
}

static bool is_our_name(const struct file_watcher *self,
                        const struct inotify_event *event)
{
    const char *slash = strrchr(self->path, '/');

    return event->len == 0 ||
           strcmp(event->name, slash ? slash + 1 : self->path) == 0 ||
           strcmp(event->name, self->real_name) == 0;
}

/* False if |event| is nothing to us. */
static bool take_event(struct file_watcher *self,
                       const struct inotify_event *event)
{
    bool is_ours = is_our_name(self, event);

    if (!is_ours && (event->mask & (IN_CLOSE_WRITE | IN_MODIFY)))
        return false;
    if (is_ours && (event->mask & (IN_CLOSE_WRITE | IN_MOVED_TO)))
        self->hint = WRITTEN;
    else if (is_ours && (event->mask & (IN_CREATE | IN_MODIFY)))
        self->hint = BEING_WRITTEN;
    else if (!is_ours && self->hint == NOTHING)
        self->hint = MAY_BE_ANOTHER;
    return true;
}

static void on_events(struct loop_watch *events, unsigned what)
{
    struct file_watcher *self =
        CONTAINER_OF(events, struct file_watcher, events);
    _Alignas(struct inotify_event) char bytes[4096];
    bool concerned = false;
    ssize_t length;

    (void)what;
    while ((length = read(self->fd, bytes, sizeof(bytes))) > 0) {
        struct inotify_event event;

        for (ssize_t at = 0; at < length;
             at += (ssize_t)(sizeof(event) + event.len)) {
            const struct inotify_event *here =
                (const struct inotify_event *)(const void *)(bytes + at);

            event = *here;
            concerned = take_event(self, here) || concerned;
        }
    }
    if (concerned && !self->is_due) {
        self->is_due = true;
        loop_timer_start(&self->timer, merge_us);
    }
}

/* ---- life ---- */

static void file_close(struct watcher *watcher)
{
    struct file_watcher *self =
        CONTAINER_OF(watcher, struct file_watcher, watcher);

    loop_watch_stop(&self->events);
    if (self->fd >= 0)
        close(self->fd);
    loop_timer_stop(&self->timer);
    targets_free(self->targets);
    free(self->path);
    free(self);
}

/* Without inotify (its instances are limited) the slow look remains. */
static void start_events(struct file_watcher *self, struct loop *loop)
{
    self->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (self->fd < 0)
        return;
    if (loop_watch_start(loop, &self->events, self->fd, on_events) == STATUS_OK)
        return;
    close(self->fd);
    self->fd = -1;
}

static enum status file_open(struct source *source, const char *rest,
                             struct watcher **watcher)
{
    const struct source_world *world = source_world(source);
    struct file_watcher *self = calloc(1, sizeof(*self));
    struct targets_options options = { .loop = world->loop,
                                       .resolver = world->resolver,
                                       .changed = on_targets,
                                       .context = self };

    if (!self)
        return STATUS_NO_MEMORY;
    self->watcher.source = source;
    self->fd = -1;
    for (size_t i = 0; i < WATCHED; i++)
        self->watched[i] = -1;
    loop_timer_init(world->loop, &self->timer, on_timer);
    self->path = strdup(rest);
    self->targets = targets_new(&options);
    if (!self->path || !self->targets) {
        file_close(&self->watcher);
        return STATUS_NO_MEMORY;
    }
    start_events(self, world->loop);
    self->hint = WRITTEN;
    on_timer(&self->timer);
    *watcher = &self->watcher;
    return STATUS_OK;
}

static void file_doubt(struct watcher *watcher)
{
    targets_doubt(CONTAINER_OF(watcher, struct file_watcher, watcher)->targets);
}

const struct source_kind file_kind = { .scheme = "file",
                                       .form = "file:PATH",
                                       .interval_us = 100 * CLOCK_MS,
                                       .tells_changes = true,
                                       .is_valid = file_is_valid,
                                       .open = file_open,
                                       .close = file_close,
                                       .doubt = file_doubt };
