/* SPDX-License-Identifier: MIT */
#include "interp.h"
#include "record/agent/base/peek.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a wait_entry, a critical section and a _stoptheworld_state; the same since 3.13. */
enum { PARKED_ADDRESS = 8, SECTION_MUTEX = 8, STOP_REQUESTER = 16 };
#define PARKED_STACK 65536u /* between the two: some functions of CPython's and libc's */
#define SECTION_TAGS UINT64_C(3)
/* A mutex, then three flags: requested, world_stopped, is_global. Others may wait for the mutex. */
#define STOP_REQUESTED 0x101u
#define STOP_AWAITED   0x103u
#define STOP_STOPPED   0x10000u

static void *symbol(const struct interp *interp, const char *name)
{
    return symbols_find(&interp->symbols, name);
}

/* A symbol is a data pointer for what is a function; one place for the cast. */
static void bind(const struct interp *interp, void *function, const char *name)
{
    void *const found = symbol(interp, name);
    memcpy(function, &found, sizeof(found));
}

static void bind_calls(struct interp *interp)
{
    struct interp_calls *const call = &interp->call;
    bind(interp, &call->own_tstate, "PyGILState_GetThisThreadState");
    bind(interp, &call->current_tstate, "PyThreadState_GetUnchecked"); /* 3.13 */
    if (call->current_tstate == NULL)
        bind(interp, &call->current_tstate, "_PyThreadState_UncheckedGet");
    bind(interp, &call->add_pending, "Py_AddPendingCall");
}

/*
 * Of "3.8.18 (default, ..", as PY_VERSION_HEX has it; 0 when it begins otherwise. By hand: glibc
 * renames sscanf() with its versions, see floor.h.
 */
static uint32_t hexversion_parse(const char *text)
{
    enum { PARTS = 3 };
    uint32_t parts[PARTS] = {0};
    unsigned n = 0;
    while (n < PARTS) {
        char *end;
        parts[n] = (uint32_t)strtoul(text, &end, 10);
        if (end == text)
            break;
        n++;
        if (*end != '.')
            break;
        text = end + 1;
    }
    return n < 2 ? 0 : parts[0] << 24 | parts[1] << 16 | parts[2] << 8 | 0xf0;
}

static uint32_t hexversion_find(const struct interp *interp)
{
    const unsigned long *const number = symbol(interp, "Py_Version"); /* 3.11 */
    if (number != NULL)
        return (uint32_t)*number;
    uint64_t words[2];
    if (peek_bytes(words, interp->runtime, sizeof(words)) && memcmp(words, "xdebugpy", 8) == 0)
        return (uint32_t)words[1];
    const char *(*text)(void);
    bind(interp, &text, "Py_GetVersion");
    return text == NULL ? 0 : hexversion_parse(text());
}

/* Objects begin at different places in some builds: look where PyCode_Type has its name. */
static bool type_is_code(const struct interp *interp)
{
    uint32_t bad = 0;
    char name[5] = "";
    const uintptr_t at = peek(interp->code_type + interp->ver.type.name, &bad);
    return !bad && peek_bytes(name, at, sizeof(name)) && memcmp(name, "code", 5) == 0;
}

static bool layout_settle(struct interp *interp, char *reason, size_t size)
{
    snprintf(interp->build, sizeof(interp->build), "release");
    if (interp->ver.minor >= 13) {
        uint64_t words[PYVER_WORDS];
        const char *why = "its runtime cannot be read";
        if (peek_bytes(words, interp->runtime, sizeof(words)))
            why = pyver_adopt(&interp->ver, words, &interp->free_threaded);
        if (why != NULL) {
            snprintf(reason, size, "%s", why);
            return false;
        }
        if (interp->free_threaded)
            snprintf(interp->build, sizeof(interp->build), "free-threaded");
    }
    if (!type_is_code(interp) && !interp->free_threaded) {
        pyver_shift_objects(&interp->ver, 16); /* Py_TRACE_REFS */
        snprintf(interp->build, sizeof(interp->build), "trace-refs");
    }
    if (!type_is_code(interp)) {
        snprintf(reason, size, "objects of this build are laid out in an unknown way");
        return false;
    }
    return true;
}

enum interp_found interp_fit(struct interp *interp, char *reason, size_t size)
{
    const unsigned major = interp->hexversion >> 24, minor = interp->hexversion >> 16 & 0xff;
    if (interp->runtime == 0 || major != 3) {
        snprintf(reason, size, "this Python is older than 3.8 or hides its runtime");
        return INTERP_REFUSED;
    }
    const struct pyver *ver = pyver_find(minor);
    interp->is_newer = minor > pyver_newest();
    if (interp->is_newer)
        ver = pyver_find(pyver_newest()); /* right if it describes itself the same way */
    if (ver == NULL) {
        snprintf(reason, size, "Python 3.%u is not supported (3.8 to 3.%u are)", minor,
                 pyver_newest());
        return INTERP_REFUSED;
    }
    interp->ver = *ver;
    interp->ver.minor = (uint8_t)minor;
    char why[160];
    if (!layout_settle(interp, why, sizeof(why))) {
        snprintf(reason, size, "Python 3.%u: %s", minor, why);
        return INTERP_REFUSED;
    }
    return INTERP_FOUND;
}

enum interp_found interp_find(struct interp *interp, char *reason, size_t size)
{
    memset(interp, 0, sizeof(*interp));
    if (!symbols_open(&interp->symbols, "PyCode_Type"))
        return INTERP_NONE;
    interp->runtime = (uintptr_t)symbol(interp, "_PyRuntime");
    interp->code_type = (uintptr_t)symbol(interp, "PyCode_Type");
    interp->eval_loop = (uintptr_t)symbol(interp, "_PyEval_EvalFrameDefault");
    interp->hexversion = interp->runtime ? hexversion_find(interp) : 0;
    if (interp_fit(interp, reason, size) != INTERP_FOUND)
        return INTERP_REFUSED;
    if (symbol(interp, "_Py_RefTotal") != NULL ||
        symbol(interp, "_PyInterpreterState_GetRefTotal") != NULL)
        snprintf(interp->build, sizeof(interp->build), "debug");
    bind_calls(interp);
    if (interp->call.own_tstate == NULL || interp->call.current_tstate == NULL) {
        snprintf(reason, size, "this Python does not export its functions");
        return INTERP_REFUSED;
    }
    return INTERP_FOUND;
}

uintptr_t interp_gil(const struct interp *interp, uintptr_t state)
{
    uint32_t bad = 0;
    if (interp->ver.runtime.gil != PYVER_NONE)
        return interp->runtime + interp->ver.runtime.gil;
    return state ? peek(state + interp->ver.interp.gil_pointer, &bad) : 0;
}

uintptr_t interp_gil_last(const struct interp *interp, uintptr_t gil)
{
    uint32_t bad = 0;
    const uintptr_t last = gil ? peek(gil + interp->ver.gil.last_holder, &bad) : 0;
    return bad ? 0 : last;
}

bool interp_gil_is_locked(const struct interp *interp, uintptr_t gil)
{
    uint32_t bad = 0;
    return gil == 0 || peek_u32(gil + interp->ver.gil.locked, &bad) != 0 || bad;
}

uintptr_t interp_gil_holder(const struct interp *interp, uintptr_t gil)
{
    uint32_t bad = 0;
    if (gil == 0 || (int32_t)peek_u32(gil + interp->ver.gil.locked, &bad) != 1 || bad)
        return 0;
    return interp_gil_last(interp, gil);
}

/*
 * Threads that wait within Python are parked: they sleep at a semaphore in a wait_entry on their
 * own stack, behind the address that they wait for. At their `state`: until a pause is over. At a
 * mutex, with a critical section that has none yet: for an object's, which that section is to hold.
 */
uint32_t interp_parked_for(const struct interp *interp, uintptr_t tstate, uint64_t futex)
{
    const struct pyver *const ver = &interp->ver;
    uint32_t bad = 0;
    if (!interp->free_threaded || ver->thread.state == PYVER_NONE)
        return 0;
    const uint64_t parked_at = peek((uintptr_t)futex - PARKED_ADDRESS, &bad);
    if (bad)
        return 0;
    if (parked_at == tstate + ver->thread.state)
        return WIRE_WAITS_WORLD;
    const uint64_t section = peek(tstate + ver->thread.critical_section, &bad) & ~SECTION_TAGS;
    if (bad || section <= futex || section - futex > PARKED_STACK)
        return 0;
    const uint64_t mutex = peek((uintptr_t)section + SECTION_MUTEX, &bad);
    return !bad && mutex == 0 ? WIRE_WAITS_OBJECT : 0;
}

bool interp_stops_world(const struct interp *interp, uintptr_t state, uintptr_t tstate)
{
    uint32_t bad = 0;
    if (!interp->free_threaded || interp->ver.interp.stop_world == PYVER_NONE || state == 0)
        return false;
    const uintptr_t at = state + interp->ver.interp.stop_world;
    const uint32_t flags = peek_u32(at, &bad) & ~STOP_STOPPED;
    return peek(at + STOP_REQUESTER, &bad) == tstate && !bad &&
           (flags == STOP_REQUESTED || flags == STOP_AWAITED);
}

bool interp_in_gc(const struct interp *interp, uintptr_t state)
{
    uint32_t bad = 0;
    const struct pyver *ver = &interp->ver;
    const uintptr_t at = ver->runtime.gc_collecting != PYVER_NONE
                             ? interp->runtime + ver->runtime.gc_collecting
                             : state + ver->interp.gc_collecting;
    return (int32_t)peek_u32(at, &bad) == 1 && !bad;
}
