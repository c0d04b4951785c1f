/* SPDX-License-Identifier: MIT */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H
#include "base/clock.h"
#include "base/random.h"
#include "support/wire/session_invariants.h"

/*
 * A simulated world: two sessions, two byte queues between them, and flows,
 * which are what applications at both ends want of a stream.  Everything is
 * decided by a seed.
 */
enum {
    MAX_FLOWS = 40,
    MAX_STEPS = 500000,
    LINK_BYTES = 1 << 18,
    WATCHED = 256 /* streams watched for starvation: those of lower numbers */
};

/* How a direction of a flow is meant to end. */
enum plan { PLAN_FIN, PLAN_RESET, PLAN_RESET_BEHIND, PLAN_RELEASE };

/* One end of one stream: what an application does there. */
struct end {
    struct flow *flow;
    int side;              /* 0: dialer, 1: acceptor */
    struct stream *stream; /* NULL before it is open and once released */
    enum plan plan;
    uint64_t to_write; /* bytes until the plan ends the direction */
    uint64_t written;
    bool ended;       /* the plan was carried out */
    bool may_write;   /* not refused room since */
    uint64_t got;     /* bytes of the other end's, all of them checked */
    uint64_t pending; /* of them not consumed */
    bool saw_fin, fin_consumed, saw_reset, saw_stop;
    bool stops; /* will want no more at some time */
    bool stopped;
    bool lazy;    /* consumes only a little at a time */
    bool aborted; /* gave up both directions */
};

struct flow {
    struct end ends[2]; /* by side */
    int opener;
    int refusals; /* how often it will be refused yet */
    bool refuse_late;
    bool opened, dead;
    bool reached; /* the other end took it in the end */
    uint32_t key;
};

struct link {
    uint8_t *bytes;
    size_t start, end;
    uint64_t stalled_until; /* step; who should read it does not */
};

/* Who waits for its turn to send, and what others have sent meanwhile. */
struct watch {
    uint64_t since_us[WATCHED];
    bool waits[WATCHED];
    uint32_t others[WATCHED][WATCHED]; /* bytes of the second */
};

struct world {
    struct random random;
    uint64_t seed, now_us;
    struct chunk_pool pools[2];
    struct session *sessions[2];
    struct link links[2]; /* from side i */
    struct flow flows[MAX_FLOWS];
    int flow_count;
    uint32_t reserve_bytes;
    uint64_t pool_bytes;
    uint64_t step;
    uint64_t cut_at; /* step in which the link is cut */
    bool goes_away[2];
    uint64_t offered_us[2]; /* when that side last told what it offers */
    bool closed[2];         /* that side has seen CLOSE */
    struct watch watches[2];
};

_Noreturn void world_broken(const struct world *world, const char *what,
                            const char *file, int line);

#define CHECK(world, sentence) \
    ((sentence) ? (void)0 : world_broken(world, #sentence, __FILE__, __LINE__))

static inline uint64_t below(struct world *world, uint64_t limit)
{
    return random_below(&world->random, limit);
}

static inline bool chance(struct world *world, unsigned percent)
{
    return below(world, 100) < percent;
}

/* Once in |times|. */
static inline bool seldom(struct world *world, uint64_t times)
{
    return below(world, times) == 0;
}

static inline struct end *other_end(struct end *end)
{
    return &end->flow->ends[!end->side];
}

void world_make(struct world *world, uint64_t seed);
/* Nothing of the pools may be out then. */
void world_free(struct world *world);
/* What always holds; |closely|: of every stream and chunk too. */
void world_check(struct world *world, bool closely);

/* Before and after |side| sent |record|: nobody starves. */
void watch_waiting(struct world *world, int side);
void watch_record(struct world *world, int side, const uint8_t *record,
                  size_t length);

/* ---- sim_application.c ---- */

/* Somebody does something. */
void application_act(struct world *world);
/* Something arrives. */
void application_react(struct world *world, int side,
                       const struct session_event *event);
/* Everything that was wanted has happened, or cannot. */
bool application_is_over(const struct world *world);
void application_check_end(struct world *world);
#endif
