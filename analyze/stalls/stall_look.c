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

static bool is_ready(const char *wait)
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
        tasks->ready += is_ready(row->wait) ? count : 0;
    }
}

static void see(struct stall *stall, struct scene *scene, const struct look *look)
{
    const uint64_t at_ns = scene_time_ns(scene, look->tick);
    const uint64_t known_ns = at_ns + quanta_ns(look->wall_q, scene->reader->quantum_ns);
    const struct sight sight = sight_of(stall, look, at_ns, known_ns);
    if (known_ns + NEAR_NS < stall->begin_ns || at_ns > stall->end_ns + NEAR_NS)
        return;
    if (stall->tasks == NULL) {
        stall->tasks = memory_get(sizeof *stall->tasks);
        *stall->tasks = (struct stall_tasks){.at = {.thread = stall->thread, .seen_ns = 1}};
    }
    struct stall_tasks *const tasks = stall->tasks;
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
    return stall->thread->process == scene->process &&
           stall->begin_ns <= scene_time_ns(scene, scene->n_ticks - 1) + NEAR_NS &&
           scene_before_ns(scene, 0) <= stall->end_ns + NEAR_NS;
}

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
        for (size_t i = first; i < n; i++) {
            struct stall *const stall = &stalls->list[i];
            if (scene->threads[index].thread == stall->thread && is_near(stall, scene))
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
    join(tasks);
    qsort(tasks->rows, tasks->n, sizeof *tasks->rows, compare_rows);
    for (size_t i = 0; i < tasks->n; i++) {
        tasks->rows[i].at = &tasks->at;
        await_row_tell(stalls->scene, &tasks->rows[i], tasks->rows[i].node, AWAITS_BY_CHAIN);
    }
}
