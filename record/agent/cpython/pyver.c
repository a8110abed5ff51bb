/* SPDX-License-Identifier: MIT */
#include "pyver.h"
#include <stddef.h>
#include <string.h>

/* One line per minor version. */
#define PYVERS(X) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

#define PYVER_EXTERN(minor) extern const struct pyver pyver_3_##minor;
PYVERS(PYVER_EXTERN)
#undef PYVER_EXTERN

static const struct pyver *const pyvers[] = {
#define PYVER_ENTRY(minor) &pyver_3_##minor,
    PYVERS(PYVER_ENTRY)
#undef PYVER_ENTRY
};

const struct pyver *pyver_find(unsigned minor)
{
    for (size_t i = 0; i < sizeof(pyvers) / sizeof(pyvers[0]); i++)
        if (pyvers[i]->minor == minor)
            return pyvers[i];
    return NULL;
}

unsigned pyver_newest(void)
{
    return pyvers[sizeof(pyvers) / sizeof(pyvers[0]) - 1]->minor;
}

static void shift(uint16_t *field, uint16_t by)
{
    if (*field != PYVER_NONE)
        *field = (uint16_t)(*field + by);
}

void pyver_shift_objects(struct pyver *ver, uint16_t by)
{
    uint16_t *const fields[] = {
        &ver->code.first_line,  &ver->code.filename,   &ver->code.name,
        &ver->code.table,       &ver->code.bytecode,   &ver->code.first_traceable,
        &ver->code.size,        &ver->object.type,     &ver->object.size,
        &ver->type.name,        &ver->type.dealloc,    &ver->bytes.data,
        &ver->str.length,       &ver->str.state,       &ver->str.ascii,
        &ver->str.compact,      &ver->str.pointer,     &ver->type.flags,
        &ver->type.dict_offset, &ver->type.basic_size, &ver->type.cached_keys,
        &ver->dict.keys,        &ver->dict.values,     &ver->number.size,
        &ver->number.digits,    &ver->code.flags,      &ver->gen.iframe,
        &ver->gen.qualname,     &ver->task.coro,       &ver->task.name,
        &ver->tuple.items,      &ver->gen.frame,       &ver->gen.state,
        &ver->gen.wrapped,      &ver->task.context,    &ver->task.waiter,
        &ver->task.node,        &ver->future.loop,     &ver->future.state,
        &ver->set.used,         &ver->set.mask,        &ver->set.table,
        &ver->weakref.object,
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        shift(fields[i], by);
    if (ver->frames == FRAMES_OBJECTS) { /* frames are objects, too */
        shift(&ver->frame.previous, by);
        shift(&ver->frame.code, by);
        shift(&ver->frame.instr, by);
        shift(&ver->frame.gen, by);
        shift(&ver->await_stack.base, by);
        shift(&ver->await_stack.at, by);
    }
    ver->object_shift = by;
}
