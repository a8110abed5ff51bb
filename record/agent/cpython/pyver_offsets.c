/* SPDX-License-Identifier: MIT */
/*
 * From 3.13 on an interpreter describes itself: the first bytes of _PyRuntime are a table of
 * 64-bit offsets, in groups whose places change with each minor version. What it says wins over
 * our tables; what it does not say is derived from fields that lie at a fixed distance in all
 * builds.
 */
#include "pyver.h"
#include <string.h>

/* Word indices of the groups' first words (their sizes), and of words inside the thread's group. */
struct groups {
    uint8_t minor;
    uint8_t thread, frame, code, object, type, bytes, unicode, gc;
    uint8_t thread_id, native_id, chunk, base_frame; /* words after `thread`; 0 = not there */
    uint8_t tlbc_index, co_tlbc; /* words after `frame`, `code`; 0 = not there */
};

static const struct groups groups[] = {
    {.minor = 13,
     .thread = 19,
     .frame = 28,
     .code = 34,
     .object = 44,
     .type = 46,
     .bytes = 64,
     .unicode = 67,
     .gc = 71,
     .thread_id = 5,
     .native_id = 6,
     .chunk = 7},
    {.minor = 14,
     .thread = 22,
     .frame = 31,
     .code = 39,
     .object = 50,
     .type = 52,
     .bytes = 74,
     .unicode = 77,
     .gc = 81,
     .thread_id = 5,
     .native_id = 6,
     .chunk = 7,
     .tlbc_index = 7,
     .co_tlbc = 10},
    {.minor = 15,
     .thread = 22,
     .frame = 39,
     .code = 47,
     .object = 58,
     .type = 60,
     .bytes = 86,
     .unicode = 89,
     .gc = 94,
     .thread_id = 8,
     .native_id = 9,
     .chunk = 10,
     .base_frame = 5,
     .tlbc_index = 7,
     .co_tlbc = 10},
};

enum { RUNTIME = 3, INTERP = 6, SIZE_MAX_WORD = 0xfff0 };

/* Offsets are small and lie inside what they are offsets into. */
static bool member_is_sane(const uint64_t *words, unsigned group, unsigned member)
{
    const uint64_t size = words[group];
    return size > 0 && words[group + member] <= size && words[group + member] < SIZE_MAX_WORD;
}

/* Of the thread's, the frame's and the code object's: `members` are pointers, no two in one place.
 */
static bool pointers_are_sane(const uint64_t *words, unsigned group, unsigned members)
{
    for (unsigned i = 1; i <= members; i++) {
        if (!member_is_sane(words, group, i) || words[group + i] % 8 != 0)
            return false;
        for (unsigned other = 1; other < i; other++)
            if (words[group + i] == words[group + other])
                return false;
    }
    return true;
}

/*
 * What is the same in all versions, being what extensions are compiled against, or follows from
 * what the other words say. A version that has a word more or less in any group before these does
 * not pass.
 */
static bool objects_agree(const uint64_t *words, const struct groups *g)
{
    const uint64_t more = words[g->object + 1] - 8; /* free-threaded, trace-refs */
    return (more == 16 || (more == 0 && words[2] == 0)) && words[g->object] == 16 + more &&
           words[g->type + 1] == 24 + more && words[g->type + 3] == 168 + more &&
           words[g->bytes + 1] == 16 + more && words[g->bytes + 2] == 32 + more &&
           words[g->unicode + 1] == 32 + more && words[g->unicode + 2] == 16 + more &&
           words[g->unicode + 3] == 40 + more && words[g->bytes] == 40 + more;
}

static bool words_are_sane(const uint64_t *words, const struct groups *g)
{
    static const uint8_t interp_members[] = {1, 2, 3, 4, 6, 8};
    for (size_t i = 0; i < sizeof(interp_members); i++)
        if (!member_is_sane(words, INTERP, interp_members[i]))
            return false;
    for (unsigned i = 6; i <= 9; i++) /* of the code object; the first line is an int */
        if (!member_is_sane(words, g->code, i))
            return false;
    return pointers_are_sane(words, g->thread, 4) && pointers_are_sane(words, g->frame, 4) &&
           pointers_are_sane(words, g->code, 4) && member_is_sane(words, g->frame, 5) &&
           member_is_sane(words, g->code, 5) && member_is_sane(words, g->thread, g->thread_id) &&
           words[g->thread + g->native_id] == words[g->thread + g->thread_id] + 8 &&
           member_is_sane(words, g->thread, g->native_id) &&
           member_is_sane(words, g->thread, g->chunk) && member_is_sane(words, RUNTIME, 1) &&
           member_is_sane(words, RUNTIME, 2) && objects_agree(words, g) &&
           member_is_sane(words, g->gc, 1) && words[g->gc + 1] != 0 &&
           words[g->code + 9] >= 24 && /* the last member of each is an array */
           words[g->code + 9] + 8 == words[g->code] && words[g->frame + 4] + 8 == words[g->frame];
}

static void adopt_runtime(struct pyver *ver, const uint64_t *words, const struct groups *g)
{
    ver->runtime.finalizing = (uint16_t)words[RUNTIME + 1];
    ver->runtime.interpreters_head = (uint16_t)words[RUNTIME + 2];
    ver->interp.id = (uint16_t)words[INTERP + 1];
    ver->interp.next = (uint16_t)words[INTERP + 2];
    ver->interp.threads_head = (uint16_t)words[INTERP + 3];
    const unsigned gc_word = INTERP + (g->minor == 13 ? 4 : 5); /* threads_main came before it */
    const unsigned gil_word = gc_word + 4;
    ver->interp.modules = (uint16_t)words[gc_word + 1];
    ver->interp.gc_collecting = (uint16_t)(words[gc_word] + words[g->gc + 1]);
    ver->interp.gil_pointer = (uint16_t)words[gil_word];
    ver->thread.prev = (uint16_t)words[g->thread + 1];
    ver->thread.next = (uint16_t)words[g->thread + 2];
    ver->thread.interp = (uint16_t)words[g->thread + 3];
    ver->thread.frame = (uint16_t)words[g->thread + 4];
    ver->thread.thread_id = (uint16_t)words[g->thread + g->thread_id];
    ver->thread.native_id = (uint16_t)words[g->thread + g->native_id];
    ver->thread.chunk = (uint16_t)words[g->thread + g->chunk];
    ver->thread.chunk_top = (uint16_t)(ver->thread.chunk + 8);
    if (g->base_frame)
        ver->thread.base_frame = (uint16_t)words[g->thread + g->base_frame];
}

static void adopt_objects(struct pyver *ver, const uint64_t *words, const struct groups *g,
                          bool free_threaded)
{
    if (free_threaded) /* what no word says; the others follow */
        pyver_shift_objects(ver, 16);
    ver->frame.previous = (uint16_t)words[g->frame + 1];
    ver->frame.code = (uint16_t)words[g->frame + 2];
    ver->frame.instr = (uint16_t)words[g->frame + 3];
    ver->frame.owner = (uint16_t)words[g->frame + 5];
    ver->code.filename = (uint16_t)words[g->code + 1];
    ver->code.name = (uint16_t)words[g->code + 3];
    ver->code.table = (uint16_t)words[g->code + 4];
    ver->code.first_line = (uint16_t)words[g->code + 5];
    ver->code.bytecode = (uint16_t)words[g->code + 9];
    ver->object.type = (uint16_t)words[g->object + 1];
    ver->type.name = (uint16_t)words[g->type + 1];
    ver->type.dealloc = (uint16_t)(ver->type.name + 24);
    ver->type.basic_size = (uint16_t)(ver->type.name + 8);
    ver->type.flags = (uint16_t)words[g->type + 3];
    ver->type.dict_offset = (uint16_t)(ver->type.flags + 120);
    ver->bytes.data = (uint16_t)words[g->bytes + 2];
    ver->object.size = (uint16_t)words[g->bytes + 1];
    ver->code.size = ver->object.size;
    ver->str.state = (uint16_t)words[g->unicode + 1];
    ver->str.length = (uint16_t)words[g->unicode + 2];
    ver->str.ascii = (uint16_t)words[g->unicode + 3];
    ver->str.compact = (uint16_t)(ver->str.ascii + 16);
    ver->str.pointer = ver->str.compact;
    const bool local_bytecode = free_threaded && g->co_tlbc != 0;
    ver->code.first_traceable = (uint16_t)(ver->code.bytecode - (local_bytecode ? 24 : 16));
    if (local_bytecode) {
        ver->code.tlbc = (uint16_t)words[g->code + g->co_tlbc];
        ver->frame.tlbc_index = (uint16_t)words[g->frame + g->tlbc_index];
        ver->str.kind_shift = 8; /* the interned field grew to a byte */
    }
    if (free_threaded) { /* struct _gil_runtime_state begins with `enabled` */
        ver->gil.last_holder = (uint16_t)(ver->gil.last_holder + 8);
        ver->gil.locked = (uint16_t)(ver->gil.locked + 8);
        ver->gil.switches = (uint16_t)(ver->gil.switches + 8);
        ver->gil.len = (uint16_t)(ver->gil.len + 8);
        ver->dict.managed = 8; /* no header of the collector's between */
        ver->thread.running_loop = ver->thread.tasks = PYVER_NONE; /* await chains are not read */
    }
}

const char *pyver_adopt(struct pyver *ver, const uint64_t *words, bool *free_threaded)
{
    const struct groups *g = NULL;
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        if (groups[i].minor <= ver->minor)
            g = &groups[i];
    if (g == NULL)
        return "no description of itself is known for this version";
    if (memcmp(words, "xdebugpy", 8) != 0)
        return "its description of itself has a wrong cookie";
    if (words[1] >> 24 != 3 || (words[1] >> 16 & 0xff) != ver->minor)
        return "its description of itself is for another version";
    if (words[2] > 1 || !words_are_sane(words, g))
        return "its description of itself makes no sense";
    *free_threaded = words[2] == 1;
    adopt_runtime(ver, words, g);
    adopt_objects(ver, words, g, *free_threaded);
    return NULL;
}
