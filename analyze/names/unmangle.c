/* SPDX-License-Identifier: MIT */
#include "unmangle.h"

#include <string.h>

bool unmangle_is_mangled(const char *name)
{
    return name[0] == '_' && (name[1] == 'Z' || name[1] == 'R');
}

#ifdef PYREC_DEMANGLES

#include <demangle.h> /* libiberty's */
#include <setjmp.h>

bool unmangle_is_there(void)
{
    return true;
}

struct writing {
    jmp_buf too_long;
    size_t len;
    char text[UNMANGLE_TO_MAX];
};

/* There is no other way to make it stop. Where it is called nothing is allocated that would be
 * lost, but for a name of Rust's that is not ASCII. */
static void take(const char *text, size_t len, void *closure)
{
    struct writing *const writing = closure;
    if (len > sizeof writing->text - writing->len)
        longjmp(writing->too_long, 1);
    if (len > 0) /* of nothing it may say NULL */
        memcpy(writing->text + writing->len, text, len);
    writing->len += len;
}

/* Arguments' types tell apart what has one name; the hash that Rust puts behind does not. */
static bool write_name(struct writing *writing, const char *name)
{
    if (setjmp(writing->too_long) != 0)
        return false;
    writing->len = 0;
    if (rust_demangle_callback(name, DMGL_PARAMS, take, writing) != 0)
        return writing->len > 0;
    writing->len = 0;
    return cplus_demangle_v3_callback(name, DMGL_PARAMS | DMGL_ANSI | DMGL_RET_DROP, take,
                                      writing) != 0 &&
           writing->len > 0;
}

const char *unmangle_name(struct arena *arena, const char *name)
{
    struct writing writing;
    if (!unmangle_is_mangled(name) || strnlen(name, UNMANGLE_FROM_MAX + 1) > UNMANGLE_FROM_MAX ||
        !write_name(&writing, name))
        return name;
    return arena_copy(arena, writing.text, writing.len);
}

#else

bool unmangle_is_there(void)
{
    return false;
}

const char *unmangle_name(struct arena *arena, const char *name)
{
    (void)arena;
    return name;
}

#endif
