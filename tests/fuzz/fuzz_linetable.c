/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a line table, in each dialect, for instructions all over it. The first byte is the
 * dialect, the next four the first line; the rest is the table.
 */
#include "fuzz.h"
#include "record/decode/linetable.h"
#include <string.h>

#define HEAD_LEN 5

static void place_check(const struct linetable *table, int32_t instr)
{
    struct linetable_position place;
    const bool found = linetable_find(table, instr, &place);
    ALWAYS(found == (place.line != LINETABLE_NONE));
    ALWAYS(place.line >= LINETABLE_NONE && place.end_line >= LINETABLE_NONE);
    ALWAYS(place.column >= LINETABLE_NONE && place.end_column >= LINETABLE_NONE);
    ALWAYS(found || (place.end_line == LINETABLE_NONE && place.column == LINETABLE_NONE &&
                     place.end_column == LINETABLE_NONE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int32_t first_line;
    if (size < HEAD_LEN)
        return 0;
    memcpy(&first_line, data + 1, sizeof first_line);
    const struct linetable table = {.kind = data[0] % 5,
                                    .first_line = first_line,
                                    .bytes = data + HEAD_LEN,
                                    .len = size - HEAD_LEN};
    const int32_t last = size < 4096 ? 4 * (int32_t)size : 4 * 4096;
    for (int32_t instr = -1; instr < last; instr++)
        place_check(&table, instr);
    place_check(&table, INT32_MAX);
    place_check(&table, INT32_MIN);
    return 0;
}
