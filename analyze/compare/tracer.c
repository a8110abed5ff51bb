/* SPDX-License-Identifier: MIT */
#include "tracer.h"

#include "analyze/base/memory.h"
#include "analyze/base/plain_file.h"
#include "analyze/read/input.h"
#include "format/chunk.h"

#include <stdlib.h>
#include <string.h>

/* A profile has a line per function; more than this is none. */
#define FILE_MAX (256u << 20)

void tracer_clear(struct tracer *tracer)
{
    for (size_t i = 0; i < tracer->n; i++)
        free(tracer->functions[i].callers);
    free(tracer->functions);
    arena_clear(&tracer->arena);
    *tracer = (struct tracer){0};
}

struct tracer_function *tracer_add(struct tracer *tracer, const char *name, const char *file,
                                   uint32_t line)
{
    tracer->functions =
        memory_grow(tracer->functions, &tracer->size, tracer->n + 1, sizeof *tracer->functions);
    struct tracer_function *const f = &tracer->functions[tracer->n++];
    /* what is not Python has the file "~", or no line */
    const bool is_python = strcmp(file, "~") != 0 && file[0] != '\0' && line > 0;
    *f = (struct tracer_function){.name = name,
                                  .file = is_python ? file : "",
                                  .line = is_python ? line : 0,
                                  .is_python = is_python};
    return f;
}

void tracer_add_caller(struct tracer *tracer, uint32_t function, const struct tracer_caller *caller)
{
    struct tracer_function *const f = &tracer->functions[function];
    f->callers = memory_grow(f->callers, &f->callers_size, f->n_callers + 1, sizeof *f->callers);
    f->callers[f->n_callers++] = *caller;
}

void tracer_finish(struct tracer *tracer)
{
    for (size_t i = 0; i < tracer->n; i++) {
        const struct tracer_function *const f = &tracer->functions[i];
        tracer->total_s += f->self_s;
        tracer->calls += f->calls;
        for (size_t c = 0; !f->is_python && c < f->n_callers; c++) {
            struct tracer_function *const caller = &tracer->functions[f->callers[c].caller];
            caller->called_s += f->callers[c].self_s;
            caller->called += f->callers[c].calls;
        }
    }
}

static bool begins_with(const char *bytes, size_t len, const char *text)
{
    return len >= strlen(text) && memcmp(bytes, text, strlen(text)) == 0;
}

/* JSON: marshal begins a dictionary with the same letter, and goes on with the type of a key. */
static bool is_json(const char *bytes, size_t len)
{
    static const char blank[] = " \t\r\n";
    if (len < 2 || bytes[1] == '\0')
        return false;
    if (bytes[0] == '[')
        return strchr("{[\"]-", bytes[1]) != NULL || strchr(blank, bytes[1]) != NULL ||
               (bytes[1] >= '0' && bytes[1] <= '9');
    return bytes[0] == '{' && (strchr("\"}", bytes[1]) != NULL || strchr(blank, bytes[1]) != NULL);
}

static bool is_printable(const char *bytes, size_t len)
{
    size_t n = 0;
    while (n < len && n < 32 && bytes[n] != '\n' && (unsigned char)bytes[n] >= 0x20 &&
           (unsigned char)bytes[n] < 0x7f)
        n++;
    return n >= 8;
}

/* Files that are taken for profiles, or lie beside them, and what can be done with them. */
static const struct {
    const char *begin, *what;
} kinds[] = {
    {"\x1f\x8b", "gzip data, as pprof's profiles are; compare reads pstats and callgrind"},
    {"\x28\xb5\x2f\xfd", "zstd data; compare reads pstats and callgrind"},
    {"\x80", "a pickle; let yappi save with type=\"pstat\" or \"callgrind\""},
    {"\x7f"
     "ELF",
     "a program or core dump"},
    {"PK\x03\x04", "a zip archive"},
    {"SQLite format 3", "an SQLite database"},
    {"\x89PNG", "a picture"},
    {"<?xml", "XML"},
    {"<!DOCTYPE", "a web page"},
    {"<html", "a web page"},
    {"ncalls", "what pstats prints; save the profile itself, with -o or dump_stats()"},
};

/* What else it is; NULL = nobody knows. */
static const char *foreign_kind(struct arena *arena, const char *bytes, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (begins_with(bytes, len, kinds[i].begin))
            return kinds[i].what;
    }
    if (len == 0)
        return "there is nothing in it";
    if (memmem(bytes, len < 64 ? len : 64, CHUNK_MAGIC, CHUNK_MAGIC_LEN) != NULL)
        return "a trace; what was sampled twice is compared by: pyanalyze diff";
    if (memmem(bytes, len < 256 ? len : 256, "hotshot-version", 15) != NULL)
        return "a log of hotshot; load it with Python 2's hotshot.stats and dump_stats()";
    if (memmem(bytes, len < 4096 ? len : 4096, "function calls", 14) != NULL &&
        is_printable(bytes + strspn(bytes, " \r\n"), len - strspn(bytes, " \r\n")))
        return "what pstats prints; save the profile itself, with -o or dump_stats()";
    if (is_json(bytes, len))
        return "JSON; compare reads pstats and callgrind";
    if (is_printable(bytes, len))
        return arena_print(arena, "text that begins \"%.*s\"",
                           (int)strcspn(bytes, "\n") < 32 ? (int)strcspn(bytes, "\n") : 32, bytes);
    return NULL;
}

/* Callgrind's files have no magic number: a line of head, or of the body, is the first one. */
static bool is_callgrind(const char *bytes, size_t len)
{
    static const char *const heads[] = {
        "version:", "creator:", "# callgrind", "events:", "event:", "positions:",
        "pid:",     "cmd:",     "fl=",         "fi=",     "fn="};
    while (len > 0 && (*bytes == '\n' || *bytes == '\r')) {
        bytes++;
        len--;
    }
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        if (begins_with(bytes, len, heads[i]))
            return true;
    }
    return false;
}

enum status tracer_read(struct tracer *tracer, const char *path, struct problem *why)
{
    struct plain_file file;
    struct problem inner = {0};
    enum status status = STATUS_OK;
    int fd;
    TRY(input_open(path, &fd, why));
    path = input_name(path);
    TRY(plain_file_take(&file, fd, path, FILE_MAX, "profile", why));
    const char *const foreign = foreign_kind(&tracer->arena, file.bytes, file.len);
    if (is_callgrind(file.bytes, file.len))
        status = tracer_parse_callgrind(tracer, file.bytes, file.len, &inner);
    else if (foreign != NULL)
        status = problem_set(&inner, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "%s", foreign);
    else
        status = tracer_parse_pstats(tracer, file.bytes, file.len, &inner);
    if (status != STATUS_OK)
        problem_set(why, status, inner.offset, "%s: no profile of a tracer: %.200s", path,
                    inner.detail);
    free(file.bytes);
    return status;
}
