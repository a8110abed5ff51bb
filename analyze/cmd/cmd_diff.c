/* SPDX-License-Identifier: MIT */
/* diff: what changed between recordings, and whether that is real. */
#include "cmd_diff.h"

#include "analyze/ask/arrange.h"
#include "analyze/base/memory.h"
#include "analyze/cli/command.h"
#include "analyze/report/page.h"
#include "format/base/number.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Time blocks of a recording; what a series costs is 8 bytes per row and block. */
#define BLOCKS_MAX 128u

#define USAGE(why, ...) problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, __VA_ARGS__)

static const char *const key_names[] = {"function", "line", "file", "thread"};
static const char *const scale_names[] = {"total", "wall", "cpu"};

static const char *key_name(size_t i)
{
    return i < ARRAY_LEN(key_names) ? key_names[i] : NULL;
}

static const char *scale_name(size_t i)
{
    return i < ARRAY_LEN(scale_names) ? scale_names[i] : NULL;
}

/* What the view borrows. */
struct diff_answer {
    struct sides sides;
    struct comparison list[DIFF_COMPARISONS_MAX]; /* the first is what was asked for */
    size_t n;
    struct diff_page *page;
};

static void release_answer(void *closure)
{
    struct diff_answer *const a = closure;
    diff_page_free(a->page);
    for (size_t i = 0; i < a->n; i++)
        comparison_clear(&a->list[i], &a->sides);
    for (int w = 0; w < 2; w++)
        free(a->sides.counts[w]);
    for (size_t i = 0; i < a->sides.n_maps; i++)
        free((void *)(uintptr_t)a->sides.maps[i].from);
    free(a->sides.maps);
    free(a);
}

static bool setting_differs(const struct recording *a, const struct recording *b, const char *name)
{
    const char *const x = recording_setting(a, name), *const y = recording_setting(b, name);
    return x != NULL && y != NULL && strcmp(x, y) != 0;
}

/* Recordings whose numbers do not mean the same. */
static enum status check_pair(const struct args *args, const struct recording *a,
                              const struct recording *b, bool cumulative, struct problem *why)
{
    static const char *const modes[] = {"clock", "mode", "signals", "cumulative"};
    const char *const by = args_text(args, "by");
    const bool counts = by != NULL && metric_find(by)->unit == UNIT_COUNT;
    if (args_flag(args, "force"))
        return STATUS_OK;
    if (counts && a->interval_ns != b->interval_ns)
        return USAGE(why,
                     "diff: %s at different rates (%g and %g Hz) cannot be compared; seconds can: "
                     "--by wall or --by cpu",
                     by, 1e9 / (double)a->interval_ns, 1e9 / (double)b->interval_ns);
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        const bool matters = strcmp(modes[i], "cumulative") != 0 || cumulative;
        if (matters && setting_differs(a, b, modes[i]))
            return USAGE(why,
                         "diff: recorded with %s: %s and with %s: %s, which measure differently; "
                         "--force compares them all the same",
                         modes[i], recording_setting(a, modes[i]), modes[i],
                         recording_setting(b, modes[i]));
    }
    return STATUS_OK;
}

static enum status check_sides(const struct sides *s, const struct args *args, bool cumulative,
                               struct problem *why)
{
    const struct recording *const first = s->traces[0]->census.recordings[0];
    for (int w = 0; w < 2; w++) {
        for (size_t i = 0; i < s->traces[w]->census.n_recordings; i++)
            TRY(check_pair(args, first, s->traces[w]->census.recordings[i], cumulative, why));
    }
    return STATUS_OK;
}

/* --count A,B or one number per file, each for one recording. */
static enum status parse_counts(struct sides *s, const struct args *args, struct problem *why)
{
    const char *const text = args_text(args, "count");
    const size_t n = s->n[0] + s->n[1], per = args_count(args, "per", 1);
    double numbers[2] = {0};
    if (text == NULL)
        return STATUS_OK;
    size_t n_given = 1;
    for (const char *at = text; *at != '\0'; at++)
        n_given += *at == ',';
    if ((n_given != 2 && n_given != n) || per == 0)
        return USAGE(why,
                     "--count wants 2 numbers, or %zu, with commas between them; --per one "
                     "above 0",
                     n);
    s->counts[0] = memory_get(s->n[0] * sizeof(double));
    s->counts[1] = memory_get(s->n[1] * sizeof(double));
    const char *at = text;
    for (size_t i = 0; i < n_given; i++) {
        char *end;
        const double number = strtod(at, &end);
        if (end == at || (*end != ',' && *end != '\0') || !(number > 0) || isinf(number))
            return USAGE(why, "--count: \"%s\" is no number above 0", at);
        numbers[i % 2] = number / (double)per;
        if (n_given == n)
            s->counts[i >= s->n[0]][i < s->n[0] ? i : i - s->n[0]] = number / (double)per;
        at = end + 1;
    }
    for (size_t i = 0; n_given != n && i < n; i++)
        s->counts[i >= s->n[0]][i < s->n[0] ? i : i - s->n[0]] = numbers[i >= s->n[0]];
    return STATUS_OK;
}

/* "5%" or "5": 0.05; of everything on the first side. */
static enum status parse_limit(struct sides *s, const struct args *args, struct problem *why)
{
    const char *const text = args_text(args, "fail-on");
    s->fail_on = -1;
    if (text == NULL)
        return STATUS_OK;
    if (!number_parse(text, "%", (const double[]){1}, 0, 1e8, &s->fail_on))
        return USAGE(why, "--fail-on wants a share like 5%%, not \"%s\"", text);
    s->fail_on /= 100;
    return STATUS_OK;
}

/* FROM=TO, folders both. */
static enum status parse_maps(struct sides *s, const struct args *args, struct problem *why)
{
    const char *text;
    for (size_t at = 0; (text = args_next(args, "map", &at)) != NULL;) {
        const char *const equals = strchr(text, '=');
        if (equals == NULL || equals == text || equals[1] == '\0')
            return USAGE(why, "--map wants FROM=TO, two folders, not \"%s\"", text);
        s->maps = memory_grow(s->maps, &s->maps_size, s->n_maps + 1, sizeof *s->maps);
        const size_t len = (size_t)(equals - text);
        char *const from = memory_get(len + 1);
        memcpy(from, text, len);
        s->maps[s->n_maps++] = (struct series_map){from, equals + 1, len};
    }
    return STATUS_OK;
}

static bool is_over(const struct sides *s, const struct diff *diff, const struct diff_row *row)
{
    return row->real && row->difference.value > s->fail_on * diff->whole.values[0];
}

static bool any_over(const struct sides *s, const struct diff *diff)
{
    bool over = is_over(s, diff, &diff->whole);
    for (size_t i = 0; i < diff->n_rows; i++)
        over |= is_over(s, diff, &diff->rows[i]);
    return over;
}

void comparison_fill_view(struct view *view, const struct comparison *comparison,
                          const struct sides *s, const struct request *request)
{
    const struct diff *const diff = &comparison->diff;
    const struct args *const args = request->args;
    const char *const scale = args_text(args, "scale");
    struct group *const group = view_add_group(view, NULL, diff->n_rows + 1);
    const char *divided = "";
    view->shape = SHAPE_TABLE;
    if (args_text(args, "count") != NULL)
        divided = arena_print(&view->arena, ", per %zu counted", args_count(args, "per", 1));
    else if (scale != NULL && strcmp(scale, "total") != 0)
        divided = arena_print(&view->arena, ", per second of %s", scale);
    group->heading = arena_print(&view->arena, "%s%s%s, %zu recording%s (A) and %zu (B)",
                                 request->metric->name, comparison->cumulative ? " (cum)" : "",
                                 divided, s->n[0], s->n[0] == 1 ? "" : "s", s->n[1]);
    group->rows[0] = (struct row){.frame = diff->whole.frame, .diff = &diff->whole};
    for (size_t i = 0; i < diff->n_rows; i++)
        group->rows[i + 1] = (struct row){.frame = diff->rows[i].frame, .diff = &diff->rows[i]};
}

void comparisons_make(struct comparison *list, size_t n, const struct sides *s,
                      const struct request *request)
{
    const struct args *const args = request->args;
    struct diff_plan plan = {
        .scale = (enum diff_scale)args_choice(args, "scale", scale_name),
        .select = &request->select,
        .unit = request->metric->unit,
    };
    struct series_plan *const reads = memory_get(n * sizeof *reads);
    struct series_question *const questions = memory_get(n * sizeof *questions);
    size_t n_passes = 1;
    for (size_t i = 0; i < n; i++) {
        if (list[i].key == SERIES_PATH)
            tree_init(&list[i].paths);
        reads[i] = (struct series_plan){
            .metric = request->metric,
            .key = list[i].key,
            .cumulative = list[i].cumulative,
            .select = &request->select,
            .n_blocks = BLOCKS_MAX,
            .maps = s->maps,
            .n_maps = s->n_maps,
            .paths = &list[i].paths,
        };
        n_passes = series_passes(&reads[i]) > n_passes ? series_passes(&reads[i]) : n_passes;
    }
    for (int w = 0; w < 2; w++)
        trace_plan(s->traces[w], n_passes);
    for (int w = 0; w < 2; w++) {
        for (size_t i = 0; i < n; i++)
            questions[i] = (struct series_question){.plan = &reads[i], .names = &list[i].names};
        series_read_all(s->traces[w], questions, n);
        for (size_t i = 0; i < n; i++)
            list[i].series[w] = questions[i].series;
    }
    if (s->counts[0] != NULL)
        plan.scale = DIFF_COUNT;
    for (size_t i = 0; i < n; i++) {
        const struct diff_side sides[2] = {{list[i].series[0], s->n[0], s->counts[0]},
                                           {list[i].series[1], s->n[1], s->counts[1]}};
        plan.key = list[i].key;
        plan.paths = &list[i].paths;
        diff_build(&list[i].diff, sides, &plan, &list[i].names);
    }
    free(questions);
    free(reads);
}

void comparison_clear(struct comparison *comparison, const struct sides *s)
{
    for (int w = 0; w < 2; w++) {
        if (comparison->series[w] != NULL)
            series_clear(comparison->series[w], s->n[w]);
    }
    diff_clear(&comparison->diff);
    symbols_clear(&comparison->names);
    tree_clear(&comparison->paths);
    *comparison = (struct comparison){0};
}

const char *comparison_key_name(const struct comparison *comparison)
{
    return key_names[comparison->key];
}

static bool wants_page(const struct args *args)
{
    struct arrangement arrangement;
    return arrangement_make(&arrangement, args, NULL) == STATUS_OK &&
           arrangement.output->accepts & SHAPE_PAGE;
}

static enum status build_diff(struct request *request, struct view *view, struct problem *why)
{
    const struct args *const args = request->args;
    struct diff_answer *const a = memory_get(sizeof *a);
    struct sides *const s = &a->sides;
    struct comparison *const asked = &a->list[0];
    const bool page = wants_page(args);
    view->shape = page ? SHAPE_PAGE : SHAPE_TABLE;
    view->closure = a;
    view->release = release_answer;
    if (page && page_template_len == 0)
        return USAGE(why, PAGE_MISSING, "diff");
    if (args_text(args, "count") != NULL && args_text(args, "scale") != NULL)
        return USAGE(why, "--count and --scale: only one of them");
    TRY(parse_limit(s, args, why));
    TRY(parse_maps(s, args, why));
    s->traces[0] = request->trace;
    s->traces[1] = request->second;
    for (int w = 0; w < 2; w++)
        s->n[w] = s->traces[w]->census.n_recordings;
    asked->key = (enum series_key)args_choice(args, "key", key_name);
    asked->cumulative = args_flag(args, "cumulative");
    TRY(check_sides(s, args, asked->cumulative || page, why));
    TRY(parse_counts(s, args, why));
    const size_t n = page ? diff_page_plan(a->list) : 1;
    comparisons_make(a->list, n, s, request);
    a->n = n;
    view->failed = s->fail_on >= 0 && any_over(s, &asked->diff);
    view->nothing = asked->diff.n_rows == 0;
    if (view->nothing)
        return STATUS_OK;
    if (page)
        return diff_page_fill(&a->page, view, s, a->list, n, request, why);
    comparison_fill_view(view, asked, s, request);
    diff_add_notes(view, s, asked, request);
    return STATUS_OK;
}

static const struct option options[] = {
    {"vs", 0, NULL, OPTION_FLAG,
     "the traces before it are the first side, those behind it the second", NULL, 0},
    {"key", 'k', "KEY", OPTION_CHOICE,
     "what a row is: function (the default), line, file, or thread", key_name, 0},
    {"by", 'b', "METRIC", OPTION_CHOICE, "what is compared; default cpu", metric_name, 0},
    {"cumulative", 0, NULL, OPTION_FLAG,
     "compare what counts for all stacks that contain the row, not only for it", NULL, 0},
    {"scale", 0, "HOW", OPTION_CHOICE,
     "total (the default) compares recordings of the same work as they are; wall and cpu divide by "
     "the seconds that each one lasted or used",
     scale_name, 0},
    {"count", 0, "A,B", OPTION_TEXT,
     "divide each side by a count of your own, say of requests; or one number per trace", NULL, 0},
    {"per", 0, "N", OPTION_COUNT, "with --count: show what N of them cost; default 1", NULL, 0},
    {"fail-on", 0, "SHARE", OPTION_TEXT,
     "exit status 4 when a row, or all together, really grew by more than this share of the whole "
     "of A, like 5%",
     NULL, 0},
    {"map", 0, "FROM=TO", OPTION_TEXT,
     "files below the folder FROM, on both sides, are those of the same names below TO: for "
     "programs that lay in different places; can be given several times",
     NULL, 0},
    {"force", 0, NULL, OPTION_FLAG, "compare recordings that were made in different ways", NULL, 0},
    {"output", 'o', "FILE", OPTION_TEXT,
     "write to this file; one that ends in .html becomes a page (see above)", NULL, 0},
    OPTION_END,
};

const struct command command_diff = {
    .name = "diff",
    .sides = true,
    .synopsis = "[options] A B | A... --vs B...",
    .summary = "what changed between recordings, and whether that is real",
    .text = "What every function weighs in A and in B, the difference with its 95% interval, and "
            "whether that is real or may be chance. What is real comes first, and of it the "
            "largest difference. The row <all> is everything together.\n"
            "\n"
            "Two functions are the same if their file and qualified name are; two lines, if they "
            "are also equally far below the first line of their function, so that code above it "
            "may come and go. Several functions of one name in a file, such as lambdas, are one "
            "row. In the names of threads any number equals any other.\n"
            "\n"
            "With one recording on each side, each is cut into up to 128 blocks of at least 20 "
            "sampling intervals; a bootstrap exchanges neighbouring blocks and so tells how far "
            "the sums could be off. It takes what changes slowly for the program's plan, and "
            "knows nothing of how one run differs from the next. With several recordings on a "
            "side, how they differ among themselves decides (Welch's test); a side with one is "
            "taken to vary as the other. Benjamini and Hochberg's correction keeps the chance "
            "findings among the real ones at 1 in 20, however many rows there are. Rows with "
            "fewer than 8 samples on both sides together are shown, but not tested.\n"
            "\n"
            "--from and --to choose the same range of both sides; given twice, one of the first "
            "side and one of the second. So two ranges of one recording are compared by naming "
            "it twice, with --scale wall where they are not of one length: --from 10 --to 20 "
            "--from 50 --to 80 x.trace x.trace.\n"
            "\n"
            "Recordings at different rates can be compared, in seconds; those made in different "
            "ways (--no-signals; --no-cumulative, with --cumulative) only with --force.\n"
            "\n"
            "--format html -o diff.html makes one page for a browser, which needs no network: a "
            "flame graph as wide as A or as B, in which a box has a color only where its "
            "difference is real (each path from the root is tested, with the same correction), "
            "and tables of functions, lines, files and threads, which are those of --key, with "
            "and without --cumulative. --match and --exclude choose rows of the tables; the "
            "flame graph has everything. Without scripts the page is the table that these "
            "options print.",
    .example = "pyanalyze diff --key line --fail-on 5% run.trace run.trace",
    .takes = TAKES_SORT | TAKES_LIMIT | TAKES_COLUMNS | TAKES_THREAD | TAKES_PROCESS |
             TAKES_PLACES | TAKES_FORMAT | TAKES_COLOR | TAKES_PATHS | TAKES_RANGE | TAKES_STATE,
    .options = options,
    .min_files = 2,
    .max_files = SIZE_MAX,
    .shape = SHAPE_TABLE | SHAPE_PAGE,
    .output = "text",
    .rows = ROW_DIFF,
    .columns = "a,b,difference,margin,change,verdict,place,function",
    .machine_columns = "a,b,difference,margin,change,verdict,real,p,q,samples_a,samples_b,file,"
                       "line_a,line_b,function",
    .build = build_diff,
};
