/* SPDX-License-Identifier: MIT */
#include "slots.h"
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#if defined(__x86_64__)
#define TYPE_JUMP_SLOT R_X86_64_JUMP_SLOT
#define TYPE_GLOB_DAT  R_X86_64_GLOB_DAT
#else
#define TYPE_JUMP_SLOT R_AARCH64_JUMP_SLOT
#define TYPE_GLOB_DAT  R_AARCH64_GLOB_DAT
#endif

#define OF_LIBC "gnu_get_libc_version"

struct slot_taken {
    _Atomic uintptr_t *at;
    uintptr_t before, ours;
    uintptr_t relro_page; /* 0: it may be written */
    bool is_home;
};

static struct slots {
    struct slot_taken list[SLOTS_MAX];
    uint32_t n;
} slots;

/* ---- one slot ---- */

static uintptr_t page_size(void)
{
    return (uintptr_t)getauxval(AT_PAGESZ);
}

/* The part of the object that `address` is in may be written, as far as it says itself. */
static bool is_writable(const struct elf_image *image, uintptr_t address)
{
    for (size_t i = 0; i < image->n_headers; i++) {
        const ElfW(Phdr) *const part = &image->headers[i];
        if (part->p_type == PT_LOAD && address - (image->base + part->p_vaddr) < part->p_memsz)
            return (part->p_flags & PF_W) != 0;
    }
    return false;
}

/* The loader protects whole pages, from the one in which the range begins. */
static uintptr_t relro_page_of(const struct elf_image *image, uintptr_t address)
{
    const uintptr_t mask = ~(page_size() - 1);
    for (size_t i = 0; i < image->n_headers; i++) {
        const ElfW(Phdr) *const part = &image->headers[i];
        const uintptr_t begin = image->base + part->p_vaddr;
        if (part->p_type == PT_GNU_RELRO && address >= (begin & mask) &&
            address < ((begin + part->p_memsz) & mask))
            return address & mask;
    }
    return 0;
}

/* From one value to another; false when it holds something else, or cannot be written. */
static bool slot_change(_Atomic uintptr_t *at, uintptr_t relro_page, uintptr_t from, uintptr_t to)
{
    const int saved = errno;
    void *const page = (void *)relro_page;
    const bool is_open = page == NULL || mprotect(page, page_size(), PROT_READ | PROT_WRITE) == 0;
    const bool done = is_open && atomic_compare_exchange_strong(at, &from, to);
    if (page != NULL && is_open)
        (void)mprotect(page, page_size(), PROT_READ);
    errno = saved;
    return done;
}

/* ---- taking ---- */

struct taking {
    const struct slots_hook *hooks;
    uint32_t n;
    const char *own_name;
    slots_is_home_fn *is_home;
    void *closure;
    struct slots_found found;
};

enum fate { TAKEN, FOREIGN, REFUSED };

static void fate_count(struct slots_found *found, const struct slots_hook *hook, enum fate fate)
{
    for (uint32_t i = 0; i <= SLOTS_MARKS; i++) {
        struct slots_count *const count = i < SLOTS_MARKS ? &found->of[i] : &found->all;
        if (i < SLOTS_MARKS && (hook->what & 1u << i) == 0)
            continue;
        count->taken += fate == TAKEN;
        count->foreign += fate == FOREIGN;
        count->refused += fate == REFUSED;
    }
}

static void slot_take(struct taking *taking, const struct elf_image *image, bool is_home,
                      const struct slots_hook *hook, uintptr_t address)
{
    struct slots_found *const found = &taking->found;
    enum fate fate = TAKEN;
    struct slot_taken slot = {
        .at = (_Atomic uintptr_t *)address,
        .ours = (uintptr_t)hook->ours,
        .relro_page = relro_page_of(image, address),
        .is_home = is_home,
    };
    slot.before = atomic_load(slot.at);
    /* what the loader has not looked up yet leads into the object itself */
    const bool is_known =
        slot.before == (uintptr_t)hook->real || elf_image_holds(image, slot.before);
    const bool is_left = slot.before == slot.ours; /* by a fork: see slots_restore */
    if (is_left)
        slot.before = (uintptr_t)hook->real;
    if (!is_known && !is_left)
        fate = FOREIGN;
    else if (slots.n == SLOTS_MAX ||
             (!is_left && (!is_writable(image, address) ||
                           !slot_change(slot.at, slot.relro_page, slot.before, slot.ours))))
        fate = REFUSED;
    else
        slots.list[slots.n++] = slot;
    fate_count(found, hook, fate);
    if (fate != TAKEN)
        found->not_what |= hook->what;
    else if (is_home)
        found->what |= hook->what;
}

static void relocations_look(struct taking *taking, const struct elf_image *image, bool is_home,
                             const ElfW(Rela) * table, size_t bytes)
{
    for (size_t i = 0; i < bytes / sizeof(*table); i++) {
        const ElfW(Rela) *const at = &table[i];
        const unsigned type = ELF64_R_TYPE(at->r_info);
        if (type != TYPE_JUMP_SLOT && type != TYPE_GLOB_DAT)
            continue;
        const ElfW(Sym) *const symbol = &image->symbols[ELF64_R_SYM(at->r_info)];
        const char *const name = image->strings + symbol->st_name;
        for (uint32_t k = 0; symbol->st_shndx == SHN_UNDEF && k < taking->n; k++) {
            const struct slots_hook *const hook = &taking->hooks[k];
            if (hook->ours != NULL && hook->real != NULL && (is_home || hook->is_everywhere) &&
                strcmp(name, hook->name) == 0)
                slot_take(taking, image, is_home, hook, image->base + at->r_offset);
        }
    }
}

/* As in elf_image.c: some loaders put addresses into the table, others what counts from the base.
 */
static const void *table_at(const struct elf_image *image, uintptr_t value)
{
    return (const void *)(value < image->base ? image->base + value : value);
}

static void tables_look(struct taking *taking, const struct elf_image *image, bool is_home)
{
    const void *jumps = NULL, *others = NULL;
    size_t jumps_len = 0, others_len = 0, kind = DT_RELA;
    for (size_t i = 0; i < image->n_headers; i++) {
        if (image->headers[i].p_type != PT_DYNAMIC)
            continue;
        for (const ElfW(Dyn) *entry = (const void *)(image->base + image->headers[i].p_vaddr);
             entry->d_tag != DT_NULL; entry++) {
            const uintptr_t value = (uintptr_t)entry->d_un.d_val;
            if (entry->d_tag == DT_JMPREL)
                jumps = table_at(image, value);
            else if (entry->d_tag == DT_PLTRELSZ)
                jumps_len = value;
            else if (entry->d_tag == DT_PLTREL)
                kind = value;
            else if (entry->d_tag == DT_RELA)
                others = table_at(image, value);
            else if (entry->d_tag == DT_RELASZ)
                others_len = value;
        }
    }
    if (kind != DT_RELA)
        return;
    if (jumps != NULL)
        relocations_look(taking, image, is_home, jumps, jumps_len);
    if (others != NULL)
        relocations_look(taking, image, is_home, others, others_len);
}

static bool image_take(void *opaque, const struct elf_image *image)
{
    struct taking *const taking = opaque;
    const bool is_ours = elf_image_holds(image, (uintptr_t)image_take) ||
                         elf_image_find(image, taking->own_name) != NULL;
    const uintptr_t loader = (uintptr_t)getauxval(AT_BASE);
    const bool is_system =
        elf_image_find(image, OF_LIBC) != NULL || (loader != 0 && elf_image_holds(image, loader));
    if (!is_ours && !is_system)
        tables_look(taking, image, taking->is_home(taking->closure, image));
    return true;
}

struct slots_found slots_take(const struct slots_hook *hooks, uint32_t n, const char *own_name,
                              slots_is_home_fn *is_home, void *closure)
{
    struct taking taking = {hooks, n, own_name, is_home, closure, {.what = 0}};
    elf_images_each(image_take, &taking);
    return taking.found;
}

/* ---- putting back ---- */

static void slot_restore(struct slot_taken *slot, uint32_t *n_foreign)
{
    if (!slot_change(slot->at, slot->relro_page, slot->ours, slot->before))
        ++*n_foreign;
    slot->at = NULL;
}

/* Those of an object that is still there; or of another one that has come into its place, which
 * does not hold what is ours. */
static bool image_restore(void *n_foreign, const struct elf_image *image)
{
    for (uint32_t i = 0; i < slots.n; i++) {
        struct slot_taken *const slot = &slots.list[i];
        const uintptr_t at = (uintptr_t)slot->at;
        if (at == 0 || !elf_image_holds(image, at) || !is_writable(image, at))
            continue;
        slot->relro_page = relro_page_of(image, at);
        slot_restore(slot, n_foreign);
    }
    return true;
}

uint32_t slots_restore(bool is_alone)
{
    uint32_t n_foreign = 0;
    if (is_alone) {
        for (uint32_t i = 0; i < slots.n; i++)
            if (slots.list[i].is_home)
                slot_restore(&slots.list[i], &n_foreign);
    } else {
        elf_images_each(image_restore, &n_foreign);
    }
    slots.n = 0;
    return n_foreign;
}
