/* SPDX-License-Identifier: MIT */
/*
 * Targets and the names among them.  Each name is looked up on its own; the
 * endpoints are told together, when all names of a new set have settled or
 * half a second has passed, and then whenever one of them changes.
 */
#include "discovery/targets.h"
#include "base/clock.h"
#include "base/index.h"
#include "base/list.h"
#include "base/random.h"
#include "base/text.h"
#include "discovery/backoff.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_HOST_ADDRESSES = ENDPOINTS_MAX };

static const uint64_t settle_us = 500 * CLOCK_MS;
static const uint64_t confirm_us = CLOCK_SECOND;
/* However often it is doubted, a name is asked for once in this time. */
static const uint64_t doubt_us = CLOCK_SECOND;
static const uint64_t doubt_jitter_us = 100 * CLOCK_MS;

/* A name of DNS among the targets. */
struct host {
    struct list node;
    struct targets *targets; /* borrowed: it owns the host */
    char name[DNS_NAME];
    size_t count;
    struct address *addresses;
    bool marked;
    bool settled; /* it has answered or failed once */
    const char
        *reason; /* of the last failure; NULL: the last answer was good */
    uint64_t asked_us;
    struct lookup *lookup;
    struct backoff backoff;
    struct loop_timer timer;
};

struct entry {
    struct target target;
    struct host *host; /* NULL: the address is fixed */
    struct address address;
};

struct targets {
    struct targets_options options;
    struct random random;
    struct list hosts;
    struct index by_name; /* the hosts */
    struct entry *entries;
    size_t count;
    bool is_cut; /* there are more */
    struct loop_timer settle_timer;
    struct loop_timer confirm_timer; /* to tell that nothing changed */
    struct loop_task publish;
};

/* ---- what is told ---- */

static bool is_settling(const struct targets *targets)
{
    LIST_EACH(&targets->hosts, node)
    {
        if (!LIST_ITEM(node, struct host, node)->settled)
            return true;
    }
    return false;
}

/* How many of the names fail; |text| says why the first does. */
static size_t count_failing(const struct targets *targets, char *text,
                            size_t size)
{
    size_t failing = 0;

    text[0] = '\0';
    LIST_EACH(&targets->hosts, node)
    {
        const struct host *host = LIST_ITEM(node, struct host, node);

        if (host->reason && failing++ == 0)
            text_format(text, size, "%s: %s", host->name, host->reason);
    }
    if (failing > 1)
        text_format(text + strlen(text), size - strlen(text), " (and %zu more)",
                    failing - 1);
    return failing;
}

static bool has_fixed(const struct targets *targets)
{
    for (size_t i = 0; i < targets->count; i++)
        if (!targets->entries[i].host)
            return true;
    return false;
}

static size_t collect(const struct targets *targets, struct endpoint *items,
                      size_t max)
{
    size_t used = 0;

    for (size_t i = 0; i < targets->count; i++) {
        const struct entry *entry = &targets->entries[i];
        const struct address *addresses =
            entry->host ? entry->host->addresses : &entry->address;
        size_t count = entry->host ? entry->host->count : 1;

        for (size_t j = 0; j < count && used < max; j++) {
            struct endpoint *item = &items[used++];

            item->address = addresses[j];
            if (entry->target.port != 0)
                address_set_port(&item->address, entry->target.port);
            item->priority = entry->target.priority;
            item->weight = entry->target.weight;
            target_name(&entry->target, item->name, sizeof(item->name));
        }
    }
    return used;
}

/* How many endpoints collect() will find; |is_cut|: and leave some out. */
static size_t count_endpoints(const struct targets *targets, bool *is_cut)
{
    size_t count = 0;

    for (size_t i = 0; i < targets->count; i++)
        count += targets->entries[i].host ? targets->entries[i].host->count : 1;
    *is_cut = targets->is_cut || count > ENDPOINTS_MAX;
    return count < ENDPOINTS_MAX ? count : ENDPOINTS_MAX;
}

static void run_publish(struct loop_task *task)
{
    struct targets *targets = CONTAINER_OF(task, struct targets, publish);
    struct targets_report report = { 0 };
    struct endpoint *items;
    size_t max, failing;
    char failure[512];
    bool is_cut;

    max = count_endpoints(targets, &is_cut);

    if (is_settling(targets) &&
        (max == 0 || loop_timer_is_running(&targets->settle_timer)))
        return;
    failing = count_failing(targets, failure, sizeof(failure));
    if (failing == 0 && is_cut)
        text_format(failure, sizeof(failure),
                    "more than %d endpoints, the rest is left out",
                    ENDPOINTS_MAX);
    items = calloc(max + 1, sizeof(*items));
    if (!items) {
        report.all_failed = true;
        report.failure = "out of memory";
    } else {
        report.items = items;
        report.count = collect(targets, items, max);
        report.failure = failure[0] ? failure : NULL;
        report.all_failed = failing > 0 && !has_fixed(targets) &&
                            failing == targets->by_name.count;
    }
    targets->options.changed(targets->options.context, &report);
    free(items);
}

static void publish(struct targets *targets)
{
    loop_schedule(targets->options.loop, &targets->publish);
}

static void on_settle_timer(struct loop_timer *timer)
{
    publish(CONTAINER_OF(timer, struct targets, settle_timer));
}

static void on_confirm_timer(struct loop_timer *timer)
{
    publish(CONTAINER_OF(timer, struct targets, confirm_timer));
}

/*
 * A name has what it had.  That is told as well, since then the answer is
 * young, but all is gone through for that, and there may be thousands of names.
 */
static void confirm(struct targets *targets)
{
    if (!loop_timer_is_running(&targets->confirm_timer))
        loop_timer_start(&targets->confirm_timer, confirm_us);
}

/* ---- one name ---- */

static void on_lookup(void *context, const struct lookup_result *result);

static void fail(struct host *host, const char *reason)
{
    host->settled = true;
    host->reason = reason;
    loop_timer_start(&host->timer,
                     backoff_next(&host->backoff, &host->targets->random));
    publish(host->targets);
}

static void ask(struct host *host)
{
    struct lookup_options options = { .kind = LOOKUP_ADDRESSES,
                                      .name = host->name,
                                      .done = on_lookup,
                                      .context = host };

    if (host->lookup)
        return;
    host->asked_us = loop_now_us(host->targets->options.loop);
    host->lookup = lookup_start(host->targets->options.resolver, &options);
    if (!host->lookup)
        fail(host, "out of memory");
}

static void on_host_timer(struct loop_timer *timer)
{
    ask(CONTAINER_OF(timer, struct host, timer));
}

/* RFC 6724, rule 1: whether there is a way at all; sends nothing. */
static bool is_routable(const struct address *address)
{
    struct address probe = *address;
    int fd = socket(address->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool routable;

    if (fd < 0)
        return false;
    address_set_port(&probe, 9);
    routable = connect(fd, &probe.any, probe.length) == 0;
    close(fd);
    return routable;
}

/*
 * A name with addresses of both families, and a machine with a way to one of
 * them only: the others would be tried in vain again and again.
 */
static size_t drop_unroutable(struct address *addresses, size_t count)
{
    bool routable[MAX_HOST_ADDRESSES];
    size_t good = 0, kept = 0;

    for (size_t i = 0; i < count; i++) {
        routable[i] = is_routable(&addresses[i]);
        good += routable[i];
    }
    if (good == 0)
        return count;
    for (size_t i = 0; i < count; i++)
        if (routable[i])
            addresses[kept++] = addresses[i];
    return kept;
}

static bool has_family(const struct address *addresses, size_t count,
                       sa_family_t family)
{
    for (size_t i = 0; i < count; i++)
        if (addresses[i].family == family)
            return true;
    return false;
}

static size_t choose(struct address *addresses, size_t count)
{
    if (has_family(addresses, count, AF_INET) &&
        has_family(addresses, count, AF_INET6))
        return drop_unroutable(addresses, count);
    return count;
}

static int by_bytes(const void *left, const void *right)
{
    const struct address *a = left, *b = right;

    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return a->family == AF_INET
               ? memcmp(&a->v4.sin_addr, &b->v4.sin_addr, 4)
               : memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, 16);
}

/* Whether |host| has these addresses already, and no failure to forget. */
static bool is_known(const struct host *host, const struct address *addresses,
                     size_t count)
{
    if (!host->settled || host->reason || host->count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!address_equal(&addresses[i], &host->addresses[i]))
            return false;
    return true;
}

/*
 * Replace the addresses of |host| by the |count| |addresses|, which become
 * its own.  Servers turn their lists around at each answer: in order, those
 * that are too many are always the same.  False: all are as they were.
 */
static bool set_addresses(struct host *host, struct address *addresses,
                          size_t count)
{
    bool was_known;

    qsort(addresses, count, sizeof(*addresses), by_bytes);
    if (count > MAX_HOST_ADDRESSES)
        count = MAX_HOST_ADDRESSES;
    count = choose(addresses, count);
    was_known = is_known(host, addresses, count);
    free(host->addresses);
    host->addresses = addresses;
    host->count = count;
    host->settled = true;
    host->reason = NULL;
    return !was_known;
}

/* Those the answer has, and the old ones of a family that was not answered. */
static struct address *merge(const struct host *host,
                             const struct lookup_result *result, size_t *count)
{
    const struct dns_answer *answer = &result->answer;
    struct address *addresses =
        calloc(answer->address_count + host->count + 1, sizeof(*addresses));

    *count = 0;
    for (size_t i = 0; addresses && i < answer->address_count; i++)
        addresses[(*count)++] = answer->addresses[i].address;
    for (size_t i = 0; addresses && i < host->count; i++) {
        sa_family_t family = host->addresses[i].family;

        if ((family == AF_INET && result->v4_failed) ||
            (family == AF_INET6 && result->v6_failed))
            addresses[(*count)++] = host->addresses[i];
    }
    return addresses;
}

static void on_lookup(void *context, const struct lookup_result *result)
{
    struct host *host = context;
    struct random *random = &host->targets->random;
    struct address *addresses;
    size_t count;

    host->lookup = NULL;
    if (result->outcome != LOOKUP_FOUND) {
        fail(host, result->reason);
        return;
    }
    addresses = merge(host, result, &count);
    if (!addresses) {
        fail(host, "out of memory");
        return;
    }
    backoff_reset(&host->backoff);
    loop_timer_start(&host->timer,
                     backoff_refresh(result->answer.ttl_s, random));
    if (set_addresses(host, addresses, count))
        publish(host->targets);
    else
        confirm(host->targets);
}

static void free_host(struct host *host)
{
    list_remove(&host->node);
    index_remove(&host->targets->by_name, index_hash_text(host->name), host);
    lookup_cancel(host->lookup);
    loop_timer_stop(&host->timer);
    free(host->addresses);
    free(host);
}

static bool is_called(const void *item, const void *name)
{
    return strcmp(((const struct host *)item)->name, name) == 0;
}

static struct host *get_host(struct targets *targets, const char *name)
{
    uint64_t hash = index_hash_text(name);
    struct host *host = index_find(&targets->by_name, hash, is_called, name);

    if (host)
        return host;
    host = calloc(1, sizeof(*host));
    if (!host || !index_add(&targets->by_name, hash, host)) {
        free(host);
        return NULL;
    }
    host->targets = targets;
    memcpy(host->name, name, strlen(name) + 1);
    loop_timer_init(targets->options.loop, &host->timer, on_host_timer);
    list_append(&targets->hosts, &host->node);
    return host;
}

/* ---- the set ---- */

static void remove_unused_hosts(struct targets *targets)
{
    LIST_EACH(&targets->hosts, node)
    {
        LIST_ITEM(node, struct host, node)->marked = false;
    }
    for (size_t i = 0; i < targets->count; i++)
        if (targets->entries[i].host)
            targets->entries[i].host->marked = true;
    LIST_EACH(&targets->hosts, unused)
    {
        struct host *host = LIST_ITEM(unused, struct host, node);

        if (!host->marked)
            free_host(host);
    }
}

static bool fill_entry(struct targets *targets, struct entry *entry,
                       const struct target *target)
{
    entry->target = *target;
    if (target->port == 0)
        return address_parse(&entry->address, target->host);
    if (address_from_ip(&entry->address, target->host, target->port))
        return true;
    entry->host = get_host(targets, target->host);
    return entry->host != NULL;
}

/* What the registry itself says of the addresses of the target |index|. */
static void take_known(struct targets *targets, size_t index,
                       const struct dns_answer *known)
{
    struct host *host = targets->entries[index].host;
    struct address *addresses;
    size_t count = 0;

    if (!host || index >= known->target_count || known->address_count == 0)
        return;
    addresses = calloc(known->address_count, sizeof(*addresses));
    for (size_t i = 0; addresses && i < known->address_count; i++)
        if (known->addresses[i].target == index)
            addresses[count++] = known->addresses[i].address;
    if (count == 0) {
        free(addresses);
        return;
    }
    set_addresses(host, addresses, count);
    lookup_cancel(host->lookup);
    host->lookup = NULL;
    backoff_reset(&host->backoff);
    loop_timer_start(&host->timer,
                     backoff_refresh(known->targets[index].address_ttl_s,
                                     &targets->random));
}

enum status targets_set(struct targets *targets, const struct target *items,
                        size_t count, const struct dns_answer *known)
{
    struct entry *entries;
    bool complete = true, is_cut = count > TARGETS_MAX;

    if (is_cut)
        count = TARGETS_MAX;
    entries = calloc(count + 1, sizeof(*entries));
    if (!entries)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; complete && i < count; i++)
        complete = fill_entry(targets, &entries[i], &items[i]);
    if (complete) {
        free(targets->entries);
        targets->entries = entries;
        targets->count = count;
        targets->is_cut = is_cut;
    } else {
        free(entries);
    }
    remove_unused_hosts(targets);
    if (!complete)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; known && i < count; i++)
        take_known(targets, i, known);
    LIST_EACH(&targets->hosts, node)
    {
        struct host *host = LIST_ITEM(node, struct host, node);

        if (!host->settled)
            ask(host);
    }
    loop_timer_start(&targets->settle_timer, settle_us);
    publish(targets);
    return STATUS_OK;
}

void targets_doubt(struct targets *targets)
{
    uint64_t now_us = loop_now_us(targets->options.loop);

    LIST_EACH(&targets->hosts, node)
    {
        struct host *host = LIST_ITEM(node, struct host, node);
        uint64_t since_us = now_us - host->asked_us;
        uint64_t wait_us = since_us < doubt_us ? doubt_us - since_us : 0;

        wait_us += random_below(&targets->random, doubt_jitter_us);
        if (!host->lookup)
            loop_timer_start(&host->timer, wait_us);
    }
}

struct targets *targets_new(const struct targets_options *options)
{
    struct targets *targets = calloc(1, sizeof(*targets));

    if (!targets)
        return NULL;
    targets->options = *options;
    targets->random = random_from_seed(random_seed());
    list_init(&targets->hosts);
    index_init(&targets->by_name);
    loop_timer_init(options->loop, &targets->settle_timer, on_settle_timer);
    loop_timer_init(options->loop, &targets->confirm_timer, on_confirm_timer);
    loop_task_init(&targets->publish, run_publish);
    return targets;
}

void targets_free(struct targets *targets)
{
    if (!targets)
        return;
    LIST_EACH(&targets->hosts, node)
    {
        free_host(LIST_ITEM(node, struct host, node));
    }
    index_clear(&targets->by_name);
    loop_timer_stop(&targets->settle_timer);
    loop_timer_stop(&targets->confirm_timer);
    loop_task_cancel(&targets->publish);
    free(targets->entries);
    free(targets);
}
