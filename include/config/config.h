/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H
#include "base/check.h"
#include "base/log.h"
#include "base/status.h"
#include "base/text.h"
#include "service/options.h"
#include <stddef.h>
#include <stdint.h>

/*
 * Everything one ambassador was told, from a file, the command line or the
 * environment: a validated snapshot, immutable once made.
 */
struct config {
    char node[TEXT_MAX_NAME + 1];
    struct {
        char *certificate; /* paths; NULL: not given */
        char *private_key;
        char *trust;
        char *revocation;
    } identity;
    struct {
        struct text_list listen; /* addresses */
        struct text_list dial;   /* name:port or address */
    } tunnels;
    char *admin;          /* "unix:/path" or "127.0.0.1:port" */
    uint32_t workers;     /* 0: auto */
    struct text_list dns; /* servers; empty: the system's */
    char *state;          /* directory; NULL: none */
    struct service_options *services;
    size_t service_count;
    enum log_level log_level;
    enum log_format log_format;
    uint64_t drain_us; /* how long `drain` and SIGTERM wait for streams */
};

/* "file:line:column: message", or without a place "message". */
struct config_error {
    char text[1024];
};

/* The defaults: no services. */
MUST_CHECK struct config *config_new(void);
void config_free(struct config *config); /* accepts NULL */

/*
 * Read a file.  |name| stands in messages; |text| is the whole of it.  Pure:
 * nothing is opened, resolved or printed.  The result is complete and
 * consistent (config_check() has passed).
 */
MUST_CHECK enum status config_parse(const char *name, const char *text,
                                    size_t length, struct config **config,
                                    struct config_error *error);
/* The same from |path|. */
MUST_CHECK enum status config_load(const char *path, struct config **config,
                                   struct config_error *error);

/*
 * The command line's way: |key| is a path in the document, like
 * "consume.redis.listen" or "identity.trust"; a list grows by one value with
 * each call.  |origin| ("--listen", "ENTENTE_TRUST") stands in messages.
 */
MUST_CHECK enum status config_set(struct config *config, const char *key,
                                  const char *value, const char *origin,
                                  struct config_error *error);

/* What no single key can tell: identity there if needed, no listener twice. */
MUST_CHECK enum status config_check(const struct config *config,
                                    struct config_error *error);

/* One line a key for people: path, type, default, help; in document order. */
void config_print_reference(void (*line)(void *context, const char *text),
                            void *context);
#endif
