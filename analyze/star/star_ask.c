/* SPDX-License-Identifier: MIT */
/* What the options of export ask of tables; what is read before and while they are written. */
#include "star_part.h"

#include "analyze/ask/moment.h"
#include "analyze/base/memory.h"
#include "analyze/idle/idle_learn.h"
#include "analyze/stalls/stall_find.h"

#include <stdlib.h>
#include <string.h>

#define BIN_NS    INT64_C(60000000000)
#define SECOND_NS INT64_C(1000000000)
#define DAY_NS    (86400 * SECOND_NS)

#define STALL_NS       UINT64_C(200000000) /* as the command stalls */
#define STALLS_DETAILS 1000u               /* of the longest it is looked where they were */

static enum status parse_bin(struct star *star, const struct args *args, struct problem *why)
{
    const char *const text = args_text(args, "bin");
    struct moment moment;
    star->bin_ns = (uint64_t)BIN_NS;
    if (text == NULL)
        return STATUS_OK;
    if (moment_parse(&moment, "bin", text, why) != STATUS_OK || moment.kind != MOMENT_SINCE_START ||
        moment.ns < SECOND_NS || moment.ns > DAY_NS || moment.ns % SECOND_NS != 0)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--bin wants whole seconds, a day at most: 10s, 1m or 1h, not \"%s\"",
                           text);
    star->bin_ns = (uint64_t)moment.ns;
    return STATUS_OK;
}

static enum status parse_redact(struct star *star, const struct args *args, struct problem *why)
{
    const char *const how = args_text(args, "redact"), *const file = args_text(args, "redact-key");
    struct star_key *const key = &star->key;
    if (how == NULL && file != NULL)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--redact-key goes with --redact hash or --redact drop");
    if (how == NULL)
        return STATUS_OK;
    key->redaction = strcmp(how, "hash") == 0 ? REDACT_HASH : REDACT_DROP;
    if (file != NULL)
        return star_key_read(key, file, why);
    if (key->redaction == REDACT_DROP)
        return star_key_random(key, why);
    return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                       "--redact hash wants --redact-key FILE, the same on all hosts: a line of 32 "
                       "hexadecimal digits");
}

/* Tables hold everything: what is to be chosen of it is chosen where they are read. */
static enum status check_options(const struct args *args, struct problem *why)
{
    static const char *const none[] = {"by",    "match", "exclude", "state",  "phase",
                                       "label", "task",  "tasks",   "frames", "threads"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        for (size_t k = 0; k < args->n_given; k++) {
            if (strcmp(args->given[k].option->name, none[i]) == 0)
                return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                                   "--%s is not for tables, which have all samples with their "
                                   "stacks and states; choose where they are read",
                                   none[i]);
        }
    }
    if (args_output(args) == NULL)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "tables are a directory of files: say --output DIR");
    return STATUS_OK;
}

static void free_star(void *closure)
{
    struct star *const star = closure;
    for (size_t i = 0; i < star->n_recordings; i++)
        free(star->names[i]);
    free(star->recordings);
    free(star->names);
    free(star->thread_of);
    free(star->place_keys);
    free(star->node_keys);
    free(star->known);
    stalls_clear(&star->stalls);
    idle_clear(&star->idle);
    scene_clear(&star->scene);
    star_key_clear(&star->key);
    free(star);
}

/* The profile has filled the census: from here on the trace is read again. */
static void find_stalls(struct star *star)
{
    const struct select *const select = &star->request->select;
    struct trace *const trace = star->trace;
    star->scene.again = true;
    idle_learn(&star->idle, &star->scene, trace, select, NULL, 0, STALL_NS);
    stalls_find(&star->stalls, &star->idle, trace, select, STALL_NS, NULL);
    stalls_detail(&star->stalls, trace, select,
                  star->stalls.n < STALLS_DETAILS ? star->stalls.n : STALLS_DETAILS);
}

enum status star_ask(struct request *request, struct view *view, struct problem *why)
{
    struct star *const star = memory_get(sizeof *star);
    view->shape = SHAPE_STAR;
    view->closure = view->star = star;
    view->release = free_star;
    star->request = request;
    star->trace = request->trace;
    TRY(check_options(request->args, why));
    TRY(parse_bin(star, request->args, why));
    TRY(parse_redact(star, request->args, why));
    trace_plan(request->trace, 5); /* profile, idle places, stalls, their details, weights */
    request_profile(request);
    request_learn_clock(request);
    star->profile = &request->profile;
    if (star_anybody_waited(star))
        trace_plan(request->trace, 1); /* the GIL */
    find_stalls(star);
    star_prepare(star);
    uint64_t samples = 0;
    for (size_t i = 0; i < star->profile->n_threads; i++)
        samples += weights_sum(&star->profile->threads[i]->total).samples;
    view->nothing = samples == 0;
    return STATUS_OK;
}

enum status star_write(struct star *star, struct star_to *to, struct problem *why)
{
    star->to = to;
    TRY(star_write_who(star, why));
    TRY(star_write_places(star, why));
    TRY(star_write_weights(star, why));
    return star_write_happened(star, why);
}
