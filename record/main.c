/* SPDX-License-Identifier: MIT */
#include "record/base/clocks.h"
#include "record/cli/shell_completion.h"
#include "record/dump/look.h"
#include "record/onlook/onlook.h"
#include "record/run/child.h"
#include "record/run/session.h"

#include <stdio.h>
#include <stdlib.h>

#define EXIT_USAGE 2

static void say(const char *sentence)
{
    fprintf(stderr, "pyrec: %s\n", sentence);
}

/* Answer --help, --version and --completion; a pipe that is closed is no reason to fail loudly. */
static int print_text(const struct settings *settings)
{
    if (settings->action == SETTINGS_HELP && settings->is_top)
        settings_write_help_top(stdout);
    else if (settings->action == SETTINGS_HELP)
        settings_write_help(stdout);
    else if (settings->action == SETTINGS_COMPLETION)
        shell_completion_write(stdout, settings->shell);
    else
        puts("pyrec " PYREC_VERSION);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* pyrec dump, pyrec ps. */
static int look_at_running(int argc, char **argv)
{
    struct problem why;
    const int code = look_run(argc, argv, stdout, &why);
    if (why.detail[0] != '\0')
        say(why.detail);
    if (code == LOOK_EXIT_USAGE)
        fprintf(stderr, "Try 'pyrec %s --help'.\n", argv[1]);
    return code;
}

/* OpenTelemetry's variables: of this process, then of the one that is attached to. */
static void take_variables(struct settings *settings)
{
    struct problem why;
    if (service_take_variables(&settings->service, getenv("OTEL_SERVICE_NAME"),
                               getenv("OTEL_RESOURCE_ATTRIBUTES"), &why) != STATUS_OK)
        say(why.detail);
    if (settings->n_pids > 0 &&
        service_take_process(&settings->service, settings->pids[0], &why) != STATUS_OK)
        say(why.detail);
}

int main(int argc, char **argv)
{
    struct settings settings;
    struct session_result result;
    struct problem why;
    clocks_find();
    if (argc > 1 && look_is_command(argv[1]))
        return look_at_running(argc, argv);
    if (settings_parse(&settings, argc, argv, &why) != STATUS_OK) {
        say(why.detail);
        fputs("Try 'pyrec --help'.\n", stderr);
        return EXIT_USAGE;
    }
    if (settings.action != SETTINGS_RECORD)
        return print_text(&settings);
    if (settings.is_top) {
        onlook_run(&settings, say, &result);
    } else {
        take_variables(&settings);
        session_run(&settings, say, &result);
    }
    if (result.closing[0] != '\0' && !settings.is_quiet)
        say(result.closing);
    if (result.exit_signal != 0) {
        child_die_alike(result.exit_signal);
        return 128 + (int)result.exit_signal; /* as shells say it */
    }
    return result.exit_code;
}
