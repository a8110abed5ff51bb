/* SPDX-License-Identifier: MIT */
#include "elf_symbol.h"

#include "bisect.h"

#include <stdlib.h>
#include <string.h>

#define BACK_MAX 64u /* symbols before an address that may reach over it: they are nested */

/* Names that people call it by first: global, then weak; then with fewer underscores in front. */
static uint8_t rank_of(const Elf64_Sym *symbol, const char *name)
{
    const unsigned bind = ELF64_ST_BIND(symbol->st_info);
    const uint8_t rank = bind == STB_GLOBAL ? 0 : bind == STB_WEAK ? 4 : 8;
    const size_t underscores = strspn(name, "_");
    return (uint8_t)(rank + (underscores < 3 ? underscores : 3));
}

bool elf_symbol_take(struct elf_symbol *symbol, const Elf64_Sym *from, const char *name)
{
    const unsigned type = ELF64_ST_TYPE(from->st_info);
    if ((type != STT_FUNC && type != STT_GNU_IFUNC) || from->st_shndx == SHN_UNDEF ||
        from->st_value == 0 || from->st_size > UINT64_MAX - from->st_value || name[0] == '\0')
        return false;
    *symbol = (struct elf_symbol){.start = from->st_value,
                                  .end = from->st_value + from->st_size,
                                  .name = name,
                                  .rank = rank_of(from, name)};
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct elf_symbol *const x = a, *const y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return strcmp(x->name, y->name);
}

void elf_symbols_sort(struct elf_symbol *list, size_t n)
{
    if (n > 1)
        qsort(list, n, sizeof *list, compare);
}

static bool has_begun(const void *list, size_t i, const void *address)
{
    return ((const struct elf_symbol *)list)[i].start <= *(const uint64_t *)address;
}

const char *elf_symbols_find(const struct elf_symbol *list, size_t n, uint64_t address)
{
    const size_t behind = bisect(list, n, has_begun, &address);
    const struct elf_symbol *best = NULL;
    for (size_t i = behind; i > 0 && behind - i < BACK_MAX; i--) {
        const struct elf_symbol *const symbol = &list[i - 1];
        if (best != NULL && symbol->start != best->start)
            break; /* the innermost one was found */
        if (address < symbol->end || address == symbol->start)
            best = symbol; /* in order of rank: the first of them comes last */
    }
    return best != NULL ? best->name : NULL;
}
