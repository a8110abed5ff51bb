/* SPDX-License-Identifier: MIT */
#include "remote_memory.h"
#include "record/tables/vec.h"

#include <elf.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX    1024 /* of a dynamic section; libraries have some 30 */
#define CHAIN_MAX      4096 /* symbols behind one hash; libraries have some 10 */
#define BUCKETS_MAX    (1u << 26)
#define ADDRESS_MAX    (1ull << 57) /* of a program, with five levels of pages */
#define SYMBOL_IFUNC   10u
#define VERSION_HIDDEN 0x8000u /* not the one that a program is linked with today */

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#else
#define OUR_MACHINE EM_AARCH64
#endif

/* ---- headers ---- */

static uint32_t segment_rights(uint32_t flags)
{
    return (flags & PF_R ? REMOTE_READ : 0u) | (flags & PF_W ? REMOTE_WRITE : 0u) |
           (flags & PF_X ? REMOTE_EXECUTE : 0u);
}

static bool segment_add(struct remote_image *image, const ElfW(Phdr) * header)
{
    const uint64_t from = image->base + header->p_vaddr;
    const uint64_t to = from + header->p_memsz;
    if (from >= ADDRESS_MAX || to < from || to >= ADDRESS_MAX)
        return false;
    image->segments[image->n_segments++] =
        (struct remote_segment){from, to, segment_rights(header->p_flags)};
    image->from = image->n_segments == 1 || from < image->from ? from : image->from;
    image->to = to > image->to ? to : image->to;
    return true;
}

/* The first loaded part begins at `at`, but for what its page has before it. */
static bool segments_take(struct remote_image *image, const ElfW(Phdr) * headers, size_t n,
                          uint64_t at)
{
    uint64_t least = UINT64_MAX, align = 4096;
    for (size_t i = 0; i < n; i++) {
        if (headers[i].p_type == PT_LOAD && headers[i].p_vaddr < least) {
            least = headers[i].p_vaddr;
            align = headers[i].p_align;
        }
    }
    if (least == UINT64_MAX || align == 0 || (align & (align - 1)) != 0)
        return false;
    align = align > 4096 ? 4096 : align; /* the kernel maps pages, whatever they ask for */
    image->base = at - (least & ~(align - 1));
    for (size_t i = 0; i < n; i++) {
        if (headers[i].p_type == PT_LOAD && !segment_add(image, &headers[i]))
            return false;
        if (headers[i].p_type == PT_DYNAMIC)
            image->dynamic = image->base + headers[i].p_vaddr;
    }
    return image->dynamic < ADDRESS_MAX;
}

/* ---- the dynamic section ---- */

static void entry_take(struct remote_image *image, const ElfW(Dyn) * entry, uint64_t *soname)
{
    const uint64_t value = entry->d_un.d_val;
    /* some loaders put addresses into the table, others leave what counts from the base */
    const uint64_t at = value < image->base ? image->base + value : value;
    switch (entry->d_tag) {
    case DT_SYMTAB:
        image->symbols = at;
        break;
    case DT_STRTAB:
        image->strings = at;
        break;
    case DT_STRSZ:
        image->strings_len = value;
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
    case DT_SONAME:
        *soname = value;
        break;
    default:
        break;
    }
}

static void dynamic_read(struct remote_image *image, const struct remote *remote)
{
    uint64_t soname = 0;
    for (unsigned i = 0; image->dynamic != 0 && i < ENTRIES_MAX; i++) {
        ElfW(Dyn) entry;
        if (!remote_read(remote, image->dynamic + i * sizeof entry, &entry, sizeof entry) ||
            entry.d_tag == DT_NULL)
            break;
        entry_take(image, &entry, &soname);
    }
    if (soname == 0 || image->strings == 0 ||
        !remote_read_text(remote, image->strings + soname, image->soname, sizeof image->soname))
        image->soname[0] = '\0';
}

bool remote_image_open(struct remote_image *image, const struct remote *remote, uint64_t at)
{
    ElfW(Ehdr) file;
    ElfW(Phdr) headers[REMOTE_HEADERS_MAX];
    *image = (struct remote_image){.path = ""};
    if (!remote_read(remote, at, &file, sizeof file) ||
        memcmp(file.e_ident, ELFMAG, SELFMAG) != 0 || file.e_ident[EI_CLASS] != ELFCLASS64 ||
        file.e_machine != OUR_MACHINE || file.e_phentsize != sizeof headers[0] ||
        file.e_phnum == 0 || file.e_phnum > REMOTE_HEADERS_MAX ||
        !remote_read(remote, at + file.e_phoff, headers, file.e_phnum * sizeof headers[0]) ||
        !segments_take(image, headers, file.e_phnum, at))
        return false;
    dynamic_read(image, remote);
    return true;
}

const char *remote_image_name(const struct remote_image *image)
{
    const char *const slash = strrchr(image->path, '/');
    if (image->soname[0] != '\0')
        return image->soname;
    return slash != NULL ? slash + 1 : image->path;
}

/* ---- names ---- */

static bool word_read(const struct remote *remote, uint64_t at, uint32_t *word)
{
    return remote_read(remote, at, word, sizeof *word);
}

/* Whether symbol `i` is `name`, defined here; what it is goes to *symbol. */
static bool symbol_is(const struct remote_image *image, const struct remote *remote, uint64_t i,
                      const char *name, ElfW(Sym) * symbol)
{
    char text[REMOTE_NAME_MAX];
    uint16_t version = 0;
    const size_t len = strlen(name) + 1;
    if (len > sizeof text ||
        !remote_read(remote, image->symbols + i * sizeof *symbol, symbol, sizeof *symbol) ||
        symbol->st_shndx == SHN_UNDEF || ELF64_ST_TYPE(symbol->st_info) == STT_TLS ||
        symbol->st_name >= image->strings_len ||
        !remote_read(remote, image->strings + symbol->st_name, text, len) ||
        memcmp(text, name, len) != 0)
        return false;
    if (image->versions != 0 &&
        !remote_read(remote, image->versions + i * sizeof version, &version, sizeof version))
        return false;
    return (version & VERSION_HIDDEN) == 0;
}

static bool find_gnu(const struct remote_image *image, const struct remote *remote,
                     const char *name, ElfW(Sym) * symbol)
{
    uint32_t table[4], bucket, hash = 5381; /* buckets, first symbol, words of a filter, a shift */
    for (const char *at = name; *at != '\0'; at++)
        hash = hash * 33 + (uint8_t)*at;
    if (!remote_read(remote, image->gnu_hash, table, sizeof table) || table[0] == 0 ||
        table[0] > BUCKETS_MAX || table[2] > BUCKETS_MAX)
        return false;
    const uint64_t buckets = image->gnu_hash + sizeof table + 8ull * table[2];
    const uint64_t chain = buckets + 4ull * table[0];
    if (!word_read(remote, buckets + 4ull * (hash % table[0]), &bucket) || bucket < table[1])
        return false;
    for (uint64_t i = bucket; i - bucket < CHAIN_MAX; i++) {
        uint32_t other;
        if (!word_read(remote, chain + 4 * (i - table[1]), &other))
            return false;
        if ((other | 1) == (hash | 1) && symbol_is(image, remote, i, name, symbol))
            return true;
        if (other & 1)
            return false;
    }
    return false;
}

static bool find_plain(const struct remote_image *image, const struct remote *remote,
                       const char *name, ElfW(Sym) * symbol)
{
    uint32_t table[2], i, hash = 0; /* buckets, symbols */
    for (const char *at = name; *at != '\0'; at++) {
        hash = (hash << 4) + (uint8_t)*at;
        const uint32_t high = hash & 0xf0000000u;
        hash = (hash ^ high >> 24) & ~high;
    }
    if (!remote_read(remote, image->hash, table, sizeof table) || table[0] == 0 ||
        table[0] > BUCKETS_MAX)
        return false;
    const uint64_t buckets = image->hash + sizeof table, chain = buckets + 4ull * table[0];
    if (!word_read(remote, buckets + 4ull * (hash % table[0]), &i))
        return false;
    for (unsigned n = 0; i != 0 && i < table[1] && n < CHAIN_MAX; n++) {
        if (symbol_is(image, remote, i, name, symbol))
            return true;
        if (!word_read(remote, chain + 4ull * i, &i))
            return false;
    }
    return false;
}

uint64_t remote_image_find(const struct remote_image *image, const struct remote *remote,
                           const char *name, uint64_t *size)
{
    ElfW(Sym) symbol;
    if (image->symbols == 0 || image->strings == 0 ||
        !(image->gnu_hash != 0 ? find_gnu(image, remote, name, &symbol)
          : image->hash != 0   ? find_plain(image, remote, name, &symbol)
                               : false))
        return 0;
    const uint64_t at = image->base + symbol.st_value;
    if (ELF64_ST_TYPE(symbol.st_info) == SYMBOL_IFUNC || at < image->from || at >= image->to)
        return 0;
    if (size != NULL)
        *size = symbol.st_size;
    return at;
}

/* ---- all of them ---- */

bool remote_images_read(struct remote_images *images, const struct remote *remote,
                        const struct remote_maps *maps)
{
    *images = (struct remote_images){.list = NULL};
    for (uint32_t i = 0; i < maps->n; i++) {
        const struct remote_map *const map = &maps->list[i];
        /* the first part of a file, and of a real one: not a device, whose pages may do things */
        if (map->offset != 0 || (map->rights & REMOTE_READ) == 0 || map->inode == 0 ||
            map->path[0] != '/' || strncmp(map->path, "/dev/", 5) == 0)
            continue;
        if (!vec_room(&images->list, &images->capacity, images->n + 1ull, sizeof *images->list))
            return false;
        struct remote_image *const image = &images->list[images->n];
        if (!remote_image_open(image, remote, map->from))
            continue;
        image->path = map->path;
        images->n++;
    }
    return true;
}

void remote_images_clear(struct remote_images *images)
{
    free(images->list);
    *images = (struct remote_images){.list = NULL};
}

const struct remote_image *remote_images_named(const struct remote_images *images,
                                               const char *start)
{
    for (uint32_t i = 0; i < images->n; i++)
        if (strncmp(remote_image_name(&images->list[i]), start, strlen(start)) == 0)
            return &images->list[i];
    return NULL;
}

const struct remote_image *remote_images_find(const struct remote_images *images,
                                              const struct remote *remote, const char *name,
                                              uint64_t *at)
{
    for (uint32_t i = 0; i < images->n; i++) {
        *at = remote_image_find(&images->list[i], remote, name, NULL);
        if (*at != 0)
            return &images->list[i];
    }
    return NULL;
}
