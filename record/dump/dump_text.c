/* SPDX-License-Identifier: MIT */
#include "dump_take.h"
#include "plain.h"

#include <time.h>

#define COMMAND_COLUMNS 160 /* a program can be in its arguments: json has all of it */

static void head_write(FILE *to, const struct dump *dump)
{
    char version[32], when[32] = "";
    struct tm local;
    const time_t seconds = (time_t)(dump->wall_ns / 1000000000u);
    python_version_text(dump->python.interp.hexversion, version, sizeof version);
    if (localtime_r(&seconds, &local) != NULL)
        (void)strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &local);
    fprintf(to, "Process %d: ", dump->pid);
    plain_write(to, dump->command[0] != '\0' ? dump->command : "(no command line)",
                COMMAND_COLUMNS);
    fprintf(to, "\nPython %s (%s), %u thread%s, %s.%03u, in %.1f ms\n", version,
            dump->python.interp.build, dump->n_threads, dump->n_threads == 1 ? "" : "s", when,
            (unsigned)(dump->wall_ns / 1000000u % 1000u), (double)dump->took_ns / 1e6);
}

static void gil_write(FILE *to, const struct dump *dump)
{
    uint32_t n = 0;
    if (!dump->has_gil) {
        fputs("GIL: none is used\n", to);
        return;
    }
    fputs("GIL: ", to);
    for (uint32_t i = 0; i < dump->n_python; i++) {
        const struct dump_thread *const thread = &dump->threads[i];
        if (!thread->holds_gil)
            continue;
        fputs(n++ == 0 ? "held by " : ", then by ", to);
        plain_write(to, thread->name != NULL ? thread->name : "<unnamed>", 0);
        fprintf(to, " (%d)", thread->tid);
    }
    fputs(n > 0 ? "\n" : "held by none of the threads when they were looked at\n", to);
}

static void thread_head_write(FILE *to, const struct dump_thread *thread)
{
    char state[CROWD_NAME_MAX * 6 + 256];
    dump_state_text(thread, state, sizeof state);
    fputs("\n", to);
    if (thread->name != NULL) {
        fputs("\"", to);
        plain_write(to, thread->name, 0);
        fputs("\"", to);
    } else {
        fputs(thread->is_python   ? "<unnamed> "
              : thread->is_worker ? "<worker of the kernel's> "
                                  : "<no Python> ",
              to);
        plain_write(to, thread->comm, 0);
    }
    fprintf(to, " tid %d", thread->tid);
    if (thread->inner != thread->tid && thread->inner != 0)
        fprintf(to, " (%d inside)", thread->inner);
    if (thread->interp_id != 0)
        fprintf(to, " interpreter %llu", (unsigned long long)thread->interp_id);
    fputs(": ", to);
    plain_write(to, state, 0);
    if (thread->holds_gil)
        fputs(", holds the GIL", to);
    if (thread->is_collecting)
        fputs(", collects garbage", to);
    if (thread->stops_world)
        fputs(", stops the world", to);
    fprintf(to, ", cpu %.2f s\n", (double)thread->cpu_ns / 1e9);
}

static void frames_write(FILE *to, const struct dump_thread *thread)
{
    for (uint32_t i = 0; i < thread->n_frames; i++) {
        const struct dump_frame *const frame = &thread->frames[i];
        if (thread->n_left > 0 && i == thread->left_behind)
            fprintf(to, "    .. %u frames more (--max-depth 0 shows all) ..\n", thread->n_left);
        fputs("    ", to);
        plain_write(to, frame->function, 0);
        fputs(" (", to);
        plain_write(to, frame->file, 0);
        if (frame->line >= 0)
            fprintf(to, ":%d", frame->line);
        fputs(")\n", to);
    }
    if (thread->is_cut)
        fprintf(to, "    .. and frames beyond the first %u\n", thread->depth);
}

static void thread_write(FILE *to, const struct dump_thread *thread)
{
    thread_head_write(to, thread);
    if (thread->unproved != NULL)
        fprintf(to, "    not proved: %s; read twice, the same each time\n", thread->unproved);
    if (thread->not_known != NULL)
        fprintf(to, "    not known: %s\n", thread->not_known);
    else if (thread->is_python && thread->depth == 0)
        fputs("    (no Python frames)\n", to);
    frames_write(to, thread);
}

void dump_write_text(FILE *to, const struct dump *dump)
{
    head_write(to, dump);
    gil_write(to, dump);
    for (uint32_t i = 0; i < dump->n_threads; i++)
        thread_write(to, &dump->threads[i]);
    if (dump->n_not_known > 0 || dump->n_unproved > 0)
        fprintf(to, "\n%u stacks of %u are not known, %u not proved\n", dump->n_not_known,
                dump->n_python, dump->n_unproved);
    if (!dump->is_whole)
        fputs("\nThreads began or ended faster than they could be listed: some may be missing\n",
              to);
}
