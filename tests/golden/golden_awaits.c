/* SPDX-License-Identifier: MIT */
/*
 * A recording with looks at suspended tasks: tasks that wait alike, one with a name, some that were
 * not read, a time in which nothing is known, and a stack and a string that nobody defined.
 */
#include "golden.h"

static void defs_add(struct bytes *raw)
{
    Pyrec__V1__Defs defs;
    Pyrec__V1__Thread thread;
    Pyrec__V1__Thread *threads[] = {&thread};
    char *strings[] = {golden_text("main"),        golden_text("demo.py"),
                       golden_text("handle"),      golden_text("query"),
                       golden_text("future"),      golden_text("ready to go on"),
                       golden_text("task loader"), golden_text("request #"),
                       golden_text("MainThread"),  golden_text("not begun")};
    uint32_t name[] = {1, 3, 4}, file[] = {2, 2, 2}, line[] = {1, 10, 20};
    uint32_t function[] = {1, 2, 3, 2}, up[] = {1, 2, 1, 4}, location[] = {1, 2, 3, 4};
    int32_t offset[] = {3, 2, 1, 0};

    pyrec__v1__defs__init(&defs);
    pyrec__v1__thread__init(&thread);
    defs.first_string = 1, defs.n_string = 10, defs.string = strings;
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
    golden_add(raw, PYREC__V1__PACKET__BODY_DEFS, &defs);
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

void golden_awaits(const char *path)
{
    uint32_t stack[] = {3, 3, 2, 4, 99}, wait[] = {5, 6, 7, 10, 98}, count[] = {5, 1, 2, 1, 1};
    uint32_t name[] = {8, 8, 0, 0, 0};
    Pyrec__V1__Look look[3], *looks[] = {&look[0], &look[1], &look[2]};

    look_fill(&look[0], 0, 16000, PYREC__V1__LOOK__OUTCOME__TAKEN);
    look[0].tasks = 14, look[0].unread = 3, look[0].unknown = 1;
    look[0].n_stack = look[0].n_wait = look[0].n_name = look[0].n_count = 5;
    look[0].stack = stack, look[0].wait = wait, look[0].name = name, look[0].count = count;
    look_fill(&look[1], 1, 5000, PYREC__V1__LOOK__OUTCOME__RAN);
    look_fill(&look[2], 2, 6000, PYREC__V1__LOOK__OUTCOME__SAME);
    look[2].tasks = 5;
    look[2].n_stack = look[2].n_wait = look[2].n_count = 1;
    look[2].stack = stack, look[2].wait = wait, look[2].count = count;
    golden_demo(path, &(struct golden_demo){
                          .defs_add = defs_add,
                          .looks = looks,
                          .n_looks = 3,
                          .seen = {{9500, 1, 0, 0}, {18900, 1, 3, 0}, {18900, 1, 0, 0}},
                          .holder = {0, 1, 0},
                      });
}
