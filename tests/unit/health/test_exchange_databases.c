/* SPDX-License-Identifier: MIT */
/* Health checks of PostgreSQL and MySQL, their answers cut at every byte. */
#include "unit/health/exchange_test.h"

static const struct health_rules postgres = { .protocol = HEALTH_POSTGRES,
                                              .user = "entente" };
static const struct health_rules primary = { .protocol = HEALTH_POSTGRES,
                                             .role = HEALTH_PRIMARY,
                                             .user = "entente" };
static const struct health_rules mysql = { .protocol = HEALTH_MYSQL,
                                           .user = "entente" };

#define ASSERT_VERDICT(rules, bytes, verdict, reason) \
    assert_judged(rules, bytes, sizeof(bytes) - 1, verdict, reason)

/* That |exchange| ends what it said with |bytes|. */
static void assert_ends(const struct exchange *exchange, const char *bytes,
                        size_t length)
{
    assert_true(exchange->output_length >= length);
    assert_memory_equal(exchange->output + exchange->output_length - length,
                        bytes, length);
}

/* ---- postgres ---- */

#define WELCOME                      \
    "R\0\0\0\x08\0\0\0\0S\0\0\0\x08" \
    "a\0b\0"                         \
    "Z\0\0\0\x05I"
#define PASSWORD "R\0\0\0\x08\0\0\0\x03"
#define ROW(answer)     \
    "T\0\0\0\x06\0\x01" \
    "D\0\0\0\x0b\0\x01\0\0\0\x01" answer
#define END "C\0\0\0\x05\0Z\0\0\0\x05I"
#define STARTING  \
    "E\0\0\0\x13" \
    "C57P03\0Mstart\0\0"
#define FULL      \
    "E\0\0\0\x12" \
    "C53300\0Mfull\0\0"
#define STRANGER  \
    "E\0\0\0\x11" \
    "C28000\0Mwho\0\0"
#define NO_DATABASE \
    "E\0\0\0\x12"   \
    "C3D000\0Mnone\0\0"

static void a_server_that_lets_us_in_or_refuses_a_stranger_serves(void **state)
{
    struct exchange exchange;

    (void)state;
    ASSERT_VERDICT(&postgres, WELCOME, EXCHANGE_FIT, "");
    exchange = play(&postgres, WELCOME, sizeof(WELCOME) - 1, 100);
    assert_ends(&exchange, "X\0\0\0\x04", 5);
    ASSERT_VERDICT(&postgres, PASSWORD, EXCHANGE_FIT, "");
    ASSERT_VERDICT(&postgres, STRANGER, EXCHANGE_FIT, "");
    ASSERT_VERDICT(&postgres, NO_DATABASE, EXCHANGE_FIT, "");
}

static void a_server_that_starts_or_is_full_does_not(void **state)
{
    (void)state;
    ASSERT_VERDICT(&postgres, STARTING, EXCHANGE_UNFIT, "it says \"start\"");
    ASSERT_VERDICT(&postgres, FULL, EXCHANGE_UNFIT, "it says \"full\"");
    ASSERT_VERDICT(&primary, STARTING, EXCHANGE_UNFIT, "it says \"start\"");
    ASSERT_VERDICT(&primary, FULL, EXCHANGE_UNFIT, "it says \"full\"");
}

static void the_primary_is_one_that_is_not_in_recovery(void **state)
{
    struct exchange exchange =
        play(&primary, WELCOME, sizeof(WELCOME) - 1, 100);

    (void)state;
    assert_int_equal(exchange.verdict, EXCHANGE_GOES_ON);
    assert_ends(&exchange, "SELECT pg_is_in_recovery()", 27);
    ASSERT_VERDICT(&primary, WELCOME ROW("f") END, EXCHANGE_FIT, "");
    ASSERT_VERDICT(&primary, WELCOME ROW("t") END, EXCHANGE_WRONG_ROLE,
                   "it is a replica");
    exchange = play(&primary, WELCOME ROW("t") END,
                    sizeof(WELCOME ROW("t") END) - 1, 100);
    assert_ends(&exchange, "X\0\0\0\x04", 5);
}

static void a_role_that_is_not_told_is_the_wrong_one(void **state)
{
    (void)state;
    ASSERT_VERDICT(&primary, PASSWORD, EXCHANGE_WRONG_ROLE,
                   "it wants a password to tell its role");
    ASSERT_VERDICT(&primary, STRANGER, EXCHANGE_WRONG_ROLE,
                   "it does not tell its role: \"who\"");
    ASSERT_VERDICT(&primary, NO_DATABASE, EXCHANGE_WRONG_ROLE,
                   "it does not tell its role: \"none\"");
}

static void what_is_not_postgres_is_told(void **state)
{
    static const char stranger[] = "it does not speak PostgreSQL";

    (void)state;
    ASSERT_VERDICT(&postgres, "HTTP/1.1 400 Bad Request\r\n", EXCHANGE_UNFIT,
                   stranger);
    ASSERT_VERDICT(&postgres, "J\0\0\0\x04", EXCHANGE_UNFIT, stranger);
    ASSERT_VERDICT(&postgres, "R\0\0\0\x05\0", EXCHANGE_UNFIT, stranger);
    ASSERT_VERDICT(&postgres,
                   "E\0\0\0\x0c"
                   "C57P03\0\0",
                   EXCHANGE_UNFIT, stranger);
    ASSERT_VERDICT(&primary, WELCOME END, EXCHANGE_UNFIT, stranger);
    ASSERT_VERDICT(&primary, WELCOME ROW("x"), EXCHANGE_UNFIT, stranger);
    ASSERT_VERDICT(&primary, ROW("f"), EXCHANGE_UNFIT, stranger);
}

/* ---- mysql ---- */

#define GREETING     \
    "\x04\0\0\0\x0a" \
    "8.0"
#define ACCEPTED "\x07\0\0\x02\0\0\0\x02\0\0\0"
#define DENIED "\x09\0\0\x02\xff\x15\x04#28000"
#define SWITCH         \
    "\x16\0\0\x02\xfe" \
    "caching_sha2_password"

static void mysql_is_logged_in_to_and_left(void **state)
{
    struct exchange exchange;

    (void)state;
    exchange = play(&mysql, GREETING, sizeof(GREETING) - 1, 100);
    assert_int_equal(exchange.verdict, EXCHANGE_GOES_ON);
    assert_ends(&exchange, "entente\0\0mysql_native_password", 31);
    ASSERT_VERDICT(&mysql, GREETING ACCEPTED, EXCHANGE_FIT, "");
    exchange =
        play(&mysql, GREETING ACCEPTED, sizeof(GREETING ACCEPTED) - 1, 100);
    assert_ends(&exchange, "\x01\0\0\0\x01", 5);
}

static void mysql_that_refuses_a_stranger_serves(void **state)
{
    (void)state;
    ASSERT_VERDICT(&mysql, GREETING DENIED, EXCHANGE_FIT, "");
    ASSERT_VERDICT(&mysql, GREETING "\x02\0\0\x02\x01\x04", EXCHANGE_FIT, "");
}

static void mysql_may_want_another_method(void **state)
{
    struct exchange exchange;
    const char switched[] = GREETING "\x17\0\0\x02\xfe"
                                     "caching_sha2_password\0";

    (void)state;
    exchange = play(&mysql, switched, sizeof(switched) - 1, 100);
    assert_int_equal(exchange.verdict, EXCHANGE_GOES_ON);
    assert_ends(&exchange, "\x01\0\0\x03\0", 5);
    exchange_end(&exchange); /* it wanted more than we have */
    assert_int_equal(exchange.verdict, EXCHANGE_FIT);
    ASSERT_VERDICT(&mysql, GREETING "\x02\0\0\x02\xfe\0" DENIED, EXCHANGE_FIT,
                   "");
    ASSERT_VERDICT(&mysql, GREETING "\x02\0\0\x02\xfe\0" ACCEPTED, EXCHANGE_FIT,
                   "");
    ASSERT_VERDICT(&mysql, GREETING "\x02\0\0\x02\xfe\0\x02\0\0\x04\xfe\0",
                   EXCHANGE_UNFIT, "it does not speak MySQL");
    ASSERT_VERDICT(&mysql, GREETING SWITCH, EXCHANGE_UNFIT,
                   "it does not speak MySQL");
}

static void mysql_that_refuses_everybody_does_not_serve(void **state)
{
    (void)state;
    ASSERT_VERDICT(&mysql, "\x0b\0\0\0\xff\x10\x04Too many", EXCHANGE_UNFIT,
                   "it says 1040 \"Too many\"");
    ASSERT_VERDICT(&mysql,
                   "\x0a\0\0\0\xff\x69\x04"
                   "Blocked",
                   EXCHANGE_UNFIT, "it says 1129 \"Blocked\"");
    /* About our host, so it has not heard who we are. */
    ASSERT_VERDICT(&mysql, "\x06\0\0\0\xff\x6a\x04Not", EXCHANGE_UNFIT,
                   "it says 1130 \"Not\"");
    ASSERT_VERDICT(&mysql, GREETING "\x0d\0\0\x02\xff\x10\x04#08004Full",
                   EXCHANGE_UNFIT, "it says 1040 \"Full\"");
    ASSERT_VERDICT(&mysql, GREETING "\x0d\0\0\x02\xff\x1d\x04#08S01Down",
                   EXCHANGE_UNFIT, "it says 1053 \"Down\"");
    ASSERT_VERDICT(&mysql, GREETING "\x01\0\0\x02\xff", EXCHANGE_UNFIT,
                   "it says 0 \"\"");
}

static void what_is_not_mysql_is_told(void **state)
{
    static const char stranger[] = "it does not speak MySQL";

    (void)state;
    ASSERT_VERDICT(&mysql, "SSH-2.0-OpenSSH\r\n", EXCHANGE_UNFIT, stranger);
    ASSERT_VERDICT(&mysql, "\x01\0\0\0\x09", EXCHANGE_UNFIT, stranger);
    ASSERT_VERDICT(&mysql, "\x01\0\0\0\0", EXCHANGE_UNFIT, stranger);
    ASSERT_VERDICT(&mysql, GREETING "\x01\0\0\x02\x07", EXCHANGE_UNFIT,
                   stranger);
}

RUN_TESTS(TEST(a_server_that_lets_us_in_or_refuses_a_stranger_serves),
          TEST(a_server_that_starts_or_is_full_does_not),
          TEST(the_primary_is_one_that_is_not_in_recovery),
          TEST(a_role_that_is_not_told_is_the_wrong_one),
          TEST(what_is_not_postgres_is_told),
          TEST(mysql_is_logged_in_to_and_left),
          TEST(mysql_that_refuses_a_stranger_serves),
          TEST(mysql_may_want_another_method),
          TEST(mysql_that_refuses_everybody_does_not_serve),
          TEST(what_is_not_mysql_is_told))
