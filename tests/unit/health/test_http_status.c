/* SPDX-License-Identifier: MIT */
#include "health/http_status.h"
#include "support/check_test.h"

static const struct {
    const char *text;
    enum http_progress progress;
    unsigned code;
} answers[] = {
    { "HTTP/1.1 200 OK\r\n", HTTP_STATUS, 200 },
    { "HTTP/1.0 503 Service Unavailable\r\n", HTTP_STATUS, 503 },
    { "HTTP/1.1 204\r\n", HTTP_STATUS, 204 },
    { "HTTP/1.1 404\n", HTTP_STATUS, 404 },
    { "HTTP/1.1 599 Odd\r\n", HTTP_STATUS, 599 },
    { "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 301 Moved\r\n", HTTP_STATUS, 301 },
    { "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 100\n\n"
      "HTTP/1.1 500 Oh\r\n",
      HTTP_STATUS, 500 },
    { "HTTP/1.1 103 Early Hints\r\nLink: a\r\nB: HTTP/1.1 200 OK\r\n",
      HTTP_MORE, 0 },
    { "HTTP/1.1 20", HTTP_MORE, 0 },
    { "HTTP/1.1 200", HTTP_MORE, 0 },
    { "", HTTP_MORE, 0 },
    { "HTTP/1.1 600 Odd\r\n", HTTP_BROKEN, 0 },
    { "HTTP/1.1 099 Odd\r\n", HTTP_BROKEN, 0 },
    { "HTTP/1.1 2000 Odd\r\n", HTTP_BROKEN, 0 },
    { "HTTP/1.1 20x OK\r\n", HTTP_BROKEN, 0 },
    { "HTTP/1.1  200 OK\r\n", HTTP_BROKEN, 0 },
    { "HTTP/11 200 OK\r\n", HTTP_BROKEN, 0 },
    { "http/1.1 200 OK\r\n", HTTP_BROKEN, 0 },
    { "\r\nHTTP/1.1 200 OK\r\n", HTTP_BROKEN, 0 },
    { "-ERR unknown command\r\n", HTTP_BROKEN, 0 },
};

static void a_status_is_read_however_it_comes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(answers); i++) {
        const uint8_t *bytes = (const uint8_t *)answers[i].text;
        size_t length = strlen(answers[i].text);

        for (size_t cut = 0; cut <= length; cut++) {
            struct http_status status;
            enum http_progress progress;

            http_status_init(&status);
            progress = http_status_read(&status, bytes, cut);
            if (progress == HTTP_MORE)
                progress = http_status_read(&status, bytes + cut, length - cut);
            assert_int_equal(progress, answers[i].progress);
            if (progress == HTTP_STATUS)
                assert_int_equal(status.code, answers[i].code);
        }
    }
}

RUN_TESTS(TEST(a_status_is_read_however_it_comes))
