/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"
#include "discovery/dns_message.h"
#include "support/check_test.h"

/* A message under construction; names are written as "a.b" without a dot. */
struct message {
    uint8_t bytes[4096];
    struct bytes_writer writer;
    uint16_t counts[3]; /* answer, authority, additional */
};

enum { ANSWER, AUTHORITY, ADDITIONAL };

static void put_name(struct message *message, const char *name)
{
    while (*name) {
        const char *dot = strchr(name, '.');
        size_t length = dot ? (size_t)(dot - name) : strlen(name);

        bytes_put_u8(&message->writer, (uint8_t)length);
        bytes_put(&message->writer, name, length);
        name += length + (dot != NULL);
    }
    bytes_put_u8(&message->writer, 0);
}

static void begin(struct message *message, const char *name, uint16_t type)
{
    memset(message, 0, sizeof(*message));
    message->writer = bytes_writer(message->bytes, sizeof(message->bytes));
    bytes_put_u16(&message->writer, 7);
    bytes_put_u16(&message->writer, 0x8180);
    bytes_put_u16(&message->writer, 1);
    bytes_put(&message->writer, "\0\0\0\0\0\0", 6);
    put_name(message, name);
    bytes_put_u16(&message->writer, type);
    bytes_put_u16(&message->writer, 1);
}

static void put_head(struct message *message, int section, const char *name,
                     uint16_t type, uint32_t ttl)
{
    message->counts[section]++;
    put_name(message, name);
    bytes_put_u16(&message->writer, type);
    bytes_put_u16(&message->writer, 1);
    bytes_put_u32(&message->writer, ttl);
}

static void put_a(struct message *message, int section, const char *name,
                  uint32_t ttl, uint32_t ip)
{
    put_head(message, section, name, DNS_A, ttl);
    bytes_put_u16(&message->writer, 4);
    bytes_put_u32(&message->writer, ip);
}

static void put_alias(struct message *message, const char *name,
                      const char *real, uint32_t ttl)
{
    put_head(message, ANSWER, name, DNS_CNAME, ttl);
    bytes_put_u16(&message->writer, (uint16_t)(strlen(real) + 2));
    put_name(message, real);
}

static void put_srv(struct message *message, const char *name, uint32_t ttl,
                    const uint16_t numbers[3], const char *target)
{
    put_head(message, ANSWER, name, DNS_SRV, ttl);
    bytes_put_u16(&message->writer,
                  (uint16_t)(6 + (*target ? strlen(target) + 2 : 1)));
    for (int i = 0; i < 3; i++)
        bytes_put_u16(&message->writer, numbers[i]);
    put_name(message, target);
}

static enum status decode(struct message *message, enum dns_type type,
                          struct dns_answer *answer)
{
    struct bytes_writer counts = bytes_writer(message->bytes + 6, 6);

    for (int i = 0; i < 3; i++)
        bytes_put_u16(&counts, message->counts[i]);
    return dns_answer_decode(answer, message->bytes,
                             bytes_written(&message->writer), type);
}

static const char *text_of(const struct dns_address *address)
{
    static char text[ADDRESS_TEXT];

    return address_format(&address->address, text);
}

static void addresses_are_read_with_the_least_time_to_live(void **state)
{
    struct message message;
    struct dns_answer answer;

    (void)state;
    begin(&message, "db.example", DNS_A);
    put_a(&message, ANSWER, "DB.Example", 60, 0x0a000001);
    put_a(&message, ANSWER, "db.example", 30, 0x0a000002);
    put_a(&message, ANSWER, "other.example", 5, 0x0a000003);
    put_a(&message, ADDITIONAL, "db.example", 1, 0x0a000004);
    assert_int_equal(decode(&message, DNS_A, &answer), STATUS_OK);
    assert_int_equal(answer.address_count, 2);
    assert_string_equal(text_of(&answer.addresses[0]), "10.0.0.1:0");
    assert_string_equal(text_of(&answer.addresses[1]), "10.0.0.2:0");
    assert_int_equal(answer.ttl_s, 30);
    dns_answer_clear(&answer);
}

static void aliases_are_followed_and_their_time_counts(void **state)
{
    struct message message;
    struct dns_answer answer;

    (void)state;
    begin(&message, "www.example", DNS_A);
    put_alias(&message, "b.example", "c.example", 40);
    put_alias(&message, "www.example", "b.example", 20);
    put_a(&message, ANSWER, "c.example", 60, 0x0a000001);
    assert_int_equal(decode(&message, DNS_A, &answer), STATUS_OK);
    assert_int_equal(answer.address_count, 1);
    assert_int_equal(answer.ttl_s, 20);
    dns_answer_clear(&answer);
}

static void aliases_in_a_circle_lead_nowhere(void **state)
{
    struct message message;
    struct dns_answer answer;

    (void)state;
    begin(&message, "a.example", DNS_A);
    put_alias(&message, "a.example", "b.example", 40);
    put_alias(&message, "b.example", "a.example", 40);
    assert_int_equal(decode(&message, DNS_A, &answer), STATUS_OK);
    assert_int_equal(answer.address_count, 0);
    dns_answer_clear(&answer);
}

static void targets_come_with_priority_weight_port_and_addresses(void **state)
{
    static const uint16_t first[] = { 10, 0, 6379 }, second[] = { 20, 5, 1 };
    struct message message;
    struct dns_answer answer;

    (void)state;
    begin(&message, "_redis._tcp.example", DNS_SRV);
    put_srv(&message, "_redis._tcp.example", 60, first, "db-1.example");
    put_srv(&message, "_redis._tcp.example", 50, second, "db-2.example");
    put_a(&message, ADDITIONAL, "db-2.example", 7, 0x0a000002);
    put_a(&message, ADDITIONAL, "db-3.example", 7, 0x0a000003);
    assert_int_equal(decode(&message, DNS_SRV, &answer), STATUS_OK);
    assert_int_equal(answer.target_count, 2);
    assert_string_equal(answer.targets[0].host, "db-1.example");
    assert_int_equal(answer.targets[0].priority, 10);
    assert_int_equal(answer.targets[0].weight, 0);
    assert_int_equal(answer.targets[0].port, 6379);
    assert_int_equal(answer.ttl_s, 50);
    assert_int_equal(answer.address_count, 1);
    assert_int_equal(answer.addresses[0].target, 1);
    assert_int_equal(answer.targets[1].address_ttl_s, 7);
    assert_false(answer.declined);
    dns_answer_clear(&answer);
}

static void a_dot_as_target_declines(void **state)
{
    static const uint16_t numbers[] = { 0, 0, 0 }, real[] = { 0, 0, 5 };
    struct message message;
    struct dns_answer answer;

    (void)state;
    begin(&message, "_redis._tcp.example", DNS_SRV);
    put_srv(&message, "_redis._tcp.example", 60, numbers, "");
    assert_int_equal(decode(&message, DNS_SRV, &answer), STATUS_OK);
    assert_true(answer.declined);
    dns_answer_clear(&answer);
    /* Beside a real target it is nonsense, and left out. */
    put_srv(&message, "_redis._tcp.example", 60, real, "db.example");
    assert_int_equal(decode(&message, DNS_SRV, &answer), STATUS_OK);
    assert_false(answer.declined);
    assert_int_equal(answer.target_count, 1);
    dns_answer_clear(&answer);
}

static void targets_that_cannot_be_are_left_out(void **state)
{
    static const uint16_t no_port[] = { 0, 0, 0 }, port[] = { 0, 0, 5 };
    struct message message;
    struct dns_answer answer;

    (void)state;
    begin(&message, "_redis._tcp.example", DNS_SRV);
    put_srv(&message, "_redis._tcp.example", 60, no_port, "db.example");
    put_srv(&message, "_redis._tcp.example", 60, port, "d b.example");
    put_srv(&message, "_redis._tcp.example", 60, port, "good.example");
    assert_int_equal(decode(&message, DNS_SRV, &answer), STATUS_OK);
    assert_int_equal(answer.target_count, 1);
    assert_string_equal(answer.targets[0].host, "good.example");
    dns_answer_clear(&answer);
}

static void a_time_to_live_with_its_top_bit_is_none(void **state)
{
    struct message message;
    struct dns_answer answer;

    (void)state;
    begin(&message, "db.example", DNS_A);
    put_a(&message, ANSWER, "db.example", 0x80000001, 0x0a000001);
    assert_int_equal(decode(&message, DNS_A, &answer), STATUS_OK);
    assert_int_equal(answer.ttl_s, 0);
    dns_answer_clear(&answer);
}

/* A message whose only answer has a name made of |bytes|. */
static enum status decode_name(const void *bytes, size_t length)
{
    struct message message;
    struct dns_answer answer;
    enum status status;

    begin(&message, "db.example", DNS_A);
    message.counts[ANSWER]++;
    bytes_put(&message.writer, bytes, length);
    bytes_put(&message.writer, "\0\1\0\1\0\0\0\1\0\4\1\2\3\4", 14);
    status = decode(&message, DNS_A, &answer);
    if (status == STATUS_OK)
        dns_answer_clear(&answer);
    return status;
}

static void a_pointer_leads_back_or_is_refused(void **state)
{
    /* The question's name is at 12, the record's at 28. */
    static const uint8_t back[] = { 0xc0, 12 }, itself[] = { 0xc0, 28 };
    static const uint8_t forth[] = { 0xc0, 30 }, middle[] = { 0xc0, 15 };
    static const uint8_t circle[] = { 1, 'a', 0xc0, 28 },
                         wild[] = { 0xff, 0xff };

    (void)state;
    assert_int_equal(decode_name(back, 2), STATUS_OK);
    assert_int_equal(decode_name(middle, 2), STATUS_OK);
    assert_int_equal(decode_name(itself, 2), STATUS_PROTOCOL);
    assert_int_equal(decode_name(forth, 2), STATUS_PROTOCOL);
    assert_int_equal(decode_name(circle, 4), STATUS_PROTOCOL);
    assert_int_equal(decode_name(wild, 2), STATUS_PROTOCOL);
}

static void a_name_is_at_most_255_bytes(void **state)
{
    uint8_t name[512] = { 0 };
    size_t used = 0;

    (void)state;
    for (int i = 0; i < 3; i++) {
        name[used] = 63;
        memset(name + used + 1, 'a', 63);
        used += 64;
    }
    name[used] = 61;
    memset(name + used + 1, 'a', 61);
    assert_int_equal(decode_name(name, used + 63), STATUS_OK);
    name[used] = 63;
    memset(name + used + 1, 'a', 63);
    assert_int_equal(decode_name(name, used + 65), STATUS_PROTOCOL);
    name[0] = 64;
    assert_int_equal(decode_name(name, used + 63), STATUS_PROTOCOL);
}

static void what_is_cut_anywhere_is_refused(void **state)
{
    static const uint16_t numbers[] = { 10, 0, 6379 };
    struct message message;
    struct dns_answer answer;
    size_t whole;

    (void)state;
    begin(&message, "_redis._tcp.example", DNS_SRV);
    put_srv(&message, "_redis._tcp.example", 60, numbers, "db-1.example");
    put_a(&message, ADDITIONAL, "db-1.example", 7, 0x0a000002);
    whole = bytes_written(&message.writer);
    assert_int_equal(decode(&message, DNS_SRV, &answer), STATUS_OK);
    dns_answer_clear(&answer);
    for (size_t length = 0; length < whole; length++)
        assert_int_equal(dns_answer_decode(&answer, message.bytes, length,
                                           DNS_SRV),
                         STATUS_PROTOCOL);
}

static void a_question_is_no_answer(void **state)
{
    struct message message;
    struct dns_answer answer;

    (void)state;
    begin(&message, "db.example", DNS_A);
    assert_int_equal(decode(&message, DNS_A, &answer), STATUS_OK);
    dns_answer_clear(&answer);
    message.bytes[2] = 0x01;
    assert_int_equal(decode(&message, DNS_A, &answer), STATUS_PROTOCOL);
    message.bytes[2] = 0x81;
    message.bytes[5] = 2;
    assert_int_equal(decode(&message, DNS_A, &answer), STATUS_PROTOCOL);
}

RUN_TESTS(TEST(addresses_are_read_with_the_least_time_to_live),
          TEST(aliases_are_followed_and_their_time_counts),
          TEST(aliases_in_a_circle_lead_nowhere),
          TEST(targets_come_with_priority_weight_port_and_addresses),
          TEST(a_dot_as_target_declines),
          TEST(targets_that_cannot_be_are_left_out),
          TEST(a_time_to_live_with_its_top_bit_is_none),
          TEST(a_pointer_leads_back_or_is_refused),
          TEST(a_name_is_at_most_255_bytes),
          TEST(what_is_cut_anywhere_is_refused), TEST(a_question_is_no_answer))
