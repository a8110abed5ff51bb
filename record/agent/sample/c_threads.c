/* SPDX-License-Identifier: MIT */
#include "c_threads.h"
#include "record/agent/base/proc_read.h"
#include "record/agent/interpose/thread_ends.h"
#include <string.h>

/* Who is not of the program: our own threads, and those that the kernel makes for io_uring. */
static const char *const kept_out[] = {"pyrec-", "iou-"};

struct look {
    const struct c_threads *before;
    struct c_threads *now;
    struct threads *threads;
    const struct standing_tasks *tasks;
};

static bool is_kept_out(const struct standing_tasks *tasks, int32_t tid)
{
    char comm[STANDING_COMM_MAX];
    standing_comm(tasks, tid, comm);
    for (size_t i = 0; i < sizeof(kept_out) / sizeof(kept_out[0]); i++)
        if (strncmp(comm, kept_out[i], strlen(kept_out[i])) == 0)
            return true;
    return comm[0] == '\0';
}

static bool was_there(const struct c_threads *before, int32_t tid)
{
    for (uint32_t i = 0; i < before->n_new; i++)
        if (before->list[i] == tid)
            return true;
    return false;
}

/* A standing_task_fn. */
static bool task_look(void *closure, int32_t tid)
{
    const struct look *const look = closure;
    if (threads_has_tid(look->threads, tid) || is_kept_out(look->tasks, tid))
        return true;
    if (was_there(look->before, tid))
        threads_add_c(look->threads, tid, thread_ends_ident(tid));
    else if (look->now->n_new < C_THREADS_NEW)
        look->now->list[look->now->n_new++] = tid;
    return true;
}

void c_threads_look(struct c_threads *c_threads, struct threads *threads,
                    const struct standing_tasks *tasks, uint64_t now_ns)
{
    if (now_ns < c_threads->next_ns || /* nearly always */
        tasks->fd < 0 || tasks->is_foreign || threads->n == 0)
        return;
    const struct c_threads before = *c_threads;
    struct look look = {&before, c_threads, threads, tasks};
    c_threads->next_ns = now_ns + C_THREADS_NS;
    c_threads->n_tasks = proc_count_threads();
    if (c_threads->n_tasks == 0 || (c_threads->n_tasks == before.n_tasks && before.n_new == 0 &&
                                    now_ns < c_threads->next_all_ns))
        return;
    c_threads->next_all_ns = now_ns + C_THREADS_ALL_NS;
    c_threads->n_new = 0;
    standing_each(tasks, task_look, &look);
}
