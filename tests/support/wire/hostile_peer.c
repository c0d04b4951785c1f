/* SPDX-License-Identifier: MIT */
#include "support/wire/hostile_peer.h"

struct hostile_way hostile_ways[4] = {
    { SESSION_DIALER, true },
    { SESSION_DIALER, false },
    { SESSION_ACCEPTOR, true },
    { SESSION_ACCEPTOR, false },
};

struct raw_peer raw;

void start_limited(void **state, const struct limits *limits)
{
    const struct hostile_way *way = *state;

    raw_start_ready(&raw, way->role, limits);
    raw.reads = way->reads;
}

void start(void **state)
{
    struct limits limits = LIMITS_DEFAULT;

    limits.max_streams = HOSTILE_STREAMS;
    start_limited(state, &limits);
}

void stop(void)
{
    const struct session *session = raw.session;
    uint64_t data = session->sent_bytes + session->unsent_bytes;
    uint64_t streams = session->limits.max_streams + session->opened;

    assert_in_range(raw_memory(&raw), 0,
                    sizeof(*session) + FRAME_MAX + FRAME_MAX_OFFERS +
                        streams * 400 + raw.pool.used_bytes + 1000);
    /* Replies are flags in what exists, not frames in a queue. */
    assert_in_range(raw_drop_frames(&raw), 0, 2 * data + streams * 100 + 1000);
    assert_in_range(raw.pulled_bytes, 0,
                    10 * raw.delivered_bytes + 2 * data + 1000);
    assert_in_range(raw.events, 0, 10 + raw.delivered_bytes / FRAME_HEADER);
    raw_stop(&raw);
}

uint32_t accept_one(void)
{
    return raw_accept(&raw, 0)->id;
}

uint32_t open_one(void)
{
    struct metadata metadata = { .service = "echo" };
    struct stream *stream;

    assert_int_equal(session_open(raw.session, &metadata, &raw, NULL,
                                  raw.now_us, &stream),
                     STATUS_OK);
    (void)raw_drop_frames(&raw);
    return stream->id;
}

uint32_t glitches(void)
{
    struct session_stats stats;

    session_stats(raw.session, &stats);
    return stats.glitches;
}

void expect_odd(void)
{
    uint32_t before = glitches();

    assert_true(raw_flood(&raw));
    assert_int_equal(glitches(), before + 1);
}

void expect_flood_broken(void (*put)(uint32_t index))
{
    uint32_t used = glitches(), index = 0;

    while (glitches() < HOSTILE_GLITCHES) {
        assert_int_equal(raw.session->goaway_sent,
                         glitches() >= HOSTILE_GLITCHES * 3 / 4);
        put(index++);
        assert_true(raw_flood(&raw));
        assert_in_range(index, 0, HOSTILE_MANY);
    }
    assert_true(raw.session->goaway_sent);
    assert_true(index >= HOSTILE_GLITCHES - used);
    put(index);
    raw_expect_broken(&raw, "too many frames to no purpose");
}
