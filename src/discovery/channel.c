/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "discovery/level_watch.h"
#include "discovery/resolver_internal.h"
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* The first dead server costs a second and a half, not five. */
enum { TIMEOUT_MS = 1500, TRIES = 2, UDP_BYTES = 1232, CLASS_IN = 1 };

struct channel {
    struct loop *loop; /* borrowed */
    ares_channel ares;
    struct list sockets;
    size_t under_way;
    struct loop_timer timer;
};

struct dns_socket {
    struct list node;
    struct channel *channel;
    struct level_watch watch;
    struct loop_deferred deferred;
};

struct question {
    struct channel *channel;
    channel_answered *answered;
    void *context;
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static int library_status;

static void start_library(void)
{
    library_status = ares_library_init(ARES_LIB_INIT_ALL);
}

/* c-ares says how long it may be left alone. */
static void restart_timer(struct channel *channel)
{
    struct timeval wait;

    if (ares_timeout(channel->ares, NULL, &wait))
        loop_timer_start(&channel->timer, (uint64_t)wait.tv_sec * CLOCK_SECOND +
                                              (uint64_t)wait.tv_usec);
    else
        loop_timer_stop(&channel->timer);
}

static void process(struct channel *channel, ares_socket_t readable,
                    ares_socket_t writable)
{
    ares_process_fd(channel->ares, readable, writable);
    restart_timer(channel);
}

static void on_timer(struct loop_timer *timer)
{
    process(CONTAINER_OF(timer, struct channel, timer), ARES_SOCKET_BAD,
            ARES_SOCKET_BAD);
}

static void on_ready(struct level_watch *watch, unsigned what)
{
    struct dns_socket *socket = CONTAINER_OF(watch, struct dns_socket, watch);

    process(socket->channel, what & LOOP_READABLE ? watch->fd : ARES_SOCKET_BAD,
            what & LOOP_WRITABLE ? watch->fd : ARES_SOCKET_BAD);
}

static struct dns_socket *find_socket(struct channel *channel, int fd)
{
    LIST_EACH(&channel->sockets, node)
    {
        struct dns_socket *socket = LIST_ITEM(node, struct dns_socket, node);

        if (socket->watch.fd == fd)
            return socket;
    }
    return NULL;
}

static void release_socket(struct loop_deferred *deferred)
{
    free(CONTAINER_OF(deferred, struct dns_socket, deferred));
}

static void close_socket(struct dns_socket *socket)
{
    level_watch_stop(&socket->watch);
    list_remove(&socket->node);
    loop_defer(socket->channel->loop, &socket->deferred, release_socket);
}

/* Without memory the socket is not watched and the question times out. */
static void open_socket(struct channel *channel, int fd, unsigned wanted)
{
    struct dns_socket *socket = calloc(1, sizeof(*socket));

    if (!socket)
        return;
    socket->channel = channel;
    list_init(&socket->node);
    if (level_watch_start(channel->loop, &socket->watch, fd, wanted,
                          on_ready) != STATUS_OK) {
        free(socket);
        return;
    }
    list_append(&channel->sockets, &socket->node);
}

static void on_socket_state(void *context, ares_socket_t fd, int readable,
                            int writable)
{
    struct channel *channel = context;
    struct dns_socket *socket = find_socket(channel, fd);
    unsigned wanted =
        (readable ? LOOP_READABLE : 0u) | (writable ? LOOP_WRITABLE : 0u);

    if (socket && wanted == 0)
        close_socket(socket);
    else if (socket)
        level_watch_want(&socket->watch, wanted);
    else if (wanted != 0)
        open_socket(channel, fd, wanted);
}

static int open_library(struct channel *channel,
                        const struct resolver_options *options,
                        const char *servers)
{
    struct ares_options wanted = { .flags = ARES_FLAG_EDNS,
                                   .timeout = TIMEOUT_MS,
                                   .tries = TRIES,
                                   .ednspsz = UDP_BYTES,
                                   .sock_state_cb = on_socket_state,
                                   .sock_state_cb_data = channel };
    int which = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_STATE_CB;
    int status;

    if (options->configuration) {
        wanted.resolvconf_path = strdup(options->configuration);
        if (!wanted.resolvconf_path)
            return ARES_ENOMEM;
        which |= ARES_OPT_RESOLVCONF;
    }
#ifdef ARES_OPT_QUERY_CACHE
    which |= ARES_OPT_QUERY_CACHE; /* of no seconds: whoever doubts must ask */
#endif
    status = ares_init_options(&channel->ares, &wanted, which);
    free(wanted.resolvconf_path);
    if (status == ARES_SUCCESS && servers[0] != '\0')
        status = ares_set_servers_ports_csv(channel->ares, servers);
    return status;
}

struct channel *channel_open(const struct resolver_options *options,
                             const char *servers)
{
    struct channel *channel = calloc(1, sizeof(*channel));

    if (!channel)
        return NULL;
    pthread_once(&library_once, start_library);
    channel->loop = options->loop;
    list_init(&channel->sockets);
    loop_timer_init(channel->loop, &channel->timer, on_timer);
    if (library_status == ARES_SUCCESS &&
        open_library(channel, options, servers) == ARES_SUCCESS)
        return channel;
    if (channel->ares)
        ares_destroy(channel->ares);
    free(channel);
    return NULL;
}

void channel_close(struct channel *channel)
{
    if (!channel)
        return;
    ares_destroy(channel->ares);
    loop_timer_stop(&channel->timer);
    LIST_EACH(&channel->sockets, node)
    close_socket(LIST_ITEM(node, struct dns_socket, node));
    free(channel);
}

bool channel_is_idle(const struct channel *channel)
{
    return channel->under_way == 0;
}

static void finish(struct question *question, int status, const uint8_t *bytes,
                   size_t length)
{
    channel_answered *answered = question->answered;
    void *context = question->context;

    question->channel->under_way--;
    free(question);
    answered(context, status, bytes, length);
}

/*
 * Both ways end with the bytes of the message, which dns_message.c reads: the
 * parsers of c-ares 1.18 give neither times to live nor additional records,
 * and those of 1.34 have other names.
 */
#if ARES_VERSION >= 0x011c00
static void on_answer(void *context, ares_status_t status, size_t timeouts,
                      const ares_dns_record_t *record)
{
    unsigned char *bytes = NULL;
    size_t length = 0;

    (void)timeouts;
    if (status == ARES_SUCCESS)
        status = ares_dns_write(record, &bytes, &length);
    finish(context, (int)status, status == ARES_SUCCESS ? bytes : NULL, length);
    ares_free_string(bytes);
}

/* Our question, and how much may come back in one packet. */
static ares_status_t make_query(const char *name, enum dns_type type,
                                ares_dns_record_t **query)
{
    ares_dns_rr_t *options = NULL;
    ares_status_t status =
        ares_dns_record_create(query, 0, ARES_FLAG_RD, ARES_OPCODE_QUERY,
                               ARES_RCODE_NOERROR);

    if (status == ARES_SUCCESS)
        status =
            ares_dns_record_query_add(*query, name, (ares_dns_rec_type_t)type,
                                      ARES_CLASS_IN);
    if (status == ARES_SUCCESS)
        status =
            ares_dns_record_rr_add(&options, *query, ARES_SECTION_ADDITIONAL,
                                   "", ARES_REC_TYPE_OPT, ARES_CLASS_IN, 0);
    if (status == ARES_SUCCESS)
        status = ares_dns_rr_set_u16(options, ARES_RR_OPT_UDP_SIZE, UDP_BYTES);
    return status;
}

static void search(struct channel *channel, const char *name,
                   enum dns_type type, struct question *question)
{
    ares_dns_record_t *query = NULL;
    ares_status_t status = make_query(name, type, &query);

    if (status == ARES_SUCCESS)
        (void)ares_search_dnsrec(channel->ares, query, on_answer, question);
    else
        finish(question, (int)status, NULL, 0);
    ares_dns_record_destroy(query);
}
#else
static void on_answer(void *context, int status, int timeouts,
                      unsigned char *bytes, int length)
{
    (void)timeouts;
    finish(context, status, status == ARES_SUCCESS ? bytes : NULL,
           length > 0 ? (size_t)length : 0);
}

static void search(struct channel *channel, const char *name,
                   enum dns_type type, struct question *question)
{
    ares_search(channel->ares, name, CLASS_IN, (int)type, on_answer, question);
}
#endif

void channel_ask(struct channel *channel, const char *name, enum dns_type type,
                 channel_answered *answered, void *context)
{
    struct question *question = calloc(1, sizeof(*question));

    if (!question) {
        answered(context, ARES_ENOMEM, NULL, 0);
        return;
    }
    *question = (struct question){ .channel = channel,
                                   .answered = answered,
                                   .context = context };
    channel->under_way++;
    search(channel, name, type, question);
    restart_timer(channel);
}

static size_t read_family(struct channel *channel, const char *name, int family,
                          struct dns_address *addresses, size_t max)
{
    struct hostent *host = NULL;
    size_t count = 0;

    if (ares_gethostbyname_file(channel->ares, name, family, &host) !=
        ARES_SUCCESS)
        return 0;
    for (char **at = host->h_addr_list; *at && count < max; at++) {
        char ip[INET6_ADDRSTRLEN];

        if (ares_inet_ntop(host->h_addrtype, *at, ip, sizeof(ip)) &&
            address_from_ip(&addresses[count].address, ip, 1)) {
            address_set_port(&addresses[count].address, 0);
            addresses[count++].target = 0;
        }
    }
    ares_free_hostent(host);
    return count;
}

size_t channel_read_hosts(struct channel *channel, const char *name,
                          struct dns_address *addresses, size_t max)
{
    size_t count = read_family(channel, name, AF_INET, addresses, max);

    return count +
           read_family(channel, name, AF_INET6, addresses + count, max - count);
}
