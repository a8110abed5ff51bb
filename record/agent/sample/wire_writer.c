/* SPDX-License-Identifier: MIT */
#include "wire_writer.h"
#include "record/agent/base/reserve.h"
#include <string.h>
#include <unistd.h>

#define TABLE_PIECE (8u << 10) /* bytes of a line table per record */

bool wire_writer_init(struct wire_writer *writer, struct codes *codes, uint32_t max_depth)
{
    memset(writer, 0, sizeof(*writer));
    writer->codes = codes;
    writer->max_depth = max_depth;
    writer->scratch = reserve_memory(max_depth * sizeof(struct wire_frame));
    return writer->scratch != NULL;
}

void wire_writer_free(struct wire_writer *writer)
{
    reserve_give_back(&writer->scratch, writer->max_depth * sizeof(struct wire_frame));
    memset(writer, 0, sizeof(*writer));
}

static void *record_reserve(struct wire_writer *writer, enum wire_type type, size_t len)
{
    void *const record = ring_reserve(writer->ring, (uint16_t)type, len);
    if (record == NULL)
        writer->full = true;
    return record;
}

/* ---- code objects ---- */

static bool table_rest(struct wire_writer *writer, uint32_t id, const struct description *what,
                       uint32_t at)
{
    const char *const table = what->bytes + what->name_len + what->file_len;
    while (at < what->table_len) {
        const uint32_t len =
            what->table_len - at < TABLE_PIECE ? what->table_len - at : TABLE_PIECE;
        struct wire_code_table *const piece =
            record_reserve(writer, WIRE_CODE_TABLE, sizeof(*piece) + len);
        if (piece == NULL)
            return false;
        piece->code = id;
        piece->offset = at;
        piece->len = len;
        piece->pad = 0;
        memcpy(piece->bytes, table + at, len);
        at += len;
    }
    return true;
}

/* The text of code that no file has. */
static bool source_write(struct wire_writer *writer, const struct description *what)
{
    const char *const file = what->bytes + what->name_len;
    uint32_t text_len = 0;
    if (writer->linecache == NULL)
        return true;
    const enum linecache_found found =
        linecache_find(writer->linecache, file, what->file_len, &text_len);
    if (found == LINECACHE_NONE)
        return true;
    const bool is_text = found == LINECACHE_TEXT;
    const uint32_t name_len = is_text ? what->file_len : 0;
    struct wire_source_told *const told =
        record_reserve(writer, WIRE_SOURCE, sizeof(*told) + name_len + (is_text ? text_len : 0));
    if (told == NULL) {
        linecache_forget(writer->linecache);
        return false;
    }
    told->source = (struct wire_source){name_len, is_text ? text_len : 0, is_text ? 0 : 1};
    told->pad = 0;
    if (is_text) {
        memcpy(told->bytes, file, name_len);
        memcpy(told->bytes + name_len, writer->linecache->text, text_len);
    }
    return true;
}

/* A codes_new_fn. */
static bool code_write(void *closure, uint32_t id, const struct description *what)
{
    struct wire_writer *const writer = closure;
    const uint32_t here = what->table_len < TABLE_PIECE ? what->table_len : TABLE_PIECE;
    const size_t text = (size_t)what->name_len + what->file_len;
    struct wire_code *const code = record_reserve(writer, WIRE_CODE, sizeof(*code) + text + here);
    if (code == NULL)
        return false;
    code->code = id;
    code->first_line = what->first_line;
    code->table_kind = (uint32_t)writer->codes->interp->ver.table;
    code->name_len = what->name_len;
    code->file_len = what->file_len;
    code->table_len = what->table_len;
    code->table_here = here;
    code->pad = 0;
    memcpy(code->bytes, what->bytes, text + here);
    atomic_fetch_add_explicit(&writer->counters->codes, 1, memory_order_relaxed);
    return table_rest(writer, id, what, here) && source_write(writer, what);
}

void wire_writer_code_free(void *closure, uint32_t id)
{
    struct wire_code_free *const record = record_reserve(closure, WIRE_CODE_FREE, sizeof(*record));
    if (record == NULL) /* the collector then keeps it longer than need be */
        return;
    record->code = id;
    record->pad = 0;
}

/* ---- samples ---- */

int32_t wire_writer_call_function(struct wire_writer *writer, const char *function)
{
    uint32_t i = 0;
    while (i < writer->n_functions && strcmp(writer->functions[i], function) != 0)
        i++;
    const size_t len = strlen(function);
    if (i < writer->n_functions)
        return (int32_t)(WIRE_CALL_FIRST_FUNCTION + i);
    if (len == 0 || len >= WIRE_CALL_FUNCTION_MAX || i == WIRE_CALL_FUNCTIONS)
        return -1;
    struct wire_call_function *const record =
        record_reserve(writer, WIRE_CALL_FUNCTION, sizeof(*record) + len);
    if (record == NULL)
        return -1;
    record->call = WIRE_CALL_FIRST_FUNCTION + i;
    record->len = (uint32_t)len;
    memcpy(record->name, function, len);
    memcpy(writer->functions[i], function, len + 1);
    writer->n_functions++;
    return (int32_t)record->call;
}

/* A code_module_new_fn. */
static bool module_write(void *closure, uint32_t number, const struct segment *segment,
                         const char *path, uint32_t len)
{
    struct wire_module *const record = record_reserve(closure, WIRE_MODULE, sizeof(*record) + len);
    if (record == NULL)
        return false;
    record->module = number;
    record->len = len;
    record->inode = segment->inode;
    memcpy(record->path, path, len);
    return true;
}

/* How many C frames a sample has; a gap where they are asked for and were not told. */
static uint32_t native_count(const struct wire_writer *writer, const struct observation *seen)
{
    if (seen->slot->c_frames.is_known)
        return seen->slot->c_frames.n;
    return writer->has_c_frames ? 1 : 0;
}

/* What is known of how the thread was read. */
static enum wire_c_missing missing_of(const struct observation *seen)
{
    const enum wire_c_missing why = seen->slot->c_frames.why;
    if (why != WIRE_C_NOT_ASKED)
        return why;
    if (seen->is_late || seen->state & WIRE_STALLED)
        return WIRE_C_NO_ANSWER;
    return seen->state & WIRE_IN_KERNEL ? WIRE_C_IN_CALL : WIRE_C_NOT_ASKED;
}

/* A sample with Python frames was written. */
static void native_count_in(struct wire_writer *writer, struct thread *thread,
                            const struct observation *seen)
{
    struct wire_counters *const counters = writer->counters;
    const struct native_sample *const sample = &seen->slot->c_frames;
    const bool is_part = sample->is_known && (sample->has_gap || writer->has_lost);
    const enum wire_c_missing why = !sample->is_known ? missing_of(seen)
                                    : sample->has_gap ? sample->why
                                                      : WIRE_C_NO_FILE;
    if (!writer->has_c_frames)
        return;
    atomic_fetch_add_explicit(!sample->is_known ? &counters->native_none
                              : is_part         ? &counters->native_part
                                                : &counters->native_whole,
                              1, memory_order_relaxed);
    if (!sample->is_known || is_part)
        atomic_fetch_add_explicit(&counters->c_missing[why], 1, memory_order_relaxed);
    if (!sample->is_known && why == WIRE_C_NO_ANSWER)
        thread->n_late++;
}

/* The i-th C frame from the leaf; *n_inside: Python frames on its inner side. */
static struct wire_frame native_frame(struct wire_writer *writer, const struct slot *slot,
                                      uint32_t i, uint32_t *n_inside)
{
    static const struct wire_frame gap = {.code = WIRE_NATIVE_GAP};
    const struct native_sample *const sample = &slot->c_frames;
    *n_inside = sample->is_known ? sample->room->frames[i].n_inside : 0;
    if (!sample->is_known || sample->room->frames[i].pc == BLEND_GAP)
        return gap;
    const struct wire_frame frame = code_places_find(
        &writer->native->places, sample->room->frames[i].pc, sample->epoch, module_write, writer);
    writer->has_lost = writer->has_lost || frame.code == WIRE_NATIVE_GAP;
    return frame;
}

/* C frames that lie inside of the first `n_python` Python frames, from *from on, into the scratch
 * below `at`, which is filled from its `end`. Two gaps are one. */
static uint32_t native_translate(struct wire_writer *writer, const struct slot *slot,
                                 uint32_t *from, uint32_t n_python, uint32_t at, uint32_t end)
{
    struct wire_frame *const scratch = writer->scratch;
    const uint32_t n = slot->c_frames.is_known ? slot->c_frames.n : 1;
    uint32_t n_inside;
    for (; *from < n; ++*from) {
        const struct wire_frame frame = native_frame(writer, slot, *from, &n_inside);
        if (n_inside > n_python)
            break;
        if (frame.code != WIRE_NATIVE_GAP || at == end || scratch[at].code != WIRE_NATIVE_GAP)
            scratch[--at] = frame;
    }
    return at;
}

/* The slot's stack, root first, into the scratch; how many frames. 0: an object on it is gone. */
static uint32_t stack_translate(struct wire_writer *writer, const struct slot *slot,
                                uint32_t n_native)
{
    const uint32_t depth = slot->stack.depth, end = depth + n_native;
    uint32_t at = end, native = 0;
    writer->has_lost = false;
    for (uint32_t i = 0; i < depth; i++) {
        if (native < n_native)
            at = native_translate(writer, slot, &native, i, at, end);
        const uint64_t frame = slot->stack.frames[i];
        const uint32_t id =
            codes_resolve(writer->codes, stack_frame_code(frame), slot->deaths, code_write, writer);
        if (id == 0) {
            if (!writer->full)
                atomic_fetch_add_explicit(&writer->counters->codes_lost, 1, memory_order_relaxed);
            return 0;
        }
        writer->scratch[--at] = (struct wire_frame){.code = id, .instr = stack_frame_instr(frame)};
    }
    if (native < n_native) /* of a thread without Python's */
        at = native_translate(writer, slot, &native, depth, at, end);
    if (at > 0)
        memmove(writer->scratch, writer->scratch + at, (end - at) * sizeof(struct wire_frame));
    return end - at;
}

/* How many frames, from the root, are as they were sent last. */
static uint32_t stack_common(const struct wire_writer *writer, const struct thread *thread,
                             uint32_t depth)
{
    if (thread->full || thread->slot == NULL)
        return 0;
    const struct wire_frame *const sent = thread->slot->sent;
    const uint32_t max = thread->slot->sent_depth < depth ? thread->slot->sent_depth : depth;
    uint32_t n = 0;
    while (n < max && sent[n].code == writer->scratch[n].code &&
           sent[n].instr == writer->scratch[n].instr)
        n++;
    return n;
}

static bool thread_announce(struct wire_writer *writer, struct thread *thread)
{
    if (thread->announced)
        return true;
    struct wire_thread *const record = record_reserve(writer, WIRE_THREAD, sizeof(*record));
    if (record == NULL)
        return false;
    record->record.flags = thread->tid == getpid() ? WIRE_THREAD_MAIN : 0;
    record->thread = thread->id;
    record->os_tid = (uint32_t)thread->tid;
    record->python_ident = thread->is_c ? 0 : thread->ident;
    record->interpreter = thread->interp_id;
    record->start_ns = thread->start_ns;
    record->cpu_ns = thread->cpu_zero_ns;
    thread->announced = true;
    return true;
}

/* A labels_new_fn. */
static bool task_write(void *closure, uint32_t number, const char *text, uint32_t len)
{
    struct wire_task *const record = record_reserve(closure, WIRE_TASK, sizeof(*record) + len);
    if (record == NULL)
        return false;
    record->task = number;
    record->len = len;
    memcpy(record->name, text, len);
    return true;
}

uint32_t wire_writer_code(struct wire_writer *writer, uintptr_t code, uint64_t deaths)
{
    return codes_resolve(writer->codes, code, deaths, code_write, writer);
}

uint32_t wire_writer_task(struct wire_writer *writer, const char *text, uint32_t len)
{
    struct task_name name = {.given_len = (uint8_t)len};
    if (writer->labels == NULL || len == 0)
        return 0;
    memcpy(name.given, text, len);
    return labels_number(writer->labels, &name, task_write, writer);
}

static uint32_t task_of(struct wire_writer *writer, const struct observation *seen)
{
    if (writer->labels == NULL || seen->slot == NULL || seen->slot->stack.depth == 0)
        return 0;
    if (!seen->slot->has_task)
        return 0;
    return labels_number(writer->labels, &seen->slot->task, task_write, writer);
}

static struct wire_sample *sample_reserve(struct wire_writer *writer, const struct thread *thread,
                                          const struct observation *seen, uint32_t n)
{
    struct wire_sample *const sample =
        record_reserve(writer, WIRE_SAMPLE, sizeof(*sample) + n * sizeof(struct wire_frame));
    if (sample == NULL)
        return NULL;
    sample->record.flags = seen->is_joined ? WIRE_SAMPLE_JOINED : 0;
    sample->thread = thread->id;
    sample->state = (uint16_t)seen->state;
    sample->task = 0;
    sample->cpu_ns = seen->cpu_ns;
    sample->call = seen->call;
    sample->failed = (uint32_t)seen->failure;
    sample->keep = 0;
    sample->n = n;
    return sample;
}

static void failure_write(struct wire_writer *writer, const struct thread *thread,
                          struct observation seen, enum wire_failure failure)
{
    seen.failure = failure;
    if (sample_reserve(writer, thread, &seen, 0) != NULL)
        atomic_fetch_add_explicit(&writer->counters->failed[failure], 1, memory_order_relaxed);
}

/* The scratch is what was sent last; `keep` frames of it were before. */
static void stack_sent(const struct wire_writer *writer, struct slot *slot, uint32_t keep,
                       uint32_t depth)
{
    memcpy(slot->sent + keep, writer->scratch + keep, (depth - keep) * sizeof(struct wire_frame));
    slot->sent_depth = depth;
}

/* False: the ring is full. */
static bool context_write(struct wire_writer *writer, struct thread *thread,
                          const struct observation *seen)
{
    const uint64_t context = seen->slot != NULL ? seen->slot->context : 0;
    if (context == thread->context)
        return true;
    struct wire_context *const record = record_reserve(writer, WIRE_CONTEXT, sizeof(*record));
    if (record == NULL)
        return false;
    record->thread = thread->id;
    record->pad = 0;
    record->context = context;
    thread->context = context;
    return true;
}

void wire_writer_sample(struct wire_writer *writer, struct thread *thread,
                        const struct observation *seen)
{
    if (!thread_announce(writer, thread))
        return;
    if (seen->failure != WIRE_FAIL_NONE) {
        failure_write(writer, thread, *seen, seen->failure);
        return;
    }
    uint32_t depth = seen->slot ? seen->slot->stack.depth : 0;
    const bool has_stack = depth > 0 || (seen->slot != NULL && thread->is_c);
    if (has_stack)
        depth = stack_translate(writer, seen->slot, native_count(writer, seen));
    if (has_stack && depth == 0) {
        if (!writer->full)
            failure_write(writer, thread, *seen, WIRE_FAIL_CODE_GONE);
        return;
    }
    if (!context_write(writer, thread, seen))
        return;
    const uint32_t task = task_of(writer, seen);
    const uint32_t keep = stack_common(writer, thread, depth);
    const uint32_t n = depth - keep;
    struct wire_sample *const sample = sample_reserve(writer, thread, seen, n);
    if (sample == NULL)
        return; /* what was sent last still holds */
    if (depth > 0)
        native_count_in(writer, thread, seen);
    if (depth > 0 && seen->slot->stack.cut)
        sample->record.flags |= WIRE_SAMPLE_CUT;
    sample->task = (uint16_t)task;
    sample->keep = keep;
    memcpy(sample->frames, writer->scratch + keep, n * sizeof(struct wire_frame));
    thread->full = thread->slot == NULL;
    if (thread->slot != NULL)
        stack_sent(writer, thread->slot, keep, depth);
}

/* ---- answers that are late ---- */

/* The next frame of Python's from *i on; NULL: there is none. */
static const struct wire_frame *python_next(const struct wire_frame *frames, uint32_t n,
                                            uint32_t *i)
{
    while (*i < n && frames[*i].code & WIRE_NATIVE)
        ++*i;
    return *i < n ? &frames[(*i)++] : NULL;
}

/* Has the scratch the Python frames that were sent last? */
static bool python_is_same(const struct wire_writer *writer, const struct slot *slot,
                           uint32_t depth)
{
    const struct wire_frame *a, *b;
    uint32_t i = 0, k = 0;
    do {
        a = python_next(slot->sent, slot->sent_depth, &i);
        b = python_next(writer->scratch, depth, &k);
        if ((a == NULL) != (b == NULL) ||
            (a != NULL && (a->code != b->code || a->instr != b->instr)))
            return false;
    } while (a != NULL);
    return true;
}

void wire_writer_late(struct wire_writer *writer, struct thread *thread, uint64_t cpu_ns)
{
    struct slot *const slot = thread->slot;
    const struct native_sample *const sample = &slot->c_frames;
    if (thread->full || !thread->announced || slot->stack.cut)
        return; /* one that is cut has no C frames */
    const uint32_t depth = stack_translate(writer, slot, slot->c_frames.n);
    if (depth == 0 || !python_is_same(writer, slot, depth))
        return;
    const uint32_t keep = stack_common(writer, thread, depth);
    const uint32_t n = depth - keep;
    struct wire_late *const late =
        record_reserve(writer, WIRE_LATE, sizeof(*late) + n * sizeof(struct wire_frame));
    if (late == NULL)
        return;
    late->thread = thread->id;
    late->n_counted = (uint16_t)(thread->n_late < UINT16_MAX ? thread->n_late : UINT16_MAX);
    late->why = (uint16_t)(sample->has_gap    ? sample->why
                           : writer->has_lost ? WIRE_C_NO_FILE
                                              : WIRE_C_MISSING_COUNT);
    late->cpu_ns = cpu_ns;
    late->keep = keep;
    late->n = n;
    memcpy(late->frames, writer->scratch + keep, n * sizeof(struct wire_frame));
    stack_sent(writer, slot, keep, depth);
}

/* ---- the rest ---- */

void wire_writer_tick(struct wire_writer *writer, const struct wire_tick *tick)
{
    struct wire_tick *const record = record_reserve(writer, WIRE_TICK, sizeof(*record));
    if (record == NULL)
        return;
    const struct wire_record header = record->record;
    *record = *tick;
    record->record = header;
}

void wire_writer_thread_end(struct wire_writer *writer, const struct thread *thread,
                            uint64_t time_ns)
{
    if (!thread->announced)
        return;
    struct wire_thread_end *const record = record_reserve(writer, WIRE_THREAD_END, sizeof(*record));
    if (record == NULL)
        return;
    record->thread = thread->id;
    record->pad = 0;
    record->time_ns = time_ns;
    record->cpu_ns = thread->end_cpu_ns;
}

void wire_writer_thread_name(struct wire_writer *writer, uint32_t thread, const char *name,
                             uint32_t len)
{
    struct wire_thread_name *const record =
        record_reserve(writer, WIRE_THREAD_NAME, sizeof(*record) + len);
    if (record == NULL)
        return;
    record->thread = thread;
    record->len = len;
    memcpy(record->name, name, len);
}

void wire_writer_event(struct wire_writer *writer, uint32_t event, uint32_t thread,
                       uint64_t time_ns, int64_t value)
{
    struct wire_event *const record = record_reserve(writer, WIRE_EVENT, sizeof(*record));
    if (record == NULL)
        return;
    record->event = event;
    record->thread = thread;
    record->time_ns = time_ns;
    record->value = value;
}
