/* SPDX-License-Identifier: MIT */
#include "dump_take.h"
#include "record/decode/syscalls.h"

#include <jansson.h>

static json_t *frames_json(const struct dump_thread *thread)
{
    json_t *const frames = json_array();
    for (uint32_t i = 0; i < thread->n_frames; i++) {
        const struct dump_frame *const frame = &thread->frames[i];
        json_array_append_new(
            frames, json_pack("{s:s, s:s, s:o}", "function", frame->function, "file", frame->file,
                              "line", frame->line >= 0 ? json_integer(frame->line) : json_null()));
    }
    return frames;
}

static json_t *number_or_null(int64_t number, bool is_there)
{
    return is_there ? json_integer(number) : json_null();
}

static json_t *thread_json(const struct dump_thread *thread)
{
    const bool is_call = thread->call >= 0 && thread->state != DUMP_ENDED;
    const char *const call = is_call ? syscall_find_name(thread->call) : NULL;
    json_t *const json = json_pack(
        "{s:o, s:o, s:s?, s:s, s:b, s:b, s:I, s:s, s:s?, s:o, s:s?, s:o, s:o, s:o, s:f, s:b, s:b, "
        "s:b, s:f}",
        "tid", number_or_null(thread->tid, thread->tid != 0), "tid_inside",
        number_or_null(thread->inner, thread->inner != 0), "name", thread->name, "kernel_name",
        thread->comm, "is_python", thread->is_python, "is_kernel_worker", thread->is_worker,
        "interpreter", (json_int_t)thread->interp_id, "state", dump_state_name(thread->state),
        "call", call, "call_number", number_or_null(thread->call, is_call), "waits_for",
        thread->what, "held_by", number_or_null(thread->held_by, thread->held_by != 0), "futex",
        number_or_null((int64_t)thread->lock, thread->lock != 0), "waiting_there",
        number_or_null(thread->n_waiting, thread->lock != 0), "cpu_seconds",
        (double)thread->cpu_ns / 1e9, "holds_gil", thread->holds_gil, "collects_garbage",
        thread->is_collecting, "stops_world", thread->stops_world, "at_seconds",
        (double)thread->at_ns / 1e9);
    if (json == NULL)
        return NULL;
    json_t *const stack = json_pack(
        "{s:b, s:s?, s:s?, s:o, s:b, s:I, s:I, s:o}", "is_proved", thread->is_proved, "not_proved",
        thread->unproved, "not_known", thread->not_known, "depth",
        number_or_null(thread->depth, thread->is_python && thread->not_known == NULL), "is_deeper",
        thread->is_cut, "left_out", (json_int_t)thread->n_left, "left_out_behind",
        (json_int_t)thread->left_behind, "frames", frames_json(thread));
    json_object_set_new(json, "stack", thread->is_python ? stack : json_null());
    if (!thread->is_python)
        json_decref(stack);
    return json;
}

static json_t *dump_json(const struct dump *dump)
{
    char version[32];
    json_t *const threads = json_array();
    python_version_text(dump->python.interp.hexversion, version, sizeof version);
    for (uint32_t i = 0; i < dump->n_threads; i++)
        json_array_append_new(threads, thread_json(&dump->threads[i]));
    if (json_array_size(threads) != dump->n_threads) { /* no memory, or a text that is none */
        json_decref(threads);
        return NULL;
    }
    return json_pack("{s:i, s:s, s:s, s:s, s:b, s:f, s:f, s:b, s:{s:I, s:I, s:I, s:I, s:I}, s:o}",
                     "pid", dump->pid, "command", dump->command, "python", version, "build",
                     dump->python.interp.build, "has_gil", dump->has_gil, "time",
                     (double)dump->wall_ns / 1e9, "took_seconds", (double)dump->took_ns / 1e9,
                     "is_whole", dump->is_whole, "counts", "threads", (json_int_t)dump->n_threads,
                     "python", (json_int_t)dump->n_python, "proved", (json_int_t)dump->n_proved,
                     "not_proved", (json_int_t)dump->n_unproved, "not_known",
                     (json_int_t)dump->n_not_known, "threads", threads);
}

enum status dump_write_json(FILE *to, const struct dump *dump, struct problem *why)
{
    json_t *const json = dump_json(dump);
    const bool is_written = json != NULL && json_dumpf(json, to, JSON_INDENT(1)) == 0;
    json_decref(json);
    fputc('\n', to);
    return is_written ? STATUS_OK
                      : problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET,
                                    "the document could not be written");
}
