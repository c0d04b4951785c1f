/* SPDX-License-Identifier: MIT */
/* Bytes that go out: offsets, credit, what is kept, room, order. */
#include "support/wire/raw_peer.h"
#include "wire/session_internal.h"

enum { CREDIT = 65536 }; /* what the raw peer's HELLO gives */

static struct raw_peer raw;

/* Ask for room without using it. */
static bool has_room(struct stream *stream)
{
    struct iovec part;
    int count = session_prepare(raw.session, stream, &part, 1);

    if (count > 0)
        session_commit(raw.session, stream, 0, raw.now_us);
    return count > 0;
}

static bool is_called(struct stream *stream)
{
    struct stream *called = session_next_writable(raw.session);

    assert_true(!called || called == stream);
    return called != NULL;
}

/* ---- out ---- */

static void data_goes_out_at_rising_offsets_in_full_records(void **state)
{
    struct stream *stream = raw_start_opened(&raw);
    struct raw_frame frame;

    (void)state;
    stream->read_parts = 16;
    assert_int_equal(raw_write(&raw, stream, 3 * FRAME_MAX_DATA + 10),
                     3 * FRAME_MAX_DATA + 10);
    for (uint64_t i = 0; i < 3; i++) {
        frame = raw_expect_frame(&raw, FRAME_DATA, 1);
        assert_int_equal(frame.offset, i * FRAME_MAX_DATA);
        assert_int_equal(frame.length, FRAME_MAX_DATA);
        assert_int_equal(raw.record_length, FRAME_MAX);
    }
    assert_int_equal(raw_expect_frame(&raw, FRAME_DATA, 1).length, 10);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void small_messages_of_many_streams_share_a_record(void **state)
{
    struct stream *streams[20];

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    for (int i = 0; i < 20; i++)
        streams[i] = raw_open(&raw);
    for (int i = 0; i < 20; i++)
        assert_int_equal(raw_write(&raw, streams[i], 50), 50);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(
            raw_expect_frame(&raw, FRAME_DATA, streams[i]->id).length, 50);
        assert_int_equal(raw.record_length, 20 * (FRAME_DATA_HEADER + 50));
    }
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void no_byte_is_sent_beyond_the_peers_limit(void **state)
{
    struct stream *stream = raw_start_opened(&raw);

    (void)state;
    assert_int_equal(raw_write(&raw, stream, CREDIT + 5000), CREDIT);
    (void)raw_drop_frames(&raw);
    assert_int_equal(stream->sent, CREDIT);
    assert_false(is_called(stream));
    frame_put_window(&raw.out, 1, 0, CREDIT + 2000);
    (void)raw_expect(&raw, SESSION_ANSWERED);
    assert_true(is_called(stream));
    assert_int_equal(raw_write(&raw, stream, 5000), 2000);
    assert_int_equal(raw_expect_frame(&raw, FRAME_DATA, 1).offset, CREDIT);
    raw_expect_no_frame(&raw);
    assert_int_equal(stream->sent, CREDIT + 2000);
    raw_stop(&raw);
}

static void sent_bytes_are_kept_until_they_are_acknowledged(void **state)
{
    struct session_stats stats;
    struct stream *stream = raw_start_opened(&raw);

    (void)state;
    stream->read_parts = 16;
    assert_int_equal(raw_write(&raw, stream, 3 * CHUNK_LARGE), 3 * CHUNK_LARGE);
    (void)raw_drop_frames(&raw);
    session_stats(raw.session, &stats);
    assert_int_equal(stats.retained_bytes, 3 * CHUNK_LARGE);
    assert_int_equal(stats.sent_bytes, 3 * CHUNK_LARGE);
    frame_put_window(&raw.out, 1, CHUNK_LARGE - 1, CREDIT);
    (void)raw_expect(&raw, SESSION_ANSWERED);
    session_stats(raw.session, &stats);
    assert_int_equal(stats.retained_bytes, 3 * CHUNK_LARGE);
    frame_put_window(&raw.out, 1, CHUNK_LARGE, CREDIT);
    raw_expect_nothing(&raw);
    session_stats(raw.session, &stats);
    assert_int_equal(stats.retained_bytes, 2 * CHUNK_LARGE);
    frame_put_window(&raw.out, 1, 3 * CHUNK_LARGE, CREDIT);
    raw_expect_nothing(&raw);
    assert_int_equal(raw.pool.used_bytes, 0);
    raw_stop(&raw);
}

static void short_messages_do_not_hold_large_memory(void **state)
{
    struct stream *stream = raw_start_opened(&raw);

    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(raw_write(&raw, stream, 100), 100);
        (void)raw_drop_frames(&raw);
    }
    assert_in_range(raw.pool.used_bytes, 500, 600);
    assert_int_equal(raw_write(&raw, stream, 4092), 4092);
    assert_in_range(raw.pool.used_bytes, 4600, 4800);
    raw_stop(&raw);
}

static void a_stream_without_room_is_called_when_there_is_some(void **state)
{
    struct limits limits = LIMITS_DEFAULT;
    struct stream *first, *second;

    (void)state;
    limits.max_unsent_bytes = 40000;
    limits.reserve_bytes = 1024;
    raw_start_ready(&raw, SESSION_DIALER, &limits);
    first = raw_open(&raw);
    second = raw_open(&raw);
    assert_in_range(raw_write(&raw, first, 60000), 40000, 59999);
    assert_true(first->starved);
    assert_true(has_room(second)); /* its reserve is its own */
    assert_false(is_called(first));
    while (session_unsent(first) >= 20000)
        assert_int_equal(raw_expect_frame(&raw, FRAME_DATA, 1).stream, 1);
    assert_true(is_called(first));
    assert_false(is_called(first));
    assert_true(has_room(first));
    raw_stop(&raw);
}

static void each_stream_may_always_queue_its_reserve(void **state)
{
    struct limits limits = LIMITS_DEFAULT;
    struct stream *first, *second;

    (void)state;
    limits.max_unsent_bytes = 20000;
    limits.reserve_bytes = 8192;
    raw_start_ready(&raw, SESSION_DIALER, &limits);
    first = raw_open(&raw);
    second = raw_open(&raw);
    assert_true(raw_write(&raw, first, 60000) >= 20000);
    assert_int_equal(raw_write(&raw, second, 8192 - 1024), 8192 - 1024);
    assert_true(has_room(second));
    assert_int_equal(raw_write(&raw, second, 1), 1);
    assert_false(has_room(second)); /* what is left is not worth reading */
    raw_stop(&raw);
}

/* |stream| is given as much as it can take, and all of it sent. */
static uint64_t fill(struct stream *stream)
{
    uint64_t before = stream->written;

    for (int i = 0; i < 100; i++) {
        (void)raw_write(&raw, stream, 1 << 20);
        (void)raw_drop_frames(&raw);
    }
    return stream->written - before;
}

static struct stream *open_wide(void)
{
    struct stream *stream = raw_open(&raw);

    frame_put_window(&raw.out, stream->id, 0, 64 << 20);
    (void)raw_expect(&raw, SESSION_ANSWERED);
    return stream;
}

static void those_who_stall_leave_the_next_one_some(void **state)
{
    struct limits limits = LIMITS_DEFAULT;
    uint64_t last, most = limits.max_retained_bytes;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    last = fill(open_wide());
    assert_in_range(last, most / 3, most / 2); /* one alone has plenty */
    for (int i = 2; i <= 20; i++) {
        uint64_t next = fill(open_wide());

        assert_in_range(next, limits.reserve_bytes, last);
        last = next;
    }
    assert_in_range(last, 3 * limits.reserve_bytes, most);
    for (int i = 21; i <= 200; i++)
        last = fill(open_wide());
    assert_in_range(last, limits.reserve_bytes - 1023, most);
    assert_in_range(raw.session->retained_bytes, most / 2,
                    most + 200u * limits.reserve_bytes);
    raw_stop(&raw);
}

/* Its own acknowledgement calls the first; for the others there is no room. */
static void nobody_is_called_in_vain(void **state)
{
    struct limits limits = LIMITS_DEFAULT;
    struct stream *first;

    (void)state;
    limits.max_retained_bytes = 400000;
    raw_start_ready(&raw, SESSION_DIALER, &limits);
    first = open_wide();
    (void)fill(first);
    for (int i = 0; i < 40; i++)
        (void)fill(open_wide());
    while (session_next_writable(raw.session))
        continue;
    for (int i = 0; i < 41; i++)
        (void)fill(session_find(raw.session, raw_own_id(&raw, (uint32_t)i)));
    frame_put_window(&raw.out, first->id, 4 * CHUNK_LARGE, 65 << 20);
    raw_expect_nothing(&raw);
    assert_ptr_equal(session_next_writable(raw.session), first);
    assert_null(session_next_writable(raw.session));
    raw_stop(&raw);
}

static void the_last_frame_tells_that_its_sender_waits(void **state)
{
    struct limits limits = LIMITS_DEFAULT;
    struct raw_frame frame;
    struct stream *stream;

    (void)state;
    limits.max_retained_bytes = 0;
    raw_start_ready(&raw, SESSION_DIALER, &limits);
    stream = open_wide();
    assert_int_equal(raw_write(&raw, stream, 1000), 1000);
    frame = raw_expect_frame(&raw, FRAME_DATA, stream->id);
    assert_int_equal(frame.flags, 0);
    (void)raw_write(&raw, stream, limits.reserve_bytes);
    do
        frame = raw_expect_frame(&raw, FRAME_DATA, stream->id);
    while (session_unsent(stream) > 0);
    assert_int_equal(frame.flags, FRAME_FLAG_WAITS);
    raw_expect_no_frame(&raw);
    raw_stop(&raw);
}

static void
what_is_meant_for_elsewhere_finds_no_room_if_there_is_none(void **state)
{
    struct limits limits = LIMITS_DEFAULT;
    struct metadata metadata = { .service = "echo" };
    struct chunk_queue early = { 0 };
    uint8_t bytes[40000] = { 0 };
    struct stream *stream;

    (void)state;
    limits.max_retained_bytes = 50000;
    limits.pool_bytes = 100000;
    raw_start_ready(&raw, SESSION_DIALER, &limits);
    for (int i = 0; i < 2; i++) {
        assert_true(chunk_queue_copy(&early, &raw.pool, bytes, sizeof(bytes)));
        assert_int_equal(session_open(raw.session, &metadata, &raw, &early,
                                      raw.now_us, &stream),
                         STATUS_OK);
    }
    assert_true(chunk_queue_copy(&early, &raw.pool, bytes, sizeof(bytes)));
    assert_int_equal(session_open(raw.session, &metadata, &raw, &early,
                                  raw.now_us, &stream),
                     STATUS_LIMIT);
    assert_int_equal(early.bytes, sizeof(bytes)); /* still the caller's */
    chunk_queue_clear(&early, &raw.pool);
    assert_int_equal(session_open(raw.session, &metadata, &raw, NULL,
                                  raw.now_us, &stream),
                     STATUS_OK);
    raw_stop(&raw);
}

static void who_has_no_memory_is_called_again_after_a_while(void **state)
{
    struct stream *stream = raw_start_opened(&raw);

    (void)state;
    raw.pool.max_bytes = 10000;
    assert_false(has_room(stream));
    assert_int_equal(session_tick(raw.session, raw.now_us), STATUS_OK);
    assert_true(is_called(stream));
    assert_false(has_room(stream));
    assert_int_equal(session_deadline(raw.session), raw.now_us + 20 * CLOCK_MS);
    raw.pool.max_bytes = 100000;
    raw.now_us += 20 * CLOCK_MS;
    assert_int_equal(session_tick(raw.session, raw.now_us), STATUS_OK);
    assert_true(is_called(stream));
    assert_true(has_room(stream));
    raw_stop(&raw);
}

static void memory_that_comes_free_is_offered_to_who_waits_longest(void **state)
{
    struct stream *writer, *first, *second;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    writer = raw_open(&raw);
    first = raw_open(&raw);
    second = raw_open(&raw);
    writer->read_parts = 4;
    assert_int_equal(raw_write(&raw, writer, 3 * CHUNK_LARGE), 3 * CHUNK_LARGE);
    raw.pool.max_bytes = raw.pool.used_bytes;
    (void)raw_drop_frames(&raw);
    assert_false(has_room(first));
    assert_false(has_room(second));
    frame_put_window(&raw.out, 1, CHUNK_LARGE, CREDIT);
    (void)raw_expect(&raw, SESSION_ANSWERED);
    assert_ptr_equal(session_next_writable(raw.session), first);
    assert_null(session_next_writable(raw.session));
    frame_put_window(&raw.out, 1, 3 * CHUNK_LARGE, CREDIT);
    raw_expect_nothing(&raw);
    assert_ptr_equal(session_next_writable(raw.session), second);
    assert_null(session_next_writable(raw.session));
    raw_stop(&raw);
}

static void who_ended_its_direction_is_not_called_any_more(void **state)
{
    struct stream *stream;

    (void)state;
    for (int ending = 0; ending < 3; ending++) {
        stream = raw_start_opened(&raw);
        assert_int_equal(raw_write(&raw, stream, CREDIT + 1), CREDIT);
        if (ending == 0)
            session_finish(raw.session, stream, raw.now_us);
        if (ending == 1)
            session_reset(raw.session, stream, CODE_RESET);
        if (ending == 2)
            session_reset_behind(raw.session, stream, CODE_RESET, raw.now_us);
        frame_put_window(&raw.out, 1, 0, 2 * CREDIT);
        (void)raw_expect(&raw, SESSION_ANSWERED);
        assert_false(is_called(stream));
        assert_false(has_room(stream));
        raw_stop(&raw);
    }
}

static void more_is_read_at_once_while_there_is_more(void **state)
{
    struct iovec parts[16];
    struct stream *stream = raw_start_opened(&raw);
    int most = 0;

    (void)state;
    frame_put_window(&raw.out, 1, 0, 64 << 20);
    (void)raw_expect(&raw, SESSION_ANSWERED);
    for (int i = 0; i < 6; i++) {
        int count = session_prepare(raw.session, stream, parts, 16);

        assert_in_range(count, most, 16);
        most = count;
        session_commit(raw.session, stream, (size_t)count * CHUNK_LARGE,
                       raw.now_us);
        (void)raw_drop_frames(&raw);
    }
    assert_int_equal(most, 16);
    for (int i = 0; i < 6; i++) {
        most = session_prepare(raw.session, stream, parts, 16);
        session_commit(raw.session, stream, 10, raw.now_us);
    }
    assert_int_equal(most, 1);
    raw_stop(&raw);
}

static void no_more_parts_are_given_than_asked_for(void **state)
{
    struct iovec parts[16];
    struct stream *stream = raw_start_opened(&raw);

    (void)state;
    stream->read_parts = 16;
    assert_int_equal(session_prepare(raw.session, stream, parts, 2), 2);
    session_commit(raw.session, stream, 0, raw.now_us);
    assert_int_equal(session_prepare(raw.session, stream, parts, 16), 5);
    assert_int_equal(parts[3].iov_len, CHUNK_LARGE);
    assert_int_equal(parts[4].iov_len, CREDIT - 4 * CHUNK_LARGE);
    session_commit(raw.session, stream, 0, raw.now_us);
    assert_int_equal(raw.pool.used_bytes, 0);
    raw_stop(&raw);
}

static void an_interactive_message_overtakes_a_queue_of_bulk(void **state)
{
    struct stream *bulk, *interactive;
    size_t between = 0;
    struct raw_frame frame;

    (void)state;
    raw_start_ready(&raw, SESSION_DIALER, NULL);
    bulk = raw_open(&raw);
    interactive = raw_open(&raw);
    frame_put_window(&raw.out, 1, 0, 8 << 20);
    (void)raw_expect(&raw, SESSION_ANSWERED);
    (void)raw_write(&raw, bulk, 1 << 20);
    for (int i = 0; i < 10; i++)
        (void)raw_expect_frame(&raw, FRAME_DATA, 1);
    assert_int_equal(raw_write(&raw, interactive, 64), 64);
    do {
        assert_true(raw_pull(&raw, &frame));
        between += frame.length;
    } while (frame.stream != 3);
    assert_int_equal(between, 64);
    raw_stop(&raw);
}

RUN_TESTS(TEST(data_goes_out_at_rising_offsets_in_full_records),
          TEST(small_messages_of_many_streams_share_a_record),
          TEST(no_byte_is_sent_beyond_the_peers_limit),
          TEST(sent_bytes_are_kept_until_they_are_acknowledged),
          TEST(short_messages_do_not_hold_large_memory),
          TEST(a_stream_without_room_is_called_when_there_is_some),
          TEST(each_stream_may_always_queue_its_reserve),
          TEST(those_who_stall_leave_the_next_one_some),
          TEST(nobody_is_called_in_vain),
          TEST(the_last_frame_tells_that_its_sender_waits),
          TEST(what_is_meant_for_elsewhere_finds_no_room_if_there_is_none),
          TEST(who_has_no_memory_is_called_again_after_a_while),
          TEST(memory_that_comes_free_is_offered_to_who_waits_longest),
          TEST(who_ended_its_direction_is_not_called_any_more),
          TEST(more_is_read_at_once_while_there_is_more),
          TEST(no_more_parts_are_given_than_asked_for),
          TEST(an_interactive_message_overtakes_a_queue_of_bulk))
