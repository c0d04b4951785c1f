/* SPDX-License-Identifier: MIT */
#include "admin/answer.h"

#include "support/check_test.h"
#include <stdlib.h>

static enum status parse(const char *text, struct answer *answer)
{
    return answer_parse(text, strlen(text), answer);
}

static void accept(const char *text, int code, bool has_length, size_t bytes)
{
    struct answer answer;

    assert_int_equal(parse(text, &answer), STATUS_OK);
    assert_int_equal(answer.code, code);
    assert_int_equal(answer.has_length, has_length);
    assert_int_equal(answer.body_bytes, bytes);
    assert_ptr_equal(text + answer.head_bytes, strstr(text, "\r\n\r\n") + 4);
}

static void refuse(const char *text)
{
    struct answer answer = { .code = 77 };

    if (parse(text, &answer) != STATUS_PROTOCOL)
        fail_msg("accepted: %s", text);
    assert_int_equal(answer.code, 77); /* a refusal changes nothing */
}

static void an_answer_has_a_code_and_perhaps_a_length(void **state)
{
    (void)state;
    accept("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, true, 5);
    accept("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, true, 0);
    accept("HTTP/1.0 503 Service Unavailable\r\nA: b\r\n\r\nx", 503, false, 0);
    accept("HTTP/1.1 599\r\n\r\n", 599, false, 0);
    accept("HTTP/1.1 404 \r\ncontent-LENGTH:\t 7 \t\r\n\r\n", 404, true, 7);
    accept("HTTP/1.1 200 OK\r\nContent-Length: 4294967295\r\n\r\n", 200, true,
           4294967295);
}

static void any_part_of_a_head_is_waited_for(void **state)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";

    (void)state;
    for (size_t length = 0; length + 1 < sizeof(text); length++) {
        struct answer answer = { .head_bytes = 1 };
        char *part = malloc(length + 1); /* so that reading on is noticed */

        assert_non_null(part);
        memcpy(part, text, length);
        assert_int_equal(answer_parse(part, length, &answer), STATUS_OK);
        assert_int_equal(answer.head_bytes, 0);
        free(part);
    }
}

static void a_status_line_is_exact(void **state)
{
    (void)state;
    refuse("HTTP/2.0 200 OK\r\n\r\n");
    refuse("HTTP/1.x 200 OK\r\n\r\n");
    refuse("http/1.1 200 OK\r\n\r\n");
    refuse("HTTP/1.1  200 OK\r\n\r\n");
    refuse("HTTP/1.1 20\r\n\r\n");
    refuse("HTTP/1.1 2000\r\n\r\n");
    refuse("HTTP/1.1 2x0 OK\r\n\r\n");
    refuse("HTTP/1.1 20x OK\r\n\r\n");
    refuse("HTTP/1.1 100 Continue\r\n\r\n");
    refuse("HTTP/1.1 600 Much\r\n\r\n");
    refuse("HTTP/1.1 200 O\x1bK\r\n\r\n");
    refuse("HTTP/1.1 200 O\nK\r\n\r\n");
    refuse("-ERR unknown command\r\n\r\n");
    refuse("\r\n\r\n");
}

static void a_header_is_exact(void **state)
{
    (void)state;
    accept("HTTP/1.1 200 OK\r\nX:\r\n\r\n", 200, false, 0);
    refuse("HTTP/1.1 200 OK\r\nX\r\n\r\n");
    refuse("HTTP/1.1 200 OK\r\n: y\r\n\r\n");
    refuse("HTTP/1.1 200 OK\r\nX : y\r\n\r\n");
    refuse("HTTP/1.1 200 OK\r\nX(y): z\r\n\r\n");
    refuse("HTTP/1.1 200 OK\r\nX: y\r\n folded\r\n\r\n");
    refuse("HTTP/1.1 200 OK\r\nX: y\rz\r\n\r\n");
    refuse("HTTP/1.1 200 OK\r\nX: y\nContent-Length: 3\r\n\r\n");
    refuse("HTTP/1.1 200 OK\r\nX: \x7f\r\n\r\n");
}

static void a_length_is_said_once_and_in_digits(void **state)
{
    (void)state;
    refuse("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n");
    refuse("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n");
    refuse("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n");
    refuse("HTTP/1.1 200 OK\r\nContent-Length: 5 5\r\n\r\n");
    refuse("HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\n");
    refuse("HTTP/1.1 200 OK\r\nContent-Length: 4294967296\r\n\r\n");
    refuse("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n");
    refuse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n"
           "\r\n");
}

static void chunks_are_not_ours(void **state)
{
    (void)state;
    refuse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    refuse("HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\n");
    accept("HTTP/1.1 200 OK\r\nTransfer-Encodings: chunked\r\n\r\n", 200, false,
           0);
}

static void a_head_is_bounded(void **state)
{
    static char text[ANSWER_MAX_HEAD_BYTES + 100];
    static const char start[] = "HTTP/1.1 200 OK\r\nX: ";
    struct answer answer;

    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text, start, strlen(start));
    assert_int_equal(answer_parse(text, ANSWER_MAX_HEAD_BYTES - 1, &answer),
                     STATUS_OK);
    assert_int_equal(answer_parse(text, ANSWER_MAX_HEAD_BYTES, &answer),
                     STATUS_PROTOCOL);
    memcpy(text + ANSWER_MAX_HEAD_BYTES - 4, "\r\n\r\n", 4);
    assert_int_equal(answer_parse(text, sizeof(text), &answer), STATUS_OK);
    memcpy(text + ANSWER_MAX_HEAD_BYTES - 4, "x\r\n\r\n", 5);
    assert_int_equal(answer_parse(text, sizeof(text), &answer),
                     STATUS_PROTOCOL);
}

RUN_TESTS(TEST(an_answer_has_a_code_and_perhaps_a_length),
          TEST(any_part_of_a_head_is_waited_for), TEST(a_status_line_is_exact),
          TEST(a_header_is_exact), TEST(a_length_is_said_once_and_in_digits),
          TEST(chunks_are_not_ours), TEST(a_head_is_bounded))
