/* SPDX-License-Identifier: MIT */
/*
 * elf_image - look up names in a library or program that is mapped into this process.
 *
 * On the line:  beside it; both sides find the kernel's clock with it, the agent also Python, and
 *               libc's functions behind those it interposes.
 * Threads:      any, also in signal handlers: it reads memory that does not change while the object
 *               is mapped, and calls nothing. elf_images_each takes the loader's lock: not in the
 *               child of a fork, nor in a handler.
 * Memory:       none of its own.
 * Loss:         an object without a symbol table that it knows has no names.
 *
 * dlsym() would need a library of its own before glibc 2.34, sees nothing of a library that was
 * loaded RTLD_LOCAL, and does not know of the vDSO.
 */
#ifndef PYREC_RECORD_ELF_IMAGE_H
#define PYREC_RECORD_ELF_IMAGE_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_image {
    const char *name; /* of its file; "" for the program */
    uintptr_t base;
    const ElfW(Phdr) * headers;
    size_t n_headers;
    const ElfW(Sym) * symbols;
    const char *strings;
    const uint32_t *gnu_hash, *hash; /* NULL: it has none of that kind */
    const uint16_t *versions;        /* NULL: its symbols have none */
};

/* From its program headers and the address that they count from. False when it has no names. */
bool elf_image_open(struct elf_image *image, uintptr_t base, const ElfW(Phdr) * headers, size_t n);

/* The vDSO; false where there is none. */
bool elf_image_open_vdso(struct elf_image *image);

/* Does `address` lie in it? */
bool elf_image_holds(const struct elf_image *image, uintptr_t address);

/*
 * What `name` stands for in it, in the version that a program linked today would get: a function
 * or an object. NULL when it is not defined there.
 */
void *elf_image_find(const struct elf_image *image, const char *name);

/* Called for each object in the order in which they were loaded, the program first, without the
 * vDSO; returns whether to go on. */
typedef bool elf_image_fn(void *closure, const struct elf_image *image);
void elf_images_each(elf_image_fn *each, void *closure);

/* How many objects were ever loaded. Cheap; the same lock. */
uint64_t elf_images_loaded(void);

/*
 * To be called around each fork where others may walk meanwhile: the loader's lock, held by a thread
 * that the child does not have, would never be free there, and its next dlopen() never return. Waits
 * for those who walk, and others wait for it, for a second at most.
 */
enum elf_images_fork {
    ELF_IMAGES_BEFORE,
    ELF_IMAGES_PARENT,
    ELF_IMAGES_CHILD,
};
void elf_images_fork(enum elf_images_fork when);

#endif
