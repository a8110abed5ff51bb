/* SPDX-License-Identifier: MIT */
#include "dwarf_symbols.h"

#include "analyze/base/memory.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#define SYMBOLS_MAX (4u << 20)

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

static void take(struct dwarf_symbols *symbols, const GElf_Sym *from, const char *name)
{
    struct elf_symbol symbol;
    if (name == NULL || !elf_symbol_take(&symbol, from, name))
        return;
    symbols->list =
        memory_grow(symbols->list, &symbols->size, symbols->n + 1, sizeof *symbols->list);
    symbols->list[symbols->n++] = symbol;
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
    elf_symbols_sort(symbols->list, symbols->n);
}

void dwarf_symbols_clear(struct dwarf_symbols *symbols)
{
    free(symbols->list);
    *symbols = (struct dwarf_symbols){0};
}

const char *dwarf_symbols_find(const struct dwarf_symbols *symbols, uint64_t address)
{
    return elf_symbols_find(symbols->list, symbols->n, address);
}
