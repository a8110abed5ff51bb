/* SPDX-License-Identifier: MIT */
#include "code_places.h"
#include "cfi.h"
#include "record/agent/base/reserve.h"
#include <string.h>

/* What the bits of a code between both flags and the module can say. */
#define OFFSET_MAX (WIRE_NATIVE_PC / WIRE_MODULES_MAX - 1)

static const struct wire_frame gap = {.code = WIRE_NATIVE_GAP, .instr = 0};

bool code_places_init(struct code_places *places, struct segments *segments)
{
    memset(places, 0, sizeof(*places));
    places->segments = segments;
    places->places = reserve_memory(CODE_PLACES * sizeof(struct code_place));
    places->modules = reserve_memory(WIRE_MODULES_MAX * sizeof(struct code_module));
    return places->places != NULL && places->modules != NULL;
}

void code_places_free(struct code_places *places)
{
    reserve_give_back(&places->places, CODE_PLACES * sizeof(struct code_place));
    reserve_give_back(&places->modules, WIRE_MODULES_MAX * sizeof(struct code_module));
    memset(places, 0, sizeof(*places));
}

void code_places_reset(struct code_places *places)
{
    memset(places->places, 0, CODE_PLACES * sizeof(struct code_place));
    places->n_modules = 0;
}

/* The number of the file that a segment is of; 0 = it has none, and cannot have one. */
static uint32_t module_of(struct code_places *places, const struct segment *segment,
                          code_module_new_fn *add, void *closure)
{
    char path[SEGMENT_PATH_MAX];
    uint32_t i = 0;
    while (i < places->n_modules &&
           (places->modules[i].bias != segment->bias || places->modules[i].inode != segment->inode))
        i++;
    if (i < places->n_modules)
        return i + 1;
    const uint32_t len = segments_path(places->segments, segment, path);
    if (i + 1 >= WIRE_MODULES_MAX || len == 0 || !add(closure, i + 1, segment, path, len))
        return 0;
    places->modules[i] = (struct code_module){segment->bias, segment->inode};
    places->n_modules++;
    return i + 1;
}

static struct wire_frame look_up(struct code_places *places, uint64_t pc, code_module_new_fn *add,
                                 void *closure)
{
    struct segment segment;
    struct cfi_range range;
    struct rule rule;
    if (!segments_find(places->segments, pc, &segment))
        return gap;
    const uint32_t module = module_of(places, &segment, add, closure);
    if (module == 0)
        return gap;
    const struct cfi_source source = {.hdr = segment.hdr, .low = segment.low, .high = segment.high};
    const bool is_function = cfi_rule(&source, pc, &rule, &range);
    const uint64_t start = is_function ? range.start : pc;
    const uint64_t offset = start - segment.bias, inside = pc - start + 1;
    if (offset > INT32_MAX)
        return gap;
    const uint32_t told = places->tells_offsets && inside <= OFFSET_MAX ? (uint32_t)inside : 0;
    return (struct wire_frame){.code = WIRE_NATIVE | (is_function ? 0 : WIRE_NATIVE_PC) |
                                       told * WIRE_MODULES_MAX | module,
                               .instr = (int32_t)offset};
}

struct wire_frame code_places_find(struct code_places *places, uint64_t pc, uint64_t epoch,
                                   code_module_new_fn *add, void *closure)
{
    struct code_place *const place =
        &places->places[(pc * 0x9e3779b97f4a7c15u) >> 40 & (CODE_PLACES - 1)];
    if (place->pc == pc && place->epoch == epoch && place->frame.code != 0)
        return place->frame;
    if (segments_epoch(places->segments) != epoch)
        return gap;
    const struct wire_frame frame = look_up(places, pc, add, closure);
    if (frame.code != WIRE_NATIVE_GAP) /* the next time it may be known */
        *place = (struct code_place){.pc = pc, .epoch = epoch, .frame = frame};
    return frame;
}
