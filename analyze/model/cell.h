/* SPDX-License-Identifier: MIT */
/*
 * cell - one typed value of a table.
 *
 * On the line:  a column makes it of a row, an output gives it a form.
 * Memory:       texts and stacks are borrowed from the row.
 *
 * Outputs look at the unit, never at the column: what seconds or a path look like in csv, json and
 * on a terminal is decided once, for all commands.
 */
#ifndef PYREC_ANALYZE_CELL_H
#define PYREC_ANALYZE_CELL_H

#include "analyze/base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

enum cell_unit {
    UNIT_NONE,    /* not known, or makes no sense here */
    UNIT_TEXT,    /* text */
    UNIT_PLACE,   /* text and line: file:line */
    UNIT_COUNT,   /* n, something counted */
    UNIT_ID,      /* n, a name that happens to be a number */
    UNIT_SECONDS, /* n, in nanoseconds */
    UNIT_RATIO,   /* ratio, 1 = all */
    UNIT_BYTES,   /* n */
    UNIT_NUMBER,  /* ratio, a plain decimal number */
    UNIT_STACK,   /* stack, leaf first */
    UNIT_PSTATS,  /* frame as cProfile has it: file:line(function) */
    UNIT_YAPPI,   /* frame as yappi has it: file:line function */
};

/* A function at a line; the file may be empty, the line 0 when it is not known. */
struct frame {
    const char *function, *file;
    uint32_t line;
    bool native; /* C, not Python; also C frames that are not known */
};

/* Where in its lines an expression is; all 0 = not known. Columns are bytes, from 1 on. */
struct position {
    uint16_t column, end_column; /* the end is exclusive, and in the line lines_more further down */
    uint16_t lines_more;
};

/* By function, file and line, as strcmp. */
int frame_compare(const struct frame *a, const struct frame *b);

struct stack {
    const struct frame *frames; /* leaf first */
    size_t n_frames;
};

struct cell {
    enum cell_unit unit;
    uint32_t line; /* of a place; of a text, how far people see it indented */
    union {
        const char *text;
        int64_t n;
        double ratio;
        const struct stack *stack;
        const struct frame *frame;
    };
};

static inline struct cell cell_none(void)
{
    return (struct cell){.unit = UNIT_NONE};
}

static inline struct cell cell_text(const char *text)
{
    return (struct cell){.unit = text != NULL ? UNIT_TEXT : UNIT_NONE, .text = text};
}

static inline struct cell cell_number(enum cell_unit unit, int64_t n)
{
    return (struct cell){.unit = unit, .n = n};
}

static inline struct cell cell_ratio(double part, double whole)
{
    if (whole <= 0)
        return cell_none();
    return (struct cell){.unit = UNIT_RATIO, .ratio = part / whole};
}

static inline bool unit_is_text(enum cell_unit unit)
{
    return unit == UNIT_TEXT || unit == UNIT_PLACE || unit == UNIT_STACK || unit == UNIT_PSTATS ||
           unit == UNIT_YAPPI;
}

/*
 * The order in which a table shows them: numbers from large to small, text from a to z, ids
 * upwards, what is not known last. Like strcmp.
 */
int cell_compare(const struct cell *a, const struct cell *b);

/* The value as programs want it: full precision, no units; nothing for UNIT_NONE. */
void cell_print(struct buffer *buffer, const struct cell *cell);

/*
 * Seconds with `decimals` digits behind the point, rounded. cell_print uses as many as are needed,
 * at least six.
 */
void seconds_print(struct buffer *buffer, int64_t ns, int decimals);

/*
 * function (file:line), as folded stacks and dumps write it; of code that was compiled without a
 * file's name function (:line).
 */
void frame_print(struct buffer *buffer, const struct frame *frame);

#endif
