/* SPDX-License-Identifier: MIT */
#include "dwarf_read.h"

#ifdef PYREC_DW

#include "analyze/base/memory.h"
#include "dwarf_symbols.h"
#include "format/base/bisect.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TREE_DEPTH_MAX 256 /* of entries in each other: no compiler comes near it */
#define RANGES_MAX     65536
#define SEGMENTS_MAX   64

bool dwarf_read_is_there(void)
{
    return true;
}

/* ---- the file ---- */

static bool has_build_id(Elf *elf, const char *wanted)
{
    const void *bytes;
    char digits[2 * DEBUG_ID_MAX + 1];
    const ssize_t len = dwelf_elf_gnu_build_id(elf, &bytes);
    if (len <= 0 || len > (ssize_t)DEBUG_ID_MAX)
        return false;
    debug_id_print(digits, bytes, (size_t)len);
    return strcmp(digits, wanted) == 0;
}

static void read_layout(struct dwarf_file *file)
{
    Elf *const elf = file->elf;
    size_t n = 0;
    bool found = false;
    GElf_Phdr segment;
    GElf_Word crc;
    if (elf_getphdrnum(elf, &n) != 0)
        n = 0;
    for (size_t i = 0; i < n && !found; i++)
        if (gelf_getphdr(elf, (int)i, &segment) != NULL && segment.p_type == PT_LOAD) {
            file->first_address = segment.p_vaddr;
            found = true;
        }
    file->has_symbols = dwarf_symbols_are_there(elf);
    const char *const link = dwelf_elf_gnu_debuglink(elf, &crc);
    const size_t len = link != NULL ? strnlen(link, sizeof file->link) : 0;
    if (len > 0 && len < sizeof file->link && strchr(link, '/') == NULL)
        memcpy(file->link, link, len + 1);
}

enum dwarf_open dwarf_file_open(struct dwarf_file *file, int fd, const char *build_id)
{
    GElf_Ehdr header;
    *file = (struct dwarf_file){0};
    if (elf_version(EV_CURRENT) == EV_NONE)
        return DWARF_OPEN_NO_ELF;
    Elf *const elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    if (elf == NULL || elf_kind(elf) != ELF_K_ELF || gelf_getehdr(elf, &header) == NULL ||
        header.e_ident[EI_CLASS] != ELFCLASS64 ||
        (header.e_type != ET_DYN && header.e_type != ET_EXEC)) {
        elf_end(elf);
        return DWARF_OPEN_NO_ELF;
    }
    if (!has_build_id(elf, build_id)) {
        elf_end(elf);
        return DWARF_OPEN_ANOTHER;
    }
    file->elf = elf;
    file->dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
    read_layout(file);
    return DWARF_OPEN_GOOD;
}

void dwarf_file_close(struct dwarf_file *file)
{
    if (file->dwarf != NULL)
        dwarf_end(file->dwarf);
    if (file->elf != NULL)
        elf_end(file->elf);
    *file = (struct dwarf_file){0};
}

void dwarf_file_shared(const struct dwarf_file *file, char digits[2 * DEBUG_ID_MAX + 1])
{
    const char *name;
    const void *bytes;
    digits[0] = '\0';
    if (file->dwarf == NULL)
        return;
    const ssize_t len = dwelf_dwarf_gnu_debugaltlink(file->dwarf, &name, &bytes);
    if (len > 0 && len <= (ssize_t)DEBUG_ID_MAX)
        debug_id_print(digits, bytes, (size_t)len);
}

void dwarf_file_share(struct dwarf_file *file, int fd)
{
    Dwarf *const shared = dwarf_begin(fd, DWARF_C_READ);
    if (shared != NULL)
        dwarf_setalt(file->dwarf, shared); /* kept until the process ends */
}

/* ---- addresses ---- */

/* An address that is asked for: of a function, or of a place. */
struct target {
    uint64_t address; /* as this file counts */
    struct dwarf_function *function;
    struct dwarf_place *place;
    uint64_t entry;     /* the function that contains it; 0 = none yet */
    uint64_t innermost; /* the last that was found inside of it */
    uint64_t unit;      /* where that is */
};

struct tree_walk {
    Dwarf_Die *unit;
    struct target *targets; /* by address */
    size_t n_targets;
    Elf *elf;
    struct {
        uint64_t start, end;
    } code[SEGMENTS_MAX]; /* where there may be code */
    size_t n_code;
};

static int compare_targets(const void *left, const void *right)
{
    const struct target *const a = left, *const b = right;
    return (a->address > b->address) - (a->address < b->address);
}

static bool is_target_before(const void *targets, size_t i, const void *address)
{
    return ((const struct target *)targets)[i].address < *(const uint64_t *)address;
}

static size_t first_target(const struct tree_walk *walk, uint64_t address)
{
    return bisect(walk->targets, walk->n_targets, is_target_before, &address);
}

static void find_code(struct tree_walk *walk)
{
    size_t n = 0;
    GElf_Phdr segment;
    if (elf_getphdrnum(walk->elf, &n) != 0)
        n = 0;
    for (size_t i = 0; i < n && walk->n_code < SEGMENTS_MAX; i++)
        if (gelf_getphdr(walk->elf, (int)i, &segment) != NULL && segment.p_type == PT_LOAD &&
            segment.p_flags & PF_X) {
            walk->code[walk->n_code].start = segment.p_vaddr;
            walk->code[walk->n_code++].end = segment.p_vaddr + segment.p_memsz;
        }
}

/* A function that the linker has thrown away stays in the debug information, at address 0 or so. */
static bool is_code(const struct tree_walk *walk, uint64_t start, uint64_t end)
{
    for (size_t i = 0; i < walk->n_code; i++)
        if (start >= walk->code[i].start && end <= walk->code[i].end)
            return start < end;
    return false;
}

/* ---- entries ---- */

static const char *name_of(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    const char *name = NULL;
    if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute) != NULL ||
        dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute) != NULL)
        name = dwarf_formstring(&attribute);
    if (name == NULL && dwarf_attr_integrate(die, DW_AT_name, &attribute) != NULL)
        name = dwarf_formstring(&attribute);
    return name != NULL && name[0] != '\0' ? name : NULL;
}

static uint32_t line_declared(Dwarf_Die *die)
{
    int line;
    return dwarf_decl_line(die, &line) == 0 && line > 0 ? (uint32_t)line : 0;
}

/* Where an inlined function is called from; only a line of the file that the caller is in. */
static uint32_t line_of_call(const struct tree_walk *walk, Dwarf_Die *die, const char *file)
{
    Dwarf_Attribute attribute;
    Dwarf_Word number, line;
    Dwarf_Files *files;
    size_t n;
    if (file == NULL ||
        dwarf_formudata(dwarf_attr(die, DW_AT_call_file, &attribute), &number) != 0 ||
        dwarf_getsrcfiles(walk->unit, &files, &n) != 0 || number >= n ||
        dwarf_formudata(dwarf_attr(die, DW_AT_call_line, &attribute), &line) != 0)
        return 0;
    const char *const called = dwarf_filesrc(files, (size_t)number, NULL, NULL);
    return called != NULL && strcmp(called, file) == 0 && line <= INT32_MAX ? (uint32_t)line : 0;
}

static struct debug_frame *add_frame(struct dwarf_place *place)
{
    place->frames = memory_grow(place->frames, &place->size, place->n + 1, sizeof *place->frames);
    return &place->frames[place->n++];
}

static void take_function(const struct tree_walk *walk, struct target *t, Dwarf_Die *die,
                          uint64_t entry)
{
    if (t->entry != 0) /* of two that are the same code one is as good as the other */
        return;
    t->entry = t->innermost = entry;
    t->unit = dwarf_dieoffset(walk->unit);
    if (t->function != NULL)
        *t->function =
            (struct dwarf_function){name_of(die), dwarf_decl_file(die), line_declared(die), entry};
    else
        *add_frame(t->place) = (struct debug_frame){.file = dwarf_decl_file(die)};
    if (t->place != NULL)
        t->place->entry = entry;
}

static void take_inlined(const struct tree_walk *walk, struct target *t, Dwarf_Die *die,
                         uint64_t outer, uint64_t entry)
{
    if (t->place == NULL || t->entry == 0 || t->innermost != outer ||
        t->place->n >= DEBUG_FRAMES_MAX)
        return;
    struct debug_frame *const caller = &t->place->frames[t->place->n - 1];
    caller->line = line_of_call(walk, die, caller->file);
    *add_frame(t->place) = (struct debug_frame){
        .name = name_of(die), .file = dwarf_decl_file(die), .function_line = line_declared(die)};
    t->innermost = entry;
}

/* What of the targets is in a function, or in one that is inlined in `outer`. */
static void take_ranges(const struct tree_walk *walk, Dwarf_Die *die, bool is_inlined,
                        uint64_t outer)
{
    const uint64_t entry = dwarf_dieoffset(die);
    Dwarf_Addr base, start, end;
    ptrdiff_t at = 0;
    for (size_t n = 0; n < RANGES_MAX; n++) {
        at = dwarf_ranges(die, at, &base, &start, &end);
        if (at <= 0)
            return;
        if (!is_code(walk, start, end))
            continue;
        for (size_t i = first_target(walk, start);
             i < walk->n_targets && walk->targets[i].address < end; i++) {
            if (is_inlined)
                take_inlined(walk, &walk->targets[i], die, outer, entry);
            else
                take_function(walk, &walk->targets[i], die, entry);
        }
    }
}

/* `outer`: the innermost function, inlined or not, that this is in. */
static void walk_children(const struct tree_walk *walk, Dwarf_Die *parent, uint64_t outer,
                          unsigned depth)
{
    Dwarf_Die die;
    if (depth >= TREE_DEPTH_MAX || dwarf_child(parent, &die) != 0)
        return;
    do {
        uint64_t inside = outer;
        switch (dwarf_tag(&die)) {
        case DW_TAG_subprogram:
            inside = dwarf_dieoffset(&die);
            take_ranges(walk, &die, false, 0);
            break;
        case DW_TAG_inlined_subroutine:
            inside = dwarf_dieoffset(&die);
            take_ranges(walk, &die, true, outer);
            break;
        case DW_TAG_lexical_block:
        case DW_TAG_try_block:
        case DW_TAG_catch_block:
        case DW_TAG_with_stmt:
        case DW_TAG_namespace:
        case DW_TAG_module:
        case DW_TAG_class_type:
        case DW_TAG_structure_type:
        case DW_TAG_union_type:
            break;
        default:
            continue;
        }
        walk_children(walk, &die, inside, depth + 1);
    } while (dwarf_siblingof(&die, &die) == 0);
}

/* ---- lines ---- */

static const char *line_at(Dwarf_Die *unit, uint64_t address, uint32_t *line)
{
    Dwarf_Line *const row = dwarf_getsrc_die(unit, address);
    int number;
    if (row == NULL || dwarf_lineno(row, &number) != 0 || number <= 0)
        return NULL;
    *line = (uint32_t)number;
    return dwarf_linesrc(row, NULL, NULL);
}

/* Of one written in assembler the table of lines is all there is. */
static void take_line(const struct tree_walk *walk, struct target *t)
{
    uint32_t line = 0;
    const bool is_assembler = t->entry == 0 && t->function != NULL && t->function->file == NULL;
    if (!is_assembler &&
        (t->place == NULL || t->place->n == 0 || t->unit != dwarf_dieoffset(walk->unit)))
        return;
    const char *const file = line_at(walk->unit, t->address, &line);
    if (file == NULL)
        return;
    if (is_assembler) {
        t->function->file = file;
        t->function->line = line;
        return;
    }
    struct debug_frame *const innermost = &t->place->frames[t->place->n - 1];
    if (innermost->file != NULL && strcmp(innermost->file, file) == 0)
        innermost->line = line;
}

/* Are any of the targets in the unit? One that does not say where its code is may have any. */
static bool has_targets(const struct tree_walk *walk)
{
    Dwarf_Addr base, start, end;
    ptrdiff_t at = 0;
    size_t n = 0;
    for (; n < RANGES_MAX; n++) {
        at = dwarf_ranges(walk->unit, at, &base, &start, &end);
        if (at <= 0)
            break;
        const size_t i = first_target(walk, start);
        if (i < walk->n_targets && walk->targets[i].address < end)
            return true;
    }
    return n == 0;
}

static void walk_unit(struct tree_walk *walk, Dwarf_Die *unit)
{
    Dwarf_Addr base, start, end;
    ptrdiff_t at = 0;
    bool has_ranges = false;
    walk->unit = unit;
    if (!has_targets(walk))
        return;
    walk_children(walk, unit, 0, 0);
    for (size_t n = 0; n < RANGES_MAX && (at = dwarf_ranges(unit, at, &base, &start, &end)) > 0;
         n++) {
        has_ranges = true;
        for (size_t i = first_target(walk, start);
             i < walk->n_targets && walk->targets[i].address < end; i++)
            take_line(walk, &walk->targets[i]);
    }
    for (size_t i = 0; i < walk->n_targets && !has_ranges; i++)
        if (walk->targets[i].entry != 0)
            take_line(walk, &walk->targets[i]);
}

static void walk_units(struct tree_walk *walk, Dwarf *dwarf)
{
    Dwarf_CU *cu = NULL;
    Dwarf_Half version;
    uint8_t type;
    Dwarf_Die unit, sub;
    while (dwarf_get_units(dwarf, cu, &cu, &version, &type, &unit, &sub) == 0)
        if (type == DW_UT_compile)
            walk_unit(walk, &unit);
}

static void read_dwarf(struct dwarf_file *file, const struct wish_object *wish, uint64_t shift,
                       struct dwarf_result *result)
{
    struct tree_walk walk = {.elf = file->elf};
    walk.targets = memory_get((wish->n_functions + wish->n_places + 1) * sizeof *walk.targets);
    for (size_t i = 0; i < wish->n_functions; i++)
        walk.targets[walk.n_targets++] = (struct target){
            .address = wish->functions[i].address + shift, .function = &result->functions[i]};
    for (size_t i = 0; i < wish->n_places; i++)
        walk.targets[walk.n_targets++] = (struct target){.address = wish->places[i].address + shift,
                                                         .place = &result->places[i]};
    if (walk.n_targets > 1)
        qsort(walk.targets, walk.n_targets, sizeof *walk.targets, compare_targets);
    find_code(&walk);
    walk_units(&walk, file->dwarf);
    free(walk.targets);
}

void dwarf_read(struct dwarf_file *file, const struct wish_object *wish, uint64_t shift,
                struct dwarf_result *result)
{
    struct dwarf_symbols symbols = {0};
    result->functions = memory_get((wish->n_functions + 1) * sizeof *result->functions);
    result->places = memory_get((wish->n_places + 1) * sizeof *result->places);
    if (file->dwarf != NULL)
        read_dwarf(file, wish, shift, result);
    dwarf_symbols_read(&symbols, file->elf);
    for (size_t i = 0; i < wish->n_functions; i++) {
        const char *const name = dwarf_symbols_find(&symbols, wish->functions[i].address + shift);
        if (name != NULL)
            result->functions[i].name = name;
    }
    dwarf_symbols_clear(&symbols);
}

#else

bool dwarf_read_is_there(void)
{
    return false;
}

enum dwarf_open dwarf_file_open(struct dwarf_file *file, int fd, const char *build_id)
{
    (void)fd, (void)build_id;
    *file = (struct dwarf_file){0};
    return DWARF_OPEN_NO_ELF;
}

void dwarf_file_close(struct dwarf_file *file)
{
    (void)file;
}

void dwarf_file_shared(const struct dwarf_file *file, char digits[2 * DEBUG_ID_MAX + 1])
{
    (void)file;
    digits[0] = '\0';
}

void dwarf_file_share(struct dwarf_file *file, int fd)
{
    (void)file, (void)fd;
}

void dwarf_read(struct dwarf_file *file, const struct wish_object *wish, uint64_t shift,
                struct dwarf_result *result)
{
    (void)file, (void)wish, (void)shift;
    *result = (struct dwarf_result){0};
}

#endif
