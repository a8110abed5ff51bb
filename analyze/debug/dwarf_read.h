/* SPDX-License-Identifier: MIT */
/*
 * dwarf_read - what a file's symbols and debug information say of addresses.
 *
 * On the line:  a file that is open, a wish -> [dwarf_read: libdw] -> Symbols
 * Threads:      any; one at a time per file.
 * Memory:       struct dwarf_file is the caller's; dwarf_file_open, then dwarf_file_close. Texts of
 *               a result live as long as the file is open.
 * Loss:         anybody may have written the file, and libdw reads it: to be called in a process of
 *               its own (debug_look).
 *
 * Nothing is ever the nearest: a name is of a symbol, or of a function in the debug information,
 * that contains the address. A line is told where it is one of the file that its function is in.
 */
#ifndef PYREC_ANALYZE_DWARF_READ_H
#define PYREC_ANALYZE_DWARF_READ_H

#include "analyze/names/debug_names.h"
#include "debug_wish.h"

#include <stdbool.h>

/* Whether this program can. */
bool dwarf_read_is_there(void);

struct dwarf_file {
    void *elf, *dwarf;      /* libelf's and libdw's; dwarf NULL = there is none in it */
    bool has_symbols;       /* more than those for linking */
    uint64_t first_address; /* that the file wants to be loaded at */
    char link[256];         /* name of a separate file that it says it has; "" = none */
};

enum dwarf_open { DWARF_OPEN_GOOD, DWARF_OPEN_NO_ELF, DWARF_OPEN_ANOTHER };

/* The descriptor stays the caller's, and open as long as the file. `build_id` is what it must have,
 * in hexadecimal digits. Unless it is GOOD there is nothing to close. */
enum dwarf_open dwarf_file_open(struct dwarf_file *file, int fd, const char *build_id);
void dwarf_file_close(struct dwarf_file *file);

/* Build-id of the file that parts of its debug information were moved to (dwz), in hexadecimal
 * digits; "" = none. And that file, once it was found: `fd` stays open. */
void dwarf_file_shared(const struct dwarf_file *file, char digits[2 * DEBUG_ID_MAX + 1]);
void dwarf_file_share(struct dwarf_file *file, int fd);

struct dwarf_function {
    const char *name, *file; /* NULL = not known */
    uint32_t line;
    uint64_t entry; /* which one it is in the debug information; 0 = in none */
};

struct dwarf_place {
    struct debug_frame *frames; /* texts may be NULL */
    size_t n, size;
    uint64_t entry;
};

/* One for each function and place of the wish. */
struct dwarf_result {
    struct dwarf_function *functions;
    struct dwarf_place *places;
};

/* `shift` is added to the addresses of the wish to have those of this file. */
void dwarf_read(struct dwarf_file *file, const struct wish_object *wish, uint64_t shift,
                struct dwarf_result *result);

#endif
