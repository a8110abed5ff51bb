/* SPDX-License-Identifier: MIT */
#include "path.h"

#include "format/status.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

/* `shown` with one more component of `path` before it. */
static const char *path_longer(const char *path, const char *shown)
{
    if (shown == path)
        return path;
    const char *at = shown - 1;
    while (at > path && at[-1] != '/')
        at--;
    return at;
}

const char *path_behind(const char *path, const char *folder)
{
    const char *found = NULL;
    for (const char *at = path; (at = strstr(at, folder)) != NULL; at++)
        found = at + strlen(folder);
    return found;
}

const char *path_behind_library(const char *path)
{
    static const char *const packages[] = {"/site-packages/", "/dist-packages/"};
    static const char *const libraries[] = {"/lib/python3.", "/lib64/python3.", "/lib/pypy3"};
    for (size_t i = 0; i < ARRAY_LEN(packages); i++) {
        const char *const at = path_behind(path, packages[i]);
        if (at != NULL)
            return at;
    }
    for (size_t i = 0; i < ARRAY_LEN(libraries); i++) { /* and behind the folder of the version */
        const char *const version = path_behind(path, libraries[i]);
        const char *const slash = version != NULL ? strchr(version, '/') : NULL;
        if (slash != NULL)
            return slash + 1;
    }
    return NULL;
}

const char *path_untagged(struct arena *arena, const char *text)
{
    const char *const tag = strstr(text, ".cpython-");
    const char *const end = tag != NULL ? strstr(tag, ".so") : NULL;
    if (end == NULL || memchr(tag, '/', (size_t)(end - tag)) != NULL)
        return text;
    return arena_print(arena, "%.*s%s", (int)(tag - text), text, end);
}

bool path_ends_with(const char *path, const char *end)
{
    while (strncmp(end, "./", 2) == 0)
        end += 2;
    const size_t len = strlen(path), end_len = strlen(end);
    if (end_len > len || strcmp(path + len - end_len, end) != 0)
        return false;
    return end_len == len || path[len - end_len - 1] == '/';
}

const char *path_short(const char *path)
{
    const char *const library = path_behind_library(path);
    return library != NULL && *library != '\0' ? library : path_name(path);
}

const char *path_name(const char *path)
{
    const char *const slash = strrchr(path, '/');
    const char *const last = slash != NULL && slash[1] != '\0' ? slash + 1 : path;
    if (strncmp(last, "__", 2) == 0)
        return path_longer(path, last);
    return last;
}

void path_set_add(struct path_set *set, const char *path)
{
    if (path == NULL || (set->n > 0 && set->entries[set->n - 1].path == path))
        return;
    set->entries = memory_grow(set->entries, &set->size, set->n + 1, sizeof *set->entries);
    set->entries[set->n++] = (struct path_entry){path, path_short(path)};
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct path_entry *)a)->path, ((const struct path_entry *)b)->path);
}

static int compare_shown(const void *left, const void *right)
{
    const struct path_entry *const a = left, *const b = right;
    const int order = strcmp(a->shown, b->shown);
    return order != 0 ? order : strcmp(a->path, b->path);
}

static void drop_duplicates(struct path_set *set)
{
    if (set->n == 0)
        return;
    qsort(set->entries, set->n, sizeof *set->entries, compare_paths);
    size_t kept = 1;
    for (size_t i = 1; i < set->n; i++) {
        if (strcmp(set->entries[i].path, set->entries[kept - 1].path) != 0)
            set->entries[kept++] = set->entries[i];
    }
    set->n = kept;
}

/* One more component for all that look alike; false when none do. */
static bool lengthen_equals(struct path_set *set)
{
    bool changed = false;
    qsort(set->entries, set->n, sizeof *set->entries, compare_shown);
    for (size_t i = 0; i < set->n;) {
        const char *const shown = set->entries[i].shown;
        size_t end = i + 1;
        while (end < set->n && strcmp(set->entries[end].shown, shown) == 0)
            end++;
        for (size_t k = i; end - i > 1 && k < end; k++) {
            struct path_entry *const e = &set->entries[k];
            changed |= e->shown != e->path;
            e->shown = path_longer(e->path, e->shown);
        }
        i = end;
    }
    return changed;
}

void path_set_shorten(struct path_set *set)
{
    drop_duplicates(set);
    while (set->n > 1 && lengthen_equals(set))
        continue;
    if (set->n > 1)
        qsort(set->entries, set->n, sizeof *set->entries, compare_paths);
}

const char *path_set_find(const struct path_set *set, const char *path)
{
    const struct path_entry key = {.path = path};
    const struct path_entry *const found =
        set->n == 0 ? NULL
                    : bsearch(&key, set->entries, set->n, sizeof *set->entries, compare_paths);
    return found != NULL ? found->shown : path;
}

void path_set_clear(struct path_set *set)
{
    free(set->entries);
    *set = (struct path_set){0};
}

/* Is there anything to be taken out? */
static bool is_normal(const char *path)
{
    return strstr(path, "//") == NULL && strstr(path, "/./") == NULL &&
           strstr(path, "/../") == NULL && strncmp(path, "./", 2) != 0;
}

const char *path_normal(struct arena *arena, const char *path)
{
    if (is_normal(path))
        return path;
    char *const out = arena_get(arena, strlen(path) + 1);
    size_t len = 0;
    if (path[0] == '/')
        out[len++] = '/';
    const size_t root = len;
    for (const char *at = path; *at != '\0';) {
        at += strspn(at, "/");
        const size_t n = strcspn(at, "/");
        const bool up = n == 2 && at[0] == '.' && at[1] == '.';
        size_t last = len;
        while (last > root && out[last - 1] != '/')
            last--;
        const bool above = len - last == 2 && strncmp(out + last, "..", 2) == 0;
        if (up && len > root && !above) {
            len = last > root ? last - 1 : root;
        } else if (n > 0 && !(n == 1 && at[0] == '.') && !(up && root > 0 && len == root)) {
            if (len > root)
                out[len++] = '/';
            memcpy(out + len, at, n);
            len += n;
        }
        at += n;
    }
    out[len] = '\0';
    return out;
}

const char *qualname_last(const char *name)
{
    const char *const dot = strrchr(name, '.');
    return dot != NULL && dot[1] != '\0' ? dot + 1 : name;
}
