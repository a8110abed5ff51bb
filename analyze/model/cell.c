/* SPDX-License-Identifier: MIT */
#include "cell.h"

#include <inttypes.h>
#include <string.h>

int frame_compare(const struct frame *a, const struct frame *b)
{
    int order = strcmp(a->function, b->function);
    if (order == 0)
        order = strcmp(a->file, b->file);
    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

static int compare_numbers(double a, double b)
{
    return (a < b) - (a > b);
}

static int compare_stacks(const struct stack *a, const struct stack *b)
{
    for (size_t i = 0; i < a->n_frames && i < b->n_frames; i++) {
        const int order = strcmp(a->frames[i].function, b->frames[i].function);
        if (order != 0)
            return order;
    }
    return (a->n_frames > b->n_frames) - (a->n_frames < b->n_frames);
}

static int compare_frames(const struct frame *a, const struct frame *b)
{
    const int order = strcmp(a->file, b->file);
    if (order != 0 || a->line != b->line)
        return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
    return strcmp(a->function, b->function);
}

int cell_compare(const struct cell *a, const struct cell *b)
{
    if (a->unit == UNIT_NONE || b->unit == UNIT_NONE || a->unit != b->unit)
        return (a->unit == UNIT_NONE) - (b->unit == UNIT_NONE);
    switch (a->unit) {
    case UNIT_TEXT:
        return strcmp(a->text, b->text);
    case UNIT_PLACE: {
        const int order = strcmp(a->text, b->text);
        return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
    }
    case UNIT_STACK:
        return compare_stacks(a->stack, b->stack);
    case UNIT_PSTATS:
    case UNIT_YAPPI:
        return compare_frames(a->frame, b->frame);
    case UNIT_RATIO:
    case UNIT_NUMBER:
        return compare_numbers(a->ratio, b->ratio);
    case UNIT_ID: /* a name: in the order of names */
        return (a->n > b->n) - (a->n < b->n);
    default:
        return (a->n < b->n) - (a->n > b->n);
    }
}

void seconds_print(struct buffer *buffer, int64_t ns, int decimals)
{
    uint64_t unit_ns = 1;
    for (int i = decimals; i < 9; i++)
        unit_ns *= 10;
    const uint64_t magnitude = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
    const uint64_t units = magnitude / unit_ns + (magnitude % unit_ns >= unit_ns - unit_ns / 2);
    const uint64_t per_second = UINT64_C(1000000000) / unit_ns;
    buffer_print(buffer, "%s%" PRIu64, ns < 0 ? "-" : "", units / per_second);
    if (decimals > 0)
        buffer_print(buffer, ".%0*" PRIu64, decimals, units % per_second);
}

void frame_print(struct buffer *buffer, const struct frame *frame)
{
    buffer_add_text(buffer, frame->function);
    if (frame->file[0] == '\0' && frame->line == 0)
        return;
    buffer_print(buffer, " (%s", frame->file);
    if (frame->line > 0)
        buffer_print(buffer, ":%" PRIu32, frame->line);
    buffer_add_text(buffer, ")");
}

static void stack_print(struct buffer *buffer, const struct stack *stack)
{
    for (size_t i = 0; i < stack->n_frames; i++) {
        if (i > 0)
            buffer_add_text(buffer, "; ");
        frame_print(buffer, &stack->frames[i]);
    }
}

/* What has no file is a name alone, as in those tools. */
static void print_tracer_name(struct buffer *buffer, const struct frame *frame, bool pstats)
{
    if (frame->file[0] != '\0')
        buffer_print(buffer, "%s:%" PRIu32 "%s", frame->file, frame->line, pstats ? "(" : " ");
    buffer_add_text(buffer, frame->function);
    if (frame->file[0] != '\0' && pstats)
        buffer_add_text(buffer, ")");
}

void cell_print(struct buffer *buffer, const struct cell *cell)
{
    switch (cell->unit) {
    case UNIT_NONE:
        break;
    case UNIT_TEXT:
        buffer_add_text(buffer, cell->text);
        break;
    case UNIT_PLACE:
        buffer_add_text(buffer, cell->text);
        if (cell->line > 0 && cell->text[0] != '\0')
            buffer_print(buffer, ":%" PRIu32, cell->line);
        break;
    case UNIT_SECONDS:
        seconds_print(buffer, cell->n, cell->n % 1000 != 0 ? 9 : 6);
        break;
    case UNIT_RATIO:
        buffer_print(buffer, "%.6f", cell->ratio);
        break;
    case UNIT_NUMBER:
        buffer_print(buffer, "%.10g", cell->ratio);
        break;
    case UNIT_STACK:
        stack_print(buffer, cell->stack);
        break;
    case UNIT_PSTATS:
    case UNIT_YAPPI:
        print_tracer_name(buffer, cell->frame, cell->unit == UNIT_PSTATS);
        break;
    case UNIT_COUNT:
    case UNIT_ID:
    case UNIT_BYTES:
        buffer_print(buffer, "%" PRId64, cell->n);
        break;
    }
}
