/* SPDX-License-Identifier: MIT */
#include "tracer.h"

#include "memory.h"

#include <errno.h>
#include <stdio.h>
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

static enum status read_file(const char *path, char **bytes, size_t *len, struct problem *why)
{
    FILE *const file = fopen(path, "rbe");
    size_t size = 0, n;
    *bytes = NULL;
    *len = 0;
    if (file == NULL)
        return problem_set(why, STATUS_NOT_FOUND, PROBLEM_NO_OFFSET, "%s: %s", path,
                           strerror(errno));
    do {
        *bytes = memory_grow(*bytes, &size, *len + 65536, 1);
        n = fread(*bytes + *len, 1, 65535, file);
        *len += n;
    } while (n > 0 && *len <= FILE_MAX);
    const bool failed = ferror(file) != 0;
    fclose(file);
    if (failed || *len > FILE_MAX)
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%s: %s", path,
                           failed ? "cannot be read" : "too large for a profile");
    (*bytes)[*len] = '\0';
    return STATUS_OK;
}

static bool begins_with(const char *bytes, size_t len, const char *text)
{
    return len >= strlen(text) && memcmp(bytes, text, strlen(text)) == 0;
}

enum status tracer_read(struct tracer *tracer, const char *path, struct problem *why)
{
    char *bytes;
    size_t len;
    struct problem inner = {0};
    enum status status = read_file(path, &bytes, &len, why);
    if (status == STATUS_OK) {
        if (begins_with(bytes, len, "version:") || begins_with(bytes, len, "creator:") ||
            begins_with(bytes, len, "# callgrind"))
            status = tracer_parse_callgrind(tracer, bytes, len, &inner);
        else
            status = tracer_parse_pstats(tracer, bytes, len, &inner);
        if (status != STATUS_OK)
            problem_set(why, status, inner.offset, "%s: no profile of cProfile or yappi: %.120s",
                        path, inner.detail);
    }
    free(bytes);
    return status;
}
