/* SPDX-License-Identifier: MIT */
#include "elf_methods.h"
#include "elf_file.h"
#include "format/base/bisect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLES_BYTES   (64u << 20) /* of symbols' names, of relocations */
#define IDENTIFIER_MAX 128u
#define OWNER_MAX      256u
#define HEADERS        1024u /* no texts lie before: small numbers are no addresses */
#define WORD           8u
#define ENTRY          32u        /* sizeof(PyMethodDef) */
#define ELSEWHERE      UINT64_MAX /* a word that the loader makes point into another file */

/* Where a module's definition and a type's object point at the table, and say their names: the same
 * in CPython 3.8 to 3.15. */
#define MODULE_NAME_BACK 24u  /* m_methods - m_name */
#define TYPE_NAME_BACK   208u /* tp_methods - tp_name */
#define TYPE_SIZE_BACK   200u /* tp_methods - tp_basicsize */
#define TYPE_SIZE_MAX    (1u << 20)
#define SLOT_METHODS     64u /* Py_tp_methods */

/* What is mapped of the file. */
struct stretch {
    uint64_t start, end; /* addresses */
    uint8_t *bytes;
    bool is_code, is_data; /* data: what the program may write to, or the loader */
};

struct image {
    struct stretch *segments;
    uint32_t n;
    uint32_t relative, absolute; /* how its machine calls these kinds of relocations */
};

/* Tables, in order of their addresses. */
struct table {
    uint64_t address;
    uint64_t owner; /* the word that says its name; 0 = not known */
};

struct tables {
    struct table *list;
    size_t n, size;
};

/* ---- the file ---- */

/* Up to the end of what is mapped there; NULL: nothing is. */
static uint8_t *at(const struct image *image, uint64_t address, uint64_t *room)
{
    for (uint32_t i = 0; i < image->n; i++) {
        const struct stretch *const segment = &image->segments[i];
        if (address >= segment->start && address < segment->end) {
            *room = segment->end - address;
            return segment->bytes + (address - segment->start);
        }
    }
    return NULL;
}

static bool is_code(const struct image *image, uint64_t address)
{
    for (uint32_t i = 0; i < image->n; i++)
        if (address >= image->segments[i].start && address < image->segments[i].end)
            return image->segments[i].is_code;
    return false;
}

static uint64_t word_at(const struct image *image, uint64_t address)
{
    uint64_t room, word;
    const uint8_t *const bytes = at(image, address, &room);
    if (bytes == NULL || room < WORD)
        return 0;
    memcpy(&word, bytes, WORD);
    return word;
}

static void image_clear(struct image *image)
{
    for (uint32_t i = 0; i < image->n; i++)
        free(image->segments[i].bytes);
    free(image->segments);
    *image = (struct image){0};
}

/* False: of a machine that is not known. */
static bool machine_set(struct image *image, uint16_t machine)
{
    image->relative = machine == EM_X86_64 ? R_X86_64_RELATIVE : R_AARCH64_RELATIVE;
    image->absolute = machine == EM_X86_64 ? R_X86_64_64 : R_AARCH64_ABS64;
    return machine == EM_X86_64 || machine == EM_AARCH64;
}

static bool image_read(struct image *image, int fd, const Elf64_Ehdr *elf)
{
    uint32_t n;
    uint64_t room = ELF_METHODS_BYTES;
    Elf64_Phdr *const headers = elf_file_segments(fd, elf, &n);
    image->segments = calloc(n > 0 ? n : 1, sizeof *image->segments);
    for (uint32_t i = 0; image->segments != NULL && i < n; i++) {
        const Elf64_Phdr *const header = &headers[i];
        uint8_t *const bytes = header->p_type == PT_LOAD && header->p_vaddr <= INT64_MAX
                                   ? elf_file_part(fd, header->p_offset, header->p_filesz, room)
                                   : NULL;
        if (bytes == NULL)
            continue;
        room -= header->p_filesz;
        image->segments[image->n++] = (struct stretch){
            .start = header->p_vaddr,
            .end = header->p_vaddr + header->p_filesz,
            .bytes = bytes,
            .is_code = (header->p_flags & PF_X) != 0,
            .is_data = (header->p_flags & (PF_X | PF_W)) == PF_W,
        };
    }
    free(headers);
    return image->n > 0;
}

/* What the loader would write: of RELR's kind it is in its place already. */
static void relocate(const struct image *image, const Elf64_Rela *list, uint64_t n,
                     const Elf64_Sym *symbols, uint64_t n_symbols)
{
    for (uint64_t i = 0; i < n; i++) {
        const uint64_t type = ELF64_R_TYPE(list[i].r_info), symbol = ELF64_R_SYM(list[i].r_info);
        uint64_t room, word;
        uint8_t *const place = at(image, list[i].r_offset, &room);
        if (place == NULL || room < WORD)
            continue;
        if (type == image->relative)
            word = (uint64_t)list[i].r_addend;
        else if (type != image->absolute || symbol >= n_symbols ||
                 symbols[symbol].st_shndx == SHN_UNDEF)
            word = ELSEWHERE;
        else
            word = symbols[symbol].st_value + (uint64_t)list[i].r_addend;
        memcpy(place, &word, WORD);
    }
}

/* Does it speak of Python at all? The names of all symbols stand one behind the other. */
static bool is_python(const char *names, uint64_t len)
{
    for (uint64_t i = 0; i + 3 < len; i += strlen(names + i) + 1)
        if (names[i] == 'P' && names[i + 1] == 'y' &&
            (names[i + 2] == '_' || (names[i + 2] >= 'A' && names[i + 2] <= 'Z')))
            return true;
    return false;
}

/* The loader's symbols and relocations. False: this is no file of Python's. */
static bool dynamic_read(const struct image *image, int fd, const Elf64_Ehdr *elf)
{
    uint32_t n;
    uint64_t n_symbols = 0;
    Elf64_Sym *symbols = NULL;
    bool is_pythons = false;
    Elf64_Shdr *const sections = elf_file_sections(fd, elf, &n);
    for (uint32_t i = 0; i < n && symbols == NULL; i++) {
        if (sections[i].sh_type != SHT_DYNSYM || sections[i].sh_link >= n)
            continue;
        const Elf64_Shdr *const strings = &sections[sections[i].sh_link];
        char *const names = elf_file_part(fd, strings->sh_offset, strings->sh_size, TABLES_BYTES);
        is_pythons = names != NULL && is_python(names, strings->sh_size);
        free(names);
        symbols = elf_file_part(fd, sections[i].sh_offset, sections[i].sh_size, TABLES_BYTES);
        n_symbols = symbols != NULL ? sections[i].sh_size / sizeof *symbols : 0;
    }
    for (uint32_t i = 0; i < n && is_pythons; i++) {
        Elf64_Rela *const list =
            sections[i].sh_type == SHT_RELA && (sections[i].sh_flags & SHF_ALLOC) != 0
                ? elf_file_part(fd, sections[i].sh_offset, sections[i].sh_size, TABLES_BYTES)
                : NULL;
        if (list != NULL)
            relocate(image, list, sections[i].sh_size / sizeof *list, symbols, n_symbols);
        free(list);
    }
    free(symbols);
    free(sections);
    return is_pythons;
}

/* ---- tables ---- */

static bool is_letter(char c)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* An identifier, or several with dots between, of ASCII; NULL: that is none. */
static const char *name_at(const struct image *image, uint64_t address, size_t most, bool dots)
{
    uint64_t room;
    const char *const text = (const char *)at(image, address, &room);
    size_t i = 0;
    if (text == NULL || address < HEADERS)
        return NULL;
    for (bool begins = true; i < room && i < most && text[i] != '\0'; i++) {
        if (dots && text[i] == '.' && !begins)
            begins = true;
        else if (is_letter(text[i]) || (!begins && text[i] >= '0' && text[i] <= '9'))
            begins = false;
        else
            return NULL;
    }
    return i > 0 && i < room && i < most && text[i - 1] != '.' ? text : NULL;
}

/* Flags that PyCMethod_New() and PyDescr_NewMethod() take. */
static bool is_call(uint64_t flags)
{
    enum { VARARGS = 1, KEYWORDS = 2, NOARGS = 4, O = 8, CLASS = 16, STATIC = 32, COEXIST = 64 };
    enum { FASTCALL = 128, METHOD = 512 };
    const uint64_t kind = flags & ~(uint64_t)(CLASS | STATIC | COEXIST);
    return (flags & (CLASS | STATIC)) != (CLASS | STATIC) &&
           (kind == VARARGS || kind == (VARARGS | KEYWORDS) || kind == NOARGS || kind == O ||
            kind == FASTCALL || kind == (FASTCALL | KEYWORDS) ||
            kind == (FASTCALL | KEYWORDS | METHOD));
}

static bool is_entry(const struct image *image, uint64_t address)
{
    const uint64_t function = word_at(image, address + WORD);
    const uint64_t text = word_at(image, address + 3 * WORD);
    uint64_t room;
    return is_call(word_at(image, address + 2 * WORD)) &&
           (function == ELSEWHERE || is_code(image, function)) &&
           (text == 0 || text == ELSEWHERE || at(image, text, &room) != NULL) &&
           name_at(image, word_at(image, address), IDENTIFIER_MAX, false) != NULL;
}

/* How many entries a table there has; 0 = there is none. */
static size_t table_length(const struct image *image, const struct stretch *segment,
                           uint64_t address)
{
    static const uint8_t empty[ENTRY];
    size_t n = 0;
    while (segment->end - address >= ENTRY) {
        if (memcmp(segment->bytes + (address - segment->start), empty, ENTRY) == 0)
            return n;
        if (!is_entry(image, address))
            return 0;
        n++;
        address += ENTRY;
    }
    return 0;
}

static bool table_add(struct tables *tables, uint64_t address)
{
    if (tables->n == tables->size) {
        const size_t size = tables->size > 0 ? 2 * tables->size : 64;
        struct table *const more = realloc(tables->list, size * sizeof *more);
        if (more == NULL)
            return false;
        tables->list = more;
        tables->size = size;
    }
    tables->list[tables->n++] = (struct table){.address = address};
    return true;
}

static int compare_tables(const void *a, const void *b)
{
    const struct table *const x = a, *const y = b;
    return (x->address > y->address) - (x->address < y->address);
}

static uint64_t aligned(uint64_t address)
{
    return (address + WORD - 1) & ~(uint64_t)(WORD - 1);
}

static void tables_search(const struct image *image, struct tables *tables)
{
    for (uint32_t i = 0; i < image->n; i++) {
        const struct stretch *const segment = &image->segments[i];
        uint64_t address = aligned(segment->start);
        while (!segment->is_code && address < segment->end && segment->end - address >= 2 * ENTRY) {
            const size_t n = table_length(image, segment, address);
            if (n > 0 && !table_add(tables, address))
                break;
            address += n > 0 ? (n + 1) * ENTRY : WORD;
        }
    }
    if (tables->n > 0)
        qsort(tables->list, tables->n, sizeof *tables->list, compare_tables);
}

/*
 * Whose methods they are, if `pointer` is a word of a module's definition or of a type's object,
 * all of whose other words around are what they must be. A type's slots point at tables, too: no
 * name is known by their place.
 */
static void owner_set(const struct image *image, struct table *table, uint64_t pointer)
{
    if (pointer < TYPE_SIZE_BACK || word_at(image, pointer - WORD) == SLOT_METHODS)
        return;
    const bool is_module = word_at(image, pointer - 4 * WORD) == 0 &&
                           word_at(image, pointer - 5 * WORD) == 0 &&
                           word_at(image, pointer - 6 * WORD) == 0;
    const uint64_t size = word_at(image, pointer - TYPE_SIZE_BACK);
    const bool is_type = size > 0 && size <= TYPE_SIZE_MAX;
    if (is_module && name_at(image, word_at(image, pointer - MODULE_NAME_BACK), OWNER_MAX, true))
        table->owner = pointer - MODULE_NAME_BACK;
    else if (is_type && name_at(image, word_at(image, pointer - TYPE_NAME_BACK), OWNER_MAX, true))
        table->owner = pointer - TYPE_NAME_BACK;
}

/* In what is written to: other lists of addresses, the relocations above all, say nothing. */
static void owners_search(const struct image *image, struct tables *tables)
{
    for (uint32_t i = 0; i < image->n; i++) {
        const struct stretch *const segment = &image->segments[i];
        for (uint64_t address = aligned(segment->start);
             tables->n > 0 && segment->is_data && address < segment->end &&
             segment->end - address >= WORD;
             address += WORD) {
            struct table wanted;
            memcpy(&wanted.address, segment->bytes + (address - segment->start), WORD);
            struct table *const table =
                bsearch(&wanted, tables->list, tables->n, sizeof *tables->list, compare_tables);
            if (table != NULL && table->owner == 0)
                owner_set(image, table, address);
        }
    }
}

/* ---- names ---- */

static bool method_add(struct elf_methods *methods, uint64_t address, const char *owner,
                       const char *name)
{
    char text[OWNER_MAX + IDENTIFIER_MAX + 2];
    const int len = snprintf(text, sizeof text, "%s%s%s", owner != NULL ? owner : "",
                             owner != NULL ? "." : "", name);
    if (methods->n == methods->size) {
        const size_t size = methods->size > 0 ? 2 * methods->size : 256;
        struct elf_method *const more = realloc(methods->list, size * sizeof *more);
        if (more == NULL)
            return false;
        methods->list = more;
        methods->size = size;
    }
    char *const copy = methods->n < ELF_METHODS_MAX ? strdup(text) : NULL;
    if (copy == NULL)
        return false;
    methods->bytes += (size_t)len + 1;
    methods->list[methods->n++] = (struct elf_method){address, copy};
    return true;
}

static void table_take(struct elf_methods *methods, const struct image *image,
                       const struct table *table)
{
    const char *const owner =
        table->owner != 0 ? name_at(image, word_at(image, table->owner), OWNER_MAX, true) : NULL;
    for (uint64_t entry = table->address; word_at(image, entry) != 0; entry += ENTRY) {
        const uint64_t function = word_at(image, entry + WORD);
        const char *const name = name_at(image, word_at(image, entry), IDENTIFIER_MAX, false);
        if (name == NULL || (function != ELSEWHERE && !method_add(methods, function, owner, name)))
            return;
    }
}

/* Of several names for one function: that of fewest underscores, then the shortest. */
static int compare_methods(const void *a, const void *b)
{
    const struct elf_method *const x = a, *const y = b;
    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    const char *const x_dot = strrchr(x->name, '.'), *const y_dot = strrchr(y->name, '.');
    const size_t x_under = strspn(x_dot != NULL ? x_dot + 1 : x->name, "_");
    const size_t y_under = strspn(y_dot != NULL ? y_dot + 1 : y->name, "_");
    if (x_under != y_under)
        return x_under < y_under ? -1 : 1;
    const size_t x_len = strlen(x->name), y_len = strlen(y->name);
    return x_len != y_len ? (x_len < y_len ? -1 : 1) : strcmp(x->name, y->name);
}

static void sort(struct elf_methods *methods)
{
    size_t n = 0;
    if (methods->n > 0)
        qsort(methods->list, methods->n, sizeof *methods->list, compare_methods);
    for (size_t i = 0; i < methods->n; i++) {
        if (n > 0 && methods->list[n - 1].address == methods->list[i].address)
            free(methods->list[i].name);
        else
            methods->list[n++] = methods->list[i];
    }
    methods->n = n;
    methods->bytes += methods->size * sizeof *methods->list;
}

void elf_methods_read(struct elf_methods *methods, int fd)
{
    Elf64_Ehdr elf;
    struct image image = {0};
    struct tables tables = {0};
    *methods = (struct elf_methods){0};
    if (elf_file_header(fd, &elf) && machine_set(&image, elf.e_machine) &&
        image_read(&image, fd, &elf) && dynamic_read(&image, fd, &elf)) {
        tables_search(&image, &tables);
        owners_search(&image, &tables);
        for (size_t i = 0; i < tables.n; i++)
            table_take(methods, &image, &tables.list[i]);
        sort(methods);
    }
    free(tables.list);
    image_clear(&image);
}

void elf_methods_clear(struct elf_methods *methods)
{
    for (size_t i = 0; i < methods->n; i++)
        free(methods->list[i].name);
    free(methods->list);
    *methods = (struct elf_methods){0};
}

static bool is_before(const void *list, size_t i, const void *address)
{
    return ((const struct elf_method *)list)[i].address < *(const uint64_t *)address;
}

const char *elf_methods_find(const struct elf_methods *methods, uint64_t address)
{
    const size_t at = bisect(methods->list, methods->n, is_before, &address);
    return at < methods->n && methods->list[at].address == address ? methods->list[at].name : NULL;
}
