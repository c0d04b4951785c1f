/* SPDX-License-Identifier: MIT */
#include "admin/sheet.h"
#include <stdlib.h>
#include <string.h>

/* ---- what a terminal gets ---- */

/* How many bytes of |text| are one harmful character; 0: a harmless one. */
static size_t harmful_bytes(const unsigned char *text)
{
    if (text[0] < 0x20 || text[0] == 0x7f)
        return 1;
    if (text[0] == 0xc2 && text[1] < 0xa0) /* U+0080 to U+009F: C1 */
        return text[1] == '\0' ? 1 : 2;
    if (text[0] != 0xe2 || text[1] == '\0' || text[2] == '\0')
        return 0;
    /* U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069 */
    if (text[1] == 0x80 && (text[2] == 0x8e || text[2] == 0x8f ||
                            (text[2] >= 0xa8 && text[2] <= 0xae)))
        return 3;
    return text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9 ? 3 : 0;
}

char *sheet_harmless(const char *text)
{
    char *copy = strdup(text);
    char *to = copy;

    if (!copy)
        return NULL;
    for (const char *at = copy; *at != '\0';) {
        size_t bytes = harmful_bytes((const unsigned char *)at);

        *to++ = bytes ? '?' : *at;
        at += bytes ? bytes : 1;
    }
    *to = '\0';
    return copy;
}

/* In characters: bytes that do not continue one. */
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* ---- the table ---- */

void sheet_init(struct sheet *sheet, size_t columns)
{
    ASSERT(columns > 0 && columns <= SHEET_MAX_COLUMNS);
    *sheet = (struct sheet){ .columns = columns };
}

static bool make_room(struct sheet *sheet)
{
    size_t room = sheet->room ? sheet->room * 2 : 64;
    char **cells;

    if (sheet->count < sheet->room)
        return true;
    cells = realloc(sheet->cells, room * sizeof(*cells));
    if (!cells)
        return false;
    sheet->cells = cells;
    sheet->room = room;
    return true;
}

void sheet_add(struct sheet *sheet, const char *text)
{
    char *copy = sheet_harmless(text);

    if (!copy || !make_room(sheet)) {
        sheet->has_failed = true;
        free(copy);
        return;
    }
    sheet->cells[sheet->count++] = copy;
}

static void measure(const struct sheet *sheet, size_t *widths)
{
    for (size_t i = 0; i < sheet->count; i++) {
        size_t width = width_of(sheet->cells[i]);

        if (width > widths[i % sheet->columns])
            widths[i % sheet->columns] = width;
    }
}

/* Nothing behind the last text of a row. */
static void print_row(const struct sheet *sheet, char *const *row,
                      const size_t *widths, FILE *to)
{
    size_t last = sheet->columns;
    size_t blanks = 0;

    while (last > 0 && row[last - 1][0] == '\0')
        last--;
    for (size_t i = 0; i < last; i++) {
        fprintf(to, "%*s%s", (int)blanks, "", row[i]);
        blanks = widths[i] - width_of(row[i]) + 2;
    }
    fputc('\n', to);
}

bool sheet_print(const struct sheet *sheet, FILE *to)
{
    size_t widths[SHEET_MAX_COLUMNS] = { 0 };

    if (sheet->has_failed)
        return false;
    measure(sheet, widths);
    for (size_t i = 0; i + sheet->columns <= sheet->count; i += sheet->columns)
        print_row(sheet, sheet->cells + i, widths, to);
    return true;
}

void sheet_clear(struct sheet *sheet)
{
    for (size_t i = 0; i < sheet->count; i++)
        free(sheet->cells[i]);
    free(sheet->cells);
    *sheet = (struct sheet){ .columns = sheet->columns };
}
