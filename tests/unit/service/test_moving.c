/* SPDX-License-Identifier: MIT */
/* What becomes of connections whose place went away or was demoted. */
#include "base/clock.h"
#include "service/moving.h"
#include "support/check_test.h"
#include "support/service/pair.h"
#include "support/sockets.h"
#include "tunnel/acceptor.h"
#include "tunnel/tunnel.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOON_US (300 * CLOCK_MS)

/* A connection to the first of two places of the service. */
struct scene {
    struct pair *pair;
    struct service *service; /* the offerer's */
    int application;
    int end; /* the service's */
    struct endpoint first;
    struct endpoint second;
    int second_listener;
};

static struct endpoint endpoint_of(const struct address *address,
                                   uint16_t priority)
{
    return (struct endpoint){
        .address = *address, .name = "echo", .priority = priority, .weight = 1
    };
}

static void place(struct pair *pair, int side, const struct endpoint *items,
                  size_t count)
{
    struct endpoints *endpoints = endpoints_new(items, count);

    assert_non_null(endpoints);
    assert_int_equal(switchboard_place(&pair->boards[side],
                                       side == PAIR_CONSUMER ? SERVICE_CONSUME
                                                             : SERVICE_OFFER,
                                       "echo", endpoints),
                     STATUS_OK);
    free(endpoints);
}

static void place_first(struct scene *scene, uint16_t priority)
{
    scene->first.priority = priority;
    place(scene->pair, PAIR_OFFERER, &scene->first, 1);
}

static void place_second(struct scene *scene)
{
    place(scene->pair, PAIR_OFFERER, &scene->second, 1);
}

static void place_both(struct scene *scene, uint16_t first, uint16_t second)
{
    struct endpoint both[2];

    scene->first.priority = first;
    scene->second.priority = second;
    both[0] = scene->first;
    both[1] = scene->second;
    place(scene->pair, PAIR_OFFERER, both, 2);
}

static void assert_carries(struct pair *pair, int from, int to)
{
    char byte = 0;

    pair_send(pair, from, "x", 1);
    assert_true(pair_receive(pair, to, &byte, 1));
    assert_int_equal(byte, 'x');
}

static void assert_goes_on(struct scene *scene)
{
    assert_carries(scene->pair, scene->application, scene->end);
    assert_carries(scene->pair, scene->end, scene->application);
}

static struct scene open_scene(uint64_t move_us)
{
    struct scene scene = { .pair = pair_new(&(struct pair_options){ 0 }) };
    struct address address;

    assert_true(address_of_socket(&address, scene.pair->service));
    scene.first = endpoint_of(&address, 10);
    scene.second_listener = sockets_listen(SOCKETS_V4, 16);
    fcntl(scene.second_listener, F_SETFL, O_NONBLOCK);
    assert_true(address_of_socket(&address, scene.second_listener));
    scene.second = endpoint_of(&address, 10);
    scene.service = pair_service(scene.pair, PAIR_OFFERER);
    scene.service->options.move_us = move_us;
    place_first(&scene, 10);
    pair_connect(scene.pair);
    scene.application = pair_dial(scene.pair);
    scene.end = pair_accept(scene.pair);
    assert_goes_on(&scene); /* the kernel has it before the offerer knows */
    return scene;
}

static void close_scene(struct scene *scene)
{
    close(scene->application);
    close(scene->end);
    close(scene->second_listener);
    pair_free(scene->pair);
}

static void assert_cut(struct scene *scene)
{
    assert_int_equal(pair_ending(scene->pair, scene->application), ECONNRESET);
    assert_int_equal(pair_ending(scene->pair, scene->end), ECONNRESET);
    pair_turn(scene->pair, 2);
    assert_int_equal(scene->service->left_behind, 0);
    assert_int_equal(scene->service->active, 0);
    assert_int_equal(scene->service->ended_by_reset, 1);
}

/* A new connection comes to |listener|; returns its two ends closed. */
static void assert_new_ones_come_to(struct scene *scene, int listener)
{
    int usual = scene->pair->service, application, end;

    application = pair_dial(scene->pair);
    scene->pair->service = listener;
    end = pair_accept(scene->pair);
    scene->pair->service = usual;
    assert_carries(scene->pair, application, end);
    close(application);
    close(end);
    pair_pass(scene->pair, 20 * CLOCK_MS);
}

/* ---- places that go ---- */

static void kept_ones_go_on_and_new_ones_go_to_the_new_place(void **state)
{
    struct scene scene = open_scene(SERVICE_MOVE_KEEP);

    (void)state;
    place_second(&scene);
    assert_int_equal(scene.service->left_behind, 1);
    assert_new_ones_come_to(&scene, scene.second_listener);
    pair_pass(scene.pair, 2 * SOON_US);
    assert_goes_on(&scene);
    shutdown(scene.application, SHUT_WR);
    assert_int_equal(pair_ending(scene.pair, scene.end), 0);
    close_scene(&scene);
}

static void those_to_be_closed_are_reset_at_once(void **state)
{
    struct scene scene = open_scene(SERVICE_MOVE_CLOSE);

    (void)state;
    place_second(&scene);
    assert_cut(&scene);
    assert_new_ones_come_to(&scene, scene.second_listener);
    close_scene(&scene);
}

static void those_to_be_drained_go_on_and_are_reset_then(void **state)
{
    struct scene scene = open_scene(SOON_US);
    uint64_t began_us = clock_now_us();

    (void)state;
    place_second(&scene);
    assert_new_ones_come_to(&scene, scene.second_listener);
    assert_goes_on(&scene);
    assert_int_equal(scene.service->left_behind, 1);
    assert_int_equal(pair_ending(scene.pair, scene.application), ECONNRESET);
    assert_true(clock_now_us() - began_us >= SOON_US);
    assert_int_equal(pair_ending(scene.pair, scene.end), ECONNRESET);
    close_scene(&scene);
}

static void a_second_move_does_not_prolong_the_first(void **state)
{
    struct scene scene = open_scene(SOON_US);
    struct endpoint third = scene.second;

    (void)state;
    place_second(&scene);
    pair_pass(scene.pair, SOON_US / 2);
    address_set_port(&third.address, 1);
    place(scene.pair, PAIR_OFFERER, &third, 1);
    assert_goes_on(&scene);
    pair_pass(scene.pair, SOON_US / 2 + 20 * CLOCK_MS);
    assert_int_equal(scene.service->left_behind, 0);
    assert_cut(&scene);
    close_scene(&scene);
}

static void a_place_that_comes_back_has_its_connections_again(void **state)
{
    struct scene scene = open_scene(SOON_US);

    (void)state;
    place_second(&scene);
    assert_int_equal(scene.service->left_behind, 1);
    place_first(&scene, 10);
    assert_int_equal(scene.service->left_behind, 0);
    assert_int_equal(scene.service->pool.count, 1);
    pair_pass(scene.pair, 2 * SOON_US);
    assert_goes_on(&scene);
    assert_new_ones_come_to(&scene, scene.pair->service);
    place_second(&scene); /* the old connection is still the place's */
    assert_int_equal(scene.service->left_behind, 1);
    assert_cut(&scene);
    close_scene(&scene);
}

static void nothing_else_is_cut(void **state)
{
    struct scene scene = open_scene(SERVICE_MOVE_CLOSE);
    int usual = scene.pair->service, application, end;

    (void)state;
    place_both(&scene, 20, 10);
    assert_cut(&scene);
    application = pair_dial(scene.pair);
    scene.pair->service = scene.second_listener;
    end = pair_accept(scene.pair);
    scene.pair->service = usual;
    assert_carries(scene.pair, application, end);
    place_second(&scene); /* the first goes; |end| is at the second */
    pair_pass(scene.pair, 20 * CLOCK_MS);
    assert_carries(scene.pair, application, end);
    close(application);
    close(end);
    close_scene(&scene);
}

static void what_is_under_way_ends_in_a_reset(void **state)
{
    struct scene scene = open_scene(SERVICE_MOVE_CLOSE);
    static uint8_t bytes[1 << 20];
    size_t got = 0;
    ssize_t part;

    (void)state;
    while (send(scene.end, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0)
        pair_turn(scene.pair, 3); /* until all buffers are full */
    place_second(&scene);
    while ((part = recv(scene.application, bytes, sizeof(bytes), 0)) != 0) {
        if (part > 0)
            got += (size_t)part;
        else if (errno != EAGAIN)
            break;
        pair_turn(scene.pair, 1);
    }
    assert_int_equal(part, -1); /* 0 would be an end of file */
    assert_int_equal(errno, ECONNRESET);
    assert_true(got < 64 << 20);
    close_scene(&scene);
}

static void a_policy_that_changes_counts_for_all(void **state)
{
    struct scene scene = open_scene(SERVICE_MOVE_KEEP);
    struct service_options options;

    (void)state;
    place_second(&scene);
    pair_pass(scene.pair, SOON_US);
    assert_goes_on(&scene);
    assert_true(service_options_copy(&options, &scene.service->options));
    options.move_us = SOON_US / 2; /* which is over */
    assert_int_equal(switchboard_apply(&scene.pair->boards[PAIR_OFFERER],
                                       &options, 1),
                     STATUS_OK);
    service_options_clear(&options);
    assert_cut(&scene);
    close_scene(&scene);
}

/* ---- places that are demoted ---- */

static void a_place_that_ranks_worse_than_before_is_left(void **state)
{
    struct scene scene = open_scene(SERVICE_MOVE_CLOSE);

    (void)state;
    place_both(&scene, 20, 10);
    assert_cut(&scene);
    assert_new_ones_come_to(&scene, scene.second_listener);
    close_scene(&scene);
}

static void a_fallback_ranks_worse(void **state)
{
    struct scene scene = open_scene(SERVICE_MOVE_CLOSE);

    (void)state;
    scene.first.tier = 1;
    place_both(&scene, 10, 10);
    assert_cut(&scene);
    close_scene(&scene);
}

static void without_a_better_place_nobody_is_left(void **state)
{
    struct scene scene = open_scene(SERVICE_MOVE_CLOSE);

    (void)state;
    place_first(&scene, 20);
    assert_int_equal(scene.service->left_behind, 0);
    place_both(&scene, 20, 20);
    pair_pass(scene.pair, 20 * CLOCK_MS);
    assert_goes_on(&scene);
    place_both(&scene, 20, 19);
    assert_cut(&scene);
    close_scene(&scene);
}

static void that_others_are_left_behind_demotes_nobody(void **state)
{
    struct scene scene = open_scene(SERVICE_MOVE_KEEP);
    int usual = scene.pair->service, application, end;

    (void)state;
    place_both(&scene, 20, 10);
    application = pair_dial(scene.pair);
    scene.pair->service = scene.second_listener;
    end = pair_accept(scene.pair);
    scene.pair->service = usual;
    assert_carries(scene.pair, application, end);
    scene.second.priority = 30;
    place_second(&scene); /* alone, and worse than it was */
    assert_int_equal(scene.service->left_behind, 1); /* who is at the first */
    close(application);
    close(end);
    close_scene(&scene);
}

static void a_better_place_alone_demotes_nobody(void **state)
{
    struct scene scene = open_scene(SERVICE_MOVE_CLOSE);

    (void)state;
    place_both(&scene, 10, 5);
    pair_pass(scene.pair, 20 * CLOCK_MS);
    assert_goes_on(&scene);
    place_both(&scene, 9, 5);
    pair_pass(scene.pair, 20 * CLOCK_MS);
    assert_goes_on(&scene);
    close_scene(&scene);
}

static void a_place_that_is_promoted_again_has_its_connections(void **state)
{
    struct scene scene = open_scene(SOON_US);

    (void)state;
    place_both(&scene, 20, 10);
    assert_int_equal(scene.service->left_behind, 1);
    place_both(&scene, 10, 20);
    assert_int_equal(scene.service->left_behind, 0);
    pair_pass(scene.pair, 2 * SOON_US);
    assert_goes_on(&scene);
    close_scene(&scene);
}

/* It went there knowing, while the better one could not be had. */
static void who_comes_to_a_demoted_place_is_not_left_there(void **state)
{
    struct scene scene = open_scene(SOON_US);
    int application, end;

    (void)state;
    close(scene.second_listener);
    scene.second_listener = -1;
    place_both(&scene, 20, 10);
    application = pair_dial(scene.pair);
    end = pair_accept(scene.pair);
    assert_carries(scene.pair, application, end);
    assert_int_equal(scene.service->left_behind, 1);
    assert_int_equal(pair_ending(scene.pair, scene.application), ECONNRESET);
    pair_turn(scene.pair, 2);
    assert_int_equal(scene.service->left_behind, 0);
    assert_carries(scene.pair, application, end);
    place_second(&scene); /* but it is, once the place goes */
    assert_int_equal(scene.service->left_behind, 1);
    assert_int_equal(pair_ending(scene.pair, application), ECONNRESET);
    close(application);
    close(end);
    close_scene(&scene);
}

static void who_lost_its_role_is_left_until_it_has_it_again(void **state)
{
    struct scene scene = open_scene(SOON_US);
    struct place *first = pool_find(&scene.service->pool, &scene.first.address);

    (void)state;
    place_both(&scene, 10, 10);
    pool_judge(first, "it is a replica", 0);
    moving_demoted(scene.service, first);
    assert_int_equal(scene.service->left_behind, 1);
    assert_new_ones_come_to(&scene, scene.second_listener);
    pool_judge(first, "", 0);
    moving_returned(scene.service, first);
    assert_int_equal(scene.service->left_behind, 0);
    pair_pass(scene.pair, 2 * SOON_US);
    assert_goes_on(&scene);
    pool_judge(first, "it is a replica", 0);
    moving_demoted(scene.service, first);
    assert_cut(&scene);
    close_scene(&scene);
}

static void a_demoted_place_that_went_comes_back_as_a_new_one(void **state)
{
    struct scene scene = open_scene(SOON_US);
    struct place *first = pool_find(&scene.service->pool, &scene.first.address);

    (void)state;
    pool_judge(first, "it is a replica", 0);
    moving_demoted(scene.service, first);
    place_second(&scene);
    place_first(&scene, 10);
    assert_int_equal(scene.service->left_behind, 0);
    assert_new_ones_come_to(&scene, scene.pair->service);
    close_scene(&scene);
}

/* ---- those that are not there yet, or no longer ---- */

/* A listener whose kernel takes no connection any more. */
static int full_listener(int *fillers, int count)
{
    int listener = sockets_listen(SOCKETS_V4, 0);
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);

    getsockname(listener, (struct sockaddr *)&address, &length);
    for (int i = 0; i < count; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (struct sockaddr *)&address, length);
    }
    return listener;
}

static void who_is_being_dialled_goes_elsewhere_at_once(void **state)
{
    struct scene scene = open_scene(SERVICE_MOVE_KEEP);
    int fillers[4], stuck = full_listener(fillers, 4), application;
    struct endpoint hanging;
    struct address address;
    uint64_t began_us;

    (void)state;
    scene.service->options.connect_timeout_us = 9 * CLOCK_SECOND;
    assert_true(address_of_socket(&address, stuck));
    hanging = endpoint_of(&address, 10);
    place(scene.pair, PAIR_OFFERER, &hanging, 1);
    application = pair_dial(scene.pair);
    pair_pass(scene.pair, 100 * CLOCK_MS);
    began_us = clock_now_us();
    place_first(&scene, 10);
    assert_carries(scene.pair, application, pair_accept(scene.pair));
    assert_true(clock_now_us() - began_us < 5 * CLOCK_SECOND);
    for (int i = 0; i < 4; i++)
        close(fillers[i]);
    close(stuck);
    close(application);
    close_scene(&scene);
}

static void who_gets_there_too_late_is_cut(void **state)
{
    struct scene scene = open_scene(SERVICE_MOVE_KEEP);
    struct service *consumed = pair_service(scene.pair, PAIR_CONSUMER);
    int application;

    (void)state;
    consumed->options.move_us = SERVICE_MOVE_CLOSE;
    application = pair_dial(scene.pair); /* no answer has come yet */
    place(scene.pair, PAIR_CONSUMER, NULL, 0);
    assert_int_equal(consumed->active, 2);
    assert_int_equal(consumed->left_behind, 1);
    assert_int_equal(pair_ending(scene.pair, application), ECONNRESET);
    assert_int_equal(consumed->active, 0);
    close(application);
    close_scene(&scene);
}

static void who_is_refused_by_a_place_that_went_waits_for_another(void **state)
{
    struct pair *pair = pair_new(&(struct pair_options){ .is_away = true });
    struct service *consumed = pair_service(pair, PAIR_CONSUMER);
    struct service *offered = pair_service(pair, PAIR_OFFERER);
    int application;

    (void)state;
    pair_connect(pair);
    consumed->options.move_us = SERVICE_MOVE_CLOSE;
    application = pair_dial(pair);
    place(pair, PAIR_CONSUMER, NULL, 0);
    assert_int_equal(consumed->left_behind, 1);
    for (int i = 0; i < 100 && offered->failed == 0; i++)
        pair_pass(pair, 5 * CLOCK_MS);
    pair_pass(pair, 5 * CLOCK_MS);
    assert_int_equal(consumed->left_behind, 0);
    assert_int_equal(consumed->waiting_count, 1);
    close(application);
    pair_free(pair);
}

/* It waits only for what came before its reset to be read. */
static void who_is_ending_is_not_left(void **state)
{
    struct scene scene = open_scene(SERVICE_MOVE_KEEP);
    struct service *consumed = pair_service(scene.pair, PAIR_CONSUMER);
    struct list *tunnel =
        list_first(&scene.pair->boards[PAIR_CONSUMER].host.tunnels);
    static uint8_t bytes[1 << 20];

    (void)state;
    while (send(scene.end, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0)
        pair_turn(scene.pair, 3); /* until all buffers are full */
    tunnel_close(tunnel_of_node(tunnel), CODE_INTERNAL, "test");
    pair_turn(scene.pair, 2);
    assert_int_equal(consumed->active, 1);
    place(scene.pair, PAIR_CONSUMER, NULL, 0);
    assert_int_equal(consumed->left_behind, 0);
    close_scene(&scene);
}

/* ---- consumed: the place is an ambassador ---- */

static size_t tunnels_of(struct pair *pair, int side)
{
    size_t count = 0;

    LIST_EACH(&pair->boards[side].host.tunnels, node)
    {
        count++;
    }
    return count;
}

static void a_kept_stream_keeps_its_tunnel_and_no_longer(void **state)
{
    struct scene scene = open_scene(SERVICE_MOVE_KEEP);
    struct pair *pair = scene.pair;

    (void)state;
    place(pair, PAIR_CONSUMER, NULL, 0);
    assert_int_equal(pair_service(pair, PAIR_CONSUMER)->left_behind, 1);
    assert_false(pair->usable);
    pair_pass(pair, 2 * SOON_US);
    assert_goes_on(&scene);
    assert_int_equal(tunnels_of(pair, PAIR_CONSUMER), 1);
    shutdown(scene.application, SHUT_WR);
    assert_int_equal(pair_ending(pair, scene.end), 0);
    pair_send(pair, scene.end, "last", 4);
    shutdown(scene.end, SHUT_WR);
    assert_true(pair_receive(pair, scene.application, (char[4]){ 0 }, 4));
    assert_int_equal(pair_ending(pair, scene.application), 0);
    for (int i = 0; i < 100 && tunnels_of(pair, PAIR_OFFERER) > 0; i++)
        pair_pass(pair, 20 * CLOCK_MS);
    assert_int_equal(tunnels_of(pair, PAIR_CONSUMER), 0);
    assert_int_equal(tunnels_of(pair, PAIR_OFFERER), 0);
    assert_int_equal(pair_service(pair, PAIR_CONSUMER)->left_behind, 0);
    close_scene(&scene);
}

static void streams_to_a_peer_that_went_are_reset_too(void **state)
{
    struct scene scene = open_scene(SERVICE_MOVE_KEEP);
    struct service *consumed = pair_service(scene.pair, PAIR_CONSUMER);

    (void)state;
    assert_goes_on(&scene);
    consumed->options.move_us = SERVICE_MOVE_CLOSE;
    place(scene.pair, PAIR_CONSUMER, NULL, 0);
    assert_cut(&scene);
    assert_int_equal(consumed->ended_by_reset, 1);
    close_scene(&scene);
}

static void a_peer_that_comes_back_has_its_streams_again(void **state)
{
    struct scene scene = open_scene(SERVICE_MOVE_KEEP);
    struct pair *pair = scene.pair;
    struct service *consumed = pair_service(pair, PAIR_CONSUMER);
    struct endpoint peer = endpoint_of(acceptor_address(pair->acceptor), 0);

    (void)state;
    assert_goes_on(&scene);
    consumed->options.move_us = SOON_US;
    place(pair, PAIR_CONSUMER, NULL, 0);
    assert_int_equal(consumed->left_behind, 1);
    place(pair, PAIR_CONSUMER, &peer, 1);
    assert_int_equal(consumed->left_behind, 0);
    pair_connect(pair); /* by a tunnel of its own */
    pair_pass(pair, 2 * SOON_US);
    assert_goes_on(&scene);
    assert_new_ones_come_to(&scene, pair->service);
    close_scene(&scene);
}

RUN_TESTS(TEST(kept_ones_go_on_and_new_ones_go_to_the_new_place),
          TEST(those_to_be_closed_are_reset_at_once),
          TEST(those_to_be_drained_go_on_and_are_reset_then),
          TEST(a_second_move_does_not_prolong_the_first),
          TEST(a_place_that_comes_back_has_its_connections_again),
          TEST(nothing_else_is_cut), TEST(what_is_under_way_ends_in_a_reset),
          TEST(a_policy_that_changes_counts_for_all),
          TEST(a_place_that_ranks_worse_than_before_is_left),
          TEST(a_fallback_ranks_worse),
          TEST(without_a_better_place_nobody_is_left),
          TEST(that_others_are_left_behind_demotes_nobody),
          TEST(a_better_place_alone_demotes_nobody),
          TEST(a_place_that_is_promoted_again_has_its_connections),
          TEST(who_comes_to_a_demoted_place_is_not_left_there),
          TEST(who_lost_its_role_is_left_until_it_has_it_again),
          TEST(a_demoted_place_that_went_comes_back_as_a_new_one),
          TEST(who_is_being_dialled_goes_elsewhere_at_once),
          TEST(who_gets_there_too_late_is_cut),
          TEST(who_is_refused_by_a_place_that_went_waits_for_another),
          TEST(who_is_ending_is_not_left),
          TEST(a_kept_stream_keeps_its_tunnel_and_no_longer),
          TEST(streams_to_a_peer_that_went_are_reset_too),
          TEST(a_peer_that_comes_back_has_its_streams_again))
