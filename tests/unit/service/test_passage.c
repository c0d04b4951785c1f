/* SPDX-License-Identifier: MIT */
/*
 * An application's connection from end to end: through two ambassadors in
 * this process, with every way to end it.
 */
#include "service/consume.h"
#include "support/check_test.h"
#include "support/service/pair.h"
#include "support/sockets.h"
#include "tunnel/tunnel.h"
#include "wire/session.h"
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* A connection that is there on both sides. */
struct line {
    struct pair *pair;
    int application;
    int service;
};

static struct line open_line(const struct pair_options *options)
{
    struct line line = { .pair = pair_new(options) };

    pair_connect(line.pair);
    line.application = pair_dial(line.pair);
    line.service = pair_accept(line.pair);
    return line;
}

static struct line plain_line(void)
{
    return open_line(&(struct pair_options){ 0 });
}

static void close_line(struct line *line)
{
    close(line->application);
    close(line->service);
    pair_free(line->pair);
}

static void expect(struct line *line, int fd, const char *text)
{
    char got[100] = "";

    assert_true(pair_receive(line->pair, fd, got, strlen(text)));
    assert_string_equal(got, text);
}

static void send_text(struct line *line, int fd, const char *text)
{
    pair_send(line->pair, fd, text, strlen(text));
}

static void bytes_go_both_ways(void **state)
{
    struct line line = plain_line();

    (void)state;
    send_text(&line, line.application, "question");
    expect(&line, line.service, "question");
    send_text(&line, line.service, "answer");
    expect(&line, line.application, "answer");
    close_line(&line);
}

static void a_service_may_speak_first(void **state)
{
    struct line line = plain_line();

    (void)state;
    send_text(&line, line.service, "220 ready");
    expect(&line, line.application, "220 ready");
    close_line(&line);
}

static void megabytes_arrive_whole(void **state)
{
    enum { LENGTH = 5 * 1000 * 1000 };
    struct line line = plain_line();
    uint8_t *sent = malloc(LENGTH), *got = malloc(LENGTH);
    size_t at = 0;

    (void)state;
    for (size_t i = 0; i < LENGTH; i++)
        sent[i] = sockets_byte_at(i);
    while (at < LENGTH) { /* both directions at once, in odd pieces */
        size_t part = LENGTH - at < 70001 ? LENGTH - at : 70001;

        pair_send(line.pair, line.application, sent + at, part);
        assert_true(pair_receive(line.pair, line.service, got + at, part));
        pair_send(line.pair, line.service, sent + at, part);
        assert_true(pair_receive(line.pair, line.application, got + at, part));
        at += part;
    }
    assert_memory_equal(sent, got, LENGTH);
    free(sent);
    free(got);
    close_line(&line);
}

static void a_fin_passes_and_the_other_way_stays_open(void **state)
{
    struct line line = plain_line();

    (void)state;
    send_text(&line, line.application, "all");
    shutdown(line.application, SHUT_WR);
    expect(&line, line.service, "all");
    assert_int_equal(pair_ending(line.pair, line.service), 0);
    send_text(&line, line.service, "late answer");
    expect(&line, line.application, "late answer");
    shutdown(line.service, SHUT_WR);
    assert_int_equal(pair_ending(line.pair, line.application), 0);
    pair_pass(line.pair, 100000);
    assert_int_equal(pair_service(line.pair, PAIR_CONSUMER)->active, 0);
    assert_int_equal(pair_service(line.pair, PAIR_OFFERER)->active, 0);
    assert_int_equal(pair_service(line.pair, PAIR_CONSUMER)->ended_in_order, 1);
    close_line(&line);
}

static void a_service_may_end_first(void **state)
{
    struct line line = plain_line();

    (void)state;
    shutdown(line.service, SHUT_WR);
    assert_int_equal(pair_ending(line.pair, line.application), 0);
    send_text(&line, line.application, "still");
    expect(&line, line.service, "still");
    close_line(&line);
}

static void a_reset_of_the_application_reaches_the_service(void **state)
{
    struct line line = plain_line();

    (void)state;
    send_text(&line, line.application, "cut");
    expect(&line, line.service, "cut");
    sockets_reset(line.application);
    assert_int_equal(pair_ending(line.pair, line.service), ECONNRESET);
    close(line.service);
    pair_free(line.pair);
}

static void a_reset_of_the_service_reaches_the_application(void **state)
{
    struct line line = plain_line();

    (void)state;
    send_text(&line, line.application, "cut");
    expect(&line, line.service, "cut");
    sockets_reset(line.service);
    assert_int_equal(pair_ending(line.pair, line.application), ECONNRESET);
    close(line.application);
    pair_free(line.pair);
}

static void an_answer_before_a_reset_arrives_first(void **state)
{
    enum { LENGTH = 300000 };
    struct line line = plain_line();
    uint8_t *sent = calloc(1, LENGTH), *got = calloc(1, LENGTH);

    (void)state;
    pair_send(line.pair, line.application, "unread", 6);
    pair_pass(line.pair, 20000);
    pair_send(line.pair, line.service, sent, LENGTH);
    for (int left = 1; left > 0;) { /* until they are where TCP keeps them */
        pair_turn(line.pair, 1);
        ioctl(line.service, SIOCOUTQ, &left);
    }
    close(line.service); /* with bytes unread: a reset behind the answer */
    assert_true(pair_receive(line.pair, line.application, got, LENGTH));
    assert_int_equal(pair_ending(line.pair, line.application), ECONNRESET);
    free(sent);
    free(got);
    close(line.application);
    pair_free(line.pair);
}

static void a_lost_tunnel_is_never_an_end_of_file(void **state)
{
    struct line line = plain_line();
    struct list *node = list_first(&line.pair->boards[0].host.tunnels);

    (void)state;
    send_text(&line, line.service, "half");
    expect(&line, line.application, "half");
    tunnel_close(tunnel_of_node(node), CODE_INTERNAL, "test");
    assert_int_equal(pair_ending(line.pair, line.application), ECONNRESET);
    assert_int_equal(pair_ending(line.pair, line.service), ECONNRESET);
    close_line(&line);
}

static struct tunnel *consumers_tunnel(const struct pair *pair)
{
    return tunnel_of_node(list_first(&pair->boards[0].host.tunnels));
}

static struct passage *only_passage(struct pair *pair)
{
    struct list *node =
        list_first(&pair_service(pair, PAIR_CONSUMER)->passages);

    return LIST_ITEM(node, struct passage, node);
}

/* Turn until the OPEN, and |bytes| behind it, have left; nothing came back. */
static void send_open(struct pair *pair, uint64_t bytes)
{
    struct session_stats stats;

    do {
        pair_turn(pair, 1);
        session_stats(tunnel_session(consumers_tunnel(pair)), &stats);
    } while (stats.sent_bytes < bytes);
    assert_false(only_passage(pair)->is_there);
}

static void who_said_nothing_outlives_a_lost_tunnel(void **state)
{
    struct line line = { .pair = pair_new(&(struct pair_options){ 0 }) };
    struct service *service = pair_service(line.pair, PAIR_CONSUMER);
    int empty;

    (void)state;
    pair_connect(line.pair);
    line.application = pair_dial(line.pair);
    send_open(line.pair, 0);
    tunnel_close(consumers_tunnel(line.pair), CODE_INTERNAL, "test");
    assert_int_equal(service->waiting_count, 1);
    /* The service may have seen a connection that came and went, empty. */
    empty = pair_accept(line.pair);
    (void)pair_ending(line.pair, empty);
    line.service = pair_accept(line.pair);
    send_text(&line, line.service, "220 ready");
    expect(&line, line.application, "220 ready");
    send_text(&line, line.application, "late");
    expect(&line, line.service, "late");
    assert_int_equal(service->lost, 0);
    assert_int_equal(service->connections, 1);
    close(empty);
    close_line(&line);
}

static void who_said_nothing_and_left_is_forgotten(void **state)
{
    struct pair *pair = pair_new(&(struct pair_options){ 0 });
    int application;

    (void)state;
    pair_connect(pair);
    application = pair_dial(pair);
    send_open(pair, 0);
    sockets_reset(application);
    tunnel_close(consumers_tunnel(pair), CODE_INTERNAL, "test");
    for (int i = 0; i < 100 && pair_service(pair, PAIR_CONSUMER)->active; i++)
        pair_pass(pair, 20000);
    assert_int_equal(pair_service(pair, PAIR_CONSUMER)->active, 0);
    pair_free(pair);
}

static void what_left_before_an_answer_is_not_sent_again(void **state)
{
    struct pair *pair = pair_new(&(struct pair_options){ 0 });
    int application;

    (void)state;
    pair_connect(pair);
    application = pair_dial(pair);
    pair_send(pair, application, "x", 1);
    send_open(pair, 1);
    tunnel_close(consumers_tunnel(pair), CODE_INTERNAL, "test");
    assert_int_equal(pair_ending(pair, application), ECONNRESET);
    pair_turn(pair, 3);
    assert_int_equal(pair_service(pair, PAIR_CONSUMER)->lost, 1);
    close(application);
    pair_free(pair);
}

static void a_fin_that_left_is_not_sent_again(void **state)
{
    struct pair *pair = pair_new(&(struct pair_options){ 0 });
    int application;

    (void)state;
    pair_connect(pair);
    application = pair_dial(pair);
    shutdown(application, SHUT_WR);
    send_open(pair, 0);
    tunnel_close(consumers_tunnel(pair), CODE_INTERNAL, "test");
    assert_int_equal(pair_ending(pair, application), ECONNRESET);
    close(application);
    pair_free(pair);
}

static void who_was_answered_goes_with_the_tunnel(void **state)
{
    struct line line = plain_line();

    (void)state;
    while (!only_passage(line.pair)->is_there)
        pair_turn(line.pair, 1);
    tunnel_close(consumers_tunnel(line.pair), CODE_INTERNAL, "test");
    assert_int_equal(pair_ending(line.pair, line.application), ECONNRESET);
    assert_int_equal(pair_ending(line.pair, line.service), ECONNRESET);
    close_line(&line);
}

static void a_reader_that_stalls_does_not_stall_another(void **state)
{
    struct line line = plain_line();
    int application = pair_dial(line.pair);
    int service = pair_accept(line.pair);
    static uint8_t bulk[100000];
    size_t sent = 0;

    (void)state;
    for (;;) { /* as much as everything between will hold */
        ssize_t part = send(line.application, bulk, sizeof(bulk), 0);

        if (part < 0) {
            pair_pass(line.pair, 20000);
            part = send(line.application, bulk, sizeof(bulk), 0);
            if (part < 0)
                break;
        }
        sent += (size_t)part;
        pair_turn(line.pair, 3);
    }
    assert_true(sent > 100000);
    pair_send(line.pair, application, "quick", 5);
    assert_true(pair_receive(line.pair, service, bulk, 5));
    close(application);
    close(service);
    close_line(&line);
}

static void a_connection_waits_for_the_tunnel(void **state)
{
    struct pair *pair = pair_new(&(struct pair_options){ 0 });
    struct line line = { .pair = pair };

    (void)state;
    line.application = pair_dial(pair); /* nothing is up yet */
    send_text(&line, line.application, "early");
    line.service = pair_accept(pair);
    expect(&line, line.service, "early");
    close_line(&line);
}

static void a_connection_that_waits_in_vain_is_reset(void **state)
{
    struct pair *pair = pair_new(&(struct pair_options){
        .peer = "spiffe://acme/other", .hold_us = 200000 });
    int application = pair_dial(pair);

    (void)state;
    assert_int_equal(pair_ending(pair, application), ECONNRESET);
    assert_int_equal(pair_service(pair, PAIR_CONSUMER)->failed, 1);
    close(application);
    pair_free(pair);
}

static void a_service_that_is_away_is_waited_for_and_then_given_up(void **state)
{
    struct pair *pair =
        pair_new(&(struct pair_options){ .is_away = true, .hold_us = 300000 });
    int application;

    (void)state;
    pair_connect(pair);
    application = pair_dial(pair);
    pair_send(pair, application, "hello", 5);
    assert_int_equal(pair_ending(pair, application), ECONNRESET);
    close(application);
    pair_free(pair);
}

static void who_is_not_allowed_is_denied_at_once(void **state)
{
    struct pair *pair =
        pair_new(&(struct pair_options){ .allow = "spiffe://acme/somebody" });
    int application;

    (void)state;
    pair_connect(pair);
    application = pair_dial(pair);
    assert_int_equal(pair_ending(pair, application), ECONNRESET);
    assert_int_equal(pair_service(pair, PAIR_OFFERER)->denied, 1);
    assert_int_equal(pair_service(pair, PAIR_OFFERER)->connections, 0);
    close(application);
    pair_free(pair);
}

static void the_offering_side_may_dial(void **state)
{
    struct line line = open_line(&(struct pair_options){ .is_reverse = true });

    (void)state;
    send_text(&line, line.application, "round");
    expect(&line, line.service, "round");
    send_text(&line, line.service, "trip");
    expect(&line, line.application, "trip");
    close_line(&line);
}

static void who_dials_is_no_place_any_more_once_that_is_not_wanted(void **state)
{
    struct line line = open_line(&(struct pair_options){ .is_reverse = true });
    struct service *service = pair_service(line.pair, PAIR_CONSUMER);
    struct service_options options;

    (void)state;
    assert_int_equal(service->pool.count, 1);
    assert_true(service_options_copy(&options, &service->options));
    text_list_clear(&options.sources);
    assert_true(text_list_add(&options.sources, "static:127.0.0.1:9"));
    assert_int_equal(switchboard_apply(&line.pair->boards[PAIR_CONSUMER],
                                       &options, 1),
                     STATUS_OK);
    assert_int_equal(service->pool.count, 0);
    assert_false(line.pair->usable);
    send_text(&line, line.application, "still");
    expect(&line, line.service, "still");
    /* And is one again. */
    assert_true(text_list_add(&options.sources, "inbound:"));
    assert_int_equal(switchboard_apply(&line.pair->boards[PAIR_CONSUMER],
                                       &options, 1),
                     STATUS_OK);
    assert_int_equal(service->pool.count, 1);
    assert_true(line.pair->usable);
    service_options_clear(&options);
    close_line(&line);
}

static void the_service_hears_whose_connection_it_is(void **state)
{
    static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n";
    struct line line =
        open_line(&(struct pair_options){ .proxy_protocol = true });
    uint8_t header[28];
    struct address local;

    (void)state;
    send_text(&line, line.application, "x");
    assert_true(pair_receive(line.pair, line.service, header, 28));
    assert_memory_equal(header, signature, sizeof(signature));
    assert_true(address_of_socket(&local, line.application));
    assert_int_equal(header[24] << 8 | header[25], address_port(&local));
    expect(&line, line.service, "x");
    close_line(&line);
}

static void the_service_hears_where_the_connection_came_to(void **state)
{
    struct pair *pair = pair_new(&(struct pair_options){
        .proxy_protocol = true, .first_refuses = true });
    struct line line = { .pair = pair };
    uint8_t header[28];
    struct address there;

    (void)state;
    pair_connect(pair);
    line.application = pair_dial(pair);
    send_text(&line, line.application, "early"); /* before it is reached */
    line.service = pair_accept(pair);
    assert_true(pair_receive(pair, line.service, header, sizeof(header)));
    assert_true(address_of_socket(&there, pair->service));
    assert_memory_equal(header + 20, &there.v4.sin_addr, 4);
    assert_int_equal(header[26] << 8 | header[27], address_port(&there));
    expect(&line, line.service, "early");
    assert_int_equal(pair_service(pair, PAIR_OFFERER)->connections, 1);
    close_line(&line);
}

static void a_full_service_resets_who_comes_too_many(void **state)
{
    struct line line =
        open_line(&(struct pair_options){ .max_connections = 1 });
    int second = pair_dial(line.pair);

    (void)state;
    assert_int_equal(pair_ending(line.pair, second), ECONNRESET);
    send_text(&line, line.application, "fine");
    expect(&line, line.service, "fine");
    close(second);
    close_line(&line);
}

static void where_there_is_no_room_it_is_asked_for_often(void **state)
{
    struct line line = open_line(&(struct pair_options){ .hold_us = 9000000 });
    struct service *service = pair_service(line.pair, PAIR_CONSUMER);
    const struct place *place =
        LIST_ITEM(list_first(&service->pool.places), struct place, node);
    int second, end;

    (void)state;
    pair_service(line.pair, PAIR_OFFERER)->options.max_connections = 1;
    second = pair_dial(line.pair);
    for (int i = 0; i < 500 && place->failures < 4; i++)
        pair_pass(line.pair, 10000);
    assert_true(place->failures >= 4);
    assert_int_equal(place->strikes, 1);
    close(line.application);
    close(line.service);
    end = pair_accept(line.pair);
    send_text(&line, second, "in");
    expect(&line, end, "in");
    close(second);
    close(end);
    pair_free(line.pair);
}

static void take_over(void *context, struct arrival *arrival)
{
    ++*(unsigned *)context;
    arrival_clear(arrival);
}

static void who_was_handed_over_is_not_carried_too(void **state)
{
    struct pair *pair = pair_new(&(struct pair_options){ 0 });
    struct service *service;
    struct place *place;
    unsigned given = 0;
    int application;

    (void)state;
    pair_connect(pair);
    service = pair_service(pair, PAIR_CONSUMER);
    place = LIST_ITEM(list_first(&service->pool.places), struct place, node);
    pool_judge(place, "not now", 0);
    application = pair_dial(pair);
    assert_int_equal(service->waiting_count, 1);
    /* All in one turn: it is over, and not freed yet, when there is a place. */
    consume_hand_over(service, take_over, &given);
    consume_hand_over(service, take_over, &given);
    assert_int_equal(given, 1);
    pool_judge(place, "", 0);
    service_retry(service);
    assert_int_equal(pair_ending(pair, application), ECONNRESET);
    pair_pass(pair, 50000);
    assert_int_equal(accept(pair->service, NULL, NULL), -1);
    assert_int_equal(service->active, 0);
    assert_int_equal(service->waiting_count, 0);
    assert_int_equal(service->failed, 0);
    assert_int_equal(service->ended_by_reset, 0);
    close(application);
    pair_free(pair);
}

static void a_service_that_went_tells_nothing_of_another(void **state)
{
    struct line line = plain_line();
    struct switchboard *board = &line.pair->boards[PAIR_CONSUMER];
    struct tunnel *tunnel = consumers_tunnel(line.pair);

    (void)state;
    while (!only_passage(line.pair)->is_there)
        pair_turn(line.pair, 1);
    assert_int_equal(switchboard_apply(board, NULL, 0), STATUS_OK);
    assert_true(line.pair->usable); /* as another of its name is by now */
    tunnel_close(tunnel, CODE_INTERNAL, "test");
    assert_true(line.pair->usable);
    close_line(&line);
}

static void keep_arrival(void *context, struct arrival *arrival)
{
    *(struct arrival *)context = *arrival;
}

static void who_was_handed_over_counts_once(void **state)
{
    struct pair *pair = pair_new(&(struct pair_options){ 0 });
    struct service *service = pair_service(pair, PAIR_CONSUMER);
    struct line line = { .pair = pair };
    struct arrival arrival;

    (void)state;
    line.application = pair_dial(pair); /* nothing is up yet */
    consume_hand_over(service, keep_arrival, &arrival);
    pair_turn(pair, 2);
    assert_int_equal(service->active, 0);
    /* Back to the same worker, since there is only one here. */
    switchboard_accept(&pair->boards[PAIR_CONSUMER], &arrival);
    line.service = pair_accept(pair);
    shutdown(line.application, SHUT_WR);
    shutdown(line.service, SHUT_WR);
    assert_int_equal(pair_ending(pair, line.application), 0);
    pair_pass(pair, 100000);
    assert_int_equal(service->connections, 1);
    assert_int_equal(service->ended_in_order, 1);
    assert_int_equal(service->ended_by_reset, 0);
    close_line(&line);
}

RUN_TESTS(TEST(bytes_go_both_ways),
          TEST(a_service_that_went_tells_nothing_of_another),
          TEST(who_was_handed_over_counts_once),
          TEST(who_was_handed_over_is_not_carried_too),
          TEST(a_service_may_speak_first), TEST(megabytes_arrive_whole),
          TEST(a_fin_passes_and_the_other_way_stays_open),
          TEST(a_service_may_end_first),
          TEST(a_reset_of_the_application_reaches_the_service),
          TEST(a_reset_of_the_service_reaches_the_application),
          TEST(an_answer_before_a_reset_arrives_first),
          TEST(a_lost_tunnel_is_never_an_end_of_file),
          TEST(who_said_nothing_outlives_a_lost_tunnel),
          TEST(who_said_nothing_and_left_is_forgotten),
          TEST(what_left_before_an_answer_is_not_sent_again),
          TEST(a_fin_that_left_is_not_sent_again),
          TEST(who_was_answered_goes_with_the_tunnel),
          TEST(a_reader_that_stalls_does_not_stall_another),
          TEST(a_connection_waits_for_the_tunnel),
          TEST(a_connection_that_waits_in_vain_is_reset),
          TEST(a_service_that_is_away_is_waited_for_and_then_given_up),
          TEST(who_is_not_allowed_is_denied_at_once),
          TEST(the_offering_side_may_dial),
          TEST(who_dials_is_no_place_any_more_once_that_is_not_wanted),
          TEST(the_service_hears_whose_connection_it_is),
          TEST(the_service_hears_where_the_connection_came_to),
          TEST(a_full_service_resets_who_comes_too_many),
          TEST(where_there_is_no_room_it_is_asked_for_often))
