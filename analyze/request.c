/* SPDX-License-Identifier: MIT */
#include "request.h"

#include <stdlib.h>

static enum status fill_select(struct select *select, const struct args *args, struct problem *why)
{
    const char *text;
    for (size_t at = 0; (text = args_next(args, "thread", &at)) != NULL;)
        select_add_thread(select, text);
    for (size_t at = 0; (text = args_next(args, "process", &at)) != NULL;)
        select_add_pid(select, (uint32_t)strtoul(text, NULL, 10));
    for (size_t at = 0; (text = args_next(args, "match", &at)) != NULL;)
        TRY(select_add_match(select, text, why));
    for (size_t at = 0; (text = args_next(args, "exclude", &at)) != NULL;)
        TRY(select_add_exclude(select, text, why));
    return STATUS_OK;
}

enum status request_open(struct request *request, const struct args *args, bool machine,
                         struct problem *why)
{
    *request = (struct request){.args = args, .machine = machine};
    TRY(fill_select(&request->select, args, why));
    return trace_open(&request->trace, args->files, args->n_files, damage_log_add, &request->damage,
                      why);
}

void request_close(struct request *request)
{
    profile_clear(&request->profile);
    trace_close(request->trace);
    select_clear(&request->select);
    damage_log_clear(&request->damage);
    *request = (struct request){0};
}

size_t request_workers(const struct request *request)
{
    size_t n_workers = args_count(request->args, "jobs", 0);
    if (n_workers == 0)
        n_workers = trace_workers(request->trace);
    if (n_workers > request->trace->n_units)
        n_workers = request->trace->n_units > 0 ? request->trace->n_units : 1;
    return n_workers;
}

void request_profile(struct request *request)
{
    profile_build(&request->profile, request->trace, &request->select, request_workers(request));
}

bool request_has_process(const struct request *request, const struct process *process)
{
    return select_has_pid(&request->select, process->pid);
}
