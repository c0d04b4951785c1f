/* SPDX-License-Identifier: MIT */
#include "discovery/mdns_server.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "discovery/backoff.h"

#include <avahi-common/error.h>

#include <avahi-core/log.h>
#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct mdns_server {
    struct mdns_server_options options;
    AvahiPoll poll;
    AvahiServer *avahi;     /* NULL: between two attempts */
    AvahiServerState state; /* as last told */
    bool is_running;        /* running() was called, and not stopped() since */
    bool has_failed;
    struct random random;
    struct backoff backoff;
    struct loop_timer timer; /* begin again */
    struct loop_task turn;   /* look at the state, outside Avahi's callbacks */
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void on_log(AvahiLogLevel level, const char *text)
{
    (void)level;
    LOG(LOG_DEBUG, "avahi", log_text("message", text));
}

/* Avahi draws its delays from rand(). */
static void start_library(void)
{
    avahi_set_log_function(on_log);
    srand((unsigned)random_seed());
}

/* RFC 6335, section 5.1, for the part between '_' and '.'. */
static bool is_service_name(const char *name, size_t length)
{
    if (length < 1 || length > 15 || name[0] == '-' || name[length - 1] == '-')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '-')
            return false;
    return true;
}

bool mdns_is_service_type(const char *text, char *error, size_t size)
{
    size_t length = strcspn(text, ".");

    if (text[0] == '_' && is_service_name(text + 1, length - 1) &&
        (strcmp(text + length, "._tcp") == 0 ||
         strcmp(text + length, "._udp") == 0))
        return true;
    text_format(error, size,
                "expected mdns:_SERVICE._tcp, with at most 15 letters, digits "
                "and hyphens, got %s",
                text);
    return false;
}

static void look_later(struct mdns_server *self)
{
    loop_schedule(self->options.loop, &self->turn);
}

static void on_state(AvahiServer *avahi, AvahiServerState state, void *context)
{
    struct mdns_server *self = context;

    (void)avahi;
    self->state = state;
    look_later(self);
}

static void stop(struct mdns_server *self, const char *reason)
{
    if (!self->is_running)
        return;
    self->is_running = false;
    self->options.stopped(self->options.context, reason);
}

static void end(struct mdns_server *self)
{
    if (self->avahi)
        avahi_server_free(self->avahi);
    self->avahi = NULL;
    self->has_failed = false;
    loop_timer_start(&self->timer, backoff_next(&self->backoff, &self->random));
}

static void run_turn(struct loop_task *task)
{
    struct mdns_server *self = CONTAINER_OF(task, struct mdns_server, turn);

    if (!self->avahi)
        return;
    if (self->state == AVAHI_SERVER_FAILURE || self->has_failed) {
        stop(self, avahi_strerror(avahi_server_errno(self->avahi)));
        end(self);
    } else if (self->state == AVAHI_SERVER_RUNNING && !self->is_running) {
        self->is_running = true;
        backoff_reset(&self->backoff);
        self->options.running(self->options.context, self->avahi);
    }
}

static void configure(const struct mdns_server *self, AvahiServerConfig *config)
{
    avahi_server_config_init(config);
    config->publish_addresses = 0;
    config->publish_hinfo = 0;
    config->publish_workstation = 0;
    config->publish_domain = 0;
    config->disable_publishing = !self->options.publishes;
    config->enable_wide_area = 0;
    /* What was sent from afar has lost some of its 255 on the way. */
    config->check_response_ttl = 1;
    config->n_cache_entries_max = 4096;
}

static const char *reason_of(int error)
{
    return error == AVAHI_ERR_NO_NETWORK
               ? "no socket could be bound to port 5353; is it taken by "
                 "somebody who does not share it?"
               : avahi_strerror(error);
}

static void begin(struct mdns_server *self)
{
    AvahiServerConfig config;
    int error = 0;

    configure(self, &config);
    self->state = AVAHI_SERVER_INVALID;
    self->avahi =
        avahi_server_new(&self->poll, &config, on_state, self, &error);
    avahi_server_config_free(&config);
    if (self->avahi)
        return;
    self->options.stopped(self->options.context, reason_of(error));
    end(self);
}

static void on_timer(struct loop_timer *timer)
{
    struct mdns_server *self = CONTAINER_OF(timer, struct mdns_server, timer);

    if (!self->avahi)
        begin(self);
}

void mdns_server_fail(struct mdns_server *self)
{
    self->has_failed = true;
    look_later(self);
}

enum status mdns_server_open(const struct mdns_server_options *options,
                             struct mdns_server **result)
{
    struct mdns_server *self = calloc(1, sizeof(*self));

    if (!self)
        return STATUS_NO_MEMORY;
    pthread_once(&library_once, start_library);
    self->options = *options;
    self->random = random_from_seed(random_seed());
    mdns_poll_init(&self->poll, options->loop);
    loop_timer_init(options->loop, &self->timer, on_timer);
    loop_task_init(&self->turn, run_turn);
    loop_timer_start(&self->timer, 0);
    *result = self;
    return STATUS_OK;
}

void mdns_server_close(struct mdns_server *self)
{
    if (!self)
        return;
    if (self->avahi)
        avahi_server_free(self->avahi);
    loop_timer_stop(&self->timer);
    loop_task_cancel(&self->turn);
    free(self);
}
