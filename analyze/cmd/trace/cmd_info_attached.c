/* SPDX-License-Identifier: MIT */
/* How the recorder came into a program that ran already, and what is not known for that. */
#include "cmd_info.h"
#include "format/trace.pb-c.h"

#include <inttypes.h>

/* One kind of calls; in the order of Attached.Hook.Calls. */
static const struct kind {
    const char *name, *what, *without;
} kinds[] = {
    {NULL, NULL, NULL},
    {"hook_thread_ends", "ends of threads",
     "what threads use after their last sample is not known"},
    {"hook_gil", "taking the GIL", "ticks are taken also while nothing runs"},
    {"hook_exec", "executing programs", "what it executes is not recorded by itself"},
    {"hook_alone", "calls that bear no second thread, or filter system calls",
     "such a call may fail, or end the program"},
};

static struct cell seconds_or_none(uint64_t ns)
{
    return ns > 0 ? cell_number(UNIT_SECONDS, (int64_t)ns) : cell_none();
}

static const char *extent_of(const struct attached_hook *hook)
{
    if (hook->taken == 0)
        return hook->complete ? "not called" : "none";
    if (hook->complete)
        return "all";
    return hook->foreign + hook->refused > 0 ? "some" : "not used";
}

static void add_hook(struct view *view, struct section *s, const struct attached_hook *hook)
{
    if (hook->calls == 0 || hook->calls >= ARRAY_LEN(kinds))
        return; /* of a later recorder */
    const struct kind *const kind = &kinds[hook->calls];
    struct buffer note = {0};
    buffer_print(&note, "%s: %" PRIu32 " %s to the recorder", kind->what, hook->taken,
                 hook->taken == 1 ? "place leads" : "places lead");
    if (hook->foreign > 0)
        buffer_print(&note, ", %" PRIu32 " to others", hook->foreign);
    if (hook->refused > 0)
        buffer_print(&note, ", %" PRIu32 " could not be written", hook->refused);
    if (!hook->complete)
        buffer_print(&note, "; %s", kind->without);
    section_add(s, kind->name, cell_text(extent_of(hook)),
                arena_copy(&view->arena, note.text, note.len));
    buffer_clear(&note);
}

static struct cell way_of(const struct attached *a)
{
    return a->way == PYREC__V1__ATTACHED__WAY__PATH     ? cell_text("from its file")
           : a->way == PYREC__V1__ATTACHED__WAY__MEMORY ? cell_text("as bytes")
                                                        : cell_none();
}

static void add_coming(struct section *s, const struct attached *a)
{
    section_add(s, "held", seconds_or_none(a->held_ns),
                a->threads == 1 ? "its only thread, until there was another and it was seen to be "
                                  "back where it was"
                                : "one of its threads, until it was seen to be back where it was");
    section_add(s, "stopped", seconds_or_none(a->stopped_ns), "of that, by the kernel");
    section_add(s, "library", way_of(a), "how the recorder's was loaded");
    section_add(s, "threads_before",
                a->threads > 0 ? cell_number(UNIT_COUNT, a->threads) : cell_none(),
                "began before: when one ends, what it used after its last sample is not known");
    section_add(s, "children_before",
                a->children_looked ? cell_number(UNIT_COUNT, a->children) : cell_none(),
                a->children_looked ? "Python processes that were there before, below it"
                                   : "were not looked for");
}

void info_add_attached(struct view *view, const struct process *process)
{
    const struct attached *const a = process->attached;
    if (a == NULL)
        return;
    struct section *const s = view_add_section(
        view, "attached",
        arena_print(&view->arena, "Process %" PRIu32 ": how it was attached to", process->pid));
    s->repeated = true;
    section_add(s, "process", cell_number(UNIT_ID, process->pid), NULL);
    section_add(s, "inherited", cell_text(a->inherited ? "yes" : "no"),
                a->inherited ? "it was forked from a process that was attached to" : NULL);
    if (!a->inherited)
        add_coming(s, a);
    section_add(s, "interpreter", a->object[0] != '\0' ? cell_text(a->object) : cell_none(),
                "the file that it is in");
    for (size_t i = 0; i < a->n_hooks; i++)
        add_hook(view, s, &a->hooks[i]);
}
