/* SPDX-License-Identifier: MIT */
/*
 * zookeeper:SERVERS/PATH: the children of a node are the members of a
 * service, each with where it is as its data.
 *
 *   connected, children changed --> list --> get the data of new children
 *   a child's data changed      --> get it again
 *   nothing is under way any more --> these are the targets
 *
 * A member goes when the list says so.  A list that says there is none, or
 * that the node itself is gone, is not believed: a registry that lost its
 * contents must not take away what works.
 */
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/text.h"
#include "discovery/kind.h"
#include "discovery/member.h"
#include "discovery/targets.h"
#include "discovery/zookeeper_place.h"
#include "discovery/zookeeper_session.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_CHILD = 256, MAX_CHILDREN = TARGETS_MAX };

/* A storm of changes is a few lists, not one for each. */
static const uint64_t list_pause_us = 20 * CLOCK_MS;
static const uint64_t retry_us = 2 * CLOCK_SECOND;

struct child {
    struct list node;
    char name[MAX_CHILD];
    bool fresh;     /* its data was read, and changes of it will be told */
    bool known;     /* its data was once understood: |member| */
    char error[96]; /* what is wrong with its data; "" */
    struct member member;
};

struct zookeeper_watcher {
    struct watcher watcher;
    struct zookeeper_place place;
    struct zookeeper_session *session;
    struct targets *targets;
    struct list children;
    size_t count;
    bool is_cut;      /* there are more */
    size_t under_way; /* requests without an answer yet */
    bool failing;
    char remark[512];        /* what is wrong with one of the children; "" */
    struct loop_timer timer; /* list again */
};

/* One question for a child's data; the library hands it back once. */
struct question {
    struct zookeeper_watcher *self;
    char child[MAX_CHILD];
};

static bool zookeeper_is_valid(const char *rest, char *error, size_t size)
{
    struct zookeeper_place place;

    return zookeeper_place_parse(&place, rest, error, size);
}

static void fail(struct zookeeper_watcher *self, const char *reason)
{
    self->failing = true;
    source_failed(self->watcher.source, "%s", reason);
}

static void on_targets(void *context, const struct targets_report *report)
{
    struct zookeeper_watcher *self = context;
    struct source *source = self->watcher.source;

    if (self->failing && !report->all_failed && report->count > 0)
        source_revised(source, report->items, report->count);
    else if (!self->failing && (report->all_failed || report->failure))
        source_tell(source, report);
    else if (!self->failing)
        source_answered(source, report->items, report->count,
                        self->remark[0] ? self->remark : NULL);
}

/* ---- children ---- */

static struct child *find_child(struct zookeeper_watcher *self,
                                const char *name)
{
    LIST_EACH(&self->children, node)
    {
        struct child *child = LIST_ITEM(node, struct child, node);

        if (strcmp(child->name, name) == 0)
            return child;
    }
    return NULL;
}

static void remove_child(struct zookeeper_watcher *self, struct child *child)
{
    list_remove(&child->node);
    self->count--;
    free(child);
}

static struct child *add_child(struct zookeeper_watcher *self, const char *name)
{
    struct child *child;

    if (self->count == MAX_CHILDREN)
        return NULL;
    child = calloc(1, sizeof(*child));
    if (!child || !text_copy(child->name, sizeof(child->name), name)) {
        free(child);
        return NULL;
    }
    list_append(&self->children, &child->node);
    self->count++;
    return child;
}

/* Finagle keeps weights of groups beside the members. */
static bool is_member(const char *name)
{
    return strncmp(name, "vector_", 7) != 0 && strlen(name) < MAX_CHILD;
}

static void list_later(struct zookeeper_watcher *self, uint64_t delay_us)
{
    if (!loop_timer_is_running(&self->timer))
        loop_timer_start(&self->timer, delay_us);
}

/* The targets of those that are up; |complete|: none is still unknown. */
static size_t collect(struct zookeeper_watcher *self, struct target *targets,
                      bool *complete)
{
    size_t count = 0;

    self->remark[0] = '\0';
    if (self->is_cut)
        text_format(self->remark, sizeof(self->remark),
                    "more than %d members, the rest is left out", MAX_CHILDREN);
    *complete = true;
    LIST_EACH(&self->children, node)
    {
        const struct child *child = LIST_ITEM(node, struct child, node);

        if (child->error[0] && !self->remark[0])
            text_format(self->remark, sizeof(self->remark), "%s: %s",
                        child->name, child->error);
        if (!child->fresh)
            *complete = false;
        if (child->known && child->member.is_up)
            targets[count++] = child->member.target;
    }
    return count;
}

/*
 * All questions are answered: hand on what the children say.  As long as one
 * could not be asked nothing is handed on, since it would be missing.
 */
static void publish(struct zookeeper_watcher *self)
{
    struct target *targets = calloc(self->count + 1, sizeof(*targets));
    enum status status = STATUS_OK;
    bool complete = false;
    size_t count = 0;

    if (targets)
        count = collect(self, targets, &complete);
    if (!targets || !complete) {
        list_later(self, retry_us);
    } else if (count == 0) {
        fail(self, self->remark[0]    ? self->remark
                   : self->count == 0 ? "the node has no children"
                                      : "no child is up");
    } else {
        self->failing = false;
        status = targets_set(self->targets, targets, count, NULL);
    }
    free(targets);
    if (status != STATUS_OK)
        fail(self, "out of memory");
}

static void end_request(struct zookeeper_watcher *self)
{
    if (--self->under_way == 0)
        publish(self);
}

/* ---- a child's data ---- */

static void on_child_event(zhandle_t *handle, int type, int state,
                           const char *path, void *context);

/* Bad data is ignored: the last good of the same child stays. */
static void take_data(struct zookeeper_watcher *self, struct child *child,
                      const char *data, size_t length)
{
    struct member member;

    child->fresh = true;
    child->error[0] = '\0';
    if (member_parse(&member, data, length, child->error,
                     sizeof(child->error)) == STATUS_OK) {
        child->known = true;
        child->member = member;
        return;
    }
    LOG_LIMITED(10, LOG_WARNING, "source_member_ignored",
                log_text("source", source_text(self->watcher.source)),
                log_text("member", child->name),
                log_text("reason", child->error));
}

/* It will not be let out however often we ask. */
static void refuse_data(struct child *child, int code)
{
    child->fresh = true;
    text_format(child->error, sizeof(child->error), "%s",
                zookeeper_session_error(code));
}

static void on_data(int code, const char *data, int length,
                    const struct Stat *about, const void *context)
{
    struct question *question = (struct question *)(uintptr_t)context;
    struct zookeeper_watcher *self = question->self;
    struct child *child;

    (void)about;
    if (code == ZCLOSING) {
        free(question);
        return;
    }
    child = find_child(self, question->child);
    free(question);
    if (child && code == ZOK)
        take_data(self, child, data ? data : "",
                  length > 0 ? (size_t)length : 0);
    else if (child && code == ZNONODE)
        remove_child(self, child); /* since it was listed */
    else if (child && code == ZNOAUTH)
        refuse_data(child, code);
    end_request(self);
}

static void get_data(struct zookeeper_watcher *self, const char *name)
{
    zhandle_t *handle = zookeeper_session_handle(self->session);
    struct question *question = calloc(1, sizeof(*question));
    char path[sizeof(self->place.path) + MAX_CHILD + 1];

    if (!handle || !question) {
        free(question);
        list_later(self, retry_us);
        return;
    }
    question->self = self;
    memcpy(question->child, name, strlen(name) + 1);
    text_format(path, sizeof(path), "%s/%s", self->place.path, name);
    if (zoo_awget(handle, path, on_child_event, self, on_data, question) !=
        ZOK) {
        free(question);
        list_later(self, retry_us);
        return;
    }
    self->under_way++;
}

static void on_child_event(zhandle_t *handle, int type, int state,
                           const char *path, void *context)
{
    struct zookeeper_watcher *self = context;
    const char *slash = path ? strrchr(path, '/') : NULL;
    struct child *child = slash ? find_child(self, slash + 1) : NULL;

    (void)handle;
    (void)state;
    if (!child || type == ZOO_SESSION_EVENT)
        return;
    child->fresh = false; /* nothing more is told until it is read again */
    if (type == ZOO_CHANGED_EVENT)
        get_data(self, child->name);
    zookeeper_session_send(self->session);
}

/* ---- the list ---- */

static void on_path_event(zhandle_t *handle, int type, int state,
                          const char *path, void *context)
{
    (void)handle;
    (void)state;
    (void)path;
    if (type != ZOO_SESSION_EVENT)
        list_later(context, list_pause_us);
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int compare_children(const void *left, const void *right)
{
    const struct child *const *a = left, *const *b = right;

    return strcmp((*a)->name, (*b)->name);
}

static int compare_name_and_child(const void *name, const void *child)
{
    return strcmp(name, (*(const struct child *const *)child)->name);
}

static void remove_unlisted(struct zookeeper_watcher *self,
                            const char *const *names, size_t count)
{
    LIST_EACH(&self->children, node)
    {
        struct child *child = LIST_ITEM(node, struct child, node);
        const char *name = child->name;

        if (!bsearch(&name, names, count, sizeof(*names), compare_names))
            remove_child(self, child);
    }
}

static void take_name(struct zookeeper_watcher *self, const char *name,
                      struct child *known)
{
    struct child *child = known;

    if (!child && is_member(name)) {
        self->is_cut = self->is_cut || self->count == MAX_CHILDREN;
        child = add_child(self, name);
    }
    if (child && !child->fresh)
        get_data(self, name);
}

static void add_listed(struct zookeeper_watcher *self, const char *const *names,
                       size_t count)
{
    struct child *known[MAX_CHILDREN];
    size_t known_count = 0;

    LIST_EACH(&self->children, node)
    {
        known[known_count++] = LIST_ITEM(node, struct child, node);
    }
    qsort(known, known_count, sizeof(*known), compare_children);
    self->is_cut = false;
    for (size_t i = 0; i < count; i++) {
        struct child **child = bsearch(names[i], known, known_count,
                                       sizeof(*known), compare_name_and_child);

        take_name(self, names[i], child ? *child : NULL);
    }
}

/*
 * Those that went first: they make room.  There may be very many names, so
 * nothing here goes through all members for each of them.
 */
static void take_list(struct zookeeper_watcher *self,
                      const struct String_vector *listed)
{
    size_t count = listed->count > 0 ? (size_t)listed->count : 0;
    const char **names = calloc(count + 1, sizeof(*names));

    if (!names) {
        list_later(self, retry_us);
        return;
    }
    for (size_t i = 0; i < count; i++)
        names[i] = listed->data[i];
    qsort(names, count, sizeof(*names), compare_names);
    remove_unlisted(self, names, count);
    add_listed(self, names, count);
    free(names);
}

static void on_exists(int code, const struct Stat *about, const void *context)
{
    (void)about;
    /* It is there after all: created since we asked. */
    if (code == ZOK)
        list_later((struct zookeeper_watcher *)(uintptr_t)context,
                   list_pause_us);
}

/* The node may come: have its creation told. */
static void await_node(struct zookeeper_watcher *self)
{
    zhandle_t *handle = zookeeper_session_handle(self->session);

    if (!handle || zoo_awexists(handle, self->place.path, on_path_event, self,
                                on_exists, self) != ZOK)
        list_later(self, retry_us);
}

static void on_list(int code, const struct String_vector *names,
                    const void *context)
{
    struct zookeeper_watcher *self =
        (struct zookeeper_watcher *)(uintptr_t)context;

    if (code == ZCLOSING)
        return;
    self->under_way--;
    if (code == ZOK) {
        take_list(self, names);
        if (self->under_way == 0)
            publish(self);
    } else if (code == ZNONODE) {
        await_node(self);
        fail(self, "there is no such node");
    } else if (code != ZCONNECTIONLOSS && code != ZSESSIONEXPIRED) {
        list_later(self, retry_us);
        fail(self, zookeeper_session_error(code));
    }
}

static void ask_list(struct zookeeper_watcher *self)
{
    zhandle_t *handle = zookeeper_session_handle(self->session);

    if (!handle)
        return; /* on_connected() will ask */
    if (zoo_awget_children(handle, self->place.path, on_path_event, self,
                           on_list, self) == ZOK)
        self->under_way++;
    else
        list_later(self, retry_us);
    zookeeper_session_send(self->session);
}

static void on_timer(struct loop_timer *timer)
{
    ask_list(CONTAINER_OF(timer, struct zookeeper_watcher, timer));
}

/* What happened meanwhile was not told: read everything again. */
static void on_connected(void *context)
{
    struct zookeeper_watcher *self = context;

    LIST_EACH(&self->children, node)
    {
        LIST_ITEM(node, struct child, node)->fresh = false;
    }
    ask_list(self);
}

static void on_lost(void *context, const char *reason)
{
    fail(context, reason);
}

/* ---- life ---- */

static void zookeeper_stop(struct watcher *watcher)
{
    struct zookeeper_watcher *self =
        CONTAINER_OF(watcher, struct zookeeper_watcher, watcher);

    zookeeper_session_close(self->session);
    loop_timer_stop(&self->timer);
    targets_free(self->targets);
    LIST_EACH(&self->children, node)
    {
        remove_child(self, LIST_ITEM(node, struct child, node));
    }
    free(self);
}

static enum status zookeeper_start(struct source *source, const char *rest,
                                   struct watcher **watcher)
{
    const struct source_world *world = source_world(source);
    struct zookeeper_watcher *self = calloc(1, sizeof(*self));
    struct zookeeper_session_options session = { .world = world,
                                                 .connected = on_connected,
                                                 .lost = on_lost,
                                                 .context = self };
    struct targets_options targets = { .loop = world->loop,
                                       .resolver = world->resolver,
                                       .changed = on_targets,
                                       .context = self };
    enum status status = STATUS_NO_MEMORY;
    char error[256];

    if (!self)
        return STATUS_NO_MEMORY;
    self->watcher.source = source;
    list_init(&self->children);
    loop_timer_init(world->loop, &self->timer, on_timer);
    self->targets = targets_new(&targets);
    if (!zookeeper_place_parse(&self->place, rest, error, sizeof(error)))
        status = STATUS_CONFIG;
    else if (self->targets) {
        session.place = self->place;
        status = zookeeper_session_open(&session, &self->session);
    }
    if (status != STATUS_OK) {
        zookeeper_stop(&self->watcher);
        return status;
    }
    *watcher = &self->watcher;
    return STATUS_OK;
}

static void zookeeper_doubt(struct watcher *watcher)
{
    targets_doubt(
        CONTAINER_OF(watcher, struct zookeeper_watcher, watcher)->targets);
}

const struct source_kind zookeeper_kind = { .scheme = "zookeeper",
                                            .form =
                                                "zookeeper:SERVER,SERVER/PATH",
                                            .interval_us = 50 * CLOCK_MS,
                                            .tells_changes = true,
                                            .is_valid = zookeeper_is_valid,
                                            .open = zookeeper_start,
                                            .close = zookeeper_stop,
                                            .doubt = zookeeper_doubt };
