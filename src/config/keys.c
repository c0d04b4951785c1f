/* SPDX-License-Identifier: MIT */
#include "config/keys.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "config/config.h"

/* ---- words ---- */

static const char *balance_word(unsigned value)
{
    return value <= BALANCE_HASH
               ? service_balance_text((enum service_balance)value)
               : NULL;
}

static const char *level_word(unsigned value)
{
    static const char *const words[] = { [LOG_ERROR] = "error",
                                         [LOG_WARNING] = "warning",
                                         [LOG_INFO] = "info",
                                         [LOG_DEBUG] = "debug" };

    return value < ARRAY_LENGTH(words) ? words[value] : NULL;
}

static const char *format_word(unsigned value)
{
    static const char *const words[] = {
        [LOG_TEXT] = "text", [LOG_JSON] = "json"
    };

    return value < ARRAY_LENGTH(words) ? words[value] : NULL;
}

static const char *auto_word(unsigned value)
{
    return value == 0 ? "auto" : NULL;
}

static const char *unlimited_word(unsigned value)
{
    return value == 0 ? "unlimited" : NULL;
}

static const char *protocol_word(unsigned value)
{
    static const char *const words[] = {
        [HEALTH_NONE] = "none",         [HEALTH_TCP] = "tcp",
        [HEALTH_HTTP] = "http",         [HEALTH_REDIS] = "redis",
        [HEALTH_POSTGRES] = "postgres", [HEALTH_MYSQL] = "mysql",
    };

    return value < ARRAY_LENGTH(words) ? words[value] : NULL;
}

static const char *role_word(unsigned value)
{
    static const char *const words[] = { [HEALTH_ANY_ROLE] = "any",
                                         [HEALTH_PRIMARY] = "primary",
                                         [HEALTH_MASTER] = "master" };

    return value < ARRAY_LENGTH(words) ? words[value] : NULL;
}

static const char *any_success_word(unsigned value)
{
    return value == 0 ? "200-399" : NULL;
}

/* ---- the table ---- */

#define IN_CONFIG(member) .offset = offsetof(struct config, member)
#define IN_SERVICE(member) .offset = offsetof(struct service_options, member)

#define MAX_MOVE_DRAIN_US (7 * 86400 * CLOCK_SECOND)

#define CONSUME KEY_OF(SERVICE_CONSUME)
#define DIRECT KEY_OF(SERVICE_DIRECT)
#define OFFER KEY_OF(SERVICE_OFFER)

/* Refused, never ignored: somebody relies on what we do not do. */
#define LATER(path_, roles_)                              \
    {                                                     \
        .path = path_, .type = KEY_LATER, .roles = roles_ \
    }

#define ASKED                                                                \
    (KEY_WITH(HEALTH_TCP) | KEY_WITH(HEALTH_HTTP) | KEY_WITH(HEALTH_REDIS) | \
     KEY_WITH(HEALTH_POSTGRES) | KEY_WITH(HEALTH_MYSQL))
#define MAX_OF(member) .max = sizeof(((struct service_options *)0)->member) - 1

/* clang-format off */
/* How a place is chosen, where a connection comes in and where it goes out. */
#define CHOOSING_KEYS(side_, roles_)                                          \
    { side_ ".*.min_healthy", KEY_NUMBER, roles_, IN_SERVICE(min_healthy),    \
      .min = 0, .max = 100, .initial = "0", .flag = "min-healthy",            \
      .help = "percent of a tier that must be healthy, or the next tier "     \
              "helps, and past the last the unhealthy do" },                  \
    { side_ ".*.slow_start", KEY_DURATION, roles_, IN_SERVICE(slow_start_us), \
      .min = 0, .max = 3600 * CLOCK_SECOND, .initial = "0",                   \
      .flag = "slow-start",                                                   \
      .help = "how long a place that is new or came back takes to get its "   \
              "whole share" },                                                \
    { side_ ".*.retry_budget", KEY_NUMBER, roles_, IN_SERVICE(retry_budget),  \
      .min = 0, .max = 100, .initial = "20", .flag = "retry-budget",          \
      .help = "connections tried at another place after a failure, beyond "   \
              "ten a second, in percent of new ones" },                       \
    { side_ ".*.max_per_endpoint", KEY_NUMBER, roles_,                        \
      IN_SERVICE(max_per_endpoint), .min = 1, .max = 1000000,                 \
      .word = unlimited_word, .initial = "unlimited",                         \
      .flag = "max-per-endpoint",                                             \
      .help = "connections at a time at one place" }

/* The same of what is offered and what is reached directly. */
#define HEALTH_KEYS(side_, roles_)                                            \
    { side_ ".*.health.protocol", KEY_CHOICE, roles_,                         \
      IN_SERVICE(health.protocol), .word = protocol_word, .initial = "none",  \
      .flag = "health",                                                       \
      .help = "how its endpoints are asked whether they are fit" },           \
    { side_ ".*.health.role", KEY_CHOICE, roles_, IN_SERVICE(health.role),    \
      .protocols = KEY_WITH(HEALTH_REDIS) | KEY_WITH(HEALTH_POSTGRES),        \
      .word = role_word, .initial = "any", .flag = "health-role",             \
      .help = "which of them are; primary and master mean the same; only "    \
              "with redis and postgres" },                                    \
    { side_ ".*.health.every", KEY_DURATION, roles_,                          \
      IN_SERVICE(health.every_us), .protocols = ASKED,                        \
      .min = 100 * CLOCK_MS, .max = 3600 * CLOCK_SECOND, .initial = "2s",     \
      .flag = "health-every", .help = "how often each of them is asked" },    \
    { side_ ".*.health.timeout", KEY_DURATION, roles_,                        \
      IN_SERVICE(health.timeout_us), .protocols = ASKED,                      \
      .min = 10 * CLOCK_MS, .max = 60 * CLOCK_SECOND, .initial = "1s",        \
      .flag = "health-timeout", .help = "how long an answer may take" },      \
    { side_ ".*.health.rise", KEY_NUMBER, roles_, IN_SERVICE(health.rise),    \
      .protocols = ASKED, .min = 1, .max = 100, .initial = "2",               \
      .flag = "health-rise", .help = "good answers in a row that make fit" }, \
    { side_ ".*.health.fall", KEY_NUMBER, roles_, IN_SERVICE(health.fall),    \
      .protocols = ASKED, .min = 1, .max = 100, .initial = "3",               \
      .flag = "health-fall", .help = "bad ones in a row that make unfit" },   \
    { side_ ".*.health.path", KEY_URL_PATH, roles_, IN_SERVICE(health.path),  \
      .protocols = KEY_WITH(HEALTH_HTTP), MAX_OF(health.path),                \
      .initial = "/", .flag = "health-path",                                  \
      .help = "what is asked for; only with http" },                          \
    { side_ ".*.health.host", KEY_HOST, roles_, IN_SERVICE(health.host),      \
      .protocols = KEY_WITH(HEALTH_HTTP), MAX_OF(health.host),                \
      .flag = "health-host",                                                  \
      .help = "the Host that is named, instead of the address; only with "    \
              "http" },                                                       \
    { side_ ".*.health.expect", KEY_NUMBER, roles_,                           \
      IN_SERVICE(health.expect), .protocols = KEY_WITH(HEALTH_HTTP),          \
      .min = 200, .max = 599, .word = any_success_word, .initial = "200-399", \
      .flag = "health-expect", .help = "the good answer; only with http" },   \
    { side_ ".*.health.user", KEY_WORD, roles_, IN_SERVICE(health.user),      \
      .protocols = KEY_WITH(HEALTH_POSTGRES) | KEY_WITH(HEALTH_MYSQL),        \
      MAX_OF(health.user), .initial = "entente", .flag = "health-user",       \
      .help = "whom we log in as, without a password; only with postgres "    \
              "and mysql" },                                                  \
    { side_ ".*.health.database", KEY_WORD, roles_,                           \
      IN_SERVICE(health.database), .protocols = KEY_WITH(HEALTH_POSTGRES),    \
      MAX_OF(health.database), .flag = "health-database",                     \
      .help = "and where, instead of a database of the user's name; only "    \
              "with postgres" }

static const struct key keys[] = {
    { "node", KEY_NAME, 0, IN_CONFIG(node), .needs_restart = true,
      .initial = "the host name", .flag = "node",
      .help = "what this ambassador is called in logs and status" },
    { "identity.certificate", KEY_FILE, 0, IN_CONFIG(identity.certificate),
      .flag = "certificate",
      .help = "our certificate, then the chain to the CA (PEM)" },
    { "identity.private_key", KEY_FILE, 0, IN_CONFIG(identity.private_key),
      .flag = "private-key", .help = "the certificate's private key (PEM)" },
    { "identity.trust", KEY_FILE, 0, IN_CONFIG(identity.trust), .flag = "trust",
      .help = "the CAs whose certificates peers may have (PEM)" },
    { "identity.revocation", KEY_FILE, 0, IN_CONFIG(identity.revocation),
      .flag = "revocation",
      .help = "the CAs' lists of revoked certificates (PEM)" },
    { "tunnels.listen", KEY_LISTEN, 0, IN_CONFIG(tunnels.listen),
      .flag = "tunnel-listen",
      .help = "where peers may dial us; without it we only dial" },
    { "tunnels.advertise", KEY_ADVERTISE, 0, IN_CONFIG(tunnels.advertise),
      .initial = "what listen says", .flag = "tunnel-advertise",
      .help = "where peers reach us, for announcements to tell" },
    { "tunnels.dial", KEY_DIAL, 0, IN_CONFIG(tunnels.dial),
      .flag = "tunnel-dial",
      .help = "peers to keep a tunnel to although we consume nothing from "
              "them: they reach what we offer through it" },
    { "admin", KEY_ADMIN, 0, IN_CONFIG(admin), .needs_restart = true,
      .initial = "a socket of its own", .flag = "admin",
      .help = "where status, reload and the other commands reach us" },
    { "workers", KEY_NUMBER, 0, IN_CONFIG(workers), .needs_restart = true,
      .min = 1, .max = 256, .word = auto_word, .initial = "auto",
      .flag = "workers", .help = "threads that carry traffic; auto: one a core" },
    { "dns.servers", KEY_RESOLVERS, 0, IN_CONFIG(dns), .needs_restart = true,
      .initial = "the system's", .flag = "dns",
      .help = "name servers to ask" },
    { "state", KEY_DIRECTORY, 0, IN_CONFIG(state), .needs_restart = true,
      .flag = "state",
      .help = "where the last good answers of sources survive a restart" },
    { "log.level", KEY_CHOICE, 0, IN_CONFIG(log_level), .word = level_word,
      .initial = "info", .flag = "log-level",
      .help = "the least important lines to log" },
    { "log.format", KEY_CHOICE, 0, IN_CONFIG(log_format), .word = format_word,
      .initial = "text", .flag = "log-format", .help = "how a line looks" },
    { "drain", KEY_DURATION, 0, IN_CONFIG(drain_us), .min = 0,
      .max = 86400 * CLOCK_SECOND, .initial = "30s", .flag = "drain",
      .help = "how long connections may go on after drain or SIGTERM" },

    { "consume.*.listen", KEY_LISTEN, CONSUME | DIRECT, IN_SERVICE(listen),
      .flag = "listen", .help = "where applications connect" },
    { "consume.*.from", KEY_SOURCES, CONSUME, IN_SERVICE(sources),
      .flag = "from",
      .help = "where the ambassadors are that offer it, or inbound: for peers "
              "that dial us" },
    { "consume.*.direct", KEY_SOURCES, DIRECT, IN_SERVICE(sources),
      .flag = "direct",
      .help = "where the service itself is, to reach it without a tunnel" },
    { "consume.*.fallback", KEY_SOURCES, CONSUME | DIRECT,
      IN_SERVICE(fallback), .flag = "fallback",
      .help = "where it is while nothing of from or direct can be used" },
    { "consume.*.peer", KEY_IDENTITIES, CONSUME, IN_SERVICE(peers),
      .flag = "peer", .help = "who may claim to offer it" },
    { "consume.*.balance", KEY_CHOICE, CONSUME | DIRECT, IN_SERVICE(balance),
      .word = balance_word, .initial = "least-loaded", .flag = "balance",
      .help = "how a place is chosen for a new connection" },
    CHOOSING_KEYS("consume", CONSUME | DIRECT),
    { "consume.*.hold", KEY_DURATION, CONSUME | DIRECT, IN_SERVICE(hold_us),
      .min = 0, .max = 3600 * CLOCK_SECOND, .initial = "10s", .flag = "hold",
      .help = "how long a new connection waits while nothing is healthy" },
    { "consume.*.on_move", KEY_MOVE, CONSUME | DIRECT, IN_SERVICE(move_us),
      .max = MAX_MOVE_DRAIN_US, .initial = "keep", .flag = "on-move",
      .help = "what becomes of connections whose place went away or was "
              "demoted" },
    { "consume.*.connect_timeout", KEY_DURATION, DIRECT,
      IN_SERVICE(connect_timeout_us), .min = 10 * CLOCK_MS,
      .max = 300 * CLOCK_SECOND, .initial = "3s", .flag = "connect-timeout",
      .help = "how long one attempt at a place may take; only beside direct" },
    { "consume.*.proxy_protocol", KEY_FLAG, DIRECT,
      IN_SERVICE(proxy_protocol), .initial = "false",
      .flag = "proxy-protocol",
      .help = "tell the service the client's address (PROXY protocol 2); "
              "only beside direct" },
    { "consume.*.max_connections", KEY_NUMBER, CONSUME | DIRECT,
      IN_SERVICE(max_connections), .min = 1, .max = 1000000,
      .initial = "10000", .flag = "max-connections",
      .help = "connections at a time; more are reset" },
    { "consume.*.max_waiting", KEY_NUMBER, CONSUME | DIRECT,
      IN_SERVICE(max_waiting), .min = 0, .max = 1000000, .initial = "1000",
      .flag = "max-waiting", .help = "connections on hold at a time" },
    HEALTH_KEYS("consume", DIRECT),
    LATER("consume.*.credentials", CONSUME | DIRECT),

    { "offer.*.to", KEY_SOURCES, OFFER, IN_SERVICE(sources), .flag = "to",
      .help = "where the service is" },
    { "offer.*.fallback", KEY_SOURCES, OFFER, IN_SERVICE(fallback),
      .flag = "fallback",
      .help = "where it is while nothing of to can be used" },
    { "offer.*.allow", KEY_IDENTITIES, OFFER, IN_SERVICE(allow),
      .flag = "allow", .help = "who may open it; nobody else can" },
    { "offer.*.announce", KEY_REGISTRIES, OFFER, IN_SERVICE(announce),
      .flag = "announce",
      .help = "registries that are told where peers reach us for it" },
    { "offer.*.announce_weight", KEY_NUMBER, OFFER,
      IN_SERVICE(announce_weight), .min = 0, .max = 65535, .initial = "1",
      .flag = "announce-weight",
      .help = "our share among those that announce it" },
    { "offer.*.announce_priority", KEY_NUMBER, OFFER,
      IN_SERVICE(announce_priority), .min = 0, .max = 65535, .initial = "0",
      .flag = "announce-priority",
      .help = "as in DNS: those with the lowest that can be used are used" },
    { "offer.*.balance", KEY_CHOICE, OFFER, IN_SERVICE(balance),
      .word = balance_word, .initial = "least-loaded", .flag = "balance",
      .help = "how a place is chosen for a new connection" },
    CHOOSING_KEYS("offer", OFFER),
    { "offer.*.on_move", KEY_MOVE, OFFER, IN_SERVICE(move_us),
      .max = MAX_MOVE_DRAIN_US, .initial = "keep", .flag = "on-move",
      .help = "what becomes of connections whose place went away or was "
              "demoted" },
    { "offer.*.connect_timeout", KEY_DURATION, OFFER,
      IN_SERVICE(connect_timeout_us), .min = 10 * CLOCK_MS,
      .max = 300 * CLOCK_SECOND, .initial = "3s", .flag = "connect-timeout",
      .help = "how long one attempt at a place may take" },
    { "offer.*.proxy_protocol", KEY_FLAG, OFFER, IN_SERVICE(proxy_protocol),
      .initial = "false", .flag = "proxy-protocol",
      .help = "tell the service the client's address (PROXY protocol 2)" },
    { "offer.*.max_connections", KEY_NUMBER, OFFER,
      IN_SERVICE(max_connections), .min = 1, .max = 1000000,
      .initial = "10000", .flag = "max-connections",
      .help = "connections at a time; more are reset" },
    HEALTH_KEYS("offer", OFFER),
    LATER("offer.*.credentials", OFFER),
};
/* clang-format on */

const struct key *keys_all(size_t *count)
{
    *count = ARRAY_LENGTH(keys);
    return keys;
}
