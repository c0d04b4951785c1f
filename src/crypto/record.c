/* SPDX-License-Identifier: MIT */
#include "crypto/record.h"
#include "crypto/failure.h"
#include "crypto/secret.h"

enum content { CONTENT_ALERT = 21, CONTENT_HANDSHAKE = 22, CONTENT_DATA = 23 };
enum message { MESSAGE_NEW_SESSION_TICKET = 4, MESSAGE_KEY_UPDATE = 24 };
enum { LEVEL_WARNING = 1, LEVEL_FATAL = 2 };

#define MESSAGE_HEADER 4u
#define MAX_CIPHERTEXT (TLS_MAX_RECORD - RECORD_HEADER)

struct record {
    struct traffic send;
    struct traffic receive;
    struct failure failure;
    uint64_t update_after;
    int64_t budget;
    enum tls_role role;
    bool answer_update;   /* the peer wants our keys changed */
    bool send_closed;     /* our last record is out */
    bool receive_closed;  /* close_notify came */
    uint8_t message[5];   /* of the peer's message, what has come */
    size_t message_bytes; /* how many of them */
    size_t skip_bytes;    /* the rest of a message nobody reads */
};

struct record *record_new(enum tls_role role, enum aead_kind kind,
                          const uint8_t *client_secret,
                          const uint8_t *server_secret)
{
    struct record *record = secret_new(sizeof(*record));
    bool is_client = role == TLS_CLIENT;

    if (!record)
        return NULL;
    record->role = role;
    record->budget = RECORD_BUDGET;
    record->update_after = RECORD_UPDATE_AFTER;
    traffic_init(&record->send, kind,
                 is_client ? client_secret : server_secret);
    traffic_init(&record->receive, kind,
                 is_client ? server_secret : client_secret);
    return record;
}

void record_free(struct record *record)
{
    secret_free(record);
}

void record_set_update_after(struct record *record, uint64_t records)
{
    ASSERT(records >= 2);
    record->update_after = records;
}

const char *record_aead_name(const struct record *record)
{
    return aead_name(&record->send.aead);
}

const struct failure *record_failure(const struct record *record)
{
    return &record->failure;
}

/* ---- sending ---- */

/* One record; |inner| is followed by one byte for us to write on. */
static size_t seal(struct traffic *traffic, enum content content,
                   uint8_t *inner, size_t length, uint8_t *out)
{
    size_t ciphertext = length + 1 + AEAD_TAG_BYTES;
    uint8_t nonce[AEAD_NONCE_BYTES];

    inner[length] = (uint8_t)content;
    out[0] = CONTENT_DATA;
    out[1] = 3;
    out[2] = 3;
    out[3] = (uint8_t)(ciphertext >> 8);
    out[4] = (uint8_t)ciphertext;
    traffic_next_nonce(traffic, nonce);
    aead_seal(&traffic->aead,
              &(struct aead_message){ nonce, out, RECORD_HEADER }, inner,
              length + 1, out + RECORD_HEADER);
    return RECORD_HEADER + ciphertext;
}

static bool wants_update(const struct record *record)
{
    /* The message that changes the keys is the last record under them. */
    return record->answer_update ||
           record->send.sequence + 1 >= record->update_after;
}

static size_t seal_update(struct record *record, uint8_t *out)
{
    /* type, 24 bits of length, "you need not"; room for seal() */
    uint8_t update[] = { MESSAGE_KEY_UPDATE, 0, 0, 1, 0, 0 };
    size_t sealed =
        seal(&record->send, CONTENT_HANDSHAKE, update, sizeof(update) - 1, out);

    traffic_update(&record->send);
    record->answer_update = false;
    return sealed;
}

size_t record_seal(struct record *record, uint8_t *plaintext, size_t length,
                   uint8_t *out)
{
    size_t update = 0;

    ASSERT(length > 0 && length <= TLS_MAX_PLAINTEXT && !record->send_closed);
    if (wants_update(record))
        update = seal_update(record, out);
    return update +
           seal(&record->send, CONTENT_DATA, plaintext, length, out + update);
}

static size_t seal_alert(struct traffic *traffic, int alert, uint8_t *out)
{
    uint8_t inner[3];

    inner[0] = alert == ALERT_CLOSE_NOTIFY ? LEVEL_WARNING : LEVEL_FATAL;
    inner[1] = (uint8_t)alert;
    return seal(traffic, CONTENT_ALERT, inner, 2, out);
}

size_t record_seal_alert(struct record *record, int alert, uint8_t *out)
{
    ASSERT(!record->send_closed);
    record->send_closed = true;
    return seal_alert(&record->send, alert, out);
}

bool record_can_seal(const struct record *record)
{
    return !record->send_closed;
}

size_t record_seal_lone_alert(enum aead_kind kind, const uint8_t *secret,
                              uint64_t sequence, int alert, uint8_t *out)
{
    struct traffic *traffic = secret_new(sizeof(*traffic));
    size_t sealed;

    if (!traffic)
        return 0;
    traffic_init(traffic, kind, secret);
    traffic->sequence = sequence;
    sealed = seal_alert(traffic, alert, out);
    secret_free(traffic);
    return sealed;
}

/* ---- receiving ---- */

static enum status broken(struct record *record, int alert, const char *text)
{
    return failure_set(&record->failure, STATUS_PROTOCOL, alert, "%s", text);
}

/* Pay |cost|; a negative one is earned. */
static enum status spend(struct record *record, int64_t cost)
{
    record->budget -= cost;
    if (record->budget > RECORD_BUDGET)
        record->budget = RECORD_BUDGET;
    if (record->budget >= 0)
        return STATUS_OK;
    return broken(record, ALERT_UNEXPECTED_MESSAGE,
                  "the peer floods us with records that carry next to nothing");
}

static enum status take_alert(struct record *record, const uint8_t *alert,
                              size_t length)
{
    if (length != 2)
        return broken(record, ALERT_DECODE_ERROR,
                      "the peer sent an alert of the wrong length");
    if (alert[1] == ALERT_CLOSE_NOTIFY) {
        record->receive_closed = true;
        return STATUS_CLOSED;
    }
    /* Announces a close_notify, for whoever wants to know. */
    if (alert[1] == ALERT_USER_CANCELED)
        return STATUS_OK;
    return failure_set_theirs(&record->failure, alert[1]);
}

/* All five bytes are there; |left| more are behind them in the record. */
static enum status take_key_update(struct record *record, size_t left)
{
    uint8_t request = record->message[4];
    enum status status = spend(record, RECORD_MESSAGE_COST);

    if (status != STATUS_OK)
        return status;
    if (request > 1)
        return broken(record, ALERT_ILLEGAL_PARAMETER,
                      "the peer sent a KeyUpdate that asks for nothing known");
    if (left > 0)
        return broken(record, ALERT_UNEXPECTED_MESSAGE,
                      "the peer sent more under keys it had given up");
    traffic_update(&record->receive);
    if (request == 1)
        record->answer_update = true; /* however often it asked */
    record->message_bytes = 0;
    return STATUS_OK;
}

/* Its four bytes of header are there. */
static enum status judge_message(struct record *record)
{
    const uint8_t *head = record->message;
    size_t length =
        (size_t)head[1] << 16 | (size_t)head[2] << 8 | (size_t)head[3];

    if (head[0] == MESSAGE_KEY_UPDATE) {
        if (length == 1)
            return STATUS_OK;
        return broken(record, ALERT_DECODE_ERROR,
                      "the peer sent a KeyUpdate of the wrong length");
    }
    if (head[0] == MESSAGE_NEW_SESSION_TICKET && record->role == TLS_CLIENT &&
        length <= TLS_MAX_HANDSHAKE) {
        record->skip_bytes = length;
        record->message_bytes = 0;
        return spend(record, RECORD_MESSAGE_COST);
    }
    return broken(record, ALERT_UNEXPECTED_MESSAGE,
                  "the peer sent a handshake message after the handshake");
}

static bool is_inside_message(const struct record *record)
{
    return record->message_bytes > 0 || record->skip_bytes > 0;
}

/* Messages may be split over records, and records hold several. */
static enum status take_messages(struct record *record, const uint8_t *bytes,
                                 size_t length)
{
    if (length == 0)
        return broken(record, ALERT_UNEXPECTED_MESSAGE,
                      "the peer sent a handshake record with nothing in it");
    while (length > 0) {
        enum status status = STATUS_OK;

        if (record->skip_bytes > 0) {
            size_t part =
                length < record->skip_bytes ? length : record->skip_bytes;

            record->skip_bytes -= part;
            bytes += part;
            length -= part;
            continue;
        }
        record->message[record->message_bytes++] = *bytes++;
        length--;
        if (record->message_bytes == MESSAGE_HEADER)
            status = judge_message(record);
        else if (record->message_bytes == MESSAGE_HEADER + 1)
            status = take_key_update(record, length);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status take_content(struct record *record, uint8_t content,
                                struct tls_record *opened)
{
    const uint8_t *bytes = opened->plaintext;
    size_t length = opened->length;
    enum status status;

    if (content == CONTENT_DATA && !is_inside_message(record))
        return spend(record, RECORD_SMALL - (int64_t)length);
    opened->length = 0;
    status = spend(record, RECORD_SMALL);
    if (status != STATUS_OK)
        return status;
    if (content == CONTENT_HANDSHAKE)
        return take_messages(record, bytes, length);
    if (content == CONTENT_ALERT && !is_inside_message(record))
        return take_alert(record, bytes, length);
    return broken(record, ALERT_UNEXPECTED_MESSAGE,
                  "the peer sent a record of a kind that has no place here");
}

/* What the header says; |*ciphertext| is the length behind it. */
static enum status read_header(struct record *record, const uint8_t *header,
                               size_t *ciphertext)
{
    *ciphertext = (size_t)header[3] << 8 | header[4];
    if (header[0] != CONTENT_DATA)
        return broken(record, ALERT_UNEXPECTED_MESSAGE,
                      "what the peer sent is not encrypted (a record in the "
                      "clear, or not TLS any more)");
    if (*ciphertext > MAX_CIPHERTEXT)
        return broken(record, ALERT_RECORD_OVERFLOW,
                      "the peer sent a record that is too long");
    return STATUS_OK;
}

static enum status decrypt(struct record *record, uint8_t *bytes,
                           size_t ciphertext)
{
    uint8_t nonce[AEAD_NONCE_BYTES];

    if (record->receive.sequence == UINT64_MAX)
        return broken(record, ALERT_UNEXPECTED_MESSAGE,
                      "the peer never changed its keys");
    traffic_next_nonce(&record->receive, nonce);
    if (aead_open(&record->receive.aead,
                  &(struct aead_message){ nonce, bytes, RECORD_HEADER },
                  bytes + RECORD_HEADER, ciphertext))
        return STATUS_OK;
    return broken(record, ALERT_BAD_RECORD_MAC,
                  "a record was changed, lost, repeated or forged on the way");
}

/* Find the content type in front of the padding. */
static enum status unpad(struct record *record, const uint8_t *inner,
                         size_t length, struct tls_record *opened,
                         uint8_t *content)
{
    if (length > TLS_MAX_PLAINTEXT + 1)
        return broken(record, ALERT_RECORD_OVERFLOW,
                      "the peer sent more in a record than fits in one");
    while (length > 0 && inner[length - 1] == 0)
        length--;
    if (length == 0)
        return broken(record, ALERT_UNEXPECTED_MESSAGE,
                      "the peer sent a record of no kind at all");
    *content = inner[length - 1];
    opened->plaintext = inner;
    opened->length = length - 1;
    return STATUS_OK;
}

enum status record_open(struct record *record, uint8_t *bytes, size_t length,
                        struct tls_record *opened)
{
    struct tls_record found = { 0 };
    uint8_t content = 0;
    size_t ciphertext;
    enum status status;

    *opened = found;
    if (record->failure.status != STATUS_OK)
        return record->failure.status;
    if (record->receive_closed)
        return STATUS_CLOSED;
    if (length < RECORD_HEADER)
        return STATUS_OK;
    status = read_header(record, bytes, &ciphertext);
    if (status != STATUS_OK || length - RECORD_HEADER < ciphertext)
        return status;
    status = decrypt(record, bytes, ciphertext);
    if (status == STATUS_OK)
        status = unpad(record, bytes + RECORD_HEADER,
                       ciphertext - AEAD_TAG_BYTES, &found, &content);
    if (status == STATUS_OK)
        status = take_content(record, content, &found);
    if (status != STATUS_OK)
        return status;
    found.consumed = RECORD_HEADER + ciphertext;
    *opened = found;
    return STATUS_OK;
}
