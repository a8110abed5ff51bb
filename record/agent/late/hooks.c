/* SPDX-License-Identifier: MIT */
#include "hooks.h"
#include "record/agent/interpose/gil_wakeup.h"
#include "record/agent/interpose/interpose.h"
#include "record/agent/interpose/preload.h"
#include "record/agent/interpose/thread_ends.h"

#define OF_OURS "pyrec_attach"

static struct slots_hook list[] = {
    {.name = "pthread_create", .what = WIRE_HOOK_ENDS},
    {.name = "pthread_cond_signal", .what = WIRE_HOOK_BELL},
    {.name = "execve", .what = WIRE_HOOK_EXEC, .is_everywhere = true},
    {.name = "execv", .what = WIRE_HOOK_EXEC, .is_everywhere = true},
    {.name = "execvp", .what = WIRE_HOOK_EXEC, .is_everywhere = true},
    {.name = "execvpe", .what = WIRE_HOOK_EXEC, .is_everywhere = true},
    {.name = "fexecve", .what = WIRE_HOOK_EXEC, .is_everywhere = true},
    {.name = "execveat", .what = WIRE_HOOK_EXEC, .is_everywhere = true},
    {.name = "posix_spawn", .what = WIRE_HOOK_EXEC, .is_everywhere = true},
    {.name = "posix_spawnp", .what = WIRE_HOOK_EXEC, .is_everywhere = true},
    {.name = "unshare", .what = WIRE_HOOK_ALONE, .is_everywhere = true},
    {.name = "setns", .what = WIRE_HOOK_ALONE, .is_everywhere = true},
    {.name = "prctl", .what = WIRE_HOOK_ALONE, .is_everywhere = true},
    {.name = "syscall", .what = WIRE_HOOK_ALONE, .is_everywhere = true},
};
/* execl() and its like are made of others in interpose/exec.c, and would come to libc's here. */
#define LIST_LEN (sizeof(list) / sizeof(list[0]))

static bool is_taken;

/* What the loader would find for others is libc's: ours are looked up in our own library. */
static bool own_look(void *closure, const struct elf_image *image)
{
    (void)closure;
    if (!elf_image_holds(image, (uintptr_t)own_look))
        return true;
    for (size_t i = 0; i < LIST_LEN; i++)
        list[i].ours = elf_image_find(image, list[i].name);
    return false;
}

_Static_assert(SLOTS_MARKS == WIRE_HOOKS, "a mark for each");

void hooks_take(slots_is_home_fn *is_home, void *closure, const char *setting, const char *library,
                struct wire_hooks *had)
{
    const bool follows = setting != NULL && library != NULL;
    *had = (struct wire_hooks){.what = (1u << WIRE_HOOKS) - 1};
    if (!interpose_is_late())
        return;
    elf_images_each(own_look, NULL);
    for (size_t i = 0; i < LIST_LEN; i++)
        list[i].real = interpose_next(list[i].name);
    preload_keep(follows ? WIRE_ENV : NULL, setting, library);
    const struct slots_found found = slots_take(list, LIST_LEN, OF_OURS, is_home, closure);
    is_taken = true;
    /* an interpreter that makes no such call needs none of ours */
    had->what = (found.what | WIRE_HOOK_ALONE) & ~found.not_what;
    if (!follows)
        had->what &= ~(uint32_t)WIRE_HOOK_EXEC;
    for (size_t i = 0; i < WIRE_HOOKS; i++)
        had->slots[i] =
            (struct wire_slots){found.of[i].taken, found.of[i].foreign, found.of[i].refused};
}

void hooks_disarm(void)
{
    if (!is_taken)
        return;
    preload_keep(NULL, NULL, NULL);
    thread_ends_unwatch();
    (void)gil_wakeup_works(0, 0);
}

void hooks_give_back(bool is_forked)
{
    if (!is_taken)
        return;
    hooks_disarm();
    (void)slots_restore(is_forked);
    is_taken = false;
}
