/* SPDX-License-Identifier: MIT */
#include "module.h"

#include "analyze/base/memory.h"
#include "analyze/base/path.h"
#include "format/status.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void modules_clear(struct modules *modules)
{
    arena_clear(&modules->arena);
    free(modules->of_function);
    free(modules->modules);
    free(modules->packages);
    *modules = (struct modules){0};
}

/* ---- folders of scripts ---- */

/* Length of the folder part of a path, its slash included. */
static size_t folder_len(const char *path)
{
    const char *const slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash - path) + 1 : 0;
}

struct folder {
    const char *path; /* of a file in it */
    size_t len;
};

struct folders {
    struct folder *at;
    size_t n, size;
};

static void add_folder(struct folders *folders, const char *path, size_t len)
{
    for (size_t i = 0; i < folders->n; i++) {
        if (folders->at[i].len == len && strncmp(folders->at[i].path, path, len) == 0)
            return;
    }
    folders->at = memory_grow(folders->at, &folders->size, folders->n + 1, sizeof *folders->at);
    folders->at[folders->n++] = (struct folder){path, len};
}

/*
 * Is the file what `python -m NAME` runs: NAME as a path, with .py or /__main__.py behind it?
 * Returns the length of what stands before that, 0 = it is not.
 */
static size_t run_from(const char *file, const char *name, size_t name_len)
{
    static const char *const endings[] = {".py", "/__main__.py"};
    const size_t len = strlen(file);
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        const size_t rest = name_len + strlen(endings[i]);
        const char *const at = len > rest ? file + len - rest : file;
        bool same = at > file && at[-1] == '/' && strcmp(at + name_len, endings[i]) == 0;
        for (size_t k = 0; same && k < name_len; k++)
            same = at[k] == (name[k] == '.' ? '/' : name[k]);
        if (same)
            return len - rest;
    }
    return 0;
}

/* The same, of all modules that the command lines name behind a -m, as in "-m x", "-um x", "-mx".
 */
static size_t run_as_module(const char *file, const struct census *census)
{
    for (size_t i = 0; census != NULL && i < census->n_processes; i++) {
        const char *const command = census->processes[i]->command;
        for (const char *at = strchr(command, ' '); at != NULL; at = strchr(at, ' ')) {
            at += strspn(at, " ");
            const size_t word = strcspn(at, " ");
            const char *const m = at[0] == '-' && at[1] != '-' ? memchr(at, 'm', word) : NULL;
            if (m == NULL)
                continue;
            const char *const name = m[1] == ' ' ? m + 1 + strspn(m + 1, " ") : m + 1;
            const size_t len = run_from(file, name, strcspn(name, " "));
            if (len > 0 && *name != ' ' && *name != '\0')
                return len;
        }
    }
    return 0;
}

/*
 * A script is the outermost "<module>" of a stack; one below another, or below the import system,
 * was imported.
 */
static void find_folders(struct folders *folders, const struct symbols *symbols,
                         const struct tree *tree, const struct census *census)
{
    bool *const inside = memory_get(tree->n);
    for (size_t i = 1; i < tree->n; i++) {
        const struct tree_node *const node = &tree->nodes[i];
        const struct symbol_function *const f =
            &symbols->functions[symbols->places[node->place].function];
        const bool module = strcmp(f->name, "<module>") == 0;
        inside[i] = inside[node->parent] || module ||
                    strncmp(f->file, "<frozen importlib", strlen("<frozen importlib")) == 0;
        if (module && !inside[node->parent] && f->file[0] == '/') {
            const size_t len = run_as_module(f->file, census);
            add_folder(folders, f->file, len > 0 ? len : folder_len(f->file));
        }
    }
    free(inside);
}

/* ---- names ---- */

/* Is the folder that ends at path[len - 1], a slash, a package? */
static bool is_package(const char *path, size_t len, const struct symbols *symbols)
{
    static const char init[] = "__init__.py";
    char file[PATH_MAX];
    for (size_t i = 0; i < symbols->n_functions; i++) {
        const char *const f = symbols->functions[i].file;
        if (strncmp(f, path, len) == 0 && strcmp(f + len, init) == 0)
            return true;
    }
    if (len + sizeof init > sizeof file)
        return false;
    memcpy(file, path, len);
    memcpy(file + len, init, sizeof init);
    return path[0] == '/' && access(file, F_OK) == 0;
}

/* What is below the outermost package that a file is in, that package with it. */
static const char *below_packages(const char *file, const struct symbols *symbols)
{
    size_t len = folder_len(file);
    while (len > 1 && is_package(file, len, symbols)) {
        len--;
        while (len > 0 && file[len - 1] != '/')
            len--;
    }
    return file + len;
}

static const char *behind_archive(const char *file)
{
    static const char *const endings[] = {".zip/", ".pyz/", ".egg/", ".whl/"};
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        const char *const found = path_behind(file, endings[i]);
        if (found != NULL && *found != '\0')
            return found;
    }
    return NULL;
}

/* The part of a path that says the module. */
static const char *module_path(const char *file, const struct folders *folders,
                               const struct symbols *symbols)
{
    const char *found = behind_archive(file);
    if (found == NULL)
        found = path_behind_library(file);
    if (found != NULL)
        return strncmp(found, "lib-dynload/", 12) == 0 ? found + 12 : found;
    size_t longest = folder_len(file);
    bool below = false;
    for (size_t i = 0; i < folders->n; i++) {
        const struct folder *const f = &folders->at[i];
        if (strncmp(file, f->path, f->len) == 0 && (!below || f->len > longest)) {
            longest = f->len;
            below = true;
        }
    }
    return below ? file + longest : below_packages(file, symbols);
}

static void cut_suffix(char *text, const char *suffix)
{
    const size_t len = strlen(text), cut = strlen(suffix);
    if (len > cut && strcmp(text + len - cut, suffix) == 0)
        text[len - cut] = '\0';
}

static const char *module_name(struct arena *arena, const char *file, const struct folders *folders,
                               const struct symbols *symbols)
{
    static const char frozen[] = "<frozen ";
    const size_t len = strlen(file);
    if (strncmp(file, frozen, strlen(frozen)) == 0 && file[len - 1] == '>')
        return arena_copy(arena, file + strlen(frozen), len - strlen(frozen) - 1);
    if (file[0] == '<')
        return file;
    const char *const path = module_path(file, folders, symbols);
    char *const name = arena_copy(arena, path, strlen(path));
    cut_suffix(name, ".py");
    cut_suffix(name, ".pyc");
    cut_suffix(name, "/__init__");
    for (char *at = name; *at != '\0'; at++) {
        if (*at == '/')
            *at = '.';
    }
    return name;
}

/* ---- numbers ---- */

static uint32_t package_of(struct modules *m, const char *name)
{
    const size_t len = name[0] == '<' ? strlen(name) : strcspn(name, ".");
    for (size_t i = 0; i < m->n_packages; i++) {
        if (strlen(m->packages[i]) == len && strncmp(m->packages[i], name, len) == 0)
            return (uint32_t)i;
    }
    m->packages =
        memory_grow(m->packages, &m->packages_size, m->n_packages + 1, sizeof *m->packages);
    m->packages[m->n_packages] = arena_copy(&m->arena, name, len);
    return (uint32_t)m->n_packages++;
}

struct function_file {
    const char *file;
    uint32_t function;
};

static int compare_files(const void *left, const void *right)
{
    const struct function_file *const a = left, *const b = right;
    const int order = strcmp(a->file, b->file);
    return order != 0 ? order : (a->function > b->function) - (a->function < b->function);
}

void modules_build(struct modules *m, const struct symbols *symbols, const struct tree *tree,
                   const struct census *census)
{
    const size_t n = symbols->n_functions;
    struct function_file *const sorted = memory_get(n * sizeof *sorted);
    struct folders folders = {0};
    m->of_function = memory_get(n * sizeof *m->of_function);
    find_folders(&folders, symbols, tree, census);
    for (size_t i = 0; i < n; i++) {
        const struct symbol_function *const f = &symbols->functions[i];
        const char *const file = f->object[0] != '\0' ? f->object : f->file;
        sorted[i] = (struct function_file){file[0] != '\0' ? file : f->name, (uint32_t)i};
    }
    if (n > 1)
        qsort(sorted, n, sizeof *sorted, compare_files);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(sorted[i - 1].file, sorted[i].file) != 0) {
            const char *const name = module_name(&m->arena, sorted[i].file, &folders, symbols);
            m->modules =
                memory_grow(m->modules, &m->modules_size, m->n_modules + 1, sizeof *m->modules);
            m->modules[m->n_modules++] = (struct module){sorted[i].file, name, package_of(m, name)};
        }
        m->of_function[sorted[i].function] = (uint32_t)m->n_modules - 1;
    }
    free(sorted);
    free(folders.at);
}
