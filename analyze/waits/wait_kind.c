/* SPDX-License-Identifier: MIT */
#include "wait_kind.h"

#include "analyze/base/path.h"
#include "format/status.h"

#include <string.h>

/* As the kernel's function where the call is not to be seen, see state in ARCHITECTURE.md. */
static const struct {
    const char *call;
    enum wait_kind kind;
} calls[] = {
    {"futex", WAIT_LOCK},
    {"futex_wait", WAIT_LOCK},
    {"futex_waitv", WAIT_LOCK},
    {"[futex_wait_queue]", WAIT_LOCK},
    {"[futex_wait_queue_me]", WAIT_LOCK},
    {"[futex_do_wait]", WAIT_LOCK},
    {"waits_object", WAIT_LOCK}, /* in place of a call, whoever asks for the object */
    {"flock", WAIT_SHARED},
    {"fcntl", WAIT_SHARED},
    {"[flock_lock_inode_wait]", WAIT_SHARED},
    {"[locks_lock_inode_wait]", WAIT_SHARED},
    {"[fcntl_setlk]", WAIT_SHARED},
    {"semop", WAIT_SHARED},
    {"semtimedop", WAIT_SHARED},
};

/* Of the innermost frames of who waits: the first that is here decides. */
static const struct {
    const char *function, *file;
    enum wait_kind kind, inside; /* as the leaf; with another one of the list inside of it */
} functions[] = {
    {"wait", "threading.py", WAIT_SIGNAL, WAIT_SIGNAL},
    {"wait_for", "threading.py", WAIT_SIGNAL, WAIT_SIGNAL},
    {"acquire", "threading.py", WAIT_LOCK, WAIT_SEMAPHORE}, /* Semaphore waits for a Condition */
    {"__enter__", "threading.py", WAIT_LOCK, WAIT_LOCK},
    {"join", "threading.py", WAIT_SIGNAL, WAIT_SIGNAL},
    {"_wait_for_tstate_lock", "threading.py", WAIT_SIGNAL, WAIT_SIGNAL},
    {"_worker", "concurrent/futures/thread.py", WAIT_SIGNAL, WAIT_SIGNAL},
    {"__enter__", "multiprocessing/synchronize.py", WAIT_SHARED, WAIT_SHARED},
    {"wait", "multiprocessing/synchronize.py", WAIT_SIGNAL, WAIT_SIGNAL},
    {"put", "multiprocessing/queues.py", WAIT_SHARED, WAIT_SHARED}, /* it is full; who reads it */
    {"get", "multiprocessing/queues.py", WAIT_SHARED, WAIT_SHARED},
    {"__enter__", "billiard/synchronize.py", WAIT_SHARED, WAIT_SHARED},
    {"wait", "billiard/synchronize.py", WAIT_SIGNAL, WAIT_SIGNAL},
    {"put", "billiard/queues.py", WAIT_SHARED, WAIT_SHARED},
    {"get", "billiard/queues.py", WAIT_SHARED, WAIT_SHARED},
};

/* Its number in the list; SIZE_MAX when it is not there. */
static size_t function_known(const struct scene *scene, uint32_t node)
{
    const struct frame frame = scene_frame(scene, node);
    const char *const function = qualname_last(frame.function);
    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        if (strcmp(functions[i].function, function) == 0 &&
            path_ends_with(frame.file, functions[i].file))
            return i;
    }
    return SIZE_MAX;
}

enum wait_kind wait_kind_of(const struct scene *scene, uint32_t node, uint32_t call)
{
    enum wait_kind kind = WAIT_NONE;
    for (size_t i = 0; call != SCENE_NO_CALL && i < ARRAY_LEN(calls); i++)
        kind = strcmp(scene->calls[call], calls[i].call) == 0 ? calls[i].kind : kind;
    if (kind != WAIT_LOCK || node == TREE_ROOT || state_halt_doing(scene->calls[call]) != NULL)
        return kind;
    size_t at = function_known(scene, node);
    if (at == SIZE_MAX)
        return kind;
    kind = functions[at].kind;
    node = scene->tree.nodes[node].parent;
    while (node != TREE_ROOT && (at = function_known(scene, node)) != SIZE_MAX) {
        kind = functions[at].inside;
        node = scene->tree.nodes[node].parent;
    }
    return kind;
}

uint32_t wait_taker(const struct scene *scene, uint32_t node)
{
    while (node != TREE_ROOT) {
        const char *const function = qualname_last(scene_frame(scene, node).function);
        if (strstr(function, "acquire") == NULL && strcmp(function, "__enter__") != 0 &&
            strcmp(function, "lock") != 0 && strcmp(function, "enter") != 0)
            break;
        node = scene->tree.nodes[node].parent;
    }
    return node;
}
