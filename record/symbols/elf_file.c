/* SPDX-License-Identifier: MIT */
#include "elf_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool elf_file_read(int fd, void *to, size_t len, uint64_t offset)
{
    uint8_t *at = to;
    while (len > 0) {
        const ssize_t n = offset > INT64_MAX ? 0 : pread(fd, at, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return true;
}

void *elf_file_part(int fd, uint64_t offset, uint64_t len, uint64_t most)
{
    char *const part = len > 0 && len <= most ? malloc(len + 1) : NULL;
    if (part == NULL || !elf_file_read(fd, part, len, offset)) {
        free(part);
        return NULL;
    }
    part[len] = '\0';
    return part;
}

bool elf_file_header(int fd, Elf64_Ehdr *elf)
{
    return elf_file_read(fd, elf, sizeof *elf, 0) && memcmp(elf->e_ident, ELFMAG, SELFMAG) == 0 &&
           elf->e_ident[EI_CLASS] == ELFCLASS64 && elf->e_ident[EI_DATA] == ELFDATA2LSB;
}

Elf64_Phdr *elf_file_segments(int fd, const Elf64_Ehdr *elf, uint32_t *n)
{
    *n = elf->e_phentsize != sizeof(Elf64_Phdr) ? 0
         : elf->e_phnum < ELF_SEGMENTS_MAX      ? elf->e_phnum
                                                : ELF_SEGMENTS_MAX;
    Elf64_Phdr *const segments =
        elf_file_part(fd, elf->e_phoff, *n * sizeof *segments, ELF_SEGMENTS_MAX * sizeof *segments);
    *n = segments != NULL ? *n : 0;
    return segments;
}

Elf64_Shdr *elf_file_sections(int fd, const Elf64_Ehdr *elf, uint32_t *n)
{
    *n = elf->e_shentsize == sizeof(Elf64_Shdr) ? elf->e_shnum : 0;
    Elf64_Shdr *const sections =
        elf_file_part(fd, elf->e_shoff, *n * sizeof *sections, ELF_SECTIONS_MAX * sizeof *sections);
    *n = sections != NULL ? *n : 0;
    return sections;
}
