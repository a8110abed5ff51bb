/* SPDX-License-Identifier: MIT */
#include "interpose.h"
#include "record/base/elf_image.h"

struct search {
    const char *name;
    bool is_behind; /* we have come past our own */
    void *found;
};

static bool image_search(void *closure, const struct elf_image *image)
{
    struct search *const search = closure;
    if (search->is_behind)
        search->found = elf_image_find(image, search->name);
    else
        search->is_behind = elf_image_holds(image, (uintptr_t)interpose_next);
    return search->found == NULL;
}

void *interpose_next(const char *name)
{
    struct search search = {.name = name};
    elf_images_each(image_search, &search);
    return search.found;
}

/* ---- ourselves ---- */

static int path_take(struct dl_phdr_info *info, size_t size, void *opaque)
{
    const uintptr_t here = (uintptr_t)interpose_next;
    const char **const path = opaque;
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *const part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || here - (info->dlpi_addr + part->p_vaddr) >= part->p_memsz)
            continue;
        *path = info->dlpi_name[0] != '\0' ? info->dlpi_name : NULL;
        return 1;
    }
    return 0;
}

const char *interpose_own_path(void)
{
    const char *path = NULL;
    dl_iterate_phdr(path_take, &path);
    return path;
}
