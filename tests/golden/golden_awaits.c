/* SPDX-License-Identifier: MIT */
/*
 * A recording with looks at suspended tasks: tasks that wait alike, one with a name, some that were
 * not read, a time in which nothing is known, and a stack and a string that nobody defined. And the
 * same with tasks in phases and labels.
 */
#include "golden.h"

static void contexts_fill(Pyrec__V1__Defs *defs)
{
    static uint64_t number[] = {1, 1, 5}, up[] = {0, 1, 0}, ended[] = {1};
    static uint32_t name[] = {11, 13, 11}, value[] = {12, 14, 0}, kind[] = {0, 1, 0};
    static uint32_t thread[] = {1, 1, 1};
    static int64_t begin[] = {9000, 10, 2000}, end[] = {30000};
    defs->n_context = defs->n_context_up = defs->n_context_name = defs->n_context_value = 3;
    defs->n_context_kind = defs->n_context_thread = defs->n_context_begin_q = 3;
    defs->n_context_ended = defs->n_context_end_q = 1;
    defs->context = number, defs->context_up = up, defs->context_name = name;
    defs->context_value = value, defs->context_kind = kind, defs->context_thread = thread;
    defs->context_begin_q = begin, defs->context_ended = ended, defs->context_end_q = end;
}

static void defs_fill(struct bytes *raw, bool has_phases)
{
    Pyrec__V1__Defs defs;
    Pyrec__V1__Thread thread;
    Pyrec__V1__Thread *threads[] = {&thread};
    char *strings[] = {
        golden_text("main"),        golden_text("demo.py"),   golden_text("handle"),
        golden_text("query"),       golden_text("future"),    golden_text("ready to go on"),
        golden_text("task loader"), golden_text("request #"), golden_text("MainThread"),
        golden_text("not begun"),   golden_text("request"),   golden_text("GET /"),
        golden_text("user"),        golden_text("7")};
    uint32_t name[] = {1, 3, 4}, file[] = {2, 2, 2}, line[] = {1, 10, 20};
    uint32_t function[] = {1, 2, 3, 2}, up[] = {1, 2, 1, 4}, location[] = {1, 2, 3, 4};
    int32_t offset[] = {3, 2, 1, 0};

    pyrec__v1__defs__init(&defs);
    pyrec__v1__thread__init(&thread);
    defs.first_string = 1, defs.n_string = has_phases ? 14 : 10, defs.string = strings;
    defs.first_function = defs.first_location = defs.first_stack = 1;
    defs.n_function_name = defs.n_function_file = defs.n_function_line = 3;
    defs.function_name = name, defs.function_file = file, defs.function_line = line;
    defs.n_location_function = defs.n_location_line = 4;
    defs.location_function = function, defs.location_line = offset;
    defs.n_stack_up = defs.n_stack_location = 4;
    defs.stack_up = up, defs.stack_location = location;
    thread.id = 1;
    thread.os_tid = 4242;
    thread.name = 9;
    thread.start_q = 1000;
    thread.cpu_q = 8600;
    thread.main = 1;
    defs.n_thread = 1, defs.thread = threads;
    if (has_phases) /* a request, a label in it; and another request */
        contexts_fill(&defs);
    golden_add(raw, PYREC__V1__PACKET__BODY_DEFS, &defs);
}

static void defs_add(struct bytes *raw)
{
    defs_fill(raw, false);
}

static void defs_add_phases(struct bytes *raw)
{
    defs_fill(raw, true);
}

static void look_fill(Pyrec__V1__Look *look, uint32_t tick, uint64_t wall_q,
                      Pyrec__V1__Look__Outcome outcome)
{
    pyrec__v1__look__init(look);
    look->thread = 1;
    look->tick = tick;
    look->wall_q = wall_q;
    look->outcome = outcome;
}

static void write_looks(const char *path, void (*add)(struct bytes *raw), bool has_phases)
{
    /* of request #'s five two in the first request and one in the label, one of all in the second
     * request, one in a context that nobody has declared */
    uint32_t entry[] = {0, 0, 2, 1}, in[] = {2, 1, 1, 1};
    int64_t context[] = {1, 1, 5, 92};
    uint32_t stack[] = {3, 3, 2, 4, 99}, wait[] = {5, 6, 7, 10, 98}, count[] = {5, 1, 2, 1, 1};
    uint32_t name[] = {8, 8, 0, 0, 0};
    Pyrec__V1__Look look[3], *looks[] = {&look[0], &look[1], &look[2]};

    look_fill(&look[0], 0, 16000, PYREC__V1__LOOK__OUTCOME__TAKEN);
    look[0].tasks = 14, look[0].unread = 3, look[0].unknown = 1;
    look[0].n_stack = look[0].n_wait = look[0].n_name = look[0].n_count = 5;
    look[0].stack = stack, look[0].wait = wait, look[0].name = name, look[0].count = count;
    if (has_phases) {
        look[0].n_context_entry = look[0].n_context = look[0].n_context_count = 4;
        look[0].context_entry = entry, look[0].context = context, look[0].context_count = in;
    }
    look_fill(&look[1], 1, 5000, PYREC__V1__LOOK__OUTCOME__RAN);
    look_fill(&look[2], 2, 6000, PYREC__V1__LOOK__OUTCOME__SAME);
    look[2].tasks = 5;
    look[2].n_stack = look[2].n_wait = look[2].n_count = 1;
    look[2].stack = stack, look[2].wait = wait, look[2].count = count;
    if (has_phases) {
        look[2].n_context_entry = look[2].n_context = look[2].n_context_count = 1;
        look[2].context_entry = entry, look[2].context = context, look[2].context_count = in;
    }
    golden_demo(path, &(struct golden_demo){
                          .defs_add = add,
                          .looks = looks,
                          .n_looks = 3,
                          .seen = {{9500, 1, 0, 0}, {18900, 1, 3, 0}, {18900, 1, 0, 0}},
                          .holder = {0, 1, 0},
                      });
}

void golden_awaits(const char *path)
{
    write_looks(path, defs_add, false);
}

void golden_phases(const char *path)
{
    write_looks(path, defs_add_phases, true);
}
