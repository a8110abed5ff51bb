/* SPDX-License-Identifier: MIT */
/*
 * elf_file - parts of a library or program on disk.
 *
 * On the line:  a file -> [elf_file] -> elf_names, elf_methods
 * Threads:      any; one at a time per file.
 * Memory:       parts are malloc'd, the caller's.
 *
 * The file is anybody's and may be damaged, or change while it is read: nothing is mapped, and what
 * it says of offsets and lengths is checked by whoever uses it.
 */
#ifndef PYREC_RECORD_ELF_FILE_H
#define PYREC_RECORD_ELF_FILE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_SEGMENTS_MAX 256u
#define ELF_SECTIONS_MAX 65535u

/* Its first header. False: it is no ELF file of this machine's kind. */
bool elf_file_header(int fd, Elf64_Ehdr *elf);

/* Just so many bytes from there; false: they are not in the file. */
bool elf_file_read(int fd, void *to, size_t len, uint64_t offset);

/* A part of the file, and a NUL behind it; NULL: not there, empty, or longer than `most`. */
void *elf_file_part(int fd, uint64_t offset, uint64_t len, uint64_t most);

/* Its table of segments or of sections, *n of them; NULL: none. */
Elf64_Phdr *elf_file_segments(int fd, const Elf64_Ehdr *elf, uint32_t *n);
Elf64_Shdr *elf_file_sections(int fd, const Elf64_Ehdr *elf, uint32_t *n);

#endif
