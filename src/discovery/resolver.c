/* SPDX-License-Identifier: MIT */
/*
 * Lookups: a name becomes one question (SRV) or two (A and AAAA) to the
 * channel of the moment; when all have ended, one result.
 *
 *   waiting --(fewer than MAX_ACTIVE)--> asked --(all parts ended)--> done
 *
 * Some networks drop all questions for AAAA: when one family was found and the
 * other says nothing, that counts as failed before its question has ended.
 */
#include "discovery/resolver.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "discovery/resolver_internal.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    MAX_ACTIVE = 64,
    MAX_PARTS = 2,
    HOSTS_TTL_S = 30,
    MAX_HOSTS = 64,
    HALF_TTL_S = 5 /* of an answer that lacks a family: about what it took */
};

/* How often we look whether the system's configuration has changed. */
static const uint64_t look_again_us = CLOCK_SECOND;
/* How much longer than one family the other may take. */
static const uint64_t patience_us = 500 * CLOCK_MS;
static const char system_configuration[] = "/etc/resolv.conf";

struct server_set {
    struct list node;
    struct channel *channel;
};

struct resolver {
    struct resolver_options options;
    char *servers; /* as c-ares wants them; "": the configuration's */
    char *configuration;
    struct stat seen; /* the configuration's file as it was read */
    uint64_t looked_us;
    struct list sets;    /* the last one is in use, the others end */
    struct list waiting; /* lookups */
    struct list active;
    size_t active_count;
    struct loop_task sweep;
};

struct part {
    struct lookup *lookup;
    enum dns_type type;
    bool has_ended;
    enum lookup_outcome outcome;
    const char *reason;
    struct dns_answer answer;
};

struct lookup {
    struct list node;
    struct resolver *resolver;
    struct lookup_options options; /* its name is ours */
    char name[DNS_NAME];
    bool cancelled; /* or its result was told: nobody waits for it */
    size_t part_count;
    size_t pending; /* parts that have not ended */
    struct part parts[MAX_PARTS];
    struct loop_timer patience;
    struct loop_task finish;
};

/* ---- servers ---- */

static bool parse_server(const char *text, struct address *address)
{
    return address_from_ip(address, text, 53) ||
           (address_parse(address, text) && !address_is_unix(address) &&
            address_port(address) != 0);
}

bool resolver_is_server(const char *text)
{
    struct address address;

    return parse_server(text, &address);
}

static char *join_servers(const struct text_list *servers)
{
    size_t size = servers->count * (ADDRESS_TEXT + 1) + 1, used = 0;
    char *joined = calloc(1, size);

    for (size_t i = 0; joined && i < servers->count; i++) {
        char text[ADDRESS_TEXT];
        struct address address;

        if (!parse_server(servers->items[i], &address))
            continue;
        text_format(joined + used, size - used, "%s%s", used > 0 ? "," : "",
                    address_format(&address, text));
        used += strlen(joined + used);
    }
    return joined;
}

static struct server_set *current_set(struct resolver *resolver)
{
    return LIST_ITEM(resolver->sets.previous, struct server_set, node);
}

static bool add_set(struct resolver *resolver)
{
    struct server_set *set = calloc(1, sizeof(*set));

    if (!set)
        return false;
    set->channel = channel_open(&resolver->options, resolver->servers);
    if (!set->channel) {
        free(set);
        return false;
    }
    list_append(&resolver->sets, &set->node);
    return true;
}

static void remove_set(struct server_set *set)
{
    list_remove(&set->node);
    channel_close(set->channel);
    free(set);
}

static void run_sweep(struct loop_task *task)
{
    struct resolver *resolver = CONTAINER_OF(task, struct resolver, sweep);

    LIST_EACH(&resolver->sets, node)
    {
        struct server_set *set = LIST_ITEM(node, struct server_set, node);

        if (set != current_set(resolver) && channel_is_idle(set->channel))
            remove_set(set);
    }
}

static const char *configuration_path(const struct resolver *resolver)
{
    return resolver->configuration ? resolver->configuration
                                   : system_configuration;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
           a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* A machine that changed networks has other servers. */
static void look_at_configuration(struct resolver *resolver)
{
    uint64_t now_us = loop_now_us(resolver->options.loop);
    struct stat now;

    if (resolver->looked_us && now_us - resolver->looked_us < look_again_us)
        return;
    resolver->looked_us = now_us;
    if (stat(configuration_path(resolver), &now) != 0 ||
        same_file(&now, &resolver->seen))
        return;
    resolver->seen = now;
    if (!add_set(resolver))
        return;
    LOG(LOG_INFO, "resolver_reconfigured",
        log_text("file", configuration_path(resolver)));
    loop_schedule(resolver->options.loop, &resolver->sweep);
}

enum status resolver_open(const struct resolver_options *options,
                          struct resolver **result)
{
    struct resolver *resolver = calloc(1, sizeof(*resolver));

    if (!resolver)
        return STATUS_NO_MEMORY;
    list_init(&resolver->sets);
    list_init(&resolver->waiting);
    list_init(&resolver->active);
    loop_task_init(&resolver->sweep, run_sweep);
    resolver->options.loop = options->loop;
    resolver->servers = join_servers(&options->servers);
    if (options->configuration)
        resolver->configuration = strdup(options->configuration);
    resolver->options.configuration = resolver->configuration;
    if (!resolver->servers ||
        (options->configuration && !resolver->configuration))
        goto fail;
    if (stat(configuration_path(resolver), &resolver->seen) != 0)
        memset(&resolver->seen, 0, sizeof(resolver->seen));
    if (!add_set(resolver))
        goto fail;
    *result = resolver;
    return STATUS_OK;

fail:
    resolver_close(resolver);
    return STATUS_NO_MEMORY;
}

/* ---- one lookup ---- */

static void free_lookup(struct lookup *lookup)
{
    list_remove(&lookup->node);
    loop_task_cancel(&lookup->finish);
    loop_timer_stop(&lookup->patience);
    for (size_t i = 0; i < lookup->part_count; i++)
        dns_answer_clear(&lookup->parts[i].answer);
    free(lookup);
}

static void part_ended(struct part *part, enum lookup_outcome outcome,
                       const char *reason)
{
    struct lookup *lookup = part->lookup;
    struct resolver *resolver = lookup->resolver;

    part->has_ended = true;
    part->outcome = outcome;
    part->reason = reason;
    if (--lookup->pending > 0) {
        if (outcome == LOOKUP_FOUND)
            loop_timer_start(&lookup->patience, patience_us);
        return;
    }
    loop_schedule(resolver->options.loop, &resolver->sweep);
    loop_schedule(resolver->options.loop, &lookup->finish);
}

static const char no_record[] = "the name has no such record";

static enum lookup_outcome outcome_of(const struct dns_answer *answer)
{
    if (answer->declined)
        return LOOKUP_DECLINED;
    return answer->address_count + answer->target_count > 0 ? LOOKUP_FOUND
                                                            : LOOKUP_NOTHING;
}

static const char *reason_of(const struct dns_answer *answer,
                             enum lookup_outcome outcome)
{
    if (outcome == LOOKUP_DECLINED)
        return "there is decidedly no such service";
    return answer->useless_count > 0 ? "the target of each SRV record is no "
                                       "name, or its port is 0"
                                     : no_record;
}

static void on_answer(void *context, int status, const uint8_t *bytes,
                      size_t length)
{
    struct part *part = context;
    enum lookup_outcome outcome;

    if (status == ARES_ENODATA) {
        part_ended(part, LOOKUP_NOTHING, no_record);
    } else if (status == ARES_ENOTFOUND) {
        part_ended(part, LOOKUP_NOTHING, "no such name (NXDOMAIN)");
    } else if (status == ARES_ESERVFAIL) {
        part_ended(part, LOOKUP_FAILED, "the name server failed (SERVFAIL)");
    } else if (status == ARES_ETIMEOUT) {
        part_ended(part, LOOKUP_FAILED, "no answer from any name server");
    } else if (status == ARES_ECONNREFUSED) {
        /* What c-ares says too when all have answered, but by a failure. */
        part_ended(part, LOOKUP_FAILED,
                   "no name server could be reached, or each failed "
                   "(SERVFAIL) or refused");
    } else if (status != ARES_SUCCESS) {
        part_ended(part, LOOKUP_FAILED, ares_strerror(status));
    } else if (dns_answer_decode(&part->answer, bytes, length, part->type) !=
               STATUS_OK) {
        part_ended(part, LOOKUP_FAILED, "the answer is malformed");
    } else {
        outcome = outcome_of(&part->answer);
        part_ended(part, outcome, reason_of(&part->answer, outcome));
    }
}

/* What the hosts file says goes, as everywhere else. */
static bool read_hosts(struct lookup *lookup, struct channel *channel)
{
    struct dns_answer *answer = &lookup->parts[0].answer;

    answer->addresses = calloc(MAX_HOSTS, sizeof(*answer->addresses));
    if (!answer->addresses)
        return false;
    answer->address_count =
        channel_read_hosts(channel, lookup->name, answer->addresses, MAX_HOSTS);
    answer->ttl_s = HOSTS_TTL_S;
    if (answer->address_count == 0)
        dns_answer_clear(answer);
    return answer->address_count > 0;
}

static void ask(struct lookup *lookup)
{
    struct channel *channel = current_set(lookup->resolver)->channel;

    lookup->part_count = lookup->pending = 1;
    if (lookup->options.kind == LOOKUP_TARGETS) {
        lookup->parts[0].type = DNS_SRV;
        channel_ask(channel, lookup->name, DNS_SRV, on_answer,
                    &lookup->parts[0]);
        return;
    }
    if (read_hosts(lookup, channel)) {
        part_ended(&lookup->parts[0], LOOKUP_FOUND, NULL);
        return;
    }
    lookup->part_count = lookup->pending = 2;
    lookup->parts[0].type = DNS_A;
    lookup->parts[1].type = DNS_AAAA;
    channel_ask(channel, lookup->name, DNS_A, on_answer, &lookup->parts[0]);
    channel_ask(channel, lookup->name, DNS_AAAA, on_answer, &lookup->parts[1]);
}

static void ask_next(struct resolver *resolver)
{
    look_at_configuration(resolver);
    while (resolver->active_count < MAX_ACTIVE &&
           !list_is_empty(&resolver->waiting)) {
        struct lookup *lookup =
            LIST_ITEM(list_first(&resolver->waiting), struct lookup, node);

        list_remove(&lookup->node);
        list_append(&resolver->active, &lookup->node);
        resolver->active_count++;
        ask(lookup);
    }
}

/* Move the addresses of |from| behind those of |to|. */
static bool merge_addresses(struct dns_answer *to,
                            const struct dns_answer *from)
{
    size_t count = to->address_count + from->address_count;
    struct dns_address *grown;

    if (from->address_count == 0)
        return true;
    grown = realloc(to->addresses, count * sizeof(*grown));
    if (!grown)
        return false;
    memcpy(grown + to->address_count, from->addresses,
           from->address_count * sizeof(*grown));
    to->addresses = grown;
    to->address_count = count;
    if (from->ttl_s < to->ttl_s)
        to->ttl_s = from->ttl_s;
    return true;
}

/* The better outcome of two counts: an address is an address. */
static void combine(struct lookup *lookup, struct lookup_result *result)
{
    struct part *v4 = &lookup->parts[0], *v6 = &lookup->parts[1];
    struct part *first = v4;

    if (lookup->part_count == 2) {
        if (v4->outcome != LOOKUP_FOUND &&
            (v6->outcome == LOOKUP_FOUND || v6->outcome == LOOKUP_FAILED))
            first = v6;
        if (v4->outcome == LOOKUP_FOUND && v6->outcome == LOOKUP_FOUND &&
            !merge_addresses(&v4->answer, &v6->answer))
            v6->outcome = LOOKUP_FAILED;
        result->v4_failed = v4->outcome == LOOKUP_FAILED;
        result->v6_failed = v6->outcome == LOOKUP_FAILED;
    }
    result->outcome = first->outcome;
    result->reason = first->reason;
    result->answer = first->answer;
}

static void tell(struct lookup *lookup, struct lookup_result *result)
{
    lookup->cancelled = true;
    lookup->options.done(lookup->options.context, result);
}

/* One family was found, of the other nothing is heard. */
static void on_patience_timer(struct loop_timer *timer)
{
    struct lookup *lookup = CONTAINER_OF(timer, struct lookup, patience);
    struct lookup_result result = { 0 };

    if (lookup->cancelled || lookup->pending == 0)
        return;
    for (size_t i = 0; i < lookup->part_count; i++)
        if (!lookup->parts[i].has_ended)
            lookup->parts[i].outcome = LOOKUP_FAILED;
    combine(lookup, &result);
    result.answer.ttl_s = HALF_TTL_S;
    tell(lookup, &result);
}

static void run_finish(struct loop_task *task)
{
    struct lookup *lookup = CONTAINER_OF(task, struct lookup, finish);
    struct resolver *resolver = lookup->resolver;
    struct lookup_result result = { 0 };

    /* Out of the list, it cannot be cancelled twice, and makes room. */
    list_remove(&lookup->node);
    resolver->active_count--;
    ask_next(resolver);
    if (!lookup->cancelled) {
        combine(lookup, &result);
        tell(lookup, &result);
    }
    free_lookup(lookup);
}

struct lookup *lookup_start(struct resolver *resolver,
                            const struct lookup_options *options)
{
    struct lookup *lookup = calloc(1, sizeof(*lookup));

    if (!lookup)
        return NULL;
    lookup->resolver = resolver;
    lookup->options = *options;
    lookup->options.name = lookup->name;
    list_init(&lookup->node);
    loop_task_init(&lookup->finish, run_finish);
    loop_timer_init(resolver->options.loop, &lookup->patience,
                    on_patience_timer);
    for (size_t i = 0; i < MAX_PARTS; i++)
        lookup->parts[i].lookup = lookup;
    if (!text_copy(lookup->name, sizeof(lookup->name), options->name)) {
        free(lookup);
        return NULL;
    }
    list_append(&resolver->waiting, &lookup->node);
    ask_next(resolver);
    return lookup;
}

/* c-ares cannot take a question back: it ends by itself, unheard. */
void lookup_cancel(struct lookup *lookup)
{
    if (!lookup)
        return;
    if (lookup->part_count == 0)
        free_lookup(lookup);
    else
        lookup->cancelled = true;
}

void resolver_close(struct resolver *resolver)
{
    if (!resolver)
        return;
    ASSERT(list_is_empty(&resolver->waiting));
    LIST_EACH(&resolver->sets, set)
    {
        remove_set(LIST_ITEM(set, struct server_set, node));
    }
    LIST_EACH(&resolver->active, node)
    {
        struct lookup *lookup = LIST_ITEM(node, struct lookup, node);

        ASSERT(lookup->cancelled);
        free_lookup(lookup);
    }
    loop_task_cancel(&resolver->sweep);
    free(resolver->servers);
    free(resolver->configuration);
    free(resolver);
}
