/* SPDX-License-Identifier: MIT */
/*
 * zookeeper:SERVERS/PATH as an announcement: a child of the node, named after
 * us, which goes when our session goes.
 *
 *   connected --> create --> made, and told when somebody deletes it
 *                   |  no such node: create its parents, then again
 *                   |  it exists and is of this session: made, once it says
 *                   |  what we say
 *                   |  it exists and says what we say: it is what we were
 *                   |  before we were started again; replaced, in one step
 *                   `- it exists and is another's: wait until it goes
 */
#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "discovery/announcer.h"
#include "discovery/member.h"
#include "discovery/target.h"
#include "discovery/zookeeper_place.h"
#include "discovery/zookeeper_session.h"
#include <stdlib.h>
#include <string.h>

static const uint64_t retry_us = 2 * CLOCK_SECOND;
static const uint64_t spread_us = CLOCK_SECOND;

struct zookeeper_announcer {
    struct announcer announcer;
    struct zookeeper_place place;
    struct zookeeper_session *session;
    struct random random;
    struct loop_timer timer; /* try again */
    char path[600];          /* of our node */
    char parent[512];        /* the part of the place's path that is made */
    char data[1024];
    struct target target; /* what |data| says */
    int64_t owner;        /* the session that made our node; 0: not there */
    char created[600];
    zoo_op_t operations[2]; /* of a replacement under way */
    zoo_op_result_t results[2];
};

/* With a password only its holder may change what it made; all may read. */
static char auth[] = "auth", nobody[] = "", world[] = "world",
            anyone[] = "anyone";
static struct ACL own_or_read[] = { { 0x1f, { auth, nobody } },
                                    { 0x01, { world, anyone } } };
static const struct ACL_vector own_or_read_acl = { 2, own_or_read };

static bool zookeeper_is_valid(const char *rest, char *error, size_t size)
{
    struct zookeeper_place place;

    return zookeeper_place_parse(&place, rest, error, size);
}

static const struct ACL_vector *acl_of(const struct zookeeper_announcer *self)
{
    return self->place.auth_file[0] ? &own_or_read_acl : &ZOO_OPEN_ACL_UNSAFE;
}

static void retry_later(struct zookeeper_announcer *self)
{
    loop_timer_start(&self->timer,
                     retry_us + random_below(&self->random, spread_us));
}

static void fail(struct zookeeper_announcer *self, const char *reason)
{
    announcement_failed(self->announcer.announcement, "%s", reason);
}

static struct zookeeper_announcer *self_of(const void *context)
{
    return (struct zookeeper_announcer *)(uintptr_t)context;
}

/* A request went wrong in a way that no case of its own provides for. */
static void on_error(struct zookeeper_announcer *self, int code)
{
    if (code == ZCONNECTIONLOSS || code == ZSESSIONEXPIRED)
        return; /* lost() tells, connected() begins again */
    fail(self, zookeeper_session_error(code));
    retry_later(self);
}

static void create(struct zookeeper_announcer *self);

/* ---- it is there ---- */

static void on_node_event(zhandle_t *handle, int type, int state,
                          const char *path, void *context)
{
    struct zookeeper_announcer *self = context;

    (void)handle;
    (void)state;
    (void)path;
    /* Not at once: whoever deletes it should not have to race us. */
    if (type != ZOO_SESSION_EVENT)
        loop_timer_start(&self->timer, random_below(&self->random, spread_us));
}

static void on_watched(int code, const struct Stat *about, const void *context)
{
    (void)about;
    if (code == ZNONODE)
        retry_later(self_of(context));
}

/* Have the end of the node told, whoever it belongs to. */
static void watch(struct zookeeper_announcer *self)
{
    zhandle_t *handle = zookeeper_session_handle(self->session);

    if (handle && zoo_awexists(handle, self->path, on_node_event, self,
                               on_watched, self) != ZOK)
        retry_later(self);
}

static void made(struct zookeeper_announcer *self)
{
    zhandle_t *handle = zookeeper_session_handle(self->session);

    self->owner = handle ? zoo_client_id(handle)->client_id : 0;
    announcement_made(self->announcer.announcement, self->path);
    watch(self);
}

/* ---- it is there already ---- */

static void on_replaced(int code, const void *context)
{
    struct zookeeper_announcer *self = self_of(context);

    if (code == ZCLOSING)
        return;
    if (code == ZOK)
        made(self);
    else if (code == ZNONODE || code == ZBADVERSION || code == ZNODEEXISTS)
        retry_later(self); /* it went, or changed, just now */
    else
        on_error(self, code);
}

static void replace(struct zookeeper_announcer *self, int version)
{
    zhandle_t *handle = zookeeper_session_handle(self->session);

    zoo_delete_op_init(&self->operations[0], self->path, version);
    zoo_create_op_init(&self->operations[1], self->path, self->data,
                       (int)strlen(self->data), acl_of(self), ZOO_EPHEMERAL,
                       self->created, sizeof(self->created));
    if (!handle || zoo_amulti(handle, 2, self->operations, self->results,
                              on_replaced, self) != ZOK)
        retry_later(self);
}

static void on_told(int code, const struct Stat *about, const void *context)
{
    (void)about;
    on_replaced(code, context);
}

/* The node is ours, but says what we said once. */
static void tell(struct zookeeper_announcer *self, int version)
{
    zhandle_t *handle = zookeeper_session_handle(self->session);

    if (!handle ||
        zoo_aset(handle, self->path, self->data, (int)strlen(self->data),
                 version, on_told, self) != ZOK)
        retry_later(self);
}

/* Whether the |length| bytes of a node tell the place that we tell. */
static bool is_our_place(const struct zookeeper_announcer *self,
                         const char *data, size_t length)
{
    struct member member;
    char error[128];

    return member_parse(&member, data, length, error, sizeof(error)) ==
               STATUS_OK &&
           strcmp(member.target.host, self->target.host) == 0 &&
           member.target.port == self->target.port;
}

static void on_found(int code, const char *data, int length,
                     const struct Stat *about, const void *context)
{
    struct zookeeper_announcer *self = self_of(context);
    size_t size = length > 0 && data ? (size_t)length : 0;
    zhandle_t *handle;

    if (code == ZCLOSING)
        return;
    handle = zookeeper_session_handle(self->session);
    if (code == ZNONODE) {
        create(self);
    } else if (code != ZOK || !handle) {
        on_error(self, code);
    } else if (about->ephemeralOwner == zoo_client_id(handle)->client_id) {
        if (size == strlen(self->data) && memcmp(data, self->data, size) == 0)
            made(self);
        else
            tell(self, about->version);
    } else if (is_our_place(self, data, size)) {
        replace(self, about->version);
    } else {
        announcement_failed(self->announcer.announcement,
                            "%s is taken by somebody else", self->path);
        watch(self);
    }
}

static void look(struct zookeeper_announcer *self)
{
    zhandle_t *handle = zookeeper_session_handle(self->session);

    if (!handle || zoo_aget(handle, self->path, 0, on_found, self) != ZOK)
        retry_later(self);
}

/* ---- the node's parents ---- */

static void on_parent(int code, const char *path, const void *context);

/* Make the next part of the place's path, or our node if that was all. */
static void create_parent(struct zookeeper_announcer *self)
{
    zhandle_t *handle = zookeeper_session_handle(self->session);
    size_t used = strlen(self->parent), length;

    if (self->place.path[used] == '\0') {
        create(self);
        return;
    }
    length = used + 1 + strcspn(self->place.path + used + 1, "/");
    memcpy(self->parent, self->place.path, length);
    self->parent[length] = '\0';
    if (!handle || zoo_acreate(handle, self->parent, "", 0, acl_of(self), 0,
                               on_parent, self) != ZOK)
        retry_later(self);
}

static void on_parent(int code, const char *path, const void *context)
{
    struct zookeeper_announcer *self = self_of(context);

    (void)path;
    if (code == ZCLOSING)
        return;
    /* Above the first that may be made there may be some that may not. */
    if (code == ZOK || code == ZNODEEXISTS || code == ZNOAUTH)
        create_parent(self);
    else
        on_error(self, code);
}

/* ---- our node ---- */

static void on_created(int code, const char *path, const void *context)
{
    struct zookeeper_announcer *self = self_of(context);

    (void)path;
    if (code == ZCLOSING)
        return;
    if (code == ZOK) {
        made(self);
    } else if (code == ZNODEEXISTS) {
        look(self);
    } else if (code == ZNONODE && self->parent[0] == '\0') {
        create_parent(self);
    } else {
        self->parent[0] = '\0';
        on_error(self, code);
    }
}

/* Our own address is the one the servers see, if it is one we listen at. */
static bool take_own_host(struct zookeeper_announcer *self, char *host,
                          size_t size)
{
    const struct announcement_options *options =
        announcement_options(self->announcer.announcement);
    struct address address;

    if (!zookeeper_session_own_ip(self->session, host, size))
        return false;
    if (options->family == AF_UNSPEC ||
        (address_from_ip(&address, host, options->port) &&
         address.family == options->family))
        return true;
    announcement_failed(self->announcer.announcement,
                        "the servers see us at %s, where we do not listen",
                        host);
    return false;
}

/* What we say of ourselves. */
static bool describe(struct zookeeper_announcer *self)
{
    const struct announcement_options *options =
        announcement_options(self->announcer.announcement);
    char host[DNS_NAME];

    if (!options->host && !take_own_host(self, host, sizeof(host)))
        return false;
    if (!target_make(&self->target, options->host ? options->host : host,
                     options->port))
        return false;
    self->target.weight = options->weight;
    self->target.priority = options->priority;
    return member_format(&self->target, options->name, self->data,
                         sizeof(self->data));
}

static void on_removed(int code, const void *context)
{
    if (code == ZOK || code == ZNONODE)
        self_of(context)->owner = 0;
}

/* What we said is no longer true, and nothing else can be said. */
static void take_back(struct zookeeper_announcer *self, zhandle_t *handle)
{
    if (self->owner == zoo_client_id(handle)->client_id)
        zoo_adelete(handle, self->path, -1, on_removed, self);
    retry_later(self);
}

static void create(struct zookeeper_announcer *self)
{
    zhandle_t *handle = zookeeper_session_handle(self->session);

    if (handle && !describe(self)) {
        take_back(self, handle);
        return;
    }
    if (!handle ||
        zoo_acreate(handle, self->path, self->data, (int)strlen(self->data),
                    acl_of(self), ZOO_EPHEMERAL, on_created, self) != ZOK)
        retry_later(self);
}

static void on_timer(struct loop_timer *timer)
{
    struct zookeeper_announcer *self =
        CONTAINER_OF(timer, struct zookeeper_announcer, timer);

    self->parent[0] = '\0';
    if (zookeeper_session_handle(self->session)) {
        create(self);
        zookeeper_session_send(self->session);
    }
}

static void zookeeper_change(struct announcer *announcer)
{
    struct zookeeper_announcer *self =
        CONTAINER_OF(announcer, struct zookeeper_announcer, announcer);

    loop_timer_start(&self->timer, 0);
}

static void on_connected(void *context)
{
    struct zookeeper_announcer *self = context;

    self->parent[0] = '\0';
    create(self);
}

static void on_lost(void *context, const char *reason)
{
    fail(context, reason);
}

/* ---- life ---- */

static void zookeeper_stop(struct announcer *announcer)
{
    struct zookeeper_announcer *self =
        CONTAINER_OF(announcer, struct zookeeper_announcer, announcer);

    zookeeper_session_close(self->session);
    loop_timer_stop(&self->timer);
    free(self);
}

static enum status zookeeper_start(struct announcement *announcement,
                                   const char *rest,
                                   struct announcer **announcer)
{
    const struct announcement_options *options =
        announcement_options(announcement);
    struct zookeeper_announcer *self = calloc(1, sizeof(*self));
    struct zookeeper_session_options session = { .world = options->world,
                                                 .connected = on_connected,
                                                 .lost = on_lost,
                                                 .context = self };
    enum status status = STATUS_CONFIG;
    char error[256];

    if (!self)
        return STATUS_NO_MEMORY;
    self->announcer.announcement = announcement;
    self->random = random_from_seed(random_seed());
    loop_timer_init(options->world->loop, &self->timer, on_timer);
    if (zookeeper_place_parse(&self->place, rest, error, sizeof(error)) &&
        text_format(self->path, sizeof(self->path), "%s/%s", self->place.path,
                    options->name)) {
        session.place = self->place;
        status = zookeeper_session_open(&session, &self->session);
    }
    if (status != STATUS_OK) {
        zookeeper_stop(&self->announcer);
        return status;
    }
    *announcer = &self->announcer;
    return STATUS_OK;
}

const struct announcer_kind zookeeper_announcer_kind = {
    .scheme = "zookeeper",
    .form = "zookeeper:SERVER,SERVER/PATH",
    .is_valid = zookeeper_is_valid,
    .open = zookeeper_start,
    .change = zookeeper_change,
    .close = zookeeper_stop
};
