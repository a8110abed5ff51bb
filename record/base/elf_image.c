/* SPDX-License-Identifier: MIT */
#include "elf_image.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define VERSION_HIDDEN    0x8000u /* not the one that a program is linked with today */
#define SYMBOL_TYPE(info) ((info)&15u)
#define TYPE_IFUNC        10u

#define NAP_SHORT_NS 50000
#define NAPS_SHORT   10u
#define NAP_NS       1000000
#define NAPS         1000u /* a second: whoever has no CPU for so long must not hold others up */

/* Some loaders put addresses into the table, others leave what counts from the base. */
static const void *table_at(const struct elf_image *image, uintptr_t value)
{
    return (const void *)(value < image->base ? image->base + value : value);
}

static void entry_take(struct elf_image *image, const ElfW(Dyn) * entry)
{
    const void *const at = table_at(image, (uintptr_t)entry->d_un.d_ptr);
    switch (entry->d_tag) {
    case DT_SYMTAB:
        image->symbols = at;
        break;
    case DT_STRTAB:
        image->strings = at;
        break;
    case DT_GNU_HASH:
        image->gnu_hash = at;
        break;
    case DT_HASH:
        image->hash = at;
        break;
    case DT_VERSYM:
        image->versions = at;
        break;
    default:
        break;
    }
}

bool elf_image_open(struct elf_image *image, uintptr_t base, const ElfW(Phdr) * headers, size_t n)
{
    *image = (struct elf_image){.name = "", .base = base, .headers = headers, .n_headers = n};
    for (size_t i = 0; i < n; i++)
        if (headers[i].p_type == PT_DYNAMIC)
            for (const ElfW(Dyn) *entry = (const void *)(base + headers[i].p_vaddr);
                 entry->d_tag != DT_NULL; entry++)
                entry_take(image, entry);
    return image->symbols != NULL && image->strings != NULL &&
           (image->gnu_hash != NULL || image->hash != NULL);
}

bool elf_image_open_vdso(struct elf_image *image)
{
    const ElfW(Ehdr) *const file = (const void *)getauxval(AT_SYSINFO_EHDR);
    if (file == NULL)
        return false;
    const ElfW(Phdr) *const headers = (const void *)((uintptr_t)file + file->e_phoff);
    for (size_t i = 0; i < file->e_phnum; i++)
        if (headers[i].p_type == PT_LOAD)
            return elf_image_open(image, (uintptr_t)file + headers[i].p_offset - headers[i].p_vaddr,
                                  headers, file->e_phnum);
    return false;
}

bool elf_image_holds(const struct elf_image *image, uintptr_t address)
{
    for (size_t i = 0; i < image->n_headers; i++) {
        const ElfW(Phdr) *const header = &image->headers[i];
        if (header->p_type == PT_LOAD &&
            address - (image->base + header->p_vaddr) < header->p_memsz)
            return true;
    }
    return false;
}

static void *symbol_value(const struct elf_image *image, const ElfW(Sym) * symbol)
{
    void *const at = (void *)(image->base + symbol->st_value);
    void *(*choose)(void);
    if (SYMBOL_TYPE(symbol->st_info) != TYPE_IFUNC)
        return at;
    memcpy(&choose, &at, sizeof(choose)); /* it says which of several functions is for this CPU */
    return choose();
}

static bool symbol_is(const struct elf_image *image, uint32_t i, const char *name)
{
    const ElfW(Sym) *const symbol = &image->symbols[i];
    return symbol->st_shndx != SHN_UNDEF && SYMBOL_TYPE(symbol->st_info) != STT_TLS &&
           (image->versions == NULL || (image->versions[i] & VERSION_HIDDEN) == 0) &&
           strcmp(image->strings + symbol->st_name, name) == 0;
}

/* The table: buckets, bits per word, first symbol in it, words of a filter, a shift; the filter,
 * the buckets, and a chain of hashes, one per symbol, the last of a bucket odd. */
static uint32_t find_gnu(const struct elf_image *image, const char *name)
{
    const uint32_t *const table = image->gnu_hash;
    const uint32_t n_buckets = table[0], first = table[1], n_words = table[2];
    const ElfW(Addr) *const filter = (const void *)(table + 4);
    const uint32_t *const buckets = (const void *)(filter + n_words);
    const uint32_t *const chain = buckets + n_buckets;
    const uint32_t bits = 8 * sizeof(*filter);
    uint32_t hash = 5381;
    for (const char *at = name; *at != '\0'; at++)
        hash = hash * 33 + (uint8_t)*at;
    const ElfW(Addr) word = filter[hash / bits % n_words];
    if (!(word >> hash % bits & 1) || !(word >> (hash >> table[3]) % bits & 1))
        return 0;
    uint32_t i = buckets[hash % n_buckets];
    if (i < first)
        return 0;
    for (;; i++) {
        const uint32_t other = chain[i - first];
        if ((other | 1) == (hash | 1) && symbol_is(image, i, name))
            return i;
        if (other & 1)
            return 0;
    }
}

static uint32_t find_plain(const struct elf_image *image, const char *name)
{
    const uint32_t *const buckets = image->hash + 2, *const chain = buckets + image->hash[0];
    uint32_t hash = 0;
    for (const char *at = name; *at != '\0'; at++) {
        hash = (hash << 4) + (uint8_t)*at;
        const uint32_t high = hash & 0xf0000000u;
        hash = (hash ^ high >> 24) & ~high;
    }
    for (uint32_t i = buckets[hash % image->hash[0]]; i != 0; i = chain[i])
        if (symbol_is(image, i, name))
            return i;
    return 0;
}

void *elf_image_find(const struct elf_image *image, const char *name)
{
    const uint32_t i = image->gnu_hash != NULL ? find_gnu(image, name) : find_plain(image, name);
    return i != 0 ? symbol_value(image, &image->symbols[i]) : NULL;
}

/* ---- forks ---- */

static _Atomic uint32_t n_walks, n_forks;

static void nap(unsigned i)
{
    const struct timespec time = {.tv_nsec = i < NAPS_SHORT ? NAP_SHORT_NS : NAP_NS};
    const int saved = errno;
    (void)syscall(SYS_nanosleep, &time, NULL);
    errno = saved;
}

/* First we walk, then we look whether somebody forks; who forks does it the other way round (all
 * seq_cst). */
static void walk_begin(void)
{
    for (unsigned i = 0; i < NAPS; i++) {
        atomic_fetch_add(&n_walks, 1);
        if (atomic_load(&n_forks) == 0)
            return;
        atomic_fetch_sub(&n_walks, 1);
        nap(i);
    }
    atomic_fetch_add(&n_walks, 1);
}

static void walk_end(void)
{
    atomic_fetch_sub(&n_walks, 1);
}

void elf_images_fork(enum elf_images_fork when)
{
    uint32_t n = atomic_load(&n_forks);
    if (when == ELF_IMAGES_BEFORE) {
        atomic_fetch_add(&n_forks, 1);
        for (unsigned i = 0; i < NAPS && atomic_load(&n_walks) != 0; i++)
            nap(i);
    } else if (when == ELF_IMAGES_PARENT) {
        while (n > 0 && !atomic_compare_exchange_weak(&n_forks, &n, n - 1))
            continue; /* 0: we came while it forked */
    } else {
        atomic_store(&n_forks, 0);
        atomic_store(&n_walks, 0);
    }
}

/* ---- all of them ---- */

struct walk {
    elf_image_fn *each;
    void *closure;
};

static int image_visit(struct dl_phdr_info *info, size_t size, void *opaque)
{
    const struct walk *const walk = opaque;
    struct elf_image image;
    (void)size;
    if (!elf_image_open(&image, info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum) ||
        elf_image_holds(&image, getauxval(AT_SYSINFO_EHDR))) /* the loader links nobody with it */
        return 0;
    image.name = info->dlpi_name;
    return walk->each(walk->closure, &image) ? 0 : 1;
}

void elf_images_each(elf_image_fn *each, void *closure)
{
    struct walk walk = {each, closure};
    walk_begin();
    dl_iterate_phdr(image_visit, &walk);
    walk_end();
}

static int loads_read(struct dl_phdr_info *info, size_t size, void *opaque)
{
    if (size >= offsetof(struct dl_phdr_info, dlpi_adds) + sizeof(info->dlpi_adds))
        *(uint64_t *)opaque = info->dlpi_adds;
    return 1;
}

uint64_t elf_images_loaded(void)
{
    uint64_t loads = 0;
    walk_begin();
    dl_iterate_phdr(loads_read, &loads);
    walk_end();
    return loads;
}
