/* SPDX-License-Identifier: MIT */
#include "rlock.h"

#include "record/agent/base/peek.h"
#include "record/agent/cpython/objects.h"
#include "record/base/address.h"

#include <string.h>

#define WORDS_MAX 256u /* of a frame: variables, then what it computes with */
#define BASES_MAX 8u
#define NAME_MAX  16u

/* Where things are; the same in all versions that have them. For FRAMES_OBJECTS, else behind the
 * last field that the tables name. */
enum { FRAME_OBJECT_VARIABLES = 352, FRAME_VARIABLES = 72, FRAME_VARIABLES_14 = 80 };
enum { TYPE_BASE = 256, METHOD_SELF = 24 };
enum { LOCK_LOCK = 16, RLOCK_OWNER = 24 };
enum { ENTRY_ADDRESS = 8 };  /* so far before a wait_entry's semaphore */
/* Since these versions each lock of that class is a byte, for which threads are parked; 3.13.0 does
 * not park for any yet. */
enum { MINOR_LOCK_PARKS = 13, MINOR_RLOCK_PARKS = 14 };
enum { MINOR_FRAME_GREW = 14 };

struct wait {
    const struct interp *interp;
    uint64_t futex;
    uint64_t parked_at; /* if it is parked: the address that the thread says it waits for */
};

static uintptr_t field(const struct wait *wait, uintptr_t object, unsigned offset)
{
    return object + offset + wait->interp->ver.object_shift;
}

static uintptr_t type_of(const struct wait *wait, uintptr_t object, uint32_t *bad)
{
    return (uintptr_t)peek(object + wait->interp->ver.object.type, bad);
}

static bool is_called(const struct wait *wait, uintptr_t type, const char *name)
{
    uint32_t bad = 0;
    char text[NAME_MAX] = "";
    const size_t n = strlen(name) + 1;
    const uintptr_t at = (uintptr_t)peek(type + wait->interp->ver.type.name, &bad);
    return !bad && at != 0 && peek_bytes(text, at, n) && memcmp(text, name, n) == 0;
}

/* Of that class, or of one that is derived from it. */
static bool is_a(const struct wait *wait, uintptr_t object, const char *name)
{
    uint32_t bad = 0;
    uintptr_t type = type_of(wait, object, &bad);
    for (unsigned i = 0; i < BASES_MAX && type != 0 && (type & 7) == 0 && !bad; i++) {
        if (is_called(wait, type, name))
            return true;
        type = (uintptr_t)peek(field(wait, type, TYPE_BASE), &bad);
    }
    return false;
}

/* Lock and RLock begin alike. */
static bool is_waited_for(const struct wait *wait, uintptr_t lock)
{
    uint32_t bad = 0;
    const uintptr_t at = field(wait, lock, LOCK_LOCK);
    if (wait->interp->ver.minor >= MINOR_LOCK_PARKS && wait->parked_at == at)
        return true;
    return wait->interp->ver.minor < MINOR_RLOCK_PARKS && peek(at, &bad) == wait->futex && !bad;
}

static bool rlock_look(const struct wait *wait, uintptr_t object, struct rlock *rlock)
{
    uint32_t bad = 0;
    if (!is_waited_for(wait, object) || !is_a(wait, object, "_thread.RLock"))
        return false;
    rlock->is_there = true;
    rlock->owner = peek(field(wait, object, RLOCK_OWNER), &bad);
    return true;
}

/* The one that is written in Python keeps a plain lock, and who has it. */
static bool python_rlock_look(const struct wait *wait, uintptr_t object, struct rlock *rlock)
{
    uint32_t hint = 0;
    if (!is_a(wait, object, "_RLock"))
        return false;
    const struct pyver *const ver = &wait->interp->ver;
    const struct entries own = entries_of_instance(ver, object);
    const uintptr_t block = entries_find(ver, &own, "_block", &hint);
    if (block == 0 || (block & 7) || !is_waited_for(wait, block))
        return false;
    rlock->is_there = true;
    if (!object_int(ver, entries_find(ver, &own, "_owner", &hint), &rlock->owner))
        rlock->owner = 0;
    return true;
}

static bool object_look(const struct wait *wait, uintptr_t object, struct rlock *rlock)
{
    return object != 0 && (object & 7) == 0 && object >> ADDRESS_BITS == 0 &&
           (rlock_look(wait, object, rlock) || python_rlock_look(wait, object, rlock));
}

/* Where the variables of the innermost frame begin; 0 = there is none. */
static uintptr_t variables_of(const struct pyver *ver, uintptr_t tstate, unsigned shift)
{
    uint32_t bad = 0;
    uintptr_t frame = (uintptr_t)peek(tstate + ver->thread.frame, &bad);
    if (ver->cframe.current != PYVER_NONE)
        frame = frame != 0 ? (uintptr_t)peek(frame + ver->cframe.current, &bad) : 0;
    if (frame == 0 || bad)
        return 0;
    if (ver->frames != FRAMES_OBJECTS)
        return frame + (ver->minor >= MINOR_FRAME_GREW ? FRAME_VARIABLES_14 : FRAME_VARIABLES);
    return frame + FRAME_OBJECT_VARIABLES + shift;
}

struct rlock rlock_find(const struct interp *interp, uintptr_t tstate, uint64_t futex)
{
    struct wait wait = {.interp = interp, .futex = futex};
    struct rlock rlock = {.is_there = false};
    uint32_t bad = 0, not_parked = 0;
    const uintptr_t at = variables_of(&interp->ver, tstate, interp->ver.object_shift);
    if (interp->ver.minor >= MINOR_LOCK_PARKS)
        wait.parked_at = peek((uintptr_t)futex - ENTRY_ADDRESS, &not_parked);
    for (unsigned i = 0; i < WORDS_MAX && at != 0 && !bad; i++) {
        uint32_t unreadable = 0;
        const uintptr_t object = (uintptr_t)(peek(at + 8 * i, &bad) & ~interp->ver.tag_mask);
        if (object < 4096 || (object & 7) || object >> ADDRESS_BITS != 0)
            continue;
        const uintptr_t self = (uintptr_t)peek(field(&wait, object, METHOD_SELF), &unreadable);
        if (object_look(&wait, object, &rlock) || (!unreadable && object_look(&wait, self, &rlock)))
            break;
    }
    return rlock;
}
