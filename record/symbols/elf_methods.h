/* SPDX-License-Identifier: MIT */
/*
 * elf_methods - what Python calls C functions that have no symbol, by the tables of methods in the
 * data of an extension module or of the interpreter.
 *
 * On the line:  a file -> [elf_methods] -> names of C functions in the dictionary
 * Threads:      one at a time.
 * Memory:       caller's storage; elf_methods_read, then elf_methods_clear. The names are kept; the
 *               file's segments only while they are looked through.
 * Loss:         a table that does not end with an empty entry (definitions one by one, as Cython
 *               makes them) is not taken; nor is one in a file that names nothing of Python's.
 *
 * A PyMethodDef is {name, function, flags, documentation}, the same in all versions. It is taken as
 * one where each of the four can be nothing else: an identifier, code, flags that CPython accepts,
 * and a text or none, up to an empty entry. Whose methods they are is said where a module's
 * definition or a type's object points at the table: "zlib.compress", "list.append".
 *
 * The file is anybody's and may be damaged, or change while it is read: each address is checked.
 */
#ifndef PYREC_RECORD_ELF_METHODS_H
#define PYREC_RECORD_ELF_METHODS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_METHODS_BYTES (128u << 20) /* of all segments: larger files are left */
#define ELF_METHODS_MAX   (256u << 10)

struct elf_method {
    uint64_t address; /* as the file counts */
    char *name;
};

struct elf_methods {
    struct elf_method *list; /* in order of address, each once */
    size_t n, size;
    size_t bytes; /* of memory */
};

/* From a file open for reading. Nothing in it, or no memory: no names. */
void elf_methods_read(struct elf_methods *methods, int fd);
void elf_methods_clear(struct elf_methods *methods);

/* What Python calls the function that begins just there; NULL = not known. Lives as long as
 * `methods`. */
const char *elf_methods_find(const struct elf_methods *methods, uint64_t address);

#endif
