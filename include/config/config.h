/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H
#include "base/check.h"
#include "base/log.h"
#include "base/status.h"
#include "base/text.h"
#include "service/options.h"
#include "service/presence.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Everything one ambassador was told, from a file, the command line or the
 * environment: a validated snapshot, immutable once made.
 */
struct config {
    char node[TEXT_MAX_NAME + 1]; /* "": nobody said, see config_complete() */
    struct {
        char *certificate; /* paths; NULL: not given */
        char *private_key;
        char *trust;
        char *revocation;
    } identity;
    struct {
        struct text_list listen; /* addresses */
        struct text_list dial;   /* name:port or address */
        char *advertise;         /* name, IP or [v6], with :port or without */
    } tunnels;
    char *admin;          /* "unix:/path" or "127.0.0.1:port"; NULL: default */
    uint32_t workers;     /* 0: auto */
    struct text_list dns; /* servers; empty: the system's */
    char *state;          /* directory; NULL: none */
    struct service_options *services;
    size_t service_count;
    enum log_level log_level;
    enum log_format log_format;
    uint64_t drain_us;       /* how long `drain` and SIGTERM wait for streams */
    struct origins *origins; /* who said what, for messages; private */
};

/* More is refused. */
enum {
    CONFIG_MAX_SERVICES = 4096,
    CONFIG_MAX_ANNOUNCEMENTS = 16 /* of one service */
};

/* "file:line:column: message", or without a place "message". */
struct config_error {
    char text[1024];
    /* No value is wrong, but one is missing or two contradict each other. */
    bool is_incomplete;
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
/* The same from |path|, then config_complete(). */
MUST_CHECK enum status config_load(const char *path, struct config **config,
                                   struct config_error *error);

/*
 * Layer by layer: add to |config| what a file says, unchecked as a whole;
 * then perhaps other layers by config_set(); then config_check().  On failure
 * |config| may hold a part of the file.
 */
MUST_CHECK enum status config_add_text(struct config *config, const char *name,
                                       const char *text, size_t length,
                                       struct config_error *error);
MUST_CHECK enum status config_add_file(struct config *config, const char *path,
                                       struct config_error *error);

/*
 * The command line's way: |key| is a path in the document, like
 * "consume.redis.listen" or "identity.trust"; a list grows by one value with
 * each call, anything else is replaced.  |origin| ("--listen", "ENTENTE_TRUST")
 * stands in messages.  STATUS_CONFIG: |value| is not in |config|.
 */
MUST_CHECK enum status config_set(struct config *config, const char *key,
                                  const char *value, const char *origin,
                                  struct config_error *error);
/* As if nobody had said anything of |key|, which exists: for what overrides. */
void config_unset(struct config *config, const char *key);

/* A service that is there although nothing may be said of it. */
MUST_CHECK enum status config_add_service(struct config *config, bool is_offer,
                                          const char *name, const char *origin,
                                          struct config_error *error);
/* From here on messages call keys by their flags, "--listen". */
void config_name_flags(struct config *config);

/* What no single key can tell: identity there if needed, no listener twice. */
MUST_CHECK enum status config_check(const struct config *config,
                                    struct config_error *error);
/* What is allowed, but may not be meant: a sentence each. */
void config_each_warning(const struct config *config,
                         void (*warning)(void *context, const char *text),
                         void *context);

/* The host's name, made fit, for a node that nobody named. */
void config_complete(struct config *config);

/* NULL: none.  Offered and consumed services may share a name. */
const struct service_options *config_find(const struct config *config,
                                          bool is_offer, const char *name);

/*
 * Where peers reach us, as registries are told: |place|, and in |listener| its
 * place in tunnels.listen, whose port is meant where |place| has none (0: the
 * kernel chooses one).  False if there is no such place; |why| (of |size|
 * bytes) is then half a sentence.
 */
MUST_CHECK bool config_find_place(const struct config *config,
                                  struct presence_place *place,
                                  size_t *listener, char *why, size_t size);

/* ---- to text ---- */

/* One line a key for people: path, type, default, help; in document order. */
void config_print_reference(void (*line)(void *context, const char *text),
                            void *context);
/* The file that says the same, defaults included: parses to an equal one. */
void config_print(const struct config *config, FILE *to);

/* ---- comparing ---- */

/* One thing that is not as it was: a key of the ambassador, or a service. */
struct config_difference {
    const char *key; /* "identity.trust"; NULL: it is a service */
    bool needs_restart;
    const struct service_options *before; /* NULL: the service is new */
    const struct service_options *after;  /* NULL: it is gone */
};

/* Calls |differs| for each difference, keys first; both stay as they are. */
void config_compare(const struct config *before, const struct config *after,
                    void (*differs)(void *context,
                                    const struct config_difference *),
                    void *context);
bool config_equal(const struct config *a, const struct config *b);

/*
 * The keys that differ but that a reload cannot change, "node, workers", into
 * |text|; false, and |text| empty, if there are none.
 */
bool config_needs_restart(const struct config *before,
                          const struct config *after, char *text, size_t size);
/* Have |config| say of those keys what |running| says, and the reverse. */
void config_keep_until_restart(struct config *config, struct config *running);
#endif
