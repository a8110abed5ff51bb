/* SPDX-License-Identifier: MIT */
#include "cmd_info.h"

#include <inttypes.h>

/* What is known may be more than what the OS says by the error of reading clocks one by one. */
#define BOOKS_PART   100u
#define BOOKS_MIN_NS 20000000u

#define TITLES_SHOWN 8u

/* CPU of a process's threads, as the profile has it. */
struct clocks {
    uint64_t attributed_ns, unattributed_ns, lost_ns, before_ns;
    int64_t n_threads;
};

static struct clocks sum_clocks(const struct profile *profile, const struct process *process)
{
    struct clocks sum = {0};
    size_t n;
    struct profile_thread *const *const threads = profile_process(profile, process, &n);
    for (size_t i = 0; i < n; i++) {
        const struct profile_thread *const t = threads[i];
        sum.attributed_ns += weights_sum(&t->total).cpu;
        sum.unattributed_ns += t->unattributed_ns - t->lost_ns;
        sum.lost_ns += t->lost_ns;
        sum.before_ns += t->before_ns;
        sum.n_threads++;
    }
    return sum;
}

/* A text that is empty was not recorded. */
static struct cell said(const char *text)
{
    return text[0] != '\0' ? cell_text(text) : cell_none();
}

static struct cell count(uint64_t n)
{
    return cell_number(UNIT_COUNT, (int64_t)n);
}

static struct cell seconds(uint64_t ns)
{
    return cell_number(UNIT_SECONDS, (int64_t)ns);
}

/* "12.3% of what", or NULL when there is nothing to compare with. */
static const char *share(struct view *view, uint64_t part, uint64_t whole, const char *what)
{
    if (whole == 0)
        return NULL;
    return arena_print(&view->arena, "%.2f%% of %s", 100 * (double)part / (double)whole, what);
}

static struct section *add_section(struct view *view, const struct process *p, const char *name,
                                   const char *heading)
{
    struct section *const s = view_add_section(
        view, name, arena_print(&view->arena, "Process %" PRIu32 "%s", p->pid, heading));
    s->repeated = true;
    section_add(s, "process", cell_number(UNIT_ID, p->pid), NULL);
    return s;
}

static void add_ending(struct section *s, const struct process *p)
{
    const struct ending *const e = &p->ending;
    const bool signalled = e->status_known && e->exit_signal > 0;
    const uint64_t end_ns = e->known && e->end_ns > p->last_ns ? e->end_ns : p->last_ns;
    section_add(s, "start", seconds(p->start_ns), "after the start of the recording");
    section_add(s, "duration", seconds(end_ns > p->start_ns ? end_ns - p->start_ns : 0), NULL);
    section_add(s, "ended", e->known ? cell_text(e->reason) : cell_none(), NULL);
    section_add(s, "exit_status",
                e->status_known && !signalled ? cell_number(UNIT_ID, e->exit_status) : cell_none(),
                NULL);
    section_add(s, "exit_signal", signalled ? cell_number(UNIT_ID, e->exit_signal) : cell_none(),
                NULL);
}

/* The last ones, and what was before them. */
static void add_titles(struct view *view, struct section *s, const struct process *p)
{
    section_add(s, "title", said(p->title), "what it calls itself");
    const size_t first = p->n_titles > TITLES_SHOWN ? p->n_titles - TITLES_SHOWN : 0;
    for (size_t i = first; i < p->n_titles && p->n_titles > 1; i++) {
        const char *const text = p->titles[i].text;
        section_add(
            s, arena_print(&view->arena, "title %zu of %zu", i + 1, p->n_titles),
            said(text[0] != '\0' ? text : p->command),
            arena_print(&view->arena, "from %.3f s on", (double)p->titles[i].time_ns / 1e9));
    }
}

static void add_who(struct view *view, const struct process *p, const struct clocks *clocks)
{
    struct section *const s = add_section(view, p, "processes", "");
    section_add(s, "parent", cell_number(UNIT_ID, p->parent_pid), NULL);
    section_add(s, "image", cell_number(UNIT_ID, p->image),
                p->image > 0 ? "times that this process had called exec" : NULL);
    if (p->hostname[0] != '\0')
        section_add(s, "host", cell_text(p->hostname), NULL);
    if (p->service != &p->recording->service)
        info_add_service(view, s, p->service);
    section_add(s, "command", said(p->command), NULL);
    add_titles(view, s, p);
    section_add(s, "working_directory", said(p->working_directory), "when recording began");
    section_add(s, "executable", said(p->executable), NULL);
    section_add(s, "python", said(p->python_version), NULL);
    section_add(s, "build", said(p->python_build), NULL);
    add_ending(s, p);
    section_add(s, "threads", cell_number(UNIT_COUNT, clocks->n_threads), NULL);
    section_add(s, "native_threads", count(p->n_natives), "run no Python");
}

/* The longest interval that a change of the rate led to; 0 = there was none. */
static uint64_t slowest_interval_ns(const struct process *p)
{
    uint64_t slowest_ns = 0;
    for (size_t i = 0; i < p->n_rate_changes; i++) {
        if (p->rate_changes[i].interval_ns > slowest_ns)
            slowest_ns = p->rate_changes[i].interval_ns;
    }
    return slowest_ns;
}

/* Of a recording that was to have C frames. */
static void add_native(struct view *view, struct section *s, const struct account *a)
{
    const uint64_t all = a->native_whole + a->native_part + a->native_none;
    if (all == 0)
        return;
    section_add(s, "c_frames_whole", count(a->native_whole),
                share(view, a->native_whole, all, "samples taken where they were asked for"));
    section_add(s, "c_frames_with_gap", count(a->native_part),
                share(view, a->native_part, all, "them"));
    section_add(s, "c_frames_none", count(a->native_none),
                share(view, a->native_none, all, "them"));
    for (size_t i = 0; i < a->n_missing; i++)
        section_add(s, arena_print(&view->arena, "no C frames: %s", a->missing[i].reason),
                    count(a->missing[i].count), share(view, a->missing[i].count, all, "them"));
}

static void add_quality(struct view *view, const struct process *p)
{
    const struct account *const a = &p->account;
    const uint64_t slowest_ns = slowest_interval_ns(p);
    struct section *const s = add_section(view, p, "quality", ": how well it was recorded");
    section_add(s, "ticks_due", count(a->ticks_due), NULL);
    section_add(s, "ticks_taken", count(a->ticks_taken),
                share(view, a->ticks_taken, a->ticks_due, "those due"));
    section_add(s, "ticks_missed", count(a->ticks_missed), "the sampler woke too late for them");
    section_add(s, "ticks_spared", count(a->ticks_spared), "not taken, to keep the cost down");
    section_add(s, "rate_changes", count(p->n_rate_changes),
                slowest_ns == 0 ? "for that"
                                : arena_print(&view->arena, "for that; the lowest was %.4g Hz",
                                              1e9 / (double)slowest_ns));
    section_add(s, "ticks_overflowed", count(a->ticks_overflowed),
                "taken, but there was no room to write them");
    section_add(s, "unobserved", seconds(a->unobserved_ns),
                "the program was stopped, or the machine asleep or too busy");
    section_add(s, "samples", count(a->samples), NULL);
    section_add(s, "samples_asked", count(a->samples_asked),
                "written by the running thread itself");
    section_add(s, "samples_outside", count(a->samples_outside),
                "read from outside, of a thread that stood still");
    section_add(s, "retries", count(a->retries), "stacks read again because they were changing");
    for (size_t i = 0; i < a->n_failures; i++)
        section_add(s, arena_print(&view->arena, "failed: %s", a->failures[i].reason),
                    count(a->failures[i].count),
                    share(view, a->failures[i].count, a->samples, "samples"));
    add_native(view, s, a);
    section_add(s, "code_objects", count(a->codes), NULL);
    section_add(s, "code_objects_lost", count(a->codes_lost),
                "freed before they could be described");
    if (p->n_sources + p->sources_left_out > 0)
        section_add(s, "sources_kept", count(p->n_sources), "texts of code that no file has");
    if (p->sources_left_out > 0)
        section_add(s, "sources_left_out", count(p->sources_left_out),
                    "of these: there was no room for them");
}

static void add_books(struct view *view, const struct process *p, const struct clocks *c)
{
    const struct account *const a = &p->account;
    struct section *const s = add_section(view, p, "books", ": the books, CPU time");
    const uint64_t unseen_ns = process_unseen_ns(p);
    const uint64_t native_ns = process_native_ns(p) - unseen_ns;
    const uint64_t clocks_ns = c->attributed_ns + c->unattributed_ns + c->lost_ns;
    const uint64_t known_ns = clocks_ns + native_ns + a->sampler_cpu_ns;
    const uint64_t os_ns = a->process_cpu_ns;
    section_add(s, "attributed", seconds(c->attributed_ns), "to places, by samples on a CPU");
    section_add(s, "unattributed", seconds(c->unattributed_ns), "used after a thread's last one");
    section_add(s, "lost", seconds(c->lost_ns), "in chunks that are damaged");
    section_add(s, "thread_clocks", seconds(clocks_ns), "of Python threads, while recorded");
    section_add(s, "native_threads", seconds(native_ns), "of threads that run no Python");
    section_add(s, "sampler", seconds(a->sampler_cpu_ns), "of the recorder's thread");
    section_add(s, "known", seconds(known_ns), share(view, known_ns, os_ns, "what the OS says"));
    if (os_ns > 0 && known_ns > os_ns + os_ns / BOOKS_PART + BOOKS_MIN_NS)
        section_add(
            s, "too_much", seconds(known_ns - os_ns),
            "THE BOOKS DO NOT BALANCE: more than the OS has counted; figures of threads and "
            "places of this process are too high, or counted twice");
    section_add(s, "unseen", seconds(unseen_ns),
                "the rest: threads that ended unseen, and how the process began and ended");
    section_add(s, "os", os_ns > 0 ? seconds(os_ns) : cell_none(),
                "of the process, as the OS counts it");
    section_add(s, "os_at_exit",
                p->ending.os_cpu_ns > 0 ? seconds(p->ending.os_cpu_ns) : cell_none(),
                "user and system time of its whole life");
    section_add(s, "before_recording", seconds(c->before_ns),
                "of Python threads, before they were recorded");
}

static void add_cost(struct view *view, const struct process *p, const struct clocks *c)
{
    const struct account *const a = &p->account;
    struct section *const s = add_section(view, p, "cost", ": what recording cost");
    const uint64_t program_ns = c->attributed_ns + c->unattributed_ns + c->lost_ns;
    struct cell per_call = cell_none();
    if (a->samples_asked > 0)
        per_call = cell_number(UNIT_COUNT, (int64_t)(a->handler_ns / a->samples_asked));
    section_add(s, "handler", seconds(a->handler_ns),
                share(view, a->handler_ns, program_ns, "the CPU time of its Python threads"));
    section_add(s, "handler_ns_per_call", per_call, NULL);
    section_add(s, "sampler_cpu", seconds(a->sampler_cpu_ns),
                share(view, a->sampler_cpu_ns, program_ns, "the CPU time of its Python threads"));
}

void info_add_process(struct view *view, const struct request *request,
                      const struct process *process)
{
    const struct clocks clocks = sum_clocks(&request->profile, process);
    add_who(view, process, &clocks);
    info_add_attached(view, process);
    if (process->account_known)
        add_quality(view, process);
    info_add_rate_changes(view, request, process);
    add_books(view, process, &clocks);
    if (process->account_known)
        add_cost(view, process, &clocks);
}
