/* SPDX-License-Identifier: MIT */
/*
 * chrome - events over time, as Perfetto and chrome://tracing read them.
 *
 * A slice (B and E events) is a function for as long as it stayed at its place in the stack; lines
 * would break it at every sample. Within the innermost one there is a slice (X event) for the line
 * and state that the thread was seen in; it has the weight, and the state as its category. The
 * readers' tables add up slices by their names, so functions have names of their own (naming.h).
 * Those of C have a category.
 * Phases and labels (pyrec.phase()) are asynchronous slices of their process, marks instants of it.
 * Times are microseconds since the start of the recording.
 */
#include "analyze/ask/origin.h"
#include "analyze/base/memory.h"
#include "analyze/cli/output.h"
#include "json_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MICROSECOND 3 /* digits of ns */
#define SECOND      9
#define PID_LIMIT   (UINT64_C(1) << 22) /* no kernel gives a larger one */

/* A thread on its way to the file. */
struct writer {
    struct sink *to;
    const struct view *view;
    uint64_t pid, tid;
    uint32_t *open, *wanted; /* nodes from the root on */
    size_t n_open, open_size, wanted_size;
    bool *any; /* was any event written? */
};

static void begin_event(struct writer *w, const char *phase)
{
    sink_print(w->to, "%s{\"ph\":\"%s\",\"pid\":%" PRIu64 ",\"tid\":%" PRIu64,
               *w->any ? ",\n" : "\n", phase, w->pid, w->tid);
    *w->any = true;
}

static void add_time(struct writer *w, const char *name, uint64_t ns)
{
    sink_print(w->to, ",\"%s\":", name);
    json_time(w->to, ns, MICROSECOND);
}

static void write_begin(struct writer *w, const struct stack_node *node, uint64_t at_ns)
{
    begin_event(w, "B");
    add_time(w, "ts", at_ns);
    putc(',', w->to->file);
    json_member(w->to, "name", node->label);
    if (node->frame.native)
        sink_text(w->to, ",\"cat\":\"C\"");
    const char *between = ",\"args\":{";
    const char *const plain = node->frame.function, *const file = node->frame.file;
    const bool told = strcmp(node->label, plain) == 0;
    if (file[0] != '\0') {
        sink_text(w->to, between);
        json_member(w->to, "file", file);
        between = ",";
    }
    if (!told) {
        sink_text(w->to, between);
        json_member(w->to, "function", plain);
    }
    sink_text(w->to, file[0] != '\0' || !told ? "}}" : "}");
}

static void write_ends(struct writer *w, size_t down_to, uint64_t at_ns)
{
    for (; w->n_open > down_to; w->n_open--) {
        begin_event(w, "E");
        add_time(w, "ts", at_ns);
        putc('}', w->to->file);
    }
}

static void write_leaf(struct writer *w, const struct stretch *s)
{
    static const char *const states[CLASS_COUNT] = {
        "on CPU", "ready", "waits for the GIL", "blocked", "unknown", "in the kernel", "on CPU"};
    const struct stack_node *const node = &w->view->nodes[s->node];
    const char *const state = s->halt != HALT_NONE ? state_halt_words(s->halt) : states[s->class];
    struct buffer name = {0};
    if (node->frame.line > 0)
        buffer_print(&name, "line %" PRIu32 " of ", node->frame.line);
    buffer_print(&name, "%s, %s", node->label, state);
    begin_event(w, "X");
    add_time(w, "ts", s->start_ns);
    add_time(w, "dur", s->end_ns - s->start_ns);
    sink_text(w->to, ",");
    json_member(w->to, "cat", state);
    putc(',', w->to->file);
    json_member(w->to, "name", name.text);
    buffer_clear(&name);
    sink_print(w->to, ",\"args\":{\"%s\":", w->view->metric->name);
    json_weight(w->to, w->view->metric, s->weight, SECOND);
    if (s->call != NULL) {
        putc(',', w->to->file);
        json_member(w->to, "call", s->call);
    }
    sink_text(w->to, "}}");
}

/* End and begin slices so that those of the stretch are open. */
static void move_to(struct writer *w, const struct stretch *s)
{
    const struct stack_node *const nodes = w->view->nodes;
    const size_t depth = nodes[s->node].depth;
    size_t same = 0;
    w->wanted = memory_grow(w->wanted, &w->wanted_size, depth, sizeof *w->wanted);
    w->open = memory_grow(w->open, &w->open_size, depth, sizeof *w->open);
    uint32_t node = s->node;
    for (size_t d = depth; d-- > 0; node = nodes[node].parent)
        w->wanted[d] = node;
    while (same < depth && same < w->n_open &&
           nodes[w->open[same]].function == nodes[w->wanted[same]].function)
        same++;
    write_ends(w, same, s->start_ns);
    for (; w->n_open < depth; w->n_open++) {
        w->open[w->n_open] = w->wanted[w->n_open];
        write_begin(w, &nodes[w->wanted[w->n_open]], s->start_ns);
    }
}

static void write_name(struct writer *w, const char *what, const char *name)
{
    begin_event(w, "M");
    sink_print(w->to, ",\"ts\":0,\"name\":\"%s\",\"args\":{", what);
    json_member(w->to, "name", name);
    sink_text(w->to, "}}");
}

static void write_course(struct writer *w, const struct course *course)
{
    const char *const title = process_title(course->thread->process);
    write_name(w, "process_name", title[0] != '\0' ? title : "python");
    write_name(w, "thread_name", course->thread->name);
    begin_event(w, "M");
    sink_print(w->to, ",\"ts\":0,\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":%zu}}",
               (size_t)(course - w->view->courses));
    uint64_t end_ns = 0;
    for (size_t i = 0; i < course->n_stretches; i++) {
        const struct stretch *const s = &course->stretches[i];
        if (s->start_ns != end_ns)
            write_ends(w, 0, end_ns);
        move_to(w, s);
        write_leaf(w, s);
        end_ns = s->end_ns;
    }
    write_ends(w, 0, end_ns);
}

/* The thread's number in the OS; one that is not known gets one beyond those. */
static uint64_t unique_tid(const struct thread *thread)
{
    return thread->os_tid != 0 ? thread->os_tid : PID_LIMIT + thread->id;
}

/* ---- what the program says of itself ---- */

static bool has_thread(const struct view *view, const struct process *process, uint32_t id,
                       uint64_t *tid)
{
    for (size_t i = 0; i < view->n_courses; i++) {
        const struct thread *const thread = view->courses[i].thread;
        if (thread->process == process && thread->id == id) {
            *tid = unique_tid(thread);
            return true;
        }
    }
    return false;
}

/* Phases overlap, and belong to tasks: so they are no slices of a thread's, but of the process's
 * own. */
static void write_phase(struct writer *w, const struct phase *phase, uint64_t end_ns)
{
    const uint64_t ends_ns = phase->end_ns < end_ns ? phase->end_ns : end_ns;
    for (int i = 0; i < 2; i++) {
        begin_event(w, i == 0 ? "b" : "e");
        add_time(w, "ts", i == 0 ? phase->begin_ns : ends_ns);
        sink_print(w->to, ",\"cat\":\"%s\",\"id\":\"0x%" PRIx64 "-%" PRIx64 "\",",
                   phase->label ? "label" : "phase", w->pid, phase->number);
        json_member(w->to, "name", phase->name);
        sink_text(w->to, ",\"args\":{");
        if (i == 0 && phase->value[0] != '\0')
            json_member(w->to, phase->label ? "value" : "detail", phase->value);
        sink_text(w->to, "}}");
    }
}

static uint64_t courses_end_ns(const struct view *view, const struct process *process)
{
    uint64_t end_ns = 0;
    for (size_t i = 0; i < view->n_courses; i++) {
        const struct course *const c = &view->courses[i];
        if (c->thread->process == process && c->n_stretches > 0 &&
            c->stretches[c->n_stretches - 1].end_ns > end_ns)
            end_ns = c->stretches[c->n_stretches - 1].end_ns;
    }
    return end_ns;
}

static void write_said(struct writer *w, const struct process *process, uint64_t end_ns)
{
    for (size_t i = 0; i < process->n_phases; i++) {
        const struct phase *const phase = &process->phases[i];
        if (phase->begin_ns >= w->view->from_ns && phase->begin_ns < end_ns &&
            has_thread(w->view, process, phase->thread, &w->tid))
            write_phase(w, phase, end_ns);
    }
    for (size_t i = 0; i < process->n_marks; i++) {
        const struct program_mark *const mark = &process->marks[i];
        if (mark->time_ns < w->view->from_ns || mark->time_ns >= end_ns ||
            !has_thread(w->view, process, mark->thread, &w->tid))
            continue;
        begin_event(w, "i");
        add_time(w, "ts", mark->time_ns);
        sink_text(w->to, ",\"s\":\"p\",\"cat\":\"mark\",");
        json_member(w->to, "name", mark->text);
        putc('}', w->to->file);
    }
}

/*
 * A number for the process that no other one has here: several recordings can have the same pid,
 * with threads of the same number at the same time.
 */
static uint64_t unique_pid(const struct view *view, size_t course)
{
    const struct process *const process = view->courses[course].thread->process;
    const struct process *last = NULL;
    uint64_t n_before = 0;
    for (size_t i = 0; i < course && view->courses[i].thread->process != process; i++) {
        const struct process *const other = view->courses[i].thread->process;
        n_before += other != last && other->pid == process->pid;
        last = other;
    }
    return process->pid + n_before * PID_LIMIT;
}

static enum status chrome_write(struct sink *to, const struct view *view, struct problem *why)
{
    bool any = false;
    struct writer w = {.to = to, .view = view, .any = &any};
    (void)why;
    sink_text(to, "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"exporter\":\"pyrec " PYREC_VERSION
                  "\",");
    json_member(to, "name", view->origin->title);
    for (size_t i = 0; i < view->origin->n_lines; i++) {
        if (strcmp(view->origin->lines[i].name, "exporter") == 0)
            continue;
        putc(',', to->file);
        json_member(to, view->origin->lines[i].name, view->origin->lines[i].text);
    }
    sink_text(to, "},\"traceEvents\":[");
    for (size_t i = 0; i < view->n_courses; i++) {
        w.pid = unique_pid(view, i);
        w.tid = unique_tid(view->courses[i].thread);
        write_course(&w, &view->courses[i]);
    }
    for (size_t i = 0; i < view->n_courses; i++) {
        const struct process *const process = view->courses[i].thread->process;
        if (i > 0 && view->courses[i - 1].thread->process == process)
            continue;
        w.pid = unique_pid(view, i);
        write_said(&w, process, courses_end_ns(view, process));
    }
    sink_text(to, "\n]}\n");
    free(w.open);
    free(w.wanted);
    return STATUS_OK;
}

const struct output output_chrome = {
    .name = "chrome",
    .help = "trace events over time (JSON), for Perfetto and chrome://tracing",
    .accepts = SHAPE_COURSE,
    .machine = true,
    .write = chrome_write,
};
