/* SPDX-License-Identifier: MIT */
#include "answer.h"

#include "analyze/base/memory.h"

#include <stdlib.h>
#include <string.h>

void answer_add_word(struct answer *answer, const char *word)
{
    answer->argv =
        memory_grow(answer->argv, &answer->argv_size, answer->n_argv + 2, sizeof(char *));
    memcpy(&answer->argv[answer->n_argv++], &word, sizeof word); /* argv is not const, by custom */
}

static bool takes(const char *command_name, const char *option)
{
    const struct command *const command = command_find(command_name);
    const struct option *o;
    for (size_t i = 0; (o = command_option(command, i)) != NULL; i++) {
        if (strcmp(o->name, option) == 0)
            return true;
    }
    return false;
}

void answer_pass_on(struct answer *answer, const struct args *from, const char *const *names,
                    size_t n_names)
{
    for (size_t i = 0; i < n_names; i++) {
        const char *text;
        for (size_t at = 0;
             takes(answer->argv[1], names[i]) && (text = args_next(from, names[i], &at)) != NULL;) {
            answer_add_word(answer, arena_print(&answer->view.arena, "--%s", names[i]));
            answer_add_word(answer, text);
        }
    }
}

enum status answer_prepare(struct answer *answer, const struct request *request,
                           struct problem *why)
{
    answer_add_word(answer, "--");
    for (size_t i = 0; i < request->args->n_files; i++)
        answer_add_word(answer, request->args->files[i]);
    TRY(args_parse(&answer->args, (int)answer->n_argv, answer->argv, why));
    return arrangement_make(&answer->arrangement, &answer->args, why);
}

enum status answer_ask(struct answer *answer, const struct request *request, struct problem *why)
{
    TRY(answer_prepare(answer, request, why));
    const bool machine = answer->arrangement.output->machine;
    TRY(request_open(&answer->request, &answer->args, machine, why));
    answer->request.trace->count = request->trace->count;
    TRY(answer->args.command->build(&answer->request, &answer->view, why));
    arrangement_apply(&answer->arrangement, &answer->view, &(struct screen){0});
    return STATUS_OK;
}

enum status answer_ask_profile(struct answer *answer, struct request *request, struct problem *why)
{
    const struct args *const args = request->args;
    const bool machine = request->machine;
    TRY(answer_prepare(answer, request, why));
    request->args = &answer->args;
    request->machine = answer->arrangement.output->machine;
    const enum status status = answer->args.command->build(request, &answer->view, why);
    request->args = args;
    request->machine = machine;
    if (status == STATUS_OK)
        arrangement_apply(&answer->arrangement, &answer->view, &(struct screen){0});
    return status;
}

void answer_clear(struct answer *answer)
{
    view_clear(&answer->view);
    if (answer->request.args != NULL)
        request_close(&answer->request);
    args_clear(&answer->args);
    free(answer->argv);
    *answer = (struct answer){0};
}
