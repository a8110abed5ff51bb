/* SPDX-License-Identifier: MIT */
/*
 * modules - the files that the C frames of one process are in, and what their functions are called.
 *
 * On the line:  WIRE_MODULE, frames with WIRE_NATIVE -> [modules] -> location ids
 * Threads:      one at a time.
 * Memory:       caller's storage, zeroed before; modules_clear. Symbols of files are shared by all
 *               processes (struct symbol_files) and kept up to SYMBOL_FILES_BYTES.
 * Loss:         a file that cannot be read, or is another one by now, has no names: its functions
 *               are called like the file and their place in it.
 */
#ifndef PYREC_RECORD_MODULES_H
#define PYREC_RECORD_MODULES_H

#include "intern.h"
#include "record/symbols/elf_methods.h"
#include "record/symbols/elf_names.h"
#include "record/wire/wire.h"
#include <sys/types.h>

#define SYMBOL_FILES_BYTES (256u << 20)
#define SYMBOL_FILES_MAX   4096u

/* A file that was read once. */
struct symbol_file {
    dev_t device;
    ino_t inode;
    int64_t size, changed_ns;
    struct elf_names names;
    struct elf_methods methods;
};

struct symbol_files {
    struct symbol_file *list;
    uint32_t n, capacity;
    size_t bytes;
};

void symbol_files_clear(struct symbol_files *files);

struct module {
    char *path; /* NULL = not said */
    uint32_t path_len;
    uint64_t inode;
    uint32_t file;  /* number in symbol_files + 1; 0 = no names */
    bool is_opened; /* that was tried */
    uint32_t id;    /* in this generation's dictionary, 0 = not asked for yet */
};

struct module_place {
    struct wire_frame frame;
    uint32_t location;
};

struct modules {
    struct symbol_files *files; /* NULL: no names */
    int32_t pid;
    uint64_t seed;
    struct module *list; /* WIRE_MODULES_MAX; NULL while there is none */
    struct module_place *places;
    uint32_t n_places, place_capacity;
    struct idmap place_map;
};

void modules_clear(struct modules *modules);

/* Take a record that was copied out of the ring, its length checked against the fixed part only.
 * False when it makes no sense, or there is no memory. */
bool modules_add(struct modules *modules, const struct wire_module *record);

/* The location id of a frame with WIRE_NATIVE in this generation's dictionaries. */
uint32_t modules_get_location(struct modules *modules, struct intern *in, struct wire_frame frame);

/* The string id of the function that a thread began with, out of its frames, the root first: the
 * outermost one that is not libc's. 0: that is not known. */
uint32_t modules_entry_name(struct modules *modules, struct intern *in,
                            const struct wire_frame *frames, uint32_t n);

/* A new generation: ids start again. */
void modules_restart(struct modules *modules);

#endif
