/* SPDX-License-Identifier: MIT */
#include "interpose.h"
#include "record/base/elf_image.h"

#define OF_LIBC "gnu_get_libc_version" /* that nobody else has, sanitizers neither */

struct search {
    const char *name;
    bool is_behind; /* we have come past our own */
    bool is_late;   /* and past libc before */
    void *before, *found;
};

static bool image_search(void *closure, const struct elf_image *image)
{
    struct search *const search = closure;
    if (search->is_behind) {
        search->found = elf_image_find(image, search->name);
        return search->found == NULL;
    }
    if (elf_image_holds(image, (uintptr_t)interpose_next)) {
        search->is_behind = true;
        return !search->is_late;
    }
    search->is_late |= elf_image_find(image, OF_LIBC) != NULL;
    if (search->before == NULL)
        search->before = elf_image_find(image, search->name);
    return true;
}

bool interpose_is_late(void)
{
    struct search search = {.name = OF_LIBC};
    elf_images_each(image_search, &search);
    return search.is_late;
}

void *interpose_next(const char *name)
{
    struct search search = {.name = name};
    elf_images_each(image_search, &search);
    return search.is_late ? search.before : search.found;
}

static bool path_take(void *closure, const struct elf_image *image)
{
    const bool is_ours = elf_image_holds(image, (uintptr_t)interpose_next);
    if (is_ours && image->name[0] != '\0')
        *(const char **)closure = image->name;
    return !is_ours;
}

const char *interpose_own_path(void)
{
    const char *path = NULL;
    elf_images_each(path_take, &path);
    return path;
}
