/* SPDX-License-Identifier: MIT */
#include "reading.h"

#include "record/agent/cpython/describe.h"
#include "record/agent/cpython/stack.h"
#include "record/decode/linetable.h"
#include "record/regard/outside.h"

#include <stdlib.h>

#define SLOTS    32768u      /* power of two, more than there are frames */
#define TEXT_MAX (64u << 20) /* of all descriptions of one stack */
#define TEXT_ONE (1u << 20)  /* of one: what is longer gives no lines beyond */
#define LOADS    4000000u    /* a stack of 16,000 frames takes some 300,000 */

struct reading_code {
    uintptr_t code;
    struct description what;
};

static const char *const failures[] = {
#define FAILURE_TEXT(name, text) text,
    WIRE_FAILURE_LIST(FAILURE_TEXT)
#undef FAILURE_TEXT
};

bool reading_init(struct reading *reading, const struct interp *interp, struct reading_fold fold)
{
    *reading = (struct reading){
        .interp = interp,
        .fold = fold,
        .raw = malloc(READING_DEPTH_MAX * sizeof *reading->raw),
        .codes = malloc(READING_DEPTH_MAX * sizeof *reading->codes),
        .slots = malloc(SLOTS * sizeof *reading->slots),
        .text = malloc(TEXT_MAX),
        .frames = malloc(READING_DEPTH_MAX * sizeof *reading->frames),
    };
    return reading->raw != NULL && reading->codes != NULL && reading->slots != NULL &&
           reading->text != NULL && reading->frames != NULL;
}

void reading_clear(struct reading *reading)
{
    free(reading->raw);
    free(reading->codes);
    free(reading->slots);
    free(reading->text);
    free(reading->frames);
    *reading = (struct reading){.interp = NULL};
}

/* What the code object says of itself; NULL when it cannot be read. */
static const struct reading_code *code_find(struct reading *reading, uintptr_t code)
{
    uint32_t slot = (uint32_t)(code >> 4) % SLOTS;
    for (; reading->slots[slot] != 0; slot = (slot + 1) % SLOTS) {
        const struct reading_code *const known = &reading->codes[reading->slots[slot] - 1];
        if (known->code == code)
            return known;
    }
    if (TEXT_MAX - reading->used < TEXT_ONE)
        return NULL;
    struct reading_code *const fresh = &reading->codes[reading->n_codes];
    fresh->code = code;
    if (!describe_code(reading->interp, code, reading->text + reading->used, TEXT_ONE,
                       &fresh->what))
        return NULL;
    reading->used += fresh->what.name_len + fresh->what.file_len + fresh->what.table_len;
    reading->slots[slot] = (uint16_t)++reading->n_codes;
    return fresh;
}

static bool frame_describe(struct reading *reading, uint64_t raw, struct reading_frame *frame)
{
    const struct reading_code *const code = code_find(reading, stack_frame_code(raw));
    if (code == NULL)
        return false;
    const struct description *const what = &code->what;
    const struct linetable table = {
        .kind = reading->interp->ver.table,
        .first_line = what->first_line,
        .bytes = (const uint8_t *)what->bytes + what->name_len + what->file_len,
        .len = what->table_len,
    };
    struct linetable_position place;
    (void)linetable_find(&table, stack_frame_instr(raw), &place);
    *frame = (struct reading_frame){
        .function = what->bytes,
        .function_len = what->name_len,
        .file = what->bytes + what->name_len,
        .file_len = what->file_len,
        .line = place.line,
    };
    return true;
}

/* The i-th frame, leaf first, of those that are wanted. */
static bool is_wanted(const struct reading *reading, uint32_t i)
{
    const struct reading_fold *const fold = &reading->fold;
    return fold->inner == 0 || i < fold->inner || i >= reading->depth - fold->outer;
}

const char *reading_take(struct reading *reading, uintptr_t tstate)
{
    const struct stack_source source = {
        .ver = &reading->interp->ver,
        .code_type = reading->interp->code_type,
        .tstate = tstate,
    };
    struct stack stack = {.frames = reading->raw, .max = READING_DEPTH_MAX};
    reading->depth = reading->n_frames = reading->n_left = reading->n_codes = 0;
    reading->used = 0;
    outside_forget(LOADS);
    const enum wire_failure failure = stack_take(&source, &stack);
    if (failure != WIRE_FAIL_NONE)
        return outside_is_spent() ? "its stack has no end" : failures[failure];
    reading->depth = stack.depth;
    reading->is_cut = stack.cut;
    for (uint32_t i = 0; i < SLOTS; i++)
        reading->slots[i] = 0;
    for (uint32_t i = 0; i < stack.depth; i++) {
        if (!is_wanted(reading, i))
            reading->n_left++;
        else if (!frame_describe(reading, reading->raw[i], &reading->frames[reading->n_frames++]))
            return "a name in its stack cannot be read";
    }
    return NULL;
}
