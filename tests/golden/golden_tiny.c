/* SPDX-License-Identifier: MIT */
/*
 * demo.py:
 *     1  def work(n):
 *     2      total = sum(range(n))
 *     3      print(total)
 *     4
 *     5  work(10**6)
 * Three ticks of its main thread at 100 Hz: in line 2 on a CPU, in line 3 blocked in write(), and
 * there still.
 */
#include "golden.h"

static void defs_add(struct bytes *raw)
{
    Pyrec__V1__Defs defs;
    Pyrec__V1__Thread thread;
    Pyrec__V1__Thread *threads[] = {&thread};
    char *strings[] = {golden_text("<module>"), golden_text("demo.py"), golden_text("work"),
                       golden_text("MainThread"), golden_text("write")};
    uint32_t function_name[] = {1, 3}, function_file[] = {2, 2}, function_line[] = {1, 1};
    uint32_t location_function[] = {1, 2, 2}, end_line[] = {0, 0, 0};
    int32_t line[] = {4, 1, 2};
    uint32_t column[] = {1, 13, 5}, end_column[] = {12, 26, 17};
    uint32_t stack_up[] = {1, 1, 2}, stack_location[] = {1, 2, 3};

    pyrec__v1__defs__init(&defs);
    pyrec__v1__thread__init(&thread);
    defs.first_string = 1, defs.n_string = 5, defs.string = strings;
    defs.first_function = 1;
    defs.n_function_name = defs.n_function_file = defs.n_function_line = 2;
    defs.function_name = function_name, defs.function_file = function_file;
    defs.function_line = function_line;
    defs.first_location = 1;
    defs.n_location_function = defs.n_location_line = defs.n_location_end_line = 3;
    defs.n_location_column = defs.n_location_end_column = 3;
    defs.location_function = location_function, defs.location_line = line;
    defs.location_end_line = end_line, defs.location_column = column;
    defs.location_end_column = end_column;
    defs.first_stack = 1, defs.n_stack_up = defs.n_stack_location = 3;
    defs.stack_up = stack_up, defs.stack_location = stack_location;
    thread.id = 1;
    thread.os_tid = 4242;
    thread.python_ident = 139637976727552;
    thread.name = 4;
    thread.start_q = 1000;
    thread.cpu_q = 8600;
    thread.main = 1;
    defs.n_thread = 1, defs.thread = threads;
    golden_add(raw, PYREC__V1__PACKET__BODY_DEFS, &defs);
}

void golden_tiny(const char *path)
{
    golden_demo(path, &(struct golden_demo){
                          .defs_add = defs_add,
                          .seen = {{9500, 2, 3, 0}, {9900, 3, 0, 5}, {9900, 3, 0, 5}},
                          .holder = {1, 0, 0},
                      });
}
