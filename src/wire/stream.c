/* SPDX-License-Identifier: MIT */
#include "wire/stream.h"
#include "wire/frame.h"

/* Pairs left out are INVALID. */
static const uint8_t next_sending[SENDING_STATES][STREAM_EVENTS] = {
    [SENDING_OPEN] = { [STREAM_FIN_WANTED] = SENDING_FINISHING,
                       [STREAM_RESET_WANTED] = SENDING_RESETTING },
    [SENDING_FINISHING] = { [STREAM_FIN_SENT] = SENDING_FINISHED,
                            [STREAM_RESET_WANTED] = SENDING_RESETTING },
    [SENDING_FINISHED] = { [STREAM_FIN_ACKNOWLEDGED] = SENDING_OVER,
                           [STREAM_RESET_WANTED] = SENDING_RESETTING },
    [SENDING_RESETTING] = { [STREAM_RESET_SENT] = SENDING_OVER,
                            [STREAM_FIN_ACKNOWLEDGED] = SENDING_OVER },
};

static const uint8_t next_receiving[RECEIVING_STATES][STREAM_EVENTS] = {
    [RECEIVING_OPEN] = { [STREAM_FIN_RECEIVED] = RECEIVING_FINISHED,
                         [STREAM_RESET_RECEIVED] = RECEIVING_OVER },
    [RECEIVING_FINISHED] = { [STREAM_ALL_CONSUMED] = RECEIVING_CONSUMED,
                             [STREAM_RESET_RECEIVED] = RECEIVING_OVER },
    [RECEIVING_CONSUMED] = { [STREAM_ACKNOWLEDGEMENT_SENT] = RECEIVING_OVER,
                             [STREAM_RESET_RECEIVED] = RECEIVING_OVER },
};

void stream_init(struct stream *stream, uint32_t id, uint64_t send_limit,
                 uint64_t receive_limit)
{
    *stream = (struct stream){ .id = id,
                               .sending = SENDING_OPEN,
                               .receiving = RECEIVING_OPEN,
                               .send_limit = send_limit,
                               .receive_limit = receive_limit,
                               .read_parts = 1 };
    list_init(&stream->ring);
    list_init(&stream->control);
    list_init(&stream->room);
}

bool stream_can(const struct stream *stream, enum stream_event event)
{
    return next_sending[stream->sending][event] != SENDING_INVALID ||
           next_receiving[stream->receiving][event] != RECEIVING_INVALID;
}

void stream_advance(struct stream *stream, enum stream_event event)
{
    uint8_t sending = next_sending[stream->sending][event];
    uint8_t receiving = next_receiving[stream->receiving][event];

    ASSERT(stream_can(stream, event));
    if (sending != SENDING_INVALID)
        stream->sending = sending;
    if (receiving != RECEIVING_INVALID)
        stream->receiving = receiving;
    if (event == STREAM_FIN_SENT)
        stream->fin_sent = true;
}

bool stream_is_over(const struct stream *stream)
{
    return stream->sending == SENDING_OVER &&
           stream->receiving == RECEIVING_OVER;
}

bool stream_can_write(const struct stream *stream)
{
    return stream->sending == SENDING_OPEN;
}

uint64_t stream_sendable(const struct stream *stream)
{
    uint64_t limit = stream->written < stream->send_limit ? stream->written
                                                          : stream->send_limit;

    if (stream->sending == SENDING_FINISHED || stream->sending == SENDING_OVER)
        return 0;
    return limit > stream->sent ? limit - stream->sent : 0;
}

/*
 * A peer that gives credit in drips would have us send drips: wait until there
 * is room for something worth a frame, or for all there is.
 */
enum { WORTH_A_FRAME = 1024 };

bool stream_wants_to_send(const struct stream *stream)
{
    uint64_t sendable = stream_sendable(stream);

    if (stream->open_due)
        return false; /* OPEN goes first, with the control frames */
    if (sendable >= WORTH_A_FRAME)
        return true;
    if (stream->sent + sendable < stream->written)
        return false;
    return sendable > 0 || stream->sending == SENDING_FINISHING;
}

const char *stream_data_fault(const struct stream *stream, uint64_t offset,
                              uint64_t length)
{
    if (stream->receiving != RECEIVING_OPEN)
        return "data behind the end of a stream";
    if (offset != stream->received)
        return "data at a wrong offset";
    if (length > stream->receive_limit - stream->received)
        return "data beyond its credit";
    return NULL;
}

const char *stream_window_fault(const struct stream *stream, uint64_t consumed,
                                uint64_t limit)
{
    if (consumed > stream->sent + stream->fin_sent)
        return "acknowledgement of what was not sent";
    if (limit > FRAME_MAX_OFFSET)
        return "limit out of range";
    if (consumed < stream->acknowledged || limit < stream->send_limit)
        return "window taken back";
    return NULL;
}
