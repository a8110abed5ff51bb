/* SPDX-License-Identifier: MIT */
#include "symbol.h"

struct opening {
    struct symbols *symbols;
    const char *name;
    bool is_program; /* the next image is the first one */
};

static bool image_take(void *closure, const struct elf_image *image)
{
    struct opening *const opening = closure;
    const bool is_program = opening->is_program;
    opening->is_program = false;
    if (elf_image_find(image, opening->name) == NULL)
        return true;
    opening->symbols->images[opening->symbols->n++] = *image;
    return is_program;
}

bool symbols_open(struct symbols *symbols, const char *name)
{
    symbols->n = 0;
    elf_images_each(image_take, &(struct opening){symbols, name, true});
    return symbols->n > 0;
}

bool symbols_hold(const struct symbols *symbols, uintptr_t address)
{
    for (unsigned i = 0; i < symbols->n; i++)
        if (elf_image_holds(&symbols->images[i], address))
            return true;
    return false;
}

void *symbols_find(const struct symbols *symbols, const char *name)
{
    void *found = NULL;
    for (unsigned i = 0; i < symbols->n && found == NULL; i++)
        found = elf_image_find(&symbols->images[i], name);
    return found;
}
