/* SPDX-License-Identifier: MIT */
#include "dwarf_symbols.h"

#include "analyze/base/memory.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#define SYMBOLS_MAX (4u << 20)
#define BACK_MAX    64u /* symbols that are looked at before an address: they may contain it */

static Elf_Scn *next_table(Elf *elf, Elf_Scn *section, GElf_Shdr *header)
{
    while ((section = elf_nextscn(elf, section)) != NULL)
        if (gelf_getshdr(section, header) != NULL &&
            (header->sh_type == SHT_SYMTAB || header->sh_type == SHT_DYNSYM))
            return section;
    return NULL;
}

bool dwarf_symbols_are_there(Elf *elf)
{
    GElf_Shdr header;
    Elf_Scn *section = NULL;
    while ((section = next_table(elf, section, &header)) != NULL)
        if (header.sh_type == SHT_SYMTAB && header.sh_size > 0)
            return true;
    return false;
}

/* As the recorder does: global, then weak; then with fewer underscores in front. */
static uint8_t rank_of(const GElf_Sym *symbol, const char *name)
{
    const unsigned binding = GELF_ST_BIND(symbol->st_info);
    const uint8_t rank = binding == STB_GLOBAL ? 0 : binding == STB_WEAK ? 4 : 8;
    const size_t underscores = strspn(name, "_");
    return (uint8_t)(rank + (underscores < 3 ? underscores : 3));
}

static void take(struct dwarf_symbols *symbols, const GElf_Sym *symbol, const char *name)
{
    const unsigned type = GELF_ST_TYPE(symbol->st_info);
    if ((type != STT_FUNC && type != STT_GNU_IFUNC) || symbol->st_shndx == SHN_UNDEF ||
        symbol->st_value == 0 || symbol->st_size > UINT64_MAX - symbol->st_value || name == NULL ||
        name[0] == '\0')
        return;
    symbols->list =
        memory_grow(symbols->list, &symbols->size, symbols->n + 1, sizeof *symbols->list);
    symbols->list[symbols->n++] = (struct dwarf_symbol){
        symbol->st_value, symbol->st_value + symbol->st_size, name, rank_of(symbol, name)};
}

static int compare(const void *left, const void *right)
{
    const struct dwarf_symbol *const a = left, *const b = right;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return strcmp(a->name, b->name);
}

void dwarf_symbols_read(struct dwarf_symbols *symbols, Elf *elf)
{
    GElf_Shdr header;
    Elf_Scn *section = NULL;
    while ((section = next_table(elf, section, &header)) != NULL) {
        Elf_Data *const data = elf_getdata(section, NULL);
        const size_t n =
            data != NULL && header.sh_entsize > 0 ? data->d_size / header.sh_entsize : 0;
        for (size_t i = 0; i < n && symbols->n < SYMBOLS_MAX; i++) {
            GElf_Sym symbol;
            if (gelf_getsym(data, (int)i, &symbol) != NULL)
                take(symbols, &symbol, elf_strptr(elf, header.sh_link, symbol.st_name));
        }
    }
    if (symbols->n > 1)
        qsort(symbols->list, symbols->n, sizeof *symbols->list, compare);
}

void dwarf_symbols_clear(struct dwarf_symbols *symbols)
{
    free(symbols->list);
    *symbols = (struct dwarf_symbols){0};
}

const char *dwarf_symbols_find(const struct dwarf_symbols *symbols, uint64_t address)
{
    size_t low = 0, high = symbols->n;
    while (low < high) { /* the first one that begins behind it */
        const size_t middle = low + (high - low) / 2;
        if (symbols->list[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    const struct dwarf_symbol *best = NULL;
    for (size_t i = low; i > 0 && low - i < BACK_MAX; i--) {
        const struct dwarf_symbol *const symbol = &symbols->list[i - 1];
        if (best != NULL && symbol->start != best->start)
            break; /* the innermost one was found */
        if (address < symbol->end || address == symbol->start)
            best = symbol; /* in order of rank: the first of them comes last */
    }
    return best != NULL ? best->name : NULL;
}
