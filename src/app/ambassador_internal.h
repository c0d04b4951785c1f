/* SPDX-License-Identifier: MIT */
#ifndef APP_AMBASSADOR_INTERNAL_H
#define APP_AMBASSADOR_INTERNAL_H
/* What the files of the ambassador share; all of it is the main thread's. */
#include "admin/server.h"
#include "app/ambassador.h"
#include "app/worker.h"
#include "base/index.h"
#include "base/list.h"
#include "discovery/resolver.h"
#include "health/health.h"
#include "service/directory.h"
#include "service/presence.h"
#include "tunnel/acceptor.h"

enum { MAX_WORKERS = 256 }; /* as the key workers allows */

/* The name of a service that only keeps tunnels: tunnels.dial. */
#define DIAL_SERVICE "*"

struct ambassador {
    struct loop *loop;
    struct config *config; /* owned; in force */
    struct handshaker *handshaker;
    struct worker *workers[MAX_WORKERS];
    uint32_t worker_count;
    uint32_t next_worker; /* for what any may carry */
    struct resolver *resolver;
    struct source_world world;
    char *state_directory; /* as it was at the start; a reload frees config */
    struct list entrances; /* one for each service */
    struct index by_name;  /* the same */
    struct list doors;     /* listeners for applications */
    struct list gates;     /* listeners for peers */
    struct presence *presence; /* owned; what registries are told of us */
    struct admin_server *admin;
    struct loop_signal signals[3];
    struct loop_timer drain_timer;
    uint64_t drain_until_us;
    uint64_t started_us;
    enum status (*reread)(void *context, struct config **config,
                          struct config_error *error);
    void *reread_context;
    bool is_ready;
    bool is_draining;
    int exit_code;

    /* Of our certificate and roots, for status. */
    char identity[SPIFFE_MAX_LENGTH + 1];
    int64_t identity_expires;
    int64_t trust_expires;

    struct list questions; /* requests that wait for the workers' reports */
    struct list tellings;  /* those that wait until all workers know */
    struct board_report *reports[MAX_WORKERS]; /* the latest; owned */
    uint32_t reports_awaited;
    struct list explanations; /* requests that wait for explain.c */
};

/* ---- entrance.c: services as the main thread sees them ---- */

struct entrance {
    struct list node;
    struct ambassador *ambassador;  /* borrowed */
    struct service_options options; /* owned */
    struct directory *directory;    /* owned */
    struct health *health;          /* owned; NULL: nothing is checked */
    bool usable[MAX_WORKERS];       /* consumed: through which workers */
    uint32_t next_worker;
};

/* A listener for applications of one service. */
struct door {
    struct list node;
    struct ambassador *ambassador; /* borrowed */
    struct listener *listener;     /* owned */
    char text[ADDRESS_TEXT];       /* as configured */
    char service[TEXT_MAX_NAME + 1];
    enum service_role role;
    bool is_wanted; /* by the configuration that is being adopted */
};

struct entrance *entrance_find(const struct ambassador *ambassador,
                               enum service_role role, const char *name);
/* What an operator calls |name|, in its first role; NULL: nothing, or NULL. */
struct entrance *entrance_named(const struct ambassador *ambassador,
                                const char *name);
MUST_CHECK enum status entrance_open(struct ambassador *ambassador,
                                     const struct service_options *options);
/* Take |options|, and ask other sources if they changed. */
MUST_CHECK enum status entrance_change(struct entrance *entrance,
                                       const struct service_options *options);
void entrance_close(struct entrance *entrance);
/* Who carries the next connection, if nothing changes until then. */
uint32_t entrance_next_worker(const struct entrance *entrance);

struct door *door_find(const struct ambassador *ambassador, const char *text);
MUST_CHECK enum status door_open(struct ambassador *ambassador,
                                 const char *text, struct net_error *error);
/* Where a service listens, the first so many; |listen| is NULLs before. */
enum { MAX_LISTEN = 64 };
void door_list(const struct ambassador *ambassador, enum service_role role,
               const char *service, const char *listen[MAX_LISTEN + 1]);
void door_close(struct door *door);

extern const struct worker_events ambassador_worker_events;

/* ---- adoption.c: taking a configuration ---- */

/*
 * Make |config| the one in force: takes ownership on success.  On failure
 * nothing has changed and |error| is one sentence.
 */
MUST_CHECK enum status ambassador_adopt(struct ambassador *ambassador,
                                        struct config *config,
                                        struct config_error *error);
/*
 * Read it again and adopt it; refused while draining.  On success |error| is
 * one sentence if something counts only after a restart, else "".
 */
MUST_CHECK enum status ambassador_reload(struct ambassador *ambassador,
                                         struct config_error *error);
/* Where we listen for peers, which |text| says; NULL: we do not. */
const struct address *ambassador_gate(const struct ambassador *ambassador,
                                      const char *text);
/* Stop listening, for applications and for peers. */
void ambassador_close_listeners(struct ambassador *ambassador);

/* ---- announcing.c: where registries say we are ---- */

/* Announce what the configuration in force says, where we listen now. */
void ambassador_announce(struct ambassador *ambassador);

/* ---- window.c: what an operator may ask ---- */

MUST_CHECK enum status window_open(struct ambassador *ambassador,
                                   struct net_error *error);
void window_close(struct ambassador *ambassador);
/* A worker has reported. */
void window_reported(struct ambassador *ambassador, struct worker *worker,
                     struct board_report *report);
void window_probed(struct ambassador *ambassador, void *token, bool reached,
                   const char *why);
/* There is none of the name that |request| says: which there are. */
void window_refuse_stranger(const struct ambassador *ambassador,
                            struct admin_request *request);
/* Ask all workers for reports; window_reported() follows. */
void window_ask(struct ambassador *ambassador);
/* Connections and tunnels that live, by the latest reports. */
uint32_t window_load(const struct ambassador *ambassador);

/* ---- explain.c: why connections go where they go ---- */

/* Answers |request| by an explanation, when the workers have been asked. */
void explain_answer(void *ambassador, struct admin_request *request);
/* Requests will not be answered any more. */
void explain_close(struct ambassador *ambassador);

/* ---- window_set.c: endpoints that an operator sets ---- */

void window_set(void *ambassador, struct admin_request *request);
/* Nobody is answered any more. */
void window_set_close(struct ambassador *ambassador);
/* What an earlier ambassador was told to keep. */
void entrance_recall_setting(struct entrance *entrance);
/* STATUS_CONFIG: it cannot; errno tells why. */
MUST_CHECK enum status entrance_forget_setting(const struct entrance *entrance);

/* ---- ambassador.c ---- */

/* Take nothing new, end when the last is over or the time is. */
void ambassador_drain(struct ambassador *ambassador);
/* End now. */
void ambassador_quit(struct ambassador *ambassador, int exit_code);
#endif
