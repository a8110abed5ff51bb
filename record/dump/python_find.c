/* SPDX-License-Identifier: MIT */
#include "python_find.h"

#include "outside.h"
#include "record/agent/base/peek.h"
#include "record/agent/cpython/objects.h"

#include <elf.h>
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

/* A program for another machine: its first file begins with another kind of ELF header. */
static const char *foreign_text(const struct remote *remote, const struct remote_maps *maps)
{
    unsigned char head[20];
    for (uint32_t i = 0; i < maps->n; i++) {
        const struct remote_map *const map = &maps->list[i];
        if (map->offset != 0 || map->inode == 0 || !(map->rights & REMOTE_READ) ||
            !remote_read(remote, map->from, head, sizeof head) ||
            memcmp(head, ELFMAG, SELFMAG) != 0)
            continue;
        if (head[EI_CLASS] == ELFCLASS32)
            return "is a 32-bit program; pyrec knows 64-bit ones";
        return NULL;
    }
    return NULL;
}

static const char *base_of(const char *path)
{
    const char *const slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static enum python_found none_explain(const struct remote *remote, const struct remote_maps *maps,
                                      const struct remote_images *images, struct problem *why)
{
    char link[64], path[FIELD_MAX];
    const char *text = foreign_text(remote, maps);
    snprintf(link, sizeof link, "/proc/%d/exe", remote->tid);
    const ssize_t len = readlink(link, path, sizeof path - 1);
    path[len > 0 ? len : 0] = '\0';
    const char *const base = base_of(path);
    if (text == NULL && (strncmp(base, "pypy", 4) == 0 || remote_images_named(images, "libpypy")))
        text = "is PyPy; pyrec knows CPython only";
    if (text == NULL && strncmp(base, "python", 6) == 0)
        text = "is called Python but does not show its names (linked statically, or stripped)";
    if (text != NULL) {
        (void)problem_set(why, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET, "%s", text);
        return PYTHON_REFUSED;
    }
    (void)problem_set(why, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET,
                      "is not Python: there is no CPython in its memory");
    return PYTHON_NONE;
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

static bool is_musl(const struct remote_images *images)
{
    for (uint32_t i = 0; i < images->n; i++) {
        const char *const name = base_of(images->list[i].path);
        if (strncmp(name, "ld-musl-", 8) == 0 || strncmp(name, "libc.musl-", 10) == 0)
            return true;
    }
    return false;
}

static enum python_found images_look(struct python *python, const struct remote *remote,
                                     const struct remote_maps *maps,
                                     const struct remote_images *images, struct problem *why)
{
    struct interp *const interp = &python->interp;
    uint64_t runtime = 0, code_type = 0, version = 0;
    char reason[200];
    (void)remote_images_find(images, remote, "PyCode_Type", &code_type);
    if (code_type == 0)
        return none_explain(remote, maps, images, why);
    (void)remote_images_find(images, remote, "_PyRuntime", &runtime);
    (void)remote_images_find(images, remote, "Py_Version", &version);
    outside_open(remote);
    outside_forget(LOADS);
    interp->runtime = (uintptr_t)runtime;
    interp->code_type = (uintptr_t)code_type;
    interp->hexversion = runtime != 0 ? hexversion_find(interp, (uintptr_t)version) : 0;
    python->is_musl = is_musl(images);
    python->tid_offset = tid_offset_find(remote, images);
    if (runtime != 0 && interp->hexversion == 0) {
        (void)problem_set(
            why, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET,
            "is a Python that does not say its version: it is just starting or ending, "
            "or older than 3.8");
        return PYTHON_REFUSED;
    }
    if (interp_fit(interp, reason, sizeof reason) == INTERP_FOUND)
        return PYTHON_FOUND;
    (void)problem_set(why, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET, "cannot be read: %s", reason);
    return PYTHON_REFUSED;
}

enum python_found python_find(struct python *python, const struct remote *remote,
                              struct problem *why)
{
    struct remote_maps maps;
    struct remote_images images = {.list = NULL};
    enum python_found found = PYTHON_REFUSED;
    *python = (struct python){.is_musl = false};
    const int error = remote_maps_read(&maps, remote);
    if (error != 0)
        (void)problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "cannot be read: %s", strerror(error));
    else if (!remote_images_read(&images, remote, &maps))
        (void)problem_set(why, STATUS_NO_MEMORY, PROBLEM_NO_OFFSET, "cannot be read: %s",
                          status_text(STATUS_NO_MEMORY));
    else
        found = images_look(python, remote, &maps, &images, why);
    remote_images_clear(&images);
    remote_maps_clear(&maps);
    return found;
}
