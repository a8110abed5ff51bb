/* SPDX-License-Identifier: MIT */
/* ship: parts of recordings to where those of many hosts are looked at together. */
#include "analyze/cli/args.h"
#include "analyze/cli/command.h"
#include "analyze/ship/ship.h"
#include "format/base/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS_VARIABLE  "OTEL_EXPORTER_OTLP_HEADERS"
#define PROFILES_VARIABLE "OTEL_EXPORTER_OTLP_PROFILES_HEADERS"

static void print_line(void *closure, const char *line)
{
    (void)closure;
    printf("%s\n", line);
    (void)fflush(stdout); /* who reads the log is told by the end of a line, not of a block */
}

static enum status take_time(const struct args *args, const char *name, double otherwise_s,
                             uint64_t *ns, struct problem *why)
{
    static const double factors[] = {1, 60, 3600};
    const char *const text = args_text(args, name);
    double seconds = otherwise_s;
    if (text != NULL && !number_parse(text, "smh", factors, 0.001, 86400, &seconds))
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--%s wants a time such as 0.5s, 10s, 5m, not '%.40s'", name, text);
    *ns = (uint64_t)llround(seconds * 1e9);
    return STATUS_OK;
}

/* Only over https, but for this machine: credentials are for one reader. */
static enum status take_headers(const struct args *args, struct ship_settings *s,
                                struct problem *why)
{
    static const char *const variables[] = {HEADERS_VARIABLE, PROFILES_VARIABLE};
    const char *const file = args_text(args, "headers");
    for (size_t i = 0; i < ARRAY_LEN(variables) && s->to.format == SHIP_OTLP; i++) {
        const char *const value = getenv(variables[i]);
        if (value != NULL)
            TRY(headers_take_variable(&s->headers, variables[i], value, why));
    }
    if (file != NULL)
        TRY(headers_take_file(&s->headers, file, why));
    if (args_flag(args, "s3") && (s->to.format != SHIP_TABLES || s->to.is_directory))
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--s3 is for tables that are sent to a URL");
    if (args_flag(args, "s3"))
        TRY(signing_take(&s->signing, why));
    if ((s->headers.n > 0 || s->signing.key != NULL) && !s->to.is_directory &&
        !s->to.is_encrypted && !s->to.is_near)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "headers and signatures are sent by https only, everybody on the way "
                           "could read them");
    return STATUS_OK;
}

static enum status take_tables(const struct args *args, struct ship_settings *s,
                               struct problem *why)
{
    const struct {
        const char *name, **to;
    } options[] = {{"redact", &s->redact}, {"redact-key", &s->redact_key}, {"bin", &s->bin}};
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        *options[i].to = args_text(args, options[i].name);
        if (*options[i].to != NULL && s->to.format != SHIP_TABLES)
            return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "--%s is for tables, not %s",
                               options[i].name, ship_format_name(s->to.format));
    }
    return STATUS_OK;
}

static enum status take_settings(const struct args *args, struct ship_settings *s,
                                 struct problem *why)
{
    const char *const to = args_text(args, "to"), *const spool = args_text(args, "spool");
    double bytes = 0;
    if (to == NULL)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "ship wants --to URL, or --to DIR for tables");
    TRY(destination_take(&s->to, to, args_text(args, "format"), why));
    if (spool != NULL && !number_parse_bytes(spool, 1, 1e18, &bytes))
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--spool wants a size such as 500M or 10G, not '%.40s'", spool);
    s->spool_bytes = (uint64_t)bytes;
    s->state = args_text(args, "state");
    s->authorities = args_text(args, "cacert");
    s->is_once = args_flag(args, "once");
    s->removes = args_flag(args, "remove");
    s->attempts_max = (unsigned)args_count(args, "attempts", 5);
    TRY(take_time(args, "backoff", 1, &s->backoff_ns, why));
    TRY(take_time(args, "timeout", 60, &s->timeout_ns, why));
    TRY(take_tables(args, s, why));
    return take_headers(args, s, why);
}

static enum status run_ship(const struct args *args, struct problem *why)
{
    struct ship_settings settings = {
        .paths = args->files, .n_paths = args->n_files, .say = print_line};
    enum status status = take_settings(args, &settings, why);
    if (status == STATUS_OK)
        status = ship_run(&settings, why);
    headers_clear(&settings.headers);
    destination_clear(&settings.to);
    return status;
}

static const struct option options[] = {
    {"to", 0, "URL|DIR", OPTION_TEXT,
     "where to: http:// or https:// of a server, or a directory, which gets tables", NULL, 0},
    {"format", 'f', "NAME", OPTION_CHOICE,
     "otlp (OpenTelemetry's profiles; default of URLs), pyroscope (pprof to /ingest), or tables "
     "(PUT of each file of export --format tables to URL/TABLE/FILE; default of directories)",
     ship_format_name, 0},
    {"once", 0, NULL, OPTION_FLAG,
     "send what is there, and end; the exit status is 1 when something was not taken", NULL, 0},
    {"attempts", 0, "N", OPTION_COUNT, "with --once: so many for one part; default 5", NULL, 0},
    {"headers", 0, "FILE", OPTION_TEXT,
     "send the lines of this file along, such as \"Authorization: Bearer ..\"; others must not be "
     "able to read it. Of otlp also those of OTEL_EXPORTER_OTLP_HEADERS",
     NULL, 0},
    {"s3", 0, NULL, OPTION_FLAG,
     "sign each PUT of tables as S3 and its like want it (AWS Signature Version 4), with "
     "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_REGION of the "
     "environment",
     NULL, 0},
    {"cacert", 0, "FILE", OPTION_TEXT,
     "believe the certificates in this file, instead of those that the system believes", NULL, 0},
    {"spool", 0, "SIZE", OPTION_TEXT,
     "of parts that wait: beyond that the oldest are dropped, and said; default: none are", NULL,
     0},
    {"remove", 0, NULL, OPTION_FLAG, "remove files that were taken, or dropped", NULL, 0},
    {"state", 0, "DIR", OPTION_TEXT,
     "where it is written down what was sent; default: where the parts are", NULL, 0},
    {"backoff", 0, "TIME", OPTION_TEXT,
     "after a failure wait up to this, then up to twice that, and so on to 512 times; default 1s",
     NULL, 0},
    {"timeout", 0, "TIME", OPTION_TEXT, "for one request; default 60s", NULL, 0},
    {"redact", 0, "HOW", OPTION_TEXT, "of tables: hash or drop, as for export", NULL, 0},
    {"redact-key", 0, "FILE", OPTION_TEXT, "of tables: the key, as for export", NULL, 0},
    {"bin", 0, "TIME", OPTION_TEXT, "of tables: as for export", NULL, 0},
    OPTION_END,
};

const struct command command_ship = {
    .name = "ship",
    .synopsis = "--to URL [options] FILE|DIR...",
    .summary = "send finished parts to a server, as they come",
    .text =
        "Sends recordings to where those of many hosts are looked at together; docs/FLEET.md has "
        "the picture. Of a directory it takes the parts that are finished (pyrec --rotate 1m "
        "--keep 24h), and goes on to those that come; files that are named are sent as they are. "
        "Each is sent whole, the oldest first, and is written down as sent, on the disk, when the "
        "server has taken it: whenever ship is killed nothing is lost, and nothing is sent twice "
        "but the part that was under way. A line on standard output says what became of each.\n"
        "\n"
        "What could not be sent is sent again, after waits that grow and are drawn at random, and "
        "not before the server wants it (Retry-After): without an answer, and for the statuses "
        "408, 429, 502, 503 and 504 (500, too, but of otlp). Any other status sets the part "
        "aside, as does a file that cannot be read.\n"
        "\n"
        "otlp is POST of protobuf, gzipped, to /v1development/profiles unless the URL has a path; "
        "pyroscope is POST of pprof to /ingest. Certificates are verified, redirections not "
        "followed, proxies taken from the environment as curl does, and credentials come from a "
        "file or from the environment, and are never said.",
    .example = "pyanalyze ship --once --to lake run.trace",
    .options = options,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .run = run_ship,
};
