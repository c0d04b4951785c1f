/* SPDX-License-Identifier: MIT */
/*
 * mdns:_SERVICE._tcp: whoever announces the service on the local network.
 *
 *   browser: NEW --> an instance, with a resolver of its own
 *   resolver: FOUND --> its address, port and weight, again at each change
 *   browser: REMOVE --> it said goodbye, or was silent for too long: it goes
 *   resolver: FAILURE --> it does not answer: it goes, unless it is the last
 *
 * What vanishes because our own interface went down has not gone: it stays.
 * Nobody vouches for what is said here; the tunnel checks who is reached.
 */
#include "base/clock.h"
#include "base/list.h"
#include "base/text.h"
#include "discovery/kind.h"
#include "discovery/mdns_server.h"
#include <avahi-common/malloc.h>
#include <avahi-core/lookup.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { MAX_INSTANCES = 512, MAX_NAME = 256 };

static const uint64_t settle_us = 50 * CLOCK_MS;

/* A service of one host, seen through one interface by one protocol. */
struct instance {
    struct list node;
    struct mdns_watcher *self;
    AvahiIfIndex interface;
    AvahiProtocol protocol;
    char name[MAX_NAME];
    char domain[MAX_NAME];
    AvahiSServiceResolver *resolver; /* NULL: the interface is down */
    bool is_found;                   /* it has an |endpoint| */
    bool is_silent; /* it has not answered when it should have */
    struct endpoint endpoint;
};

struct mdns_watcher {
    struct watcher watcher;
    char type[64];
    struct mdns_server *server;
    AvahiServer *avahi; /* borrowed; NULL: it does not run */
    AvahiSServiceBrowser *browser;
    struct list instances;
    size_t count;
    bool has_answered; /* somebody was found once */
    struct loop_timer timer;
};

static bool mdns_is_valid(const char *rest, char *error, size_t size)
{
    return mdns_is_service_type(rest, error, size);
}

/* ---- what is told ---- */

/* The lower the better for reaching it from here. */
static int rank(const struct instance *instance)
{
    const struct address *address = &instance->endpoint.address;

    if (address_is_loopback(address))
        return 3; /* it is on this host, which has other addresses as well */
    if (address->family == AF_INET)
        return 0;
    return IN6_IS_ADDR_LINKLOCAL(&address->v6.sin6_addr) ? 2 : 1;
}

/* Of several ways to one instance only the best are told. */
static bool has_better(const struct mdns_watcher *self,
                       const struct instance *instance)
{
    LIST_EACH(&self->instances, node)
    {
        const struct instance *other = LIST_ITEM(node, struct instance, node);

        if (other->is_found && !other->is_silent &&
            rank(other) < rank(instance) &&
            strcmp(other->name, instance->name) == 0)
            return true;
    }
    return false;
}

static size_t collect(const struct mdns_watcher *self, struct endpoint *items,
                      bool silent_too)
{
    size_t count = 0;

    LIST_EACH(&self->instances, node)
    {
        const struct instance *instance =
            LIST_ITEM(node, struct instance, node);

        if (instance->is_found && (silent_too || !instance->is_silent) &&
            !has_better(self, instance))
            items[count++] = instance->endpoint;
    }
    return count;
}

static void publish(struct mdns_watcher *self)
{
    struct source *source = self->watcher.source;
    struct endpoint *items = calloc(self->count + 1, sizeof(*items));
    size_t count;

    if (!items) {
        source_failed(source, "out of memory");
        return;
    }
    count = collect(self, items, false);
    if (count > 0) {
        self->has_answered = true;
        source_answered(source, items, count, NULL);
    } else if (collect(self, items, true) > 0) {
        source_failed(source, "nobody answers any more");
    } else if (self->has_answered && self->avahi) {
        source_answered(source, NULL, 0, NULL); /* they said goodbye */
    } else {
        source_failed(source, "nobody announces %s", self->type);
    }
    free(items);
}

static void on_timer(struct loop_timer *timer)
{
    publish(CONTAINER_OF(timer, struct mdns_watcher, timer));
}

static void publish_later(struct mdns_watcher *self)
{
    if (!loop_timer_is_running(&self->timer))
        loop_timer_start(&self->timer, settle_us);
}

/* ---- one instance ---- */

static void free_instance(struct instance *instance)
{
    if (instance->resolver)
        avahi_s_service_resolver_free(instance->resolver);
    list_remove(&instance->node);
    instance->self->count--;
    free(instance);
}

/* Anybody may write anything into a name: what is shown is plain. */
static void set_name(struct endpoint *endpoint, const char *name)
{
    text_format(endpoint->name, sizeof(endpoint->name), "%s", name);
    for (char *at = endpoint->name; *at; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
}

static void set_number(AvahiStringList *texts, const char *key,
                       uint16_t *number)
{
    AvahiStringList *found = avahi_string_list_find(texts, key);
    char *value = NULL;
    uint64_t parsed;

    if (!found || avahi_string_list_get_pair(found, NULL, &value, NULL) < 0)
        return;
    if (value && text_parse_number(value, 0, UINT16_MAX, &parsed))
        *number = (uint16_t)parsed;
    avahi_free(value);
}

static bool set_address(struct address *to, const AvahiAddress *from,
                        AvahiIfIndex interface, uint16_t port)
{
    memset(to, 0, sizeof(*to));
    if (from->proto == AVAHI_PROTO_INET) {
        to->length = sizeof(to->v4);
        to->v4.sin_family = AF_INET;
        to->v4.sin_addr.s_addr = from->data.ipv4.address;
    } else if (from->proto == AVAHI_PROTO_INET6) {
        to->length = sizeof(to->v6);
        to->v6.sin6_family = AF_INET6;
        memcpy(&to->v6.sin6_addr, from->data.ipv6.address, 16);
        if (IN6_IS_ADDR_LINKLOCAL(&to->v6.sin6_addr))
            to->v6.sin6_scope_id = (uint32_t)interface;
    } else {
        return false;
    }
    address_set_port(to, port);
    return true;
}

static void on_resolved(AvahiSServiceResolver *resolver, AvahiIfIndex interface,
                        AvahiProtocol protocol, AvahiResolverEvent event,
                        const char *name, const char *type, const char *domain,
                        const char *host, const AvahiAddress *address,
                        uint16_t port, AvahiStringList *texts,
                        AvahiLookupResultFlags flags, void *context)
{
    struct instance *instance = context;
    struct endpoint *endpoint = &instance->endpoint;

    (void)resolver;
    (void)protocol;
    (void)type;
    (void)domain;
    (void)host;
    (void)flags;
    instance->is_silent = event != AVAHI_RESOLVER_FOUND;
    if (event == AVAHI_RESOLVER_FOUND && address && port != 0 &&
        set_address(&endpoint->address, address, interface, port)) {
        endpoint->weight = 1;
        endpoint->priority = 0;
        set_number(texts, "weight", &endpoint->weight);
        set_number(texts, "priority", &endpoint->priority);
        set_name(endpoint, name);
        instance->is_found = true;
    }
    publish_later(instance->self);
}

static bool resolve(struct instance *instance)
{
    instance->resolver =
        avahi_s_service_resolver_new(instance->self->avahi, instance->interface,
                                     instance->protocol, instance->name,
                                     instance->self->type, instance->domain,
                                     instance->protocol, 0, on_resolved,
                                     instance);
    return instance->resolver != NULL;
}

/* ---- the browser ---- */

static struct instance *find_instance(struct mdns_watcher *self,
                                      AvahiIfIndex interface,
                                      AvahiProtocol protocol, const char *name)
{
    LIST_EACH(&self->instances, node)
    {
        struct instance *instance = LIST_ITEM(node, struct instance, node);

        if (instance->interface == interface &&
            instance->protocol == protocol && strcmp(instance->name, name) == 0)
            return instance;
    }
    return NULL;
}

/* What went with an interface, the oldest first, makes room. */
static void make_room(struct mdns_watcher *self)
{
    LIST_EACH(&self->instances, node)
    {
        struct instance *instance = LIST_ITEM(node, struct instance, node);

        if (!instance->resolver) {
            free_instance(instance);
            return;
        }
    }
}

static struct instance *new_instance(struct mdns_watcher *self,
                                     AvahiIfIndex interface,
                                     AvahiProtocol protocol, const char *name,
                                     const char *domain)
{
    struct instance *instance;

    if (self->count == MAX_INSTANCES)
        make_room(self);
    if (self->count == MAX_INSTANCES)
        return NULL;
    instance = calloc(1, sizeof(*instance));
    if (!instance)
        return NULL;
    instance->self = self;
    instance->interface = interface;
    instance->protocol = protocol;
    if (!text_copy(instance->name, sizeof(instance->name), name) ||
        !text_copy(instance->domain, sizeof(instance->domain), domain)) {
        free(instance);
        return NULL;
    }
    list_append(&self->instances, &instance->node);
    self->count++;
    return instance;
}

static void add(struct mdns_watcher *self, AvahiIfIndex interface,
                AvahiProtocol protocol, const char *name, const char *domain)
{
    struct instance *instance = find_instance(self, interface, protocol, name);

    if (!instance)
        instance = new_instance(self, interface, protocol, name, domain);
    if (instance && !instance->resolver && !resolve(instance))
        mdns_server_fail(self->server);
}

static bool is_up(AvahiIfIndex interface)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = { .ifr_flags = 0 };
    bool up;

    up = fd >= 0 && if_indextoname((unsigned)interface, request.ifr_name) &&
         ioctl(fd, SIOCGIFFLAGS, &request) == 0 &&
         (request.ifr_flags & IFF_UP) && (request.ifr_flags & IFF_RUNNING);
    if (fd >= 0)
        close(fd);
    return up;
}

static void remove_instance(struct mdns_watcher *self, AvahiIfIndex interface,
                            AvahiProtocol protocol, const char *name)
{
    struct instance *instance = find_instance(self, interface, protocol, name);

    if (!instance)
        return;
    if (is_up(interface)) {
        free_instance(instance);
    } else {
        if (instance->resolver)
            avahi_s_service_resolver_free(instance->resolver);
        instance->resolver = NULL;
        instance->is_silent = true;
    }
    publish_later(self);
}

static void on_browsed(AvahiSServiceBrowser *browser, AvahiIfIndex interface,
                       AvahiProtocol protocol, AvahiBrowserEvent event,
                       const char *name, const char *type, const char *domain,
                       AvahiLookupResultFlags flags, void *context)
{
    struct mdns_watcher *self = context;

    (void)browser;
    (void)type;
    (void)flags;
    switch (event) {
    case AVAHI_BROWSER_NEW:
        add(self, interface, protocol, name, domain);
        break;
    case AVAHI_BROWSER_REMOVE:
        remove_instance(self, interface, protocol, name);
        break;
    case AVAHI_BROWSER_ALL_FOR_NOW:
        publish_later(self);
        break;
    case AVAHI_BROWSER_FAILURE:
        mdns_server_fail(self->server);
        break;
    case AVAHI_BROWSER_CACHE_EXHAUSTED:
        break;
    }
}

static void on_running(void *context, AvahiServer *avahi)
{
    struct mdns_watcher *self = context;

    self->avahi = avahi;
    self->browser =
        avahi_s_service_browser_new(avahi, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC,
                                    self->type, NULL, 0, on_browsed, self);
    if (!self->browser)
        mdns_server_fail(self->server);
}

/* Everybody is unknown again, but nobody has gone. */
static void release(struct mdns_watcher *self)
{
    LIST_EACH(&self->instances, node)
    {
        struct instance *instance = LIST_ITEM(node, struct instance, node);

        if (instance->resolver)
            avahi_s_service_resolver_free(instance->resolver);
        instance->resolver = NULL;
        instance->is_silent = true;
    }
    if (self->browser)
        avahi_s_service_browser_free(self->browser);
    self->browser = NULL;
    self->avahi = NULL;
}

static void on_stopped(void *context, const char *reason)
{
    struct mdns_watcher *self = context;

    release(self);
    source_failed(self->watcher.source, "multicast DNS: %s", reason);
}

/* ---- life ---- */

static void mdns_close(struct watcher *watcher)
{
    struct mdns_watcher *self =
        CONTAINER_OF(watcher, struct mdns_watcher, watcher);

    release(self);
    LIST_EACH(&self->instances, node)
    {
        free_instance(LIST_ITEM(node, struct instance, node));
    }
    mdns_server_close(self->server);
    loop_timer_stop(&self->timer);
    free(self);
}

static enum status mdns_open(struct source *source, const char *rest,
                             struct watcher **watcher)
{
    struct loop *loop = source_world(source)->loop;
    struct mdns_watcher *self = calloc(1, sizeof(*self));
    struct mdns_server_options options = { .loop = loop,
                                           .running = on_running,
                                           .stopped = on_stopped,
                                           .context = self };

    if (!self)
        return STATUS_NO_MEMORY;
    self->watcher.source = source;
    list_init(&self->instances);
    loop_timer_init(loop, &self->timer, on_timer);
    if (!text_copy(self->type, sizeof(self->type), rest) ||
        mdns_server_open(&options, &self->server) != STATUS_OK) {
        mdns_close(&self->watcher);
        return STATUS_NO_MEMORY;
    }
    *watcher = &self->watcher;
    return STATUS_OK;
}

const struct source_kind mdns_kind = { .scheme = "mdns",
                                       .form = "mdns:_SERVICE._tcp",
                                       .interval_us = 100 * CLOCK_MS,
                                       .tells_changes = true,
                                       .is_valid = mdns_is_valid,
                                       .open = mdns_open,
                                       .close = mdns_close };
