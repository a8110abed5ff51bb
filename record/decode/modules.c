/* SPDX-License-Identifier: MIT */
#include "modules.h"

#include "record/tables/vec.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GAP_TEXT "C frames not known"
#define VDSO     "[vdso]"

/* ---- files ---- */

void symbol_files_clear(struct symbol_files *files)
{
    for (uint32_t i = 0; i < files->n; i++) {
        elf_names_clear(&files->list[i].names);
        elf_methods_clear(&files->list[i].methods);
    }
    free(files->list);
    *files = (struct symbol_files){0};
}

static int64_t changed_ns(const struct stat *stat)
{
    return (int64_t)stat->st_mtim.tv_sec * 1000000000 + stat->st_mtim.tv_nsec;
}

/* Its number + 1; read if it was not yet. 0: no names. */
static uint32_t file_get(struct symbol_files *files, int fd, const struct stat *stat)
{
    for (uint32_t i = 0; i < files->n; i++) {
        const struct symbol_file *const file = &files->list[i];
        if (file->device == stat->st_dev && file->inode == stat->st_ino &&
            file->size == stat->st_size && file->changed_ns == changed_ns(stat))
            return i + 1;
    }
    struct symbol_file new = {.device = stat->st_dev,
                              .inode = stat->st_ino,
                              .size = stat->st_size,
                              .changed_ns = changed_ns(stat)};
    if (files->n >= SYMBOL_FILES_MAX || files->bytes > SYMBOL_FILES_BYTES ||
        !vec_room(&files->list, &files->capacity, files->n + 1ull, sizeof new) ||
        !elf_names_read(&new.names, fd))
        return 0;
    elf_methods_read(&new.methods, fd);
    files->bytes += new.names.bytes + new.methods.bytes;
    files->list[files->n] = new;
    return ++files->n;
}

/* The file that the process has mapped, by its own root; that it is this one its inode says. */
static uint32_t file_open(struct modules *modules, const struct module *module)
{
    char path[sizeof "/proc/2147483647/root" + SEGMENT_PATH_MAX];
    struct stat stat;
    uint32_t file = 0;
    for (int way = 0; way < 2 && file == 0; way++) { /* the second one when it has ended */
        if (way == 0)
            snprintf(path, sizeof path, "/proc/%d/root%.*s", (int)modules->pid,
                     (int)module->path_len, module->path);
        else
            snprintf(path, sizeof path, "%.*s", (int)module->path_len, module->path);
        const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
            continue;
        if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_ino == module->inode)
            file = file_get(modules->files, fd, &stat);
        close(fd);
    }
    return file;
}

static const struct symbol_file *file_of(struct modules *modules, struct module *module)
{
    if (!module->is_opened && modules->files != NULL && module->path[0] == '/')
        module->file = file_open(modules, module);
    module->is_opened = true;
    return module->file != 0 ? &modules->files->list[module->file - 1] : NULL;
}

/* ---- records ---- */

bool modules_add(struct modules *modules, const struct wire_module *record)
{
    if (record->len > record->record.len - sizeof *record || record->len == 0 ||
        record->len > SEGMENT_PATH_MAX || record->module == 0 ||
        record->module >= WIRE_MODULES_MAX || memchr(record->path, '\0', record->len) != NULL)
        return false;
    if (modules->list == NULL)
        modules->list = calloc(WIRE_MODULES_MAX, sizeof *modules->list);
    if (modules->list == NULL)
        return false;
    struct module *const module = &modules->list[record->module];
    if (module->path != NULL) /* said twice: the first one counts */
        return true;
    module->path = malloc(record->len + 1);
    if (module->path == NULL)
        return false;
    memcpy(module->path, record->path, record->len);
    module->path[record->len] = '\0';
    module->path_len = record->len;
    module->inode = record->inode;
    return true;
}

void modules_clear(struct modules *modules)
{
    for (uint32_t i = 0; modules->list != NULL && i < WIRE_MODULES_MAX; i++)
        free(modules->list[i].path);
    free(modules->list);
    free(modules->places);
    idmap_clear(&modules->place_map);
    *modules = (struct modules){0};
}

void modules_restart(struct modules *modules)
{
    for (uint32_t i = 0; modules->list != NULL && i < WIRE_MODULES_MAX; i++)
        modules->list[i].id = 0;
    free(modules->places);
    idmap_clear(&modules->place_map);
    modules->places = NULL;
    modules->n_places = modules->place_capacity = 0;
}

/* ---- places ---- */

static uint32_t module_id(struct modules *modules, struct intern *in, struct module *module)
{
    if (module->id == 0) {
        const struct symbol_file *const file = file_of(modules, module);
        struct intern_module new = {.path = intern_string(in, module->path, module->path_len),
                                    .kind = strcmp(module->path, VDSO) == 0 ? INTERN_MODULE_VDSO
                                                                            : INTERN_MODULE_ELF};
        if (file != NULL) {
            new.build_id_len = file->names.build_id_len;
            memcpy(new.build_id, file->names.build_id, file->names.build_id_len);
        }
        module->id = intern_module(in, &new);
    }
    return module->id;
}

/* A symbol that says that it is there, else what Python calls the function that begins there; never
 * the nearest. */
static const char *name_find(const struct symbol_file *file, uint32_t address, bool is_function)
{
    const char *const name = elf_names_find(&file->names, address);
    return name != NULL || !is_function ? name : elf_methods_find(&file->methods, address);
}

/* A function that has no name is called by the place where it begins; where not even that is known,
 * by its file. */
static uint32_t location_make(struct modules *modules, struct intern *in, struct module *module,
                              struct wire_frame frame)
{
    const uint32_t address = (uint32_t)frame.instr;
    const bool is_function = (frame.code & WIRE_NATIVE_PC) == 0;
    const struct symbol_file *const file = file_of(modules, module);
    const char *name = file != NULL ? name_find(file, address, is_function) : NULL;
    char text[SEGMENT_PATH_MAX + 32];
    if (name == NULL) {
        snprintf(text, sizeof text, is_function ? "%s+0x%x" : "%s", basename(module->path),
                 address);
        name = text;
    }
    const struct intern_function function = {
        .name = intern_string(in, name, strlen(name)),
        .file = intern_string(in, module->path, module->path_len),
        .kind = INTERN_NATIVE,
        .module = module_id(modules, in, module),
        .address = is_function ? address : 0,
    };
    const uint32_t inside = (frame.code & ~(WIRE_NATIVE | WIRE_NATIVE_PC)) / WIRE_MODULES_MAX;
    const struct intern_location location = {
        .function = intern_function(in, &function),
        .column = -1,
        .end_column = -1,
        .offset = inside > 0 ? inside + (is_function ? 0 : address) : 0};
    return intern_location(in, &location);
}

uint32_t modules_get_location(struct modules *modules, struct intern *in, struct wire_frame frame)
{
    const uint32_t hash = hash_pair(modules->seed, frame.code, (uint32_t)frame.instr);
    const uint32_t number = frame.code % WIRE_MODULES_MAX;
    for (uint32_t probe = hash, id; idmap_next(&modules->place_map, hash, &probe, &id);) {
        const struct module_place *const place = &modules->places[id - 1];
        if (place->frame.code == frame.code && place->frame.instr == frame.instr)
            return place->location;
    }
    if (number == 0 || number >= WIRE_MODULES_MAX || modules->list == NULL ||
        modules->list[number].path == NULL || frame.instr < 0)
        return intern_marker(in, INTERN_GAP, GAP_TEXT);
    const uint32_t location = location_make(modules, in, &modules->list[number], frame);
    if (location != 0 &&
        vec_room(&modules->places, &modules->place_capacity, modules->n_places + 1ull,
                 sizeof *modules->places) &&
        idmap_add(&modules->place_map, hash, modules->n_places + 1))
        modules->places[modules->n_places++] = (struct module_place){frame, location};
    return location;
}

static const struct module *module_of(const struct modules *modules, struct wire_frame frame)
{
    const uint32_t number = frame.code % WIRE_MODULES_MAX;
    if (!(frame.code & WIRE_NATIVE) || number == 0 || modules->list == NULL ||
        modules->list[number].path == NULL)
        return NULL;
    return &modules->list[number];
}

/* Does it begin with what threads are made with? */
static bool is_libc(const struct module *module)
{
    const char *const base = basename(module->path);
    return strncmp(base, "libc.so", 7) == 0 || strncmp(base, "libc-", 5) == 0 ||
           strncmp(base, "libpthread", 10) == 0;
}

uint32_t modules_entry_name(struct modules *modules, struct intern *in,
                            const struct wire_frame *frames, uint32_t n)
{
    const struct module *module;
    uint32_t i = 0;
    while (i < n && (module = module_of(modules, frames[i])) != NULL && is_libc(module))
        i++;
    if (i == n || module_of(modules, frames[i]) == NULL)
        return 0;
    const uint32_t location = modules_get_location(modules, in, frames[i]);
    return location == 0 ? 0 : in->functions[in->locations[location - 1].function - 1].name;
}
