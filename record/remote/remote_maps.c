/* SPDX-License-Identifier: MIT */
#include "record/kernel/procfs.h"
#include "remote_memory.h"
#include "record/tables/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_FIRST (64u << 10)
#define TEXT_MAX                                                                                   \
    (256u << 20) /* two million mappings; the kernel allows 65,530 unless told else                \
                  */

/* ---- the text ---- */

/* All that `fd` has, or NULL and *error. */
static char *text_read(int fd, int *error)
{
    size_t size = TEXT_FIRST, len = 0;
    char *text = malloc(size);
    while (text != NULL) {
        const ssize_t n = read(fd, text + len, size - 1 - len);
        if (n == 0) {
            text[len] = '\0';
            return text;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || size >= TEXT_MAX) {
            *error = n < 0 ? errno : EFBIG;
            free(text);
            return NULL;
        }
        len += (size_t)n;
        if (len < size / 2)
            continue;
        size *= 2;
        char *const more = realloc(text, size);
        if (more == NULL)
            free(text);
        text = more;
    }
    *error = ENOMEM;
    return NULL;
}

/* ---- its lines ---- */

static bool number_take(const char **at, int base, char end, uint64_t *number)
{
    char *behind;
    errno = 0;
    *number = strtoull(*at, &behind, base);
    if (behind == *at || errno != 0 || *behind != end)
        return false;
    *at = behind + 1;
    return true;
}

static uint32_t rights_of(const char *text)
{
    return (text[0] == 'r' ? REMOTE_READ : 0u) | (text[1] == 'w' ? REMOTE_WRITE : 0u) |
           (text[2] == 'x' ? REMOTE_EXECUTE : 0u) | (text[3] == 's' ? REMOTE_SHARED : 0u);
}

/* "7f..-7f.. r-xp 00001000 08:01 1234      /usr/lib/.."; a line that is none is left out. */
static bool line_parse(struct remote_map *map, const char *line)
{
    uint64_t major, minor;
    *map = (struct remote_map){.path = ""};
    if (!number_take(&line, 16, '-', &map->from) || !number_take(&line, 16, ' ', &map->to) ||
        strlen(line) < 5 || line[4] != ' ')
        return false;
    map->rights = rights_of(line);
    line += 5;
    if (!number_take(&line, 16, ' ', &map->offset) || !number_take(&line, 16, ':', &major) ||
        !number_take(&line, 16, ' ', &minor))
        return false;
    char *behind;
    map->inode = strtoull(line, &behind, 10);
    map->path = behind + strspn(behind, " ");
    return behind != line && map->from < map->to;
}

int remote_maps_parse(struct remote_maps *maps, char *text)
{
    *maps = (struct remote_maps){.text = text};
    for (char *line = text, *next; *line != '\0'; line = next) {
        struct remote_map map;
        next = line + strcspn(line, "\n");
        if (*next == '\n')
            *next++ = '\0';
        if (!line_parse(&map, line))
            continue;
        if (!vec_room(&maps->list, &maps->capacity, maps->n + 1ull, sizeof *maps->list))
            return ENOMEM;
        maps->list[maps->n++] = map;
    }
    return 0;
}

int remote_maps_read(struct remote_maps *maps, const struct remote *remote)
{
    char path[32];
    int error = 0;
    *maps = (struct remote_maps){.text = NULL};
    if (!procfs_is_ours())
        return ESRCH;
    snprintf(path, sizeof path, "/proc/%d/maps", remote->tid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? ESRCH : errno;
    char *const text = text_read(fd, &error);
    close(fd);
    return text != NULL ? remote_maps_parse(maps, text) : error;
}

void remote_maps_clear(struct remote_maps *maps)
{
    free(maps->list);
    free(maps->text);
    *maps = (struct remote_maps){.text = NULL};
}

const struct remote_map *remote_maps_find(const struct remote_maps *maps, uint64_t address)
{
    uint32_t from = 0, to = maps->n;
    while (from < to) {
        const uint32_t middle = from + (to - from) / 2;
        if (maps->list[middle].to <= address)
            from = middle + 1;
        else
            to = middle;
    }
    return from < maps->n && maps->list[from].from <= address ? &maps->list[from] : NULL;
}
