/* SPDX-License-Identifier: MIT */
#include "python_find.h"

#include "outside.h"
#include "record/agent/base/peek.h"
#include "record/agent/cpython/objects.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOADS       20000000u
#define MINOR_FIRST 8u /* versions whose only word for themselves is sys.hexversion .. */
#define MINOR_LAST  10u
#define TRACE_REFS  16u
#define FIELD_MAX   4096u

/* ---- which version ---- */

/* sys.hexversion of the first interpreter, read as `ver` has it; 0 = it is not there. */
static uint32_t hexversion_in_sys(const struct pyver *ver, uintptr_t runtime)
{
    uint32_t bad = 0, hint = 0;
    uint64_t number = 0;
    const uintptr_t state = peek(runtime + ver->runtime.interpreters_head, &bad);
    const uintptr_t dict = bad || state == 0 ? 0 : peek(state + ver->interp.modules, &bad);
    const struct entries modules = entries_of_dict(ver, bad ? 0 : dict);
    const struct entries sys = entries_of_instance(ver, entries_find(ver, &modules, "sys", &hint));
    hint = 0;
    const uintptr_t object = entries_find(ver, &sys, "hexversion", &hint);
    return object != 0 && object_int(ver, object, &number) ? (uint32_t)number : 0;
}

/* Both layouts of objects, with the tables of each version: it must name that version itself. */
static uint32_t hexversion_try(const struct interp *interp)
{
    for (unsigned minor = MINOR_FIRST; minor <= MINOR_LAST; minor++) {
        for (unsigned shift = 0; shift <= TRACE_REFS; shift += TRACE_REFS) {
            struct pyver ver = *pyver_find(minor);
            if (shift != 0)
                pyver_shift_objects(&ver, (uint16_t)shift);
            const uint32_t found = hexversion_in_sys(&ver, interp->runtime);
            if (found >> 24 == 3 && (found >> 16 & 0xff) == minor)
                return found;
        }
    }
    return 0;
}

static uint32_t hexversion_find(const struct interp *interp, uintptr_t number)
{
    uint32_t bad = 0;
    uint64_t words[2];
    if (number != 0)
        return (uint32_t)peek(number, &bad);
    if (peek_bytes(words, interp->runtime, sizeof words) && memcmp(words, "xdebugpy", 8) == 0)
        return (uint32_t)words[1];
    return hexversion_try(interp);
}

void python_version_text(uint32_t hexversion, char *to, size_t size)
{
    const char *const stage = (hexversion >> 4 & 15) == 10   ? "a"
                              : (hexversion >> 4 & 15) == 11 ? "b"
                              : (hexversion >> 4 & 15) == 12 ? "rc"
                                                             : "";
    const int n = snprintf(to, size, "%u.%u.%u%s", hexversion >> 24, hexversion >> 16 & 0xff,
                           hexversion >> 8 & 0xff, stage);
    if (stage[0] != '\0' && n > 0 && (size_t)n < size)
        snprintf(to + n, size - (size_t)n, "%u", hexversion & 15);
}

/* ---- what else it may be ---- */

static enum facts_python none_explain(const struct remote *remote,
                                      const struct remote_images *images)
{
    char link[64], path[FIELD_MAX];
    uint64_t at;
    snprintf(link, sizeof link, "/proc/%d/exe", remote->tid);
    const ssize_t len = readlink(link, path, sizeof path - 1);
    path[len > 0 ? len : 0] = '\0';
    const char *const slash = strrchr(path, '/');
    const char *const base = slash != NULL ? slash + 1 : path;
    if (strncmp(base, "pypy", 4) == 0 || remote_images_named(images, "libpypy") != NULL ||
        remote_images_find(images, remote, "pypy_main_startup", &at) != NULL)
        return PYTHON_PYPY;
    return strncmp(base, "python", 6) == 0 ? PYTHON_NAMELESS : PYTHON_NONE;
}

/* ---- finding it ---- */

/* glibc's own description of struct pthread for debuggers: size in bits, number, offset. */
static uint32_t tid_offset_find(const struct remote *remote, const struct remote_images *images)
{
    uint64_t at;
    uint32_t field[3];
    if (remote_images_find(images, remote, "_thread_db_pthread_tid", &at) == NULL ||
        !remote_read(remote, at, field, sizeof field) || field[0] != 32 || field[2] > FIELD_MAX)
        return 0;
    return field[2];
}

enum facts_python python_find(struct python *python, const struct remote *remote,
                              const struct remote_images *images, char *wrong, size_t size)
{
    struct interp *const interp = &python->interp;
    uint64_t runtime = 0, code_type = 0, version = 0;
    *python = (struct python){.tid_offset = tid_offset_find(remote, images)};
    (void)remote_images_find(images, remote, "PyCode_Type", &code_type);
    if (code_type == 0)
        return none_explain(remote, images);
    (void)remote_images_find(images, remote, "_PyRuntime", &runtime);
    (void)remote_images_find(images, remote, "Py_Version", &version);
    outside_open(remote);
    outside_forget(LOADS);
    interp->runtime = (uintptr_t)runtime;
    interp->code_type = (uintptr_t)code_type;
    interp->hexversion = runtime != 0 ? hexversion_find(interp, (uintptr_t)version) : 0;
    if (runtime != 0 && interp->hexversion == 0)
        return PYTHON_UNSAID;
    return interp_fit(interp, wrong, size) == INTERP_FOUND ? PYTHON_FOUND : PYTHON_UNKNOWN;
}
