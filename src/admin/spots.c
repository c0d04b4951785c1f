/* SPDX-License-Identifier: MIT */
#include "admin/spots.h"
#include <stdlib.h>

static const struct service_survey *
find_survey(const struct board_survey *board, enum service_role role)
{
    for (size_t i = 0; i < board->service_count; i++)
        if (board->services[i].role == role)
            return &board->services[i];
    return NULL;
}

static bool is_same_place(const struct place_survey *a,
                          const struct place_survey *b)
{
    return a->is_inbound == b->is_inbound &&
           address_equal(&a->address, &b->address);
}

/* Workers tell of their places in much the same order: begin at |hint|. */
static struct spot *get_spot(struct spots *spots,
                             const struct place_survey *place, size_t hint)
{
    struct spot *spot;

    for (size_t i = 0; i < spots->count; i++) {
        spot = &spots->items[(hint + i) % spots->count];
        if (is_same_place(spot->first, place))
            return spot;
    }
    if (spots->count == spots->room)
        return NULL;
    spot = &spots->items[spots->count];
    spot->first = place;
    spot->told = &spots->told[spots->count++ * spots->board_count];
    return spot;
}

static void add_survey(struct spots *spots, size_t board)
{
    const struct service_survey *survey = spots->surveys[board];
    size_t left_out = survey ? survey->left_out : 0;

    for (size_t i = 0; survey && i < survey->place_count; i++) {
        struct spot *spot = get_spot(spots, &survey->places[i], i);

        if (spot)
            spot->told[board] = &survey->places[i];
        else
            left_out++;
    }
    if (left_out > spots->left_out)
        spots->left_out = left_out;
}

void spots_clear(struct spots *spots)
{
    free(spots->surveys);
    free(spots->items);
    free(spots->told);
}

bool spots_init(struct spots *spots, const struct explanation *explanation,
                enum service_role role)
{
    size_t boards = explanation->board_count, room = 1;

    *spots = (struct spots){ .board_count = boards };
    spots->surveys = calloc(boards + 1, sizeof(*spots->surveys));
    for (size_t i = 0; spots->surveys && i < boards; i++) {
        spots->surveys[i] = find_survey(explanation->boards[i], role);
        room += spots->surveys[i] ? spots->surveys[i]->place_count : 0;
    }
    spots->room = room < SURVEY_MAX_PLACES ? room : SURVEY_MAX_PLACES;
    spots->items = calloc(spots->room, sizeof(*spots->items));
    spots->told = calloc(spots->room * (boards + 1), sizeof(*spots->told));
    if (!spots->surveys || !spots->items || !spots->told) {
        spots_clear(spots);
        return false;
    }
    for (size_t i = 0; i < boards; i++)
        add_survey(spots, i);
    return true;
}
