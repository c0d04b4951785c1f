/* SPDX-License-Identifier: MIT */
/*
 * mdns:_SERVICE._tcp as an announcement: PTR, SRV and TXT records of our name,
 * and the addresses of this host, or the one that was given.  A name that is
 * taken on this network gets a number behind it, as everybody does.
 */
#include "base/clock.h"
#include "base/text.h"
#include "discovery/announcer.h"
#include "discovery/mdns_server.h"
#include <avahi-common/address.h>
#include <avahi-common/alternative.h>
#include <avahi-common/error.h>
#include <avahi-common/malloc.h>
#include <avahi-common/strlst.h>
#include <avahi-core/publish.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAME = 64, MAX_HOST = 64, MAX_PLACES = 32 };

/* How often we look whether this host has other addresses. */
static const uint64_t look_again_us = 3 * CLOCK_SECOND;

struct place {
    AvahiIfIndex interface;
    AvahiAddress address;
};

struct mdns_announcer {
    struct announcer announcer;
    char type[64];
    char name[MAX_NAME]; /* with a number, once it was taken */
    char host[MAX_HOST]; /* the name of our addresses */
    uint16_t port;       /* that is published */
    size_t place_count;
    struct place places[MAX_PLACES];
    struct mdns_server *server;
    struct loop_timer timer;
    AvahiServer *avahi; /* borrowed; NULL: it does not run */
    AvahiSEntryGroup *group;
    bool is_taken; /* told by Avahi, to be dealt with in |turn| */
    struct loop_task turn;
};

static bool mdns_is_valid(const char *rest, char *error, size_t size)
{
    return mdns_is_service_type(rest, error, size);
}

static struct announcement *announcement_of(struct mdns_announcer *self)
{
    return self->announcer.announcement;
}

static void fail(struct mdns_announcer *self, int error)
{
    announcement_failed(announcement_of(self), "multicast DNS: %s",
                        avahi_strerror(error));
    mdns_server_fail(self->server);
}

/* ---- where we are ---- */

/*
 * The addresses of this host are published under a name of our own, without
 * reverse records: the host's real name is not ours to claim, a daemon beside
 * us may have it already.
 */
static bool is_wanted(const struct ifaddrs *entry, sa_family_t family)
{
    const unsigned usable = IFF_UP | IFF_RUNNING | IFF_MULTICAST;

    if (!entry->ifa_addr || (entry->ifa_flags & usable) != usable ||
        (entry->ifa_flags & IFF_LOOPBACK))
        return false;
    if (family != AF_UNSPEC && entry->ifa_addr->sa_family != family)
        return false;
    if (entry->ifa_addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)entry->ifa_addr;

        return !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr);
    }
    return entry->ifa_addr->sa_family == AF_INET;
}

static void convert(const struct ifaddrs *entry, AvahiAddress *address)
{
    if (entry->ifa_addr->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)entry->ifa_addr;

        address->proto = AVAHI_PROTO_INET;
        address->data.ipv4.address = v4->sin_addr.s_addr;
    } else {
        const struct sockaddr_in6 *v6 = (const void *)entry->ifa_addr;

        address->proto = AVAHI_PROTO_INET6;
        memcpy(address->data.ipv6.address, &v6->sin6_addr, 16);
    }
}

static size_t take_own_places(struct place *places, sa_family_t family)
{
    struct ifaddrs *all = NULL;
    size_t count = 0;

    if (getifaddrs(&all) != 0)
        return 0;
    memset(places, 0, MAX_PLACES * sizeof(*places));
    for (struct ifaddrs *at = all; at && count < MAX_PLACES; at = at->ifa_next)
        if (is_wanted(at, family)) {
            places[count].interface =
                (AvahiIfIndex)if_nametoindex(at->ifa_name);
            convert(at, &places[count++].address);
        }
    freeifaddrs(all);
    return count;
}

/* False if nothing is different from what is published. */
static bool take_places(struct mdns_announcer *self)
{
    const struct announcement_options *options =
        announcement_options(announcement_of(self));
    struct place places[MAX_PLACES];
    size_t count = 1;

    if (options->host) {
        memset(places, 0, sizeof(places));
        places[0].interface = AVAHI_IF_UNSPEC;
        avahi_address_parse(options->host, AVAHI_PROTO_UNSPEC,
                            &places[0].address);
    } else {
        count = take_own_places(places, options->family);
    }
    if (count == self->place_count &&
        memcmp(places, self->places, count * sizeof(*places)) == 0)
        return false;
    memcpy(self->places, places, count * sizeof(*places));
    self->place_count = count;
    return true;
}

/* ---- what is published ---- */

static int add_host(struct mdns_announcer *self)
{
    int error = 0;

    text_format(self->host, sizeof(self->host), "entente-%08x.local",
                avahi_server_get_local_service_cookie(self->avahi));
    for (size_t i = 0; i < self->place_count && error >= 0; i++)
        error = avahi_server_add_address(self->avahi, self->group,
                                         self->places[i].interface,
                                         AVAHI_PROTO_UNSPEC,
                                         AVAHI_PUBLISH_NO_REVERSE, self->host,
                                         &self->places[i].address);
    return error;
}

/* What TXT says.  NULL without memory. */
static AvahiStringList *texts_of(struct mdns_announcer *self)
{
    const struct announcement_options *options =
        announcement_options(announcement_of(self));
    AvahiStringList *texts =
        avahi_string_list_add_printf(NULL, "weight=%u", options->weight);

    return avahi_string_list_add_printf(texts, "priority=%u",
                                        options->priority);
}

static int add_records(struct mdns_announcer *self)
{
    AvahiStringList *texts;
    int error = add_host(self);

    if (error < 0)
        return error;
    self->port = announcement_options(announcement_of(self))->port;
    texts = texts_of(self);
    if (!texts)
        return AVAHI_ERR_NO_MEMORY;
    error = avahi_server_add_service_strlst(self->avahi, self->group,
                                            AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC,
                                            0, self->name, self->type, NULL,
                                            self->host, self->port, texts);
    avahi_string_list_free(texts);
    return error;
}

static void register_service(struct mdns_announcer *self)
{
    int error;

    avahi_s_entry_group_reset(self->group);
    if (self->place_count == 0) {
        announcement_failed(announcement_of(self),
                            "multicast DNS: this host has no address that "
                            "others could use");
        return;
    }
    error = add_records(self);

    if (error >= 0)
        error = avahi_s_entry_group_commit(self->group);
    if (error == AVAHI_ERR_COLLISION) { /* with ourselves: another service */
        self->is_taken = true;
        loop_schedule(announcement_options(announcement_of(self))->world->loop,
                      &self->turn);
    } else if (error < 0) {
        fail(self, error);
    }
}

static void on_group(AvahiServer *avahi, AvahiSEntryGroup *group,
                     AvahiEntryGroupState state, void *context)
{
    struct mdns_announcer *self = context;

    (void)avahi;
    (void)group;
    if (state == AVAHI_ENTRY_GROUP_ESTABLISHED) {
        announcement_made(announcement_of(self), self->name);
    } else if (state == AVAHI_ENTRY_GROUP_COLLISION) {
        self->is_taken = true;
        loop_schedule(announcement_options(announcement_of(self))->world->loop,
                      &self->turn);
    } else if (state == AVAHI_ENTRY_GROUP_FAILURE) {
        mdns_server_fail(self->server);
    }
}

static void run_turn(struct loop_task *task)
{
    struct mdns_announcer *self =
        CONTAINER_OF(task, struct mdns_announcer, turn);
    char *name;

    if (!self->is_taken || !self->group)
        return;
    self->is_taken = false;
    announcement_failed(announcement_of(self), "the name %s is taken",
                        self->name);
    name = avahi_alternative_service_name(self->name);
    if (!name || !text_copy(self->name, sizeof(self->name), name)) {
        avahi_free(name);
        mdns_server_fail(self->server);
        return;
    }
    avahi_free(name);
    register_service(self);
}

static void on_timer(struct loop_timer *timer)
{
    struct mdns_announcer *self =
        CONTAINER_OF(timer, struct mdns_announcer, timer);

    loop_timer_start(timer, look_again_us);
    if (self->group && take_places(self))
        register_service(self);
}

static int update_texts(struct mdns_announcer *self)
{
    AvahiStringList *texts = texts_of(self);
    int error;

    if (!texts)
        return AVAHI_ERR_NO_MEMORY;
    error = avahi_server_update_service_txt_strlst(self->avahi, self->group,
                                                   AVAHI_IF_UNSPEC,
                                                   AVAHI_PROTO_UNSPEC, 0,
                                                   self->name, self->type, NULL,
                                                   texts);
    avahi_string_list_free(texts);
    return error;
}

/* TXT alone can be replaced where it is; all else goes, and comes again. */
static void mdns_change(struct announcer *announcer)
{
    struct mdns_announcer *self =
        CONTAINER_OF(announcer, struct mdns_announcer, announcer);
    bool has_moved =
        take_places(self) ||
        self->port != announcement_options(announcement_of(self))->port;
    int error;

    if (!self->group)
        return; /* on_running() tells it */
    if (has_moved || avahi_s_entry_group_is_empty(self->group)) {
        register_service(self);
        return;
    }
    error = update_texts(self);
    if (error < 0)
        fail(self, error);
}

static void on_running(void *context, AvahiServer *avahi)
{
    struct mdns_announcer *self = context;

    self->avahi = avahi;
    self->group = avahi_s_entry_group_new(avahi, on_group, self);
    take_places(self);
    if (self->group)
        register_service(self);
    else
        fail(self, avahi_server_errno(avahi));
}

static void release(struct mdns_announcer *self)
{
    if (self->group)
        avahi_s_entry_group_free(self->group);
    self->group = NULL;
    self->avahi = NULL;
    self->is_taken = false;
}

static void on_stopped(void *context, const char *reason)
{
    struct mdns_announcer *self = context;

    release(self);
    announcement_failed(announcement_of(self), "multicast DNS: %s", reason);
}

static void mdns_close(struct announcer *announcer)
{
    struct mdns_announcer *self =
        CONTAINER_OF(announcer, struct mdns_announcer, announcer);

    release(self);
    mdns_server_close(self->server);
    loop_timer_stop(&self->timer);
    loop_task_cancel(&self->turn);
    free(self);
}

static enum status mdns_open(struct announcement *announcement,
                             const char *rest, struct announcer **announcer)
{
    const struct announcement_options *options =
        announcement_options(announcement);
    struct mdns_announcer *self = calloc(1, sizeof(*self));
    struct mdns_server_options server = { .loop = options->world->loop,
                                          .publishes = true,
                                          .running = on_running,
                                          .stopped = on_stopped,
                                          .context = self };
    enum status status = STATUS_CONFIG;

    if (!self)
        return STATUS_NO_MEMORY;
    self->announcer.announcement = announcement;
    loop_task_init(&self->turn, run_turn);
    loop_timer_init(options->world->loop, &self->timer, on_timer);
    loop_timer_start(&self->timer, look_again_us);
    if (text_copy(self->type, sizeof(self->type), rest) &&
        text_copy(self->name, sizeof(self->name), options->name))
        status = mdns_server_open(&server, &self->server);
    if (status != STATUS_OK) {
        mdns_close(&self->announcer);
        return status;
    }
    *announcer = &self->announcer;
    return STATUS_OK;
}

const struct announcer_kind mdns_announcer_kind = { .scheme = "mdns",
                                                    .form =
                                                        "mdns:_SERVICE._tcp",
                                                    .needs_ip = true,
                                                    .is_valid = mdns_is_valid,
                                                    .open = mdns_open,
                                                    .change = mdns_change,
                                                    .close = mdns_close };
