/* SPDX-License-Identifier: MIT */
#include "preload.h"
#include "interpose.h"
#include "record/base/target.h"
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>

#define VARIABLE     "LD_PRELOAD="
#define VARIABLE_LEN (sizeof(VARIABLE) - 1)
#define SEPARATORS   ": "
#define DESCRIPTOR   "/proc/self/fd/"
#define SETTING_MAX  1024
#define LIBRARY_MAX  4096
#define DIGITS_MAX   12

extern char **environ;

/* Set in the constructor; "" = nothing is to be passed on. */
static char setting[SETTING_MAX]; /* NAME=value */
static size_t setting_name_len;   /* with the '=' */
static char library[LIBRARY_MAX];

/* ---- what there is ---- */

void preload_keep(const char *name, const char *value, const char *path)
{
    library[0] = '\0';
    if (name == NULL || value == NULL || strlen(name) + strlen(value) + 2 > sizeof(setting) ||
        path == NULL || strlen(path) + 1 > sizeof(library) || path[0] != '/' ||
        path[strcspn(path, SEPARATORS)] != '\0')
        return;
    setting_name_len = strlen(name) + 1;
    memcpy(setting, name, setting_name_len - 1);
    setting[setting_name_len - 1] = '=';
    memcpy(setting + setting_name_len, value, strlen(value) + 1);
    memcpy(library + 1, path + 1, strlen(path));
    atomic_signal_fence(memory_order_seq_cst); /* a child forked before this has none */
    library[0] = path[0];
}

/* ---- what is needed ---- */

/* Our entry in a list of libraries; NULL when it is not there. */
static const char *entry_find(const char *list)
{
    const size_t len = strlen(library);
    for (const char *at = list; *at != '\0'; at += strcspn(at, SEPARATORS)) {
        at += strspn(at, SEPARATORS);
        if (strcspn(at, SEPARATORS) == len && memcmp(at, library, len) == 0)
            return at;
    }
    return NULL;
}

/* Is ours in the list, and the last one, for some of the others must be the first? */
static bool is_last(const char *list)
{
    const char *const entry = entry_find(list);
    return entry != NULL &&
           entry[strlen(library) + strspn(entry + strlen(library), SEPARATORS)] == '\0';
}

static const char *path_variable(void)
{
    for (char *const *at = environ; at != NULL && *at != NULL; at++)
        if (strncmp(*at, "PATH=", 5) == 0)
            return *at + 5;
    return NULL;
}

/* "/proc/self/fd/N" */
static void descriptor_path(char *to, int fd)
{
    char digits[DIGITS_MAX];
    size_t n = 0;
    do
        digits[n++] = (char)('0' + fd % 10);
    while ((fd /= 10) > 0 && n < sizeof(digits));
    memcpy(to, DESCRIPTOR, sizeof(DESCRIPTOR) - 1);
    to += sizeof(DESCRIPTOR) - 1;
    while (n > 0)
        *to++ = digits[--n];
    *to = '\0';
}

static bool target_fits(const struct preload_target *target)
{
    char path[sizeof(DESCRIPTOR) + DIGITS_MAX];
    if (target->is_searched)
        return target_look_in_path(target->path, path_variable(), library) == TARGET_FITS;
    if (!target->is_descriptor)
        return target_look(target->directory, target->path, library) == TARGET_FITS;
    if (target->directory < 0)
        return true;
    descriptor_path(path, target->directory);
    return target_look(AT_FDCWD, path, library) == TARGET_FITS;
}

void preload_look(struct preload_need *need, char *const *environment,
                  const struct preload_target *target)
{
    bool has_setting = false;
    *need = (struct preload_need){.last = -1};
    if (library[0] == '\0' || target->path == NULL)
        return;
    for (; environment != NULL && environment[need->n] != NULL; need->n++) {
        const char *const entry = environment[need->n];
        if (strncmp(entry, setting, setting_name_len) == 0)
            has_setting = true;
        else if (strncmp(entry, VARIABLE, VARIABLE_LEN) == 0)
            need->last = (int)need->n; /* of several the loader takes the last one */
    }
    const char *const list = need->last >= 0 ? environment[need->last] + VARIABLE_LEN : "";
    need->wants_library = target_fits(target);
    need->adds_setting = !has_setting && need->wants_library;
    need->changes_list = need->wants_library ? !is_last(list) : entry_find(list) != NULL;
    if (need->adds_setting || need->changes_list)
        need->bytes =
            (need->n + 3) * sizeof(char *) + VARIABLE_LEN + strlen(list) + strlen(library) + 2;
}

/* ---- the new one ---- */

/* The list without our entries, and without the separator that is then too much. */
static void list_drop(char *list)
{
    for (const char *entry; (entry = entry_find(list)) != NULL;) {
        const char *const behind = entry + strlen(library);
        char *const at = list + (entry - list) - (*behind == '\0' && entry > list);
        memmove(at, behind + (*behind != '\0'), strlen(behind) + (*behind == '\0'));
    }
}

static void list_add(char *list)
{
    const size_t len = strlen(list);
    list[len] = ':';
    memcpy(list + len + (len > 0), library, strlen(library) + 1);
}

char **preload_write(const struct preload_need *need, char *const *environment, void *room)
{
    char **const to = room;
    char *const text = (char *)(to + need->n + 3);
    const char *const list = need->last >= 0 ? environment[need->last] + VARIABLE_LEN : "";
    size_t n = 0;
    memcpy(text, VARIABLE, VARIABLE_LEN);
    memcpy(text + VARIABLE_LEN, list, strlen(list) + 1);
    list_drop(text + VARIABLE_LEN);
    if (need->wants_library)
        list_add(text + VARIABLE_LEN);
    for (size_t i = 0; i < need->n; i++) {
        if ((int)i != need->last || !need->changes_list)
            to[n++] = environment[i];
        else if (text[VARIABLE_LEN] != '\0') /* an empty one was not there before us */
            to[n++] = text;
    }
    if (need->last < 0 && need->changes_list)
        to[n++] = text;
    if (need->adds_setting)
        to[n++] = setting;
    to[n] = NULL;
    return to;
}
