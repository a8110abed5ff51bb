/* SPDX-License-Identifier: MIT */
#include "stall_look.h"

#include "analyze/base/memory.h"
#include "analyze/read/unit.h"
#include "analyze/tasks/looks.h"

#include <stdlib.h>
#include <string.h>

#define NEAR_NS UINT64_C(2000000000) /* what was further away says nothing of a stall */

/* Of a look: where it is from the stall, and how far. */
struct sight {
    enum stall_sight sight;
    uint64_t off_ns;
};

static struct sight sight_of(const struct stall *stall, const struct look *look, uint64_t at_ns,
                             uint64_t known_ns)
{
    if (look->outcome > LOOK_SAME)
        return (struct sight){SIGHT_NOT_KNOWN, 0};
    if (at_ns <= stall->begin_ns)
        return (struct sight){SIGHT_BEFORE,
                              known_ns < stall->begin_ns ? stall->begin_ns - known_ns : 0};
    if (look->outcome == LOOK_SAME) /* from before that, written later */
        return (struct sight){SIGHT_NOT_KNOWN, 0};
    if (at_ns <= stall->end_ns)
        return (struct sight){SIGHT_IN, at_ns - stall->begin_ns};
    return (struct sight){SIGHT_AFTER, at_ns - stall->end_ns};
}

bool stall_is_ready(const char *wait)
{
    return strcmp(wait, "ready to go on") == 0 || strcmp(wait, "not begun") == 0;
}

static void take(struct stall_tasks *tasks, struct scene *scene, const struct look *look)
{
    const struct dict *const dict = &scene->reader->dict;
    const double read = (double)look->tasks - look->unread;
    const double each = read > 0 ? look->tasks / read : 0; /* also for those that were not read */
    free(tasks->rows);
    tasks->rows = memory_get((look->n + 1) * sizeof *tasks->rows);
    tasks->n = look->n;
    tasks->n_tasks = look->tasks;
    tasks->n_unread = look->unread;
    tasks->n_unknown = look->unknown;
    tasks->ready = 0;
    for (size_t i = 0; i < look->n; i++) {
        const char *const name = look->name != NULL ? dict_string(dict, look->name[i]) : "";
        const double count = each * look->count[i];
        struct await_row *const row = &tasks->rows[i];
        *row = (struct await_row){
            .node = scene_node(scene, look_stack(look, dict, i)),
            .name = symbols_text(&scene->symbols, name),
            .wait = symbols_text(&scene->symbols, dict_string(dict, look->wait[i])),
            .tasks_ns = count,
            .most = count,
            .some_ns = 1,
        };
        tasks->ready += stall_is_ready(row->wait) ? count : 0;
    }
}

static struct stall_tasks *tasks_of(struct stall *stall)
{
    if (stall->tasks == NULL) {
        stall->tasks = memory_get(sizeof *stall->tasks);
        *stall->tasks = (struct stall_tasks){.at = {.thread = stall->thread, .seen_ns = 1}};
    }
    return stall->tasks;
}

static void see(struct stall *stall, struct scene *scene, const struct look *look)
{
    const uint64_t at_ns = scene_time_ns(scene, look->tick);
    const uint64_t known_ns = at_ns + quanta_ns(look->wall_q, scene->reader->quantum_ns);
    const struct sight sight = sight_of(stall, look, at_ns, known_ns);
    if (known_ns + NEAR_NS < stall->begin_ns || at_ns > stall->end_ns + NEAR_NS ||
        (stall->tasks != NULL && stall->tasks->own))
        return;
    struct stall_tasks *const tasks = tasks_of(stall);
    /* of several in it, or before it, the last one; behind it the first one */
    if (sight.sight < tasks->sight || sight.sight == SIGHT_NOT_KNOWN ||
        (sight.sight == SIGHT_AFTER && tasks->sight == SIGHT_AFTER))
        return;
    tasks->sight = sight.sight;
    tasks->off_ns = sight.off_ns;
    take(tasks, scene, look);
}

/* Is any look of the range near it? */
static bool is_near(const struct stall *stall, const struct scene *scene)
{
    const bool is_phase = stall->phase != NULL;
    const uint64_t begin_ns = is_phase ? stall->phase_begin_ns : stall->begin_ns;
    const uint64_t end_ns = is_phase ? stall->phase_end_ns : stall->end_ns;
    return stall->thread->process == scene->process &&
           begin_ns <= scene_time_ns(scene, scene->n_ticks - 1) + NEAR_NS &&
           scene_before_ns(scene, 0) <= end_ns + NEAR_NS;
}

/* ---- of a phase ---- */

/* A look, of whose loop, and the time that it stands for. */
struct seen {
    const struct look *look;
    const struct thread *thread;
    uint64_t at_ns, to_ns;
};

static int compare_phases(const void *left, const void *right)
{
    const struct stall *const a = *(struct stall *const *)left;
    const struct stall *const b = *(struct stall *const *)right;
    const struct process *const p = a->thread->process, *const q = b->thread->process;
    if (p != q)
        return p < q ? -1 : 1;
    return (a->phase_number > b->phase_number) - (a->phase_number < b->phase_number);
}

/* The one with that number, of the first n; NULL = it is not asked about. */
static struct stall *phase_find(struct stalls *stalls, size_t n, uint64_t number)
{
    struct thread thread = {.process = stalls->scene->process};
    struct stall wanted = {.thread = &thread, .phase_number = number};
    const struct stall *const key = &wanted;
    if (stalls->by_phase == NULL) {
        stalls->by_phase = memory_get((n + 1) * sizeof(struct stall *));
        for (size_t i = 0; i < n; i++)
            stalls->by_phase[i] = &stalls->list[i];
        qsort(stalls->by_phase, n, sizeof(struct stall *), compare_phases);
    }
    struct stall **const found =
        bsearch(&key, stalls->by_phase, n, sizeof(struct stall *), compare_phases);
    return found != NULL ? *found : NULL;
}

/* How much of the time that a look stands for is the phase's. */
static uint64_t common_ns(const struct stall *stall, const struct seen *seen)
{
    const uint64_t from_ns =
        seen->at_ns > stall->phase_begin_ns ? seen->at_ns : stall->phase_begin_ns;
    const uint64_t to_ns = seen->to_ns < stall->phase_end_ns ? seen->to_ns : stall->phase_end_ns;
    return to_ns > from_ns ? to_ns - from_ns : 0;
}

/* What was seen once of the loop's tasks makes room for the phase's own, of that thread's loop. */
static void begin_own(struct stall_tasks *tasks, const struct thread *thread)
{
    const bool same = tasks->at.thread == thread;
    free(tasks->rows);
    *tasks = (struct stall_tasks){.sight = SIGHT_IN,
                                  .own = true,
                                  .known_ns = same ? tasks->known_ns : 0,
                                  .unknown_ns = same ? tasks->unknown_ns : 0,
                                  .at = {.process = thread->process, .thread = thread}};
}

/* Some of its tasks are suspended there. */
static void add_own(struct stall *stall, struct scene *scene, const struct seen *seen,
                    const struct look_context *context)
{
    const struct look *const look = seen->look;
    const struct dict *const dict = &scene->reader->dict;
    if (common_ns(stall, seen) == 0) /* it is over: a task that was made in it goes on */
        return;
    struct stall_tasks *const tasks = tasks_of(stall);
    const size_t i = context->entry;
    const char *const name = look->name != NULL ? dict_string(dict, look->name[i]) : "";
    const struct await_row key = {
        .node = scene_node(scene, look_stack(look, dict, i)),
        .name = symbols_text(&scene->symbols, name),
        .wait = symbols_text(&scene->symbols, dict_string(dict, look->wait[i])),
    };
    size_t n = 0;
    if (!tasks->own)
        begin_own(tasks, seen->thread);
    if (tasks->at.thread != seen->thread)
        return;
    while (n < tasks->n && (tasks->rows[n].node != key.node || tasks->rows[n].name != key.name ||
                            tasks->rows[n].wait != key.wait))
        n++;
    if (n == tasks->n) {
        tasks->rows = memory_grow(tasks->rows, &tasks->size, n + 1, sizeof *tasks->rows);
        tasks->rows[tasks->n++] = key;
    }
    tasks->rows[n].now += context->count;
}

/* A look is over: what it says of a phase that it is in. */
static void end_own(struct stall *stall, const struct seen *seen)
{
    const struct look *const look = seen->look;
    const uint64_t ns = common_ns(stall, seen);
    if (ns == 0 || (stall->tasks != NULL ? stall->tasks->at.thread : stall->thread) != seen->thread)
        return;
    struct stall_tasks *const tasks = tasks_of(stall);
    double sum = 0, ready = 0;
    for (size_t i = 0; tasks->own && i < tasks->n; i++) {
        struct await_row *const row = &tasks->rows[i];
        row->tasks_ns += row->now * (double)ns;
        row->some_ns += row->now > 0 ? ns : 0;
        row->most = row->now > row->most ? row->now : row->most;
        sum += row->now;
        ready += stall_is_ready(row->wait) ? row->now : 0;
        row->now = 0;
    }
    if (tasks->own) {
        tasks->n_tasks = sum > tasks->n_tasks ? (uint32_t)sum : tasks->n_tasks;
        tasks->ready = ready > tasks->ready ? ready : tasks->ready;
        tasks->some_ns += sum > 0 ? ns : 0;
    }
    /* its own may be among those that were not read */
    if (look->outcome <= LOOK_SAME && (sum > 0 || look->unread + look->unknown == 0))
        tasks->known_ns += ns;
    else
        tasks->unknown_ns += ns;
}

/* The tasks of a look that are in phases that are asked about, and in those that these are in. */
static void look_at_phases(struct stalls *stalls, size_t n, const struct seen *seen)
{
    const struct dict *const dict = &stalls->scene->reader->dict;
    struct look_context context = {0};
    for (size_t at = 0; look_next_context(seen->look, &at, &context);) {
        uint32_t in = dict_context_find(dict, context.context);
        for (; in != 0; in = dict->contexts[in].up) {
            struct stall *const stall = phase_find(stalls, n, dict->contexts[in].number);
            if (stall != NULL && is_near(stall, stalls->scene))
                add_own(stall, stalls->scene, seen, &context);
        }
    }
}

/* ---- looks ---- */

void stall_look_range(struct stalls *stalls, size_t n)
{
    struct scene *const scene = stalls->scene;
    struct unit_reader *const reader = scene->reader;
    struct proto_column rest = reader->samples;
    struct look look;
    size_t first = 0;
    while (first < n && !is_near(&stalls->list[first], scene))
        first++;
    while (first < n && looks_next(&rest, &reader->proto, &look)) {
        const uint32_t index = scene_thread_index(scene, look.thread);
        if (index == SCENE_NOBODY || look.tick < reader->range.from_tick ||
            look.tick >= reader->range.to_tick)
            continue;
        const uint64_t at_ns = scene_time_ns(scene, look.tick);
        const struct seen seen = {&look, scene->threads[index].thread, at_ns,
                                  at_ns + quanta_ns(look.wall_q, reader->quantum_ns)};
        if (stalls->list[first].phase != NULL && look.outcome <= LOOK_SAME)
            look_at_phases(stalls, n, &seen);
        for (size_t i = first; i < n; i++) {
            struct stall *const stall = &stalls->list[i];
            if (!is_near(stall, scene))
                continue;
            if (stall->phase != NULL)
                end_own(stall, &seen);
            if (seen.thread == stall->thread)
                see(stall, scene, &look);
        }
    }
}

/* ---- when all is read ---- */

static int compare_rows(const void *left, const void *right)
{
    const struct await_row *const a = left, *const b = right;
    if (a->tasks_ns != b->tasks_ns)
        return a->tasks_ns < b->tasks_ns ? 1 : -1;
    if (a->node != b->node)
        return a->node < b->node ? -1 : 1;
    const int order = strcmp(a->wait, b->wait);
    return order != 0 ? order : strcmp(a->name, b->name);
}

/* Those that differ by an instruction only, in one line. */
static void join(struct stall_tasks *tasks)
{
    size_t n = 0;
    for (size_t i = 0; i < tasks->n; i++) {
        const struct await_row *const row = &tasks->rows[i];
        size_t k = 0;
        while (k < n && (tasks->rows[k].node != row->node || tasks->rows[k].name != row->name ||
                         tasks->rows[k].wait != row->wait))
            k++;
        if (k == n) {
            tasks->rows[n++] = *row;
            continue;
        }
        tasks->rows[k].tasks_ns += row->tasks_ns;
        tasks->rows[k].most += row->most;
    }
    tasks->n = n;
}

void stall_look_settle(struct stalls *stalls, struct stall *stall)
{
    struct stall_tasks *const tasks = stall->tasks;
    if (tasks == NULL || tasks->n == 0)
        return;
    if (tasks->own) {
        tasks->at.seen_ns = tasks->known_ns;
        tasks->at.ran_ns = tasks->unknown_ns;
    } else {
        join(tasks);
    }
    qsort(tasks->rows, tasks->n, sizeof *tasks->rows, compare_rows);
    for (size_t i = 0; i < tasks->n; i++) {
        tasks->rows[i].at = &tasks->at;
        await_row_tell(stalls->scene, &tasks->rows[i], tasks->rows[i].node, AWAITS_BY_CHAIN);
    }
}
