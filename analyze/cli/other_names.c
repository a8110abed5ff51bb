/* SPDX-License-Identifier: MIT */
#include "other_names.h"

#include "analyze/base/suggest.h"
#include "command.h"
#include "output.h"

#include <string.h>

#define SVG       "pyanalyze export --format svg -o flame.svg run.trace"
#define CPROFILE  "pyanalyze functions --style cprofile run.trace"
#define RECORD    "pyrec -- python3 program.py"
#define WHOLE     "pyanalyze report run.trace"
#define FUNCTIONS "pyanalyze functions run.trace"
#define INFO      "pyanalyze info run.trace"

/* perf, py-spy, memray, pprof, uftrace, austin, cProfile and pstats. */
static const struct other_name {
    const char *name, *type;
} other_names[] = {
    {"flamegraph", SVG},
    {"flame", SVG},
    {"record", RECORD},
    {"run", RECORD},
    {"start", RECORD},
    {"attach", "pyrec -p PID"},
    {"ps", "pyrec ps"},
    {"stat", INFO},
    {"stats", "pyanalyze run.trace"},
    {"summary", "pyanalyze run.trace"},
    {"show", "pyanalyze run.trace"},
    {"script", "pyanalyze dump run.trace"},
    {"replay", "pyanalyze dump run.trace"},
    {"traces", "pyanalyze dump run.trace"},
    {"raw", "pyanalyze dump run.trace"},
    {"graph", "pyanalyze tree run.trace"},
    {"calltree", "pyanalyze tree run.trace"},
    {"callgraph", "pyanalyze tree run.trace"},
    {"peek", "pyanalyze callers FUNCTION run.trace"},
    {"list", "pyanalyze annotate FILE.py run.trace"},
    {"source", "pyanalyze annotate FILE.py run.trace"},
    {"table", FUNCTIONS},
    {"flat", FUNCTIONS},
    {"cprofile", CPROFILE},
    {"profile", CPROFILE},
    {"sched", "pyanalyze timeline run.trace"},
    {"timechart", "pyanalyze timeline run.trace"},
    {"lock", "pyanalyze stalls run.trace"},
    {"locks", "pyanalyze stalls run.trace"},
    {"web", WHOLE},
    {"gui", WHOLE},
    {"html", WHOLE},
    {"view", WHOLE},
    {"live", "pyanalyze top run.trace"},
    {"tui", "pyanalyze top run.trace"},
    {"transform", "pyanalyze export --format NAME run.trace"},
    {"convert", "pyanalyze export --format NAME run.trace"},
    {"firefox", "pyanalyze export --format gecko run.trace"},
    {"perfetto", "pyanalyze export --format chrome run.trace"},
    {"snakeviz", "pyanalyze export --format pstats run.trace"},
    {"kcachegrind", "pyanalyze export --format callgrind run.trace"},
};

static enum status refuse(const char *wrong, const char *type, struct problem *why)
{
    return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "there is no command \"%s\"; try: %s",
                       wrong, type);
}

enum status other_names_problem(const char *wrong, struct problem *why)
{
    char type[96];
    const size_t len = strlen(wrong);
    for (size_t i = 0; i < ARRAY_LEN(other_names); i++) {
        if (strcmp(other_names[i].name, wrong) == 0)
            return refuse(wrong, other_names[i].type, why);
    }
    const struct output *const output = output_find(wrong);
    if (output != NULL && output->accepts & command_export.shape) {
        snprintf(type, sizeof type, "pyanalyze export --format %s run.trace", wrong);
        return refuse(wrong, type, why);
    }
    if (len > 3 && strcmp(wrong + len - 3, ".py") == 0) {
        snprintf(type, sizeof type, "pyrec -- python3 %.48s", wrong);
        return refuse(wrong, type, why);
    }
    return suggest_problem(why, NULL, "command", wrong, command_name);
}
