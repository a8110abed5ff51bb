/* SPDX-License-Identifier: MIT */
#include "linetable.h"

/* A line as a table builds it up, sum by sum, kept in a range where sums cannot overflow. */
static int64_t line_add(int64_t line, int64_t delta)
{
    const int64_t sum = line + delta;
    return sum < INT32_MIN ? INT32_MIN : sum > INT32_MAX ? INT32_MAX : sum;
}

static int32_t line_or_none(int64_t line)
{
    return line < 0 ? LINETABLE_NONE : (int32_t)line;
}

static bool position_set(struct linetable_position *position, int64_t line, int64_t end_line)
{
    position->line = line_or_none(line);
    position->end_line = line_or_none(end_line);
    return position->line != LINETABLE_NONE;
}

/* Pairs (bytes, lines): the line counts from that byte on. */
static bool find_lnotab(const struct linetable *table, int32_t instr,
                        struct linetable_position *position)
{
    int64_t line = table->first_line;
    int64_t start = 0;
    for (size_t i = 0; i + 1 < table->len; i += 2) {
        start += table->bytes[i];
        if (start > instr)
            break;
        line = line_add(line, (int8_t)table->bytes[i + 1]);
    }
    return position_set(position, line, line);
}

/* Pairs (bytes, lines): the line of the range that ends there; -128 = a range without a line. */
static bool find_lines(const struct linetable *table, int32_t instr,
                       struct linetable_position *position)
{
    int64_t line = table->first_line;
    int64_t end = 0;
    for (size_t i = 0; i + 1 < table->len; i += 2) {
        const int8_t delta = (int8_t)table->bytes[i + 1];
        end += table->bytes[i];
        if (delta != -128)
            line = line_add(line, delta);
        if (end > instr)
            return delta != -128 && position_set(position, line, line);
    }
    return false;
}

/* ---- 3.11: entries of one to some bytes; only the first byte of an entry has bit 7 set ---- */

struct cursor {
    const uint8_t *at, *end;
};

static uint32_t next_byte(struct cursor *c)
{
    return c->at < c->end && *c->at < 0x80 ? *c->at++ : 0;
}

/* Six bits per byte, least significant first; bit 6 = more to come. */
static uint32_t next_varint(struct cursor *c)
{
    uint32_t value = 0;
    for (unsigned shift = 0; c->at < c->end && *c->at < 0x80; shift += 6) {
        const uint8_t byte = *c->at++;
        if (shift < 32)
            value |= (uint32_t)(byte & 63) << shift;
        if ((byte & 64) == 0)
            break;
    }
    return value;
}

static int64_t next_svarint(struct cursor *c)
{
    const uint32_t u = next_varint(c);
    return (u & 1) != 0 ? -(int64_t)(u >> 1) : (int64_t)(u >> 1);
}

/* Columns are stored plus one, 0 = none. */
static int32_t next_column(struct cursor *c)
{
    const uint32_t u = next_varint(c);
    return u > INT32_MAX ? LINETABLE_NONE : (int32_t)u - 1;
}

/* One entry of kind `kind`, its first byte read. False when it says "no location". */
static bool entry_read(struct cursor *c, unsigned kind, int64_t *line,
                       struct linetable_position *position)
{
    int64_t lines = 0;
    position->column = position->end_column = LINETABLE_NONE;
    if (kind <= 9) { /* same line, short columns */
        const uint32_t byte = next_byte(c);
        position->column = (int32_t)(kind * 8 + (byte >> 4));
        position->end_column = position->column + (int32_t)(byte & 15);
    } else if (kind <= 12) { /* at most two lines on, columns of a byte */
        *line = line_add(*line, kind - 10);
        position->column = (int32_t)next_byte(c);
        position->end_column = (int32_t)next_byte(c);
    } else if (kind == 13) { /* no columns */
        *line = line_add(*line, next_svarint(c));
    } else if (kind == 14) { /* everything */
        *line = line_add(*line, next_svarint(c));
        lines = next_varint(c);
        position->column = next_column(c);
        position->end_column = next_column(c);
    }
    return kind != 15 && position_set(position, *line, line_add(*line, lines));
}

static bool find_locations(const struct linetable *table, int32_t instr,
                           struct linetable_position *position)
{
    struct cursor c = {table->bytes, table->bytes + table->len};
    int64_t line = table->first_line;
    int64_t end = 0;
    while (c.at < c.end) {
        const uint8_t first = *c.at++;
        if (first < 0x80)
            return false; /* no start of an entry: damaged */
        end += 2 * ((first & 7) + 1);
        const bool found = entry_read(&c, (first >> 3) & 15, &line, position);
        if (end > instr)
            return found;
    }
    return false;
}

bool linetable_find(const struct linetable *table, int32_t instr,
                    struct linetable_position *position)
{
    const struct linetable_position none = {LINETABLE_NONE, LINETABLE_NONE, LINETABLE_NONE,
                                            LINETABLE_NONE};
    bool found = false;
    *position = none;
    if (instr < 0)
        found = position_set(position, table->first_line, table->first_line);
    else if (table->kind == WIRE_TABLE_LNOTAB)
        found = find_lnotab(table, instr, position);
    else if (table->kind == WIRE_TABLE_LINES)
        found = find_lines(table, instr, position);
    else if (table->kind == WIRE_TABLE_LOCATIONS)
        found = find_locations(table, instr, position);
    if (!found)
        *position = none;
    return found;
}
