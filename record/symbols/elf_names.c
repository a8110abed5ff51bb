/* SPDX-License-Identifier: MIT */
#include "elf_names.h"
#include "elf_file.h"

#include <stdlib.h>
#include <string.h>

#define NOTES_MAX (64u << 10)

/* ---- build-id ---- */

static void notes_search(struct elf_names *names, const uint8_t *notes, size_t len)
{
    size_t at = 0;
    while (len - at >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note;
        memcpy(&note, notes + at, sizeof note);
        at += sizeof note;
        const uint64_t name = (note.n_namesz + 3ull) & ~3ull;
        const uint64_t text = (note.n_descsz + 3ull) & ~3ull;
        if (name + text > len - at)
            return;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
            memcmp(notes + at, "GNU", 4) == 0 && note.n_descsz <= ELF_BUILD_ID_MAX) {
            memcpy(names->build_id, notes + at + name, note.n_descsz);
            names->build_id_len = note.n_descsz;
            return;
        }
        at += name + text;
    }
}

static void build_id_read(struct elf_names *names, int fd, const Elf64_Ehdr *elf)
{
    uint32_t n;
    Elf64_Phdr *const segments = elf_file_segments(fd, elf, &n);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t *notes =
            segments[i].p_type == PT_NOTE
                ? elf_file_part(fd, segments[i].p_offset, segments[i].p_filesz, NOTES_MAX)
                : NULL;
        if (notes != NULL && names->build_id_len == 0)
            notes_search(names, notes, segments[i].p_filesz);
        free(notes);
    }
    free(segments);
}

/* ---- symbols ---- */

static bool symbol_add(struct elf_names *names, const struct elf_symbol *symbol)
{
    if (names->n == names->size) {
        const size_t size = names->size > 0 ? 2 * names->size : 1024;
        struct elf_symbol *const more = realloc(names->symbols, size * sizeof *more);
        if (more == NULL)
            return false;
        names->symbols = more;
        names->size = size;
    }
    names->symbols[names->n++] = *symbol;
    return true;
}

static void table_read(struct elf_names *names, int fd, const Elf64_Shdr *table,
                       const Elf64_Shdr *strings)
{
    char **const text = &names->texts[table->sh_type == SHT_DYNSYM];
    const uint64_t n = table->sh_size / sizeof(Elf64_Sym);
    if (table->sh_entsize != sizeof(Elf64_Sym) || n > ELF_NAMES_SYMBOLS || *text != NULL)
        return;
    Elf64_Sym *const symbols = elf_file_part(fd, table->sh_offset, table->sh_size, ELF_NAMES_BYTES);
    *text = elf_file_part(fd, strings->sh_offset, strings->sh_size, ELF_NAMES_BYTES);
    for (uint64_t i = 0; symbols != NULL && *text != NULL && i < n; i++) {
        struct elf_symbol symbol;
        if (symbols[i].st_name < strings->sh_size &&
            elf_symbol_take(&symbol, &symbols[i], *text + symbols[i].st_name) &&
            !symbol_add(names, &symbol))
            break;
    }
    names->bytes += *text != NULL ? strings->sh_size : 0;
    free(symbols);
}

static void symbols_read(struct elf_names *names, int fd, const Elf64_Ehdr *elf)
{
    uint32_t n;
    Elf64_Shdr *const sections = elf_file_sections(fd, elf, &n);
    for (uint32_t i = 0; i < n; i++)
        if ((sections[i].sh_type == SHT_SYMTAB || sections[i].sh_type == SHT_DYNSYM) &&
            sections[i].sh_link < n)
            table_read(names, fd, &sections[i], &sections[sections[i].sh_link]);
    free(sections);
    elf_symbols_sort(names->symbols, names->n);
    names->bytes += names->size * sizeof *names->symbols;
}

bool elf_names_read(struct elf_names *names, int fd)
{
    Elf64_Ehdr elf;
    *names = (struct elf_names){0};
    if (!elf_file_header(fd, &elf))
        return false;
    build_id_read(names, fd, &elf);
    symbols_read(names, fd, &elf);
    return true;
}

void elf_names_clear(struct elf_names *names)
{
    free(names->symbols);
    free(names->texts[0]);
    free(names->texts[1]);
    *names = (struct elf_names){0};
}

const char *elf_names_find(const struct elf_names *names, uint64_t address)
{
    return elf_symbols_find(names->symbols, names->n, address);
}
