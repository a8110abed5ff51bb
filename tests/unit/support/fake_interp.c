/* SPDX-License-Identifier: MIT */
#include "fake_interp.h"
#include "record/agent/base/peek.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define ARENA_LEN   (1u << 20)
#define CHUNK_LEN   65536u
#define FRAME_LEN   128u
#define RUNTIME_LEN 4096u
#define STATE_LEN   16384u
#define TSTATE_LEN  1024u

static void on_fault(int signo, siginfo_t *info, void *opaque)
{
    ucontext_t *const context = opaque;
    (void)info;
#if defined(__x86_64__)
    uintptr_t pc = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
    if (peek_recover(&pc)) {
        context->uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
        return;
    }
#else
    uintptr_t pc = (uintptr_t)context->uc_mcontext.pc;
    if (peek_recover(&pc)) {
        context->uc_mcontext.pc = pc;
        return;
    }
#endif
    signal(signo, SIG_DFL);
}

void fake_catch_faults(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

uint64_t fake_get(uintptr_t at)
{
    uint64_t value;
    memcpy(&value, (const void *)at, sizeof(value));
    return value;
}

void fake_put(uintptr_t at, uint64_t value)
{
    memcpy((void *)at, &value, sizeof(value));
}

void fake_put_u32(uintptr_t at, uint32_t value)
{
    memcpy((void *)at, &value, sizeof(value));
}

void fake_put_u8(uintptr_t at, uint8_t value)
{
    memcpy((void *)at, &value, sizeof(value));
}

static uintptr_t take(struct fake *fake, size_t len)
{
    const uintptr_t at = (uintptr_t)fake->memory + fake->used;
    fake->used += (len + 15) & ~(size_t)15;
    if (fake->used > ARENA_LEN)
        abort();
    return at;
}

static const struct pyver *ver_of(const struct fake *fake)
{
    return &fake->interp.ver;
}

static bool has_cframe(const struct fake *fake)
{
    return ver_of(fake)->cframe.current != PYVER_NONE;
}

static bool has_shims(const struct fake *fake)
{
    const enum pyver_frames frames = ver_of(fake)->frames;
    return frames == FRAMES_CFRAME_SHIM || frames == FRAMES_DIRECT || frames == FRAMES_BASED;
}

static void leaf_set(struct fake *fake, uintptr_t frame)
{
    const struct pyver *const ver = ver_of(fake);
    fake->leaf = frame;
    if (has_cframe(fake))
        fake_put(fake->cframe + ver->cframe.current, frame);
    else
        fake_put(fake->tstate + ver->thread.frame, frame);
}

/* A chunk on top of the one there is, which notes how far it was filled, as the interpreter does.
 */
static void chunk_push(struct fake *fake)
{
    const struct pyver *const ver = ver_of(fake);
    const uintptr_t previous = fake->chunk;
    if (previous != 0) {
        const uintptr_t top = fake_get(fake->tstate + ver->thread.chunk_top);
        fake_put(previous + ver->chunk.top, (top - previous - ver->chunk.data) / 8);
    }
    fake->chunk = take(fake, CHUNK_LEN);
    fake_put(fake->chunk + ver->chunk.previous, previous);
    fake_put(fake->tstate + ver->thread.chunk, fake->chunk);
    fake_put(fake->tstate + ver->thread.chunk_top, fake->chunk + ver->chunk.data);
}

static void datastack_make(struct fake *fake)
{
    if (ver_of(fake)->chunk.data != PYVER_NONE)
        chunk_push(fake);
}

void fake_new(struct fake *fake, unsigned minor)
{
    memset(fake, 0, sizeof(*fake));
    fake->memory = calloc(1, ARENA_LEN);
    fake->interp.ver = *pyver_find(minor);
    const struct pyver *const ver = ver_of(fake);
    fake->interp.code_type = take(fake, 512);
    fake->interp.runtime = take(fake, RUNTIME_LEN);
    fake->state = take(fake, STATE_LEN);
    fake->tstate = take(fake, TSTATE_LEN);
    fake_put(fake->interp.runtime + ver->runtime.interpreters_head, fake->state);
    fake_put(fake->state + ver->interp.threads_head, fake->tstate);
    fake_put(fake->tstate + ver->thread.interp, fake->state);
    fake_put(fake->tstate + ver->thread.id, 1);
    if (ver->interp.gil_pointer != PYVER_NONE)
        fake_put(fake->state + ver->interp.gil_pointer, take(fake, 256));
    datastack_make(fake);
    if (has_cframe(fake)) { /* the root cframe: nothing runs */
        fake->cframe = fake->tstate + ver->thread.root_cframe;
        fake_put(fake->tstate + ver->thread.frame, fake->cframe);
    }
    if (ver->frames == FRAMES_BASED) {
        const uintptr_t base = take(fake, FRAME_LEN);
        fake_put_u8(base + ver->frame.owner, 3);
        fake_put(fake->tstate + ver->thread.base_frame, base);
        leaf_set(fake, base);
    }
}

void fake_free(struct fake *fake)
{
    free(fake->memory);
}

static unsigned kind_for(const uint32_t *points, size_t n, bool *ascii)
{
    uint32_t max = 0;
    for (size_t i = 0; i < n; i++)
        max = points[i] > max ? points[i] : max;
    *ascii = max < 0x80;
    return max < 0x100 ? 1 : max < 0x10000 ? 2 : 4;
}

uintptr_t fake_str(struct fake *fake, const uint32_t *points, size_t n)
{
    const struct pyver *const ver = ver_of(fake);
    bool ascii;
    const unsigned kind = kind_for(points, n, &ascii);
    const uintptr_t str = take(fake, 96 + n * kind);
    const uint32_t state = (kind | 8u | (ascii ? 16u : 0u)) << ver->str.kind_shift;
    fake_put(str + ver->str.length, n);
    fake_put_u32(str + ver->str.state, state);
    const uintptr_t data = str + (ascii ? ver->str.ascii : ver->str.compact);
    for (size_t i = 0; i < n; i++)
        memcpy((void *)(data + i * kind), &points[i], kind);
    return str;
}

static uintptr_t ascii_str(struct fake *fake, const char *text)
{
    uint32_t points[256];
    size_t n = 0;
    for (; text[n] != '\0' && n < 256; n++)
        points[n] = (uint8_t)text[n];
    return fake_str(fake, points, n);
}

uintptr_t fake_code(struct fake *fake, const char *name, const char *file, int line,
                    unsigned first_traceable)
{
    const struct pyver *const ver = ver_of(fake);
    const uintptr_t code = take(fake, 512);
    fake_put(code + ver->object.type, fake->interp.code_type);
    fake_put(code + ver->code.name, ascii_str(fake, name));
    fake_put(code + ver->code.filename, ascii_str(fake, file));
    fake_put_u32(code + ver->code.first_line, (uint32_t)line);
    const uintptr_t table = take(fake, 64);
    fake_put(table + ver->object.size, 4);
    memcpy((void *)(table + ver->bytes.data), "\x80\x01\x02\x03", 4);
    fake_put(code + ver->code.table, table);
    if (ver->code.size != PYVER_NONE)
        fake_put(code + ver->code.size, FAKE_CODE_UNITS);
    if (ver->code.first_traceable != PYVER_NONE)
        fake_put_u32(code + ver->code.first_traceable, first_traceable);
    return code;
}

static void frame_fill(struct fake *fake, uintptr_t frame, uintptr_t code, int unit, uint8_t owner)
{
    const struct pyver *const ver = ver_of(fake);
    fake_put(frame + ver->frame.code, code | (ver->tag_mask & 1));
    fake_put(frame + ver->frame.previous, fake->leaf);
    switch (ver->instr) {
    case INSTR_INDEX_BYTES:
        fake_put_u32(frame + ver->frame.instr, (uint32_t)(unit < 0 ? -1 : unit * 2));
        break;
    case INSTR_INDEX_UNITS:
        fake_put_u32(frame + ver->frame.instr, (uint32_t)unit);
        break;
    case INSTR_POINTER:
        fake_put(frame + ver->frame.instr, code + ver->code.bytecode + (uintptr_t)(unit * 2));
        fake_put_u8(frame + ver->frame.owner, owner);
        break;
    }
    if (ver->frame.is_entry != PYVER_NONE)
        fake_put_u8(frame + ver->frame.is_entry, fake->entry_next);
    fake->entry_next = false;
}

void fake_enter(struct fake *fake)
{
    const struct pyver *const ver = ver_of(fake);
    const uintptr_t caller = fake->leaf;
    if (has_cframe(fake)) {
        const uintptr_t cframe = take(fake, 64);
        fake_put(cframe + ver->cframe.previous, fake->cframe);
        fake_put(fake->tstate + ver->thread.frame, cframe);
        fake->cframe = cframe;
    }
    fake->entry_next = true;
    if (!has_shims(fake)) {
        leaf_set(fake, caller);
        return;
    }
    const uintptr_t shim = take(fake, FRAME_LEN);
    fake_put(shim + ver->frame.previous, caller);
    fake_put_u8(shim + ver->frame.owner, 3);
    leaf_set(fake, shim);
}

uintptr_t fake_push(struct fake *fake, uintptr_t code, int unit)
{
    const struct pyver *const ver = ver_of(fake);
    uintptr_t frame;
    if (fake->chunk != 0) {
        const uintptr_t top = fake->tstate + ver->thread.chunk_top;
        if (fake_get(top) + FRAME_LEN > fake->chunk + CHUNK_LEN)
            chunk_push(fake);
        frame = fake_get(top);
        fake_put(top, frame + FRAME_LEN);
    } else {
        frame = take(fake, 512);
    }
    frame_fill(fake, frame, code, unit, 0);
    leaf_set(fake, frame);
    return frame;
}

uintptr_t fake_push_generator(struct fake *fake, uintptr_t code, int unit)
{
    const uintptr_t frame = take(fake, 512);
    frame_fill(fake, frame, code, unit, 1);
    leaf_set(fake, frame);
    return frame;
}
