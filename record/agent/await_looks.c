/* SPDX-License-Identifier: MIT */
/*
 * When to look at the suspended tasks of a loop, and what became of it; see await_room.h.
 */
#include "record/agent/base/careful.h"
#include "record/agent/base/clock.h"
#include "record/agent/base/fnv.h"
#include "record/agent/base/peek.h"
#include "record/agent/sample/sampler.h"
#include <string.h>

#define FIND_MAX    64u        /* threads that are asked for a loop in a slot */
#define SEEN_MAX    (1u << 20) /* tasks that are met; with more nothing is known */
#define CLOCK_EVERY 32u        /* tasks, from one look at the time to the next */

/* A thread in this is not blocked, or nobody knows. */
#define NOT_BLOCKED (WIRE_ON_CPU | WIRE_READY | WIRE_UNKNOWN | WIRE_STALLED)

/* ---- which threads run a loop ---- */

static void loop_add(struct awaits *awaits, uint32_t thread, uint64_t now_ns)
{
    for (uint32_t i = 0; i < awaits->n_loops; i++)
        if (awaits->loops[i].thread == thread)
            return;
    if (awaits->n_loops == AWAITS_LOOPS)
        return;
    awaits->loops[awaits->n_loops++] =
        (struct await_loop){.thread = thread, .due_ns = now_ns, .every = 1};
}

static void find(struct sampler *s, uint64_t now_ns)
{
    struct awaits *const awaits = s->awaits;
    const struct threads *const threads = s->threads;
    const uint32_t n = threads->n < FIND_MAX ? threads->n : FIND_MAX;
    if (now_ns < awaits->find_ns)
        return;
    if (s->interp->ver.thread.running_loop == PYVER_NONE && !s->labels->has_current)
        return; /* asyncio is not imported */
    awaits->find_ns = now_ns + AWAITS_SLOT_NS;
    careful_reading_begin(CAREFUL_NO_TRAIL);
    for (uint32_t k = 0; k < n; k++) {
        const struct thread *const thread = &threads->list[awaits->find_at++ % threads->n];
        const struct binding *const binding =
            thread->is_c ? NULL : threads_binding(threads, thread);
        if (binding != NULL && await_loop(&s->interp->ver, binding->tstate, &awaits->hint) != 0)
            loop_add(awaits, thread->id, now_ns);
    }
    careful_reading_end();
}

/* ---- a look ---- */

struct look {
    struct await_reader reader;
    struct stack_source source;
    uint64_t begin_ns;
    uint32_t n_seen, n_records, n_groups, n_frames;
    uint32_t unknown, unread;
    struct await_chain chain;
};

static uint64_t key_of(const struct await_chain *chain)
{
    uint64_t key = fnv_more(FNV_BEGIN, chain->frames, chain->n * sizeof(uint64_t));
    key = fnv_more(key, &chain->waits, sizeof(chain->waits));
    key = fnv_more(key, &chain->name_len, sizeof(chain->name_len));
    key = fnv_more(key, chain->name, chain->name_len);
    return fnv_more(key, chain->on, chain->on_len) | 1;
}

/* The group of tasks that it belongs to; AWAITS_CHAINS when there is no room for another. */
static uint32_t group_of(struct awaits_room *room, struct look *look)
{
    const struct await_chain *const chain = &look->chain;
    const uint64_t key = key_of(chain);
    uint32_t at = (uint32_t)(key >> 32) % (4 * AWAITS_CHAINS);
    while (room->group_of[at] != 0 && room->groups[room->group_of[at] - 1].key != key)
        at = (at + 1) % (4 * AWAITS_CHAINS);
    if (room->group_of[at] != 0)
        return room->group_of[at] - 1u;
    if (look->n_groups == AWAITS_CHAINS || look->n_frames + chain->n > AWAITS_FRAMES)
        return AWAITS_CHAINS;
    struct await_group *const group = &room->groups[look->n_groups];
    *group = (struct await_group){
        .key = key,
        .first = look->n_frames,
        .n = chain->n,
        .is_cut = chain->is_cut,
        .waits = (uint8_t)chain->waits,
        .name_len = chain->name_len,
        .on_len = chain->on_len,
    };
    memcpy(group->name, chain->name, chain->name_len);
    memcpy(group->on, chain->on, chain->on_len);
    memcpy(room->frames + look->n_frames, chain->frames, chain->n * sizeof(uint64_t));
    look->n_frames += chain->n;
    room->group_of[at] = (uint16_t)++look->n_groups;
    return look->n_groups - 1;
}

static void task_read(struct awaits_room *room, struct look *look, uintptr_t task)
{
    switch (await_chain_read(&look->reader, task, &look->chain)) {
    case AWAIT_FOUND:
        break;
    case AWAIT_NOT_OURS:
    case AWAIT_RUNNING:
        look->n_seen--;
        return;
    case AWAIT_NOT_KNOWN:
        look->unknown++;
        return;
    }
    const uint32_t group = group_of(room, look);
    if (group == AWAITS_CHAINS) {
        look->unread++;
        return;
    }
    room->groups[group].count++;
    room->records[look->n_records++] = (struct await_record){
        .task = task, .hash = look->chain.hash, .context = look->chain.context, .group = group};
}

/* What was used, whoever else had the CPU meanwhile. */
static uint64_t own_clock(void)
{
    return clock_read(CLOCK_THREAD_CPUTIME_ID);
}

static bool is_over(const struct look *look)
{
    return look->n_seen % CLOCK_EVERY == 0 && own_clock() - look->begin_ns > AWAITS_LOOK_NS;
}

/* All tasks, or one of every so many. False when they cannot be found. */
static bool tasks_read(struct awaits_room *room, struct await_loop *loop, struct look *look)
{
    struct await_tasks tasks;
    uint32_t number = 0, n_met = 0;
    bool is_late = false;
    if (!await_tasks_begin(&look->reader, &tasks))
        return false;
    for (uintptr_t task; (task = await_tasks_next(&look->reader, &tasks)) != 0;) {
        if (n_met++ == SEEN_MAX) /* or a list that is being changed runs in a circle */
            return false;
        if (!await_is_ours(&look->reader, task))
            continue;
        look->n_seen++;
        is_late = is_late || is_over(look);
        if (number++ % loop->every != loop->turn || look->n_records == AWAITS_TASKS || is_late)
            look->unread++;
        else
            task_read(room, look, task);
    }
    const uint32_t enough = number / AWAITS_TASKS + 1;
    loop->every = is_late                ? 2 * loop->every
                  : enough > loop->every ? enough
                                         : (loop->every + enough) / 2;
    loop->turn = (loop->turn + 1) % loop->every;
    return true;
}

/* Who held the GIL last, and how often it was handed over. */
struct gil_look {
    uintptr_t last;
    uint64_t switches;
};

static struct gil_look gil_look(const struct sampler *s, uintptr_t state)
{
    uint32_t bad = 0;
    const uintptr_t gil = interp_gil(s->interp, state);
    const uint64_t switches = gil ? peek(gil + s->interp->ver.gil.switches, &bad) : 0;
    return (struct gil_look){bad ? 0 : interp_gil_last(s->interp, gil), switches};
}

/* Those that are not what they were are not known. */
static void tasks_again(struct awaits_room *room, struct look *look)
{
    for (uint32_t i = 0; i < look->n_records; i++) {
        struct await_record *const record = &room->records[i];
        if (await_chain_read(&look->reader, record->task, &look->chain) == AWAIT_FOUND &&
            look->chain.hash == record->hash)
            continue;
        room->groups[record->group].count--;
        record->is_unsure = true;
        look->unknown++;
    }
}

/*
 * Read all, and prove it. False: the thread went on. What is careful reads once what it has read,
 * so the second reading is another one.
 */
static bool look_take(struct sampler *s, struct await_loop *loop, const struct thread *thread,
                      struct look *look, bool *is_readable)
{
    struct awaits_room *const room = s->awaits->room;
    const struct gil_look before = gil_look(s, look->reader.state);
    memset(room->group_of, 0, sizeof(room->group_of));
    careful_reading_begin(CAREFUL_NO_TRAIL);
    look->reader.loop = await_loop(&s->interp->ver, look->source.tstate, &s->awaits->hint);
    *is_readable = look->reader.loop != 0 && tasks_read(room, loop, look);
    careful_reading_end();
    const struct gil_look after = gil_look(s, look->reader.state);
    const bool is_alone = !s->interp->free_threaded && before.last == look->source.tstate &&
                          after.last == before.last && after.switches == before.switches;
    if (!is_alone && *is_readable) {
        careful_reading_begin(CAREFUL_NO_TRAIL);
        tasks_again(room, look);
        careful_reading_end();
    }
    return clock_of_thread(thread->tid) == loop->cpu_ns;
}

/* ---- telling ---- */

static void *reserve(struct sampler *s, enum wire_type type, size_t len)
{
    void *const record = ring_reserve(s->writer->ring, (uint16_t)type, len);
    if (record == NULL)
        s->writer->full = true;
    return record;
}

/* False: there is no room. */
static bool chain_write(struct sampler *s, uint32_t number, const struct await_group *group,
                        uint32_t on)
{
    struct wire_chain *const record =
        reserve(s, WIRE_CHAIN, sizeof(*record) + group->n * sizeof(struct wire_frame));
    if (record == NULL)
        return false;
    record->record.flags = group->is_cut ? WIRE_CHAIN_CUT : 0;
    record->chain = number;
    record->waits = group->waits;
    record->on = (uint16_t)on;
    record->n = group->n;
    record->pad = 0;
    memcpy(record->frames, s->awaits->room->wire, group->n * sizeof(struct wire_frame));
    return true;
}

/* The number of a chain, told before if need be. 0 = it cannot be told. */
static uint32_t chain_number(struct sampler *s, const struct await_group *group, uint64_t deaths)
{
    struct awaits *const awaits = s->awaits;
    struct awaits_room *const room = awaits->room;
    for (uint32_t i = 0; i < group->n; i++) {
        const uint64_t frame = room->frames[group->first + i];
        const uint32_t code = wire_writer_code(s->writer, stack_frame_code(frame), deaths);
        if (code == 0)
            return 0;
        room->wire[i] = (struct wire_frame){.code = code, .instr = stack_frame_instr(frame)};
    }
    const uint32_t on = wire_writer_task(s->writer, group->on, group->on_len);
    uint64_t hash = fnv_more(FNV_BEGIN, room->wire, group->n * sizeof(struct wire_frame));
    hash = fnv_more(fnv_more(hash, &on, sizeof(on)), &group->waits, 1);
    hash = (hash ^ group->is_cut) | 1;
    uint32_t at = (uint32_t)(hash >> 32) % (2 * WIRE_CHAINS_MAX);
    while (room->sent[at] != 0 && room->sent[at] != hash)
        at = (at + 1) % (2 * WIRE_CHAINS_MAX);
    if (room->sent[at] != 0)
        return room->numbers[at];
    if (!chain_write(s, awaits->n_sent + 1, group, on))
        return 0;
    room->sent[at] = hash;
    room->numbers[at] = (uint16_t)++awaits->n_sent;
    return awaits->n_sent;
}

/* Which of the tasks that are told are in a phase or label; how many those are. */
static uint32_t contexts_fill(struct awaits_room *room, const struct look *look)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < look->n_records; i++) {
        const struct await_record *const record = &room->records[i];
        const uint32_t entry = room->groups[record->group].entry;
        if (record->context != 0 && !record->is_unsure && entry != 0)
            room->contexts[n++] =
                (struct wire_await_context){.context = record->context, .entry = entry - 1};
    }
    return n;
}

/* look: NULL = there was none; n: of its groups are told. */
static void awaits_write(struct sampler *s, uint32_t thread, enum wire_look outcome,
                         uint64_t wall_ns, const struct look *look, uint32_t n)
{
    struct awaits_room *const room = s->awaits->room;
    const uint32_t n_contexts = look != NULL ? contexts_fill(room, look) : 0;
    const uint32_t len = n * (uint32_t)sizeof(room->entries[0]);
    const uint32_t contexts_len = n_contexts * (uint32_t)sizeof(room->contexts[0]);
    struct wire_awaits *const record =
        reserve(s, WIRE_AWAITS, sizeof(*record) + len + contexts_len);
    if (record == NULL)
        return;
    record->thread = thread;
    record->outcome = outcome;
    record->wall_ns = wall_ns;
    record->tasks = look != NULL ? look->n_seen : 0;
    record->unread = look != NULL ? look->unread : 0;
    record->unknown = look != NULL ? look->unknown : 0;
    record->n = n;
    record->n_contexts = n_contexts;
    record->pad = 0;
    if (n > 0)
        memcpy(record->entries, room->entries, len);
    if (n_contexts > 0)
        memcpy(record->entries + n, room->contexts, contexts_len);
}

/* Tell a look; false: not all of it found room, and the next one is not the same. */
static bool look_write(struct sampler *s, uint32_t thread, struct look *look)
{
    struct awaits_room *const room = s->awaits->room;
    uint32_t n = 0;
    if (s->awaits->n_sent + look->n_groups >= WIRE_CHAINS_MAX)
        awaits_forget_chains(s->awaits);
    for (uint32_t i = 0; i < look->n_groups; i++) {
        struct await_group *const group = &room->groups[i];
        if (group->count == 0)
            continue;
        const uint32_t number = chain_number(s, group, look->source.deaths);
        if (number == 0) {
            look->unknown += group->count;
            continue;
        }
        room->entries[n++] = (struct wire_await_entry){
            .chain = number,
            .count = group->count,
            .name = wire_writer_task(s->writer, group->name, group->name_len),
        };
        group->entry = n;
    }
    awaits_write(s, thread, WIRE_LOOK_TAKEN, s->awaits->slot_ns, look, n);
    return !s->writer->full;
}

/* ---- when ---- */

/* What looks cost decides how far they are apart. */
static void slot_settle(struct awaits *awaits, uint64_t cost_ns)
{
    const uint64_t right_ns = cost_ns * AWAITS_SHARE;
    if (right_ns > awaits->slot_ns && awaits->slot_ns < AWAITS_SLOT_MAX_NS)
        awaits->slot_ns *= 2;
    else if (right_ns < awaits->slot_ns / 4 && awaits->slot_ns > AWAITS_SLOT_NS)
        awaits->slot_ns /= 2;
}

/* True: there is nothing to be done in this slot any more. */
static bool look_try(struct sampler *s, struct await_loop *loop, const struct thread *thread,
                     uint64_t cpu_ns)
{
    const struct binding *const binding = threads_binding(s->threads, thread);
    struct look look = {.begin_ns = own_clock()};
    bool is_readable = false;
    if (binding == NULL || thread->samples == 0 || cpu_ns != thread->cpu_ns ||
        (thread->state & NOT_BLOCKED))
        return false;
    look.source = capture_source(s->capture, binding->tstate, codes_deaths(s->codes));
    look.reader.source = &look.source;
    look.reader.state = binding->interp;
    loop->cpu_ns = cpu_ns;
    loop->holds = false;
    const bool is_proved = look_take(s, loop, thread, &look, &is_readable);
    if (is_proved && is_readable)
        loop->holds = look_write(s, thread->id, &look);
    else if (is_proved && look.reader.loop != 0)
        awaits_write(s, thread->id, WIRE_LOOK_UNREADABLE, s->awaits->slot_ns, NULL, 0);
    const uint64_t cost_ns = own_clock() - look.begin_ns;
    slot_settle(s->awaits, cost_ns);
    loop->not_before_ns = s->last_ns + cost_ns * AWAITS_SHARE; /* also one that was in vain */
    return is_proved;
}

/* Slots are over without a look of their own: the one before held on, or the thread ran. */
static void slots_pass(struct sampler *s, struct await_loop *loop, uint64_t now_ns, bool is_same)
{
    const uint64_t slot_ns = s->awaits->slot_ns;
    const uint64_t n = (now_ns - loop->due_ns) / slot_ns;
    uint64_t n_same = is_same ? n : 0;
    if (!is_same && loop->holds && loop->held_ns > loop->due_ns) {
        n_same = (loop->held_ns - loop->due_ns) / slot_ns + 1;
        n_same = n_same < n ? n_same : n;
    }
    if (n_same > 0)
        awaits_write(s, loop->thread, WIRE_LOOK_SAME, n_same * slot_ns, NULL, 0);
    if (n > n_same)
        awaits_write(s, loop->thread, WIRE_LOOK_RAN, (n - n_same) * slot_ns, NULL, 0);
    loop->due_ns += n * slot_ns;
}

static const struct thread *thread_of(const struct threads *threads, uint32_t id)
{
    for (uint32_t i = 0; i < threads->n; i++)
        if (threads->list[i].id == id)
            return &threads->list[i];
    return NULL;
}

/* False: the thread is gone, or runs no loop any more. */
static bool loop_visit(struct sampler *s, struct await_loop *loop, uint64_t now_ns)
{
    if (now_ns < loop->due_ns)
        return true;
    const struct thread *const thread = thread_of(s->threads, loop->thread);
    const uint64_t cpu_ns = thread != NULL ? clock_of_thread(thread->tid) : UINT64_MAX;
    if (cpu_ns == UINT64_MAX)
        return false;
    const bool is_same = loop->holds && cpu_ns == loop->cpu_ns;
    const struct binding *const binding = threads_binding(s->threads, thread);
    if (!is_same &&
        (binding == NULL || await_loop(&s->interp->ver, binding->tstate, &s->awaits->hint) == 0))
        return false;
    if (!thread->announced)
        return true;
    slots_pass(s, loop, now_ns, is_same);
    const uint64_t slot_ns = s->awaits->slot_ns;
    if (is_same) {
        loop->held_ns = now_ns;
        awaits_write(s, loop->thread, WIRE_LOOK_SAME, slot_ns, NULL, 0);
        loop->due_ns += slot_ns;
    } else if (now_ns >= loop->not_before_ns && look_try(s, loop, thread, cpu_ns)) {
        loop->held_ns = now_ns;
        loop->due_ns += slot_ns;
    }
    return true;
}

void sampler_look_at_tasks(struct sampler *s, uint64_t now_ns)
{
    struct awaits *const awaits = s->awaits;
    if (awaits == NULL || s->threads->n == 0)
        return;
    find(s, now_ns);
    for (uint32_t i = 0; i < awaits->n_loops;) {
        if (loop_visit(s, &awaits->loops[i], now_ns))
            i++;
        else
            awaits->loops[i] = awaits->loops[--awaits->n_loops];
    }
}
