/* SPDX-License-Identifier: MIT */
#include "fork_point.h"
#include "record/agent/base/peek.h"

#define DEPTH_MAX 100000

static struct fork_point place_of(const struct interp *interp, uintptr_t tstate)
{
    const struct pyver *const ver = &interp->ver;
    struct fork_point place = {.tstate = tstate};
    uint32_t bad = 0;
    if (tstate == 0)
        return place;
    place.frame = peek(tstate + ver->thread.frame, &bad);
    if (ver->cframe.current != PYVER_NONE)
        place.frame = peek(place.frame + ver->cframe.current, &bad);
    place.instr = place.frame ? peek(place.frame + ver->frame.instr, &bad) : 0;
    if (bad)
        place.frame = 0;
    return place;
}

struct fork_point fork_point_here(const struct interp *interp)
{
    return place_of(interp, (uintptr_t)interp->call.own_tstate());
}

bool fork_point_is_under(const struct interp *interp, const struct fork_point *then)
{
    const struct pyver *const ver = &interp->ver;
    const struct fork_point now = place_of(interp, then->tstate);
    uint32_t bad = 0;
    if (then->frame == 0 || now.frame == then->frame)
        return false;
    uintptr_t at = now.frame;
    for (int depth = 0; at != 0 && !bad && depth < DEPTH_MAX; depth++) {
        if (at == then->frame)
            return peek(at + ver->frame.instr, &bad) == then->instr;
        at = peek(at + ver->frame.previous, &bad);
    }
    return false;
}
