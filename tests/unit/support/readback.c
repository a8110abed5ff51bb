/* SPDX-License-Identifier: MIT */
#include "readback.h"

#include "format/chunk_read.h"
#include "format/columns.h"
#include "format/trace.pb-c.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct thread_now {
    uint32_t id;
    uint64_t cpu_q;
};

/* One generation of one process as it is being read. */
struct generation {
    bool is_open;
    uint32_t number;
    char **strings;
    char **functions; /* names */
    uint32_t *function_lines;
    uint32_t *location_functions;
    int64_t *location_lines;
    uint32_t *stack_parents, *stack_locations;
    uint32_t n_strings, n_functions, n_locations, n_stacks;
    struct thread_now *threads;
    uint32_t n_threads;
};

struct reader {
    struct readback *back;
    struct generation *generations; /* one per process */
    size_t row_capacity;
};

static void fault(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void fault(struct reader *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (r->back->fault[0] == '\0')
        vsnprintf(r->back->fault, sizeof r->back->fault, format, args);
    va_end(args);
}

static void *grow(void *old, size_t n, size_t more, size_t size)
{
    void *new = realloc(old, (n + more + 1) * size);
    if (new == NULL)
        abort();
    return new;
}

static void generation_close(struct generation *g)
{
    for (uint32_t i = 0; i < g->n_strings; i++)
        free(g->strings[i]);
    free(g->strings);
    free(g->functions);
    free(g->function_lines);
    free(g->location_functions);
    free(g->location_lines);
    free(g->stack_parents);
    free(g->stack_locations);
    free(g->threads);
    *g = (struct generation){.is_open = false};
}

/* NULL when it was not declared. */
static struct thread_now *thread_find(const struct generation *g, uint32_t id)
{
    for (uint32_t i = 0; i < g->n_threads; i++)
        if (g->threads[i].id == id)
            return &g->threads[i];
    return NULL;
}

/* ---- definitions ---- */

static void defs_take_names(struct reader *r, struct generation *g, const Pyrec__V1__Defs *defs)
{
    static char no_name[] = "";
    if (defs->n_string > 0 && defs->first_string != g->n_strings + 1)
        fault(r, "strings begin at %u, not %u", defs->first_string, g->n_strings + 1);
    g->strings = grow(g->strings, g->n_strings, defs->n_string, sizeof *g->strings);
    for (size_t i = 0; i < defs->n_string; i++)
        g->strings[g->n_strings++] = strdup(defs->string[i]);
    const size_t n = defs->n_function_name;
    if (n > 0 && defs->first_function != g->n_functions + 1)
        fault(r, "functions begin at %u, not %u", defs->first_function, g->n_functions + 1);
    if (defs->n_function_file != n || defs->n_function_line != n ||
        (defs->n_function_kind != n && defs->n_function_kind != 0))
        fault(r, "columns of functions differ in length");
    g->functions = grow(g->functions, g->n_functions, n, sizeof *g->functions);
    g->function_lines = grow(g->function_lines, g->n_functions, n, sizeof *g->function_lines);
    for (size_t i = 0; i < n; i++) {
        const uint32_t name = defs->function_name[i];
        if (name > g->n_strings || defs->function_file[i] > g->n_strings) {
            fault(r, "function with the name %u of %u", name, g->n_strings);
            return;
        }
        g->functions[g->n_functions] = name == 0 ? no_name : g->strings[name - 1];
        g->function_lines[g->n_functions++] = defs->function_line[i];
    }
}

static void defs_take_stacks(struct reader *r, struct generation *g, const Pyrec__V1__Defs *defs)
{
    const size_t n = defs->n_location_function, m = defs->n_stack_up;
    if ((n > 0 && defs->first_location != g->n_locations + 1) ||
        (m > 0 && defs->first_stack != g->n_stacks + 1))
        fault(r, "locations or stacks do not go on where they ended");
    if (defs->n_location_line != n || defs->n_location_end_line != n ||
        defs->n_location_column != n || defs->n_location_end_column != n ||
        defs->n_stack_location != m)
        fault(r, "columns of locations or stacks differ in length");
    g->location_functions = grow(g->location_functions, g->n_locations, n, sizeof(uint32_t));
    g->location_lines = grow(g->location_lines, g->n_locations, n, sizeof(int64_t));
    for (size_t i = 0; i < n; i++) {
        const uint32_t function = defs->location_function[i];
        if (function == 0 || function > g->n_functions) {
            fault(r, "location without a function");
            return;
        }
        g->location_functions[g->n_locations] = function;
        g->location_lines[g->n_locations++] =
            (int64_t)g->function_lines[function - 1] + defs->location_line[i];
    }
    g->stack_parents = grow(g->stack_parents, g->n_stacks, m, sizeof(uint32_t));
    g->stack_locations = grow(g->stack_locations, g->n_stacks, m, sizeof(uint32_t));
    for (size_t i = 0; i < m; i++) {
        const uint32_t id = g->n_stacks + 1, up = defs->stack_up[i];
        if (up == 0 || up > id || defs->stack_location[i] == 0 ||
            defs->stack_location[i] > g->n_locations) {
            fault(r, "stack %u has no parent or no location", id);
            return;
        }
        g->stack_parents[g->n_stacks] = id - up;
        g->stack_locations[g->n_stacks++] = defs->stack_location[i];
    }
}

static void defs_take(struct reader *r, struct generation *g, const Pyrec__V1__Defs *defs)
{
    defs_take_names(r, g, defs);
    defs_take_stacks(r, g, defs);
    for (size_t i = 0; i < defs->n_thread; i++) {
        const Pyrec__V1__Thread *thread = defs->thread[i];
        if (thread->id == 0 || thread->name > g->n_strings) {
            fault(r, "thread %u with name %u", thread->id, thread->name);
            return;
        }
        r->back->n_ends += thread->end_cpu_q > 0;
        r->back->ends_q += thread->end_cpu_q;
        if (thread_find(g, thread->id) != NULL)
            continue;
        g->threads = grow(g->threads, g->n_threads, 1, sizeof *g->threads);
        g->threads[g->n_threads++] = (struct thread_now){thread->id, thread->cpu_q};
    }
}

/* ---- samples ---- */

static char *stack_text(const struct generation *g, uint32_t stack)
{
    char *text = NULL;
    size_t len = 0;
    uint32_t chain[20000], n = 0;
    for (; stack != 0; stack = g->stack_parents[stack - 1])
        chain[n++] = stack;
    FILE *to = open_memstream(&text, &len);
    while (n-- > 0) {
        const uint32_t location = g->stack_locations[chain[n] - 1];
        fprintf(to, "%s:%" PRId64 ";", g->functions[g->location_functions[location - 1] - 1],
                g->location_lines[location - 1]);
    }
    fclose(to);
    return text;
}

static struct readback_row *row_add(struct reader *r)
{
    struct readback *back = r->back;
    if (back->n_rows == r->row_capacity) {
        r->row_capacity = r->row_capacity == 0 ? 1024 : 2 * r->row_capacity;
        back->rows = grow(back->rows, r->row_capacity, 0, sizeof *back->rows);
    }
    return &back->rows[back->n_rows++];
}

/* The columns of one chunk, and how far they have been read. */
struct cursor {
    const Pyrec__V1__Samples *samples;
    uint64_t *times, *numbers;
    uint32_t *holders;
    size_t run, explicit, call, task;
    uint64_t call_index, task_index;
};

/* A thread's state as its columns are walked through. */
struct walk {
    uint32_t thread, stack, state, call, task;
    struct thread_now *now;
};

static void explicit_take(struct reader *r, struct cursor *c, struct walk *w, size_t tick)
{
    const Pyrec__V1__Samples *s = c->samples;
    const uint64_t before = tick == 0 ? s->before_q : c->times[tick - 1];
    if (c->explicit >= s->n_stack) {
        fault(r, "more explicit ticks than there are columns for");
        return;
    }
    w->stack += (uint32_t)s->stack[c->explicit];
    w->state = s->state[c->explicit];
    w->now->cpu_q += (uint64_t)(s->cpu[c->explicit] + (int64_t)(c->times[tick] - before));
    if (c->call < s->n_call_at && c->call_index + s->call_at[c->call] == c->explicit) {
        c->call_index = c->explicit;
        w->call = s->call[c->call++];
    }
    const size_t n_before = s->n_task - s->n_task_at;
    if (c->task < s->n_task_at && c->task_index + s->task_at[c->task] == c->explicit) {
        c->task_index = c->explicit;
        w->task = s->task[n_before + c->task++];
    }
    c->explicit ++;
}

static char *call_text(const struct generation *g, const struct walk *w)
{
    const char *const call = w->call == 0 ? "-" : g->strings[w->call - 1];
    const char *const task = w->task == 0 ? "-" : g->strings[w->task - 1];
    const size_t size = strlen(call) + strlen(task) + 2;
    char *const text = malloc(size);
    snprintf(text, size, "%s/%s", call, task);
    return text;
}

static void tick_take(struct reader *r, struct generation *g, const struct cursor *c,
                      const struct walk *w, size_t tick, uint32_t process)
{
    if (w->stack > g->n_stacks || w->call > g->n_strings || w->task > g->n_strings) {
        fault(r, "thread %u: stack %u of %u", w->thread, w->stack, g->n_stacks);
        return;
    }
    struct readback_row *row = row_add(r);
    *row = (struct readback_row){
        .process = process,
        .thread = w->thread,
        .number = c->numbers[tick],
        .time_q = c->times[tick],
        .cpu_q = w->now->cpu_q,
        .state = w->state,
        .holder = c->holders[tick],
        .call = call_text(g, w),
        .stack = stack_text(g, w->stack),
    };
    for (char *at = row->call; *at != '\0'; at++)
        *at = *at == ' ' ? '_' : *at;
    r->back->processes[process].samples++;
}

static void thread_take(struct reader *r, struct generation *g, struct cursor *c, struct walk *w,
                        size_t i, uint32_t process)
{
    const Pyrec__V1__Samples *s = c->samples;
    const size_t begin = s->n_thread_begin > 0 ? s->thread_begin[i] : 0;
    const size_t end = s->n_late_q - (s->n_thread_end > 0 ? s->thread_end[i] : 0);
    size_t tick = begin;
    for (uint32_t run = 0; run < s->thread_runs[i]; run++) {
        if (c->run >= s->n_run || tick + s->run[c->run] > end) {
            fault(r, "runs of thread %u go past its end", w->thread);
            return;
        }
        for (uint32_t left = s->run[c->run]; left > 0; left--, tick++) {
            if (run % 2 == 1)
                explicit_take(r, c, w, tick);
            tick_take(r, g, c, w, tick, process);
        }
        c->run++;
    }
    for (; tick < end; tick++)
        tick_take(r, g, c, w, tick, process);
}

static void times_fill(struct reader *r, struct cursor *c)
{
    const Pyrec__V1__Samples *s = c->samples;
    uint64_t number = s->first_tick;
    size_t missed = 0, missed_at = s->n_missed_at > 0 ? s->missed_at[0] : SIZE_MAX;
    for (size_t k = 0; k < s->n_late_q; k++, number++) {
        if (k == missed_at) {
            r->back->missed += s->missed_n[missed];
            r->back->gap_q += s->n_missed_gap_q > 0 ? s->missed_gap_q[missed] : 0;
            if (k > 0)
                number += s->missed_n[missed];
            missed++;
            missed_at = missed < s->n_missed_at ? missed_at + s->missed_at[missed] : SIZE_MAX;
        }
        c->numbers[k] = number;
        c->times[k] = tick_due_ns(s->origin_ns, s->interval_ns, number) / r->back->quantum_ns +
                      (uint64_t)(int64_t)s->late_q[k];
    }
}

static void holders_fill(struct reader *r, struct cursor *c)
{
    const Pyrec__V1__Samples *s = c->samples;
    size_t tick = 0;
    for (size_t i = 0; i < s->n_holder_run && i < s->n_holder; i++)
        for (uint32_t n = s->holder_run[i]; n > 0 && tick < s->n_late_q; n--)
            c->holders[tick++] = s->holder[i];
    if (s->n_holder_run != s->n_holder || (tick != 0 && tick != s->n_late_q))
        fault(r, "holder runs cover %zu of %zu ticks", tick, s->n_late_q);
}

static void account_take(struct readback_process *to, const Pyrec__V1__Account *account)
{
    if (account == NULL)
        return;
    to->account_samples = account->samples;
    to->process_cpu_ns = account->process_cpu_ns;
}

static void samples_take(struct reader *r, struct generation *g, const Pyrec__V1__Samples *s,
                         uint32_t process)
{
    struct cursor c = {.samples = s};
    const size_t n = s->n_thread;
    if (s->n_thread_stack != n || s->n_thread_state != n || s->n_thread_call != n ||
        s->n_thread_runs != n || s->n_cpu != s->n_stack || s->n_state != s->n_stack ||
        s->n_call != s->n_call_at || s->n_missed_at != s->n_missed_n ||
        (s->n_task != s->n_task_at && s->n_task != s->n_task_at + n)) {
        fault(r, "columns of samples differ in length");
        return;
    }
    c.times = calloc(s->n_late_q, sizeof *c.times);
    c.numbers = calloc(s->n_late_q, sizeof *c.numbers);
    c.holders = calloc(s->n_late_q, sizeof *c.holders);
    times_fill(r, &c);
    holders_fill(r, &c);
    struct walk w = {.thread = 0};
    for (size_t i = 0; i < n; i++) {
        w = (struct walk){w.thread + s->thread[i],
                          s->thread_stack[i],
                          s->thread_state[i],
                          s->thread_call[i],
                          s->n_task > s->n_task_at ? s->task[i] : 0,
                          NULL};
        w.now = thread_find(g, w.thread);
        if (w.now == NULL)
            fault(r, "thread %u was not declared", w.thread);
        else
            thread_take(r, g, &c, &w, i, process);
    }
    if (c.explicit != s->n_stack || c.run != s->n_run || c.call != s->n_call)
        fault(r, "columns are not used up");
    r->back->processes[process].ticks += s->n_late_q;
    account_take(&r->back->processes[process], s->account);
    free(c.times);
    free(c.numbers);
    free(c.holders);
}

/* ---- chunks ---- */

static void meta_take(struct reader *r, struct generation *g, const Pyrec__V1__Meta *meta,
                      uint32_t process)
{
    r->back->quantum_ns = meta->quantum_ns;
    r->back->start_mono_ns = meta->start_mono_ns;
    generation_close(g);
    g->is_open = true;
    g->number = meta->generation;
    if (meta->process == NULL)
        return;
    r->back->processes[process].pid = meta->process->pid;
    r->back->processes[process].image = meta->process->image;
    r->back->processes[process].generations++;
    if (meta->process->number != process)
        fault(r, "process %u says it is %u", process, meta->process->number);
}

static void summary_take(struct readback_process *to, const Pyrec__V1__Summary *summary)
{
    to->has_summary = true;
    to->is_status_known = summary->status_known;
    to->exit_status = summary->exit_status;
    to->exit_signal = summary->exit_signal;
    to->end_q = summary->end_q;
    snprintf(to->reason, sizeof to->reason, "%s", summary->stop_reason);
    account_take(to, summary->account);
}

static void events_take(struct readback *back, const Pyrec__V1__Events *events)
{
    for (size_t i = 0; i < events->n_event; i++) {
        const Pyrec__V1__Event *event = events->event[i];
        back->n_events++;
        back->n_steps += event->type == PYREC__V1__EVENT__TYPE__CLOCK_STEP;
    }
}

static void chunk_take(struct reader *r, const struct chunk_header *header, const uint8_t *raw,
                       size_t raw_len)
{
    struct generation *g = &r->generations[header->process];
    Pyrec__V1__Trace *trace = pyrec__v1__trace__unpack(NULL, raw_len, raw);
    if (trace == NULL) {
        fault(r, "chunk %u does not parse", header->seq);
        return;
    }
    if (header->process > r->back->n_processes)
        r->back->n_processes = header->process;
    for (size_t i = 0; i < trace->n_packet; i++) {
        const Pyrec__V1__Packet *packet = trace->packet[i];
        if (packet->body_case == PYREC__V1__PACKET__BODY_META)
            meta_take(r, g, packet->meta, header->process);
        if (!g->is_open || g->number != header->generation)
            fault(r, "chunk %u: generation %u without Meta", header->seq, header->generation);
        else if (packet->body_case == PYREC__V1__PACKET__BODY_DEFS)
            defs_take(r, g, packet->defs);
        else if (packet->body_case == PYREC__V1__PACKET__BODY_SAMPLES)
            samples_take(r, g, packet->samples, header->process);
        else if (packet->body_case == PYREC__V1__PACKET__BODY_EVENTS)
            events_take(r->back, packet->events);
        else if (packet->body_case == PYREC__V1__PACKET__BODY_SUMMARY)
            summary_take(&r->back->processes[header->process], packet->summary);
    }
    pyrec__v1__trace__free_unpacked(trace, NULL);
}

static void damage_take(void *closure, const struct damage *damage)
{
    fault(closure, "damage at %" PRIu64 ": %s", damage->offset, damage->text);
}

static int row_compare(const void *a, const void *b)
{
    const struct readback_row *x = a, *y = b;
    if (x->process != y->process)
        return x->process < y->process ? -1 : 1;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return (x->thread > y->thread) - (x->thread < y->thread);
}

enum status readback_load(struct readback *back, const char *path)
{
    struct chunk_file *file;
    struct problem why;
    struct chunk_buffer buffer = {.comp = NULL};
    *back = (struct readback){.processes = calloc(READBACK_PROCESSES, sizeof *back->processes)};
    struct reader r = {.back = back,
                       .generations = calloc(READBACK_PROCESSES, sizeof(struct generation))};
    enum status status = chunk_file_open(&file, path, damage_take, &r, &why);
    if (status != STATUS_OK) {
        free(r.generations);
        return status;
    }
    back->is_closed = chunk_file_closed(file);
    back->n_chunks = chunk_file_count(file);
    for (size_t i = 0; i < back->n_chunks && status == STATUS_OK; i++) {
        const struct chunk_place *place = chunk_file_get(file, i);
        status = chunk_file_load(file, i, &buffer, &why);
        if (status == STATUS_OK && place->header.process < READBACK_PROCESSES)
            chunk_take(&r, &place->header, buffer.raw, buffer.raw_len);
        else
            fault(&r, "chunk %zu: %s", i, why.detail);
    }
    for (size_t i = 0; i < READBACK_PROCESSES; i++)
        generation_close(&r.generations[i]);
    free(r.generations);
    chunk_buffer_clear(&buffer);
    chunk_file_close(file);
    if (back->n_rows > 0)
        qsort(back->rows, back->n_rows, sizeof *back->rows, row_compare);
    return status;
}

void readback_free(struct readback *back)
{
    for (size_t i = 0; i < back->n_rows; i++) {
        free(back->rows[i].call);
        free(back->rows[i].stack);
    }
    free(back->rows);
    free(back->processes);
    *back = (struct readback){.rows = NULL};
}

/* ---- the truth ---- */

/* The row of a truth's line; its strings are those of the line. */
static bool truth_parse(const struct readback *back, char *line, struct readback_row *row)
{
    uint64_t time_ns, cpu_ns;
    int call_at = 0;
    *row = (struct readback_row){.stack = NULL};
    if (sscanf(line, "%" SCNu64 " %" SCNu64 " %u %" SCNu64 " %u %n", &row->number, &time_ns,
               &row->thread, &cpu_ns, &row->state, &call_at) != 5 ||
        call_at == 0)
        return false;
    row->call = line + call_at;
    char *space = strchr(row->call, ' ');
    if (space == NULL || line[strlen(line) - 1] != '\n')
        return false;
    *space = '\0';
    row->stack = space + 1;
    row->stack[strcspn(row->stack, "\n")] = '\0';
    row->time_q = (time_ns - back->start_mono_ns) / back->quantum_ns;
    row->cpu_q = cpu_ns / back->quantum_ns;
    return true;
}

static const struct readback_row *row_find(const struct readback *back, uint32_t process,
                                           const struct readback_row *like)
{
    const struct readback_row key = {
        .process = process, .number = like->number, .thread = like->thread};
    return back->n_rows == 0 ? NULL
                             : bsearch(&key, back->rows, back->n_rows, sizeof key, row_compare);
}

static bool row_equal(const struct readback_row *a, const struct readback_row *b)
{
    return a->time_q == b->time_q && a->cpu_q == b->cpu_q && a->state == b->state &&
           strcmp(a->call, b->call) == 0 && strcmp(a->stack, b->stack) == 0;
}

static void row_print(const char *whose, const struct readback_row *row)
{
    printf("%s tick %" PRIu64 " at %" PRIu64 " thread %u cpu %" PRIu64 " state %u %s %s\n", whose,
           row->number, row->time_q, row->thread, row->cpu_q, row->state, row->call, row->stack);
}

int readback_compare(const struct readback *back, uint32_t process, const char *truth,
                     bool may_end_early)
{
    char *line = NULL;
    size_t size = 0, n_found = 0, n_have = 0;
    int n_wrong = 0;
    uint64_t last = 0;
    FILE *from = fopen(truth, "r");
    if (from == NULL)
        return -1;
    for (size_t i = 0; i < back->n_rows; i++)
        if (back->rows[i].process == process) {
            n_have++;
            last = back->rows[i].number;
        }
    while (getline(&line, &size, from) > 0) {
        struct readback_row want;
        if (!truth_parse(back, line, &want)) /* the fake was killed while it wrote */
            break;
        const struct readback_row *have = row_find(back, process, &want);
        if (have == NULL && may_end_early && want.number > last)
            continue;
        n_found += have != NULL;
        if (have != NULL && row_equal(have, &want))
            continue;
        if (n_wrong++ < 5) {
            row_print("want", &want);
            if (have != NULL)
                row_print("have", have);
        }
    }
    if (n_found != n_have) {
        printf("%zu rows of %zu are in the truth\n", n_found, n_have);
        n_wrong++;
    }
    fflush(stdout); /* the test may fail and exit before it would be seen */
    free(line);
    fclose(from);
    return n_wrong;
}
