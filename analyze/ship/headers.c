/* SPDX-License-Identifier: MIT */
#include "headers.h"

#include "analyze/base/memory.h"
#include "format/base/percent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES 65536
#define HEADERS_MAX    64
#define BLANKS         " \t\r"

static bool is_token(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* Both are what they look like, without blanks around them. */
static bool header_add(struct headers *headers, const char *name, size_t name_len,
                       const char *value, size_t value_len)
{
    if (name_len == 0 || value_len == 0 || headers->n == HEADERS_MAX)
        return false;
    for (size_t i = 0; i < name_len; i++)
        if (!is_token(name[i]))
            return false;
    for (size_t i = 0; i < value_len; i++)
        if ((unsigned char)value[i] < ' ' || (unsigned char)value[i] >= 0x7f)
            return false;
    char *const line = memory_get(name_len + value_len + 3);
    memcpy(line, name, name_len);
    memcpy(line + name_len, ": ", 2);
    memcpy(line + name_len + 2, value, value_len);
    headers->lines =
        memory_grow(headers->lines, &headers->size, headers->n + 1, sizeof *headers->lines);
    headers->lines[headers->n++] = line;
    return true;
}

static void trim(const char **text, size_t *len)
{
    while (*len > 0 && strchr(BLANKS, **text) != NULL) {
        (*text)++;
        (*len)--;
    }
    while (*len > 0 && strchr(BLANKS, (*text)[*len - 1]) != NULL)
        (*len)--;
}

/* ---- a file ---- */

static bool line_take(struct headers *headers, const char *line, size_t len)
{
    trim(&line, &len);
    if (len == 0 || line[0] == '#')
        return true;
    const char *const colon = memchr(line, ':', len);
    if (colon == NULL)
        return false;
    const char *value = colon + 1;
    size_t value_len = len - (size_t)(value - line);
    trim(&value, &value_len);
    return header_add(headers, line, (size_t)(colon - line), value, value_len);
}

static enum status lines_take(struct headers *headers, const char *path, const char *text,
                              struct problem *why)
{
    for (unsigned n = 1; *text != '\0'; n++) {
        const size_t len = strcspn(text, "\n");
        if (!line_take(headers, text, len))
            return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                               "--headers: line %u of %s is no \"Name: value\"", n, path);
        text += len + (text[len] == '\n');
    }
    return STATUS_OK;
}

enum status headers_take_file(struct headers *headers, const char *path, struct problem *why)
{
    struct stat st;
    char text[FILE_MAX_BYTES + 1] = "";
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        const int code = errno;
        if (fd >= 0)
            close(fd);
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "--headers: %s: %s", path,
                           strerror(code));
    }
    enum status status = STATUS_OK;
    const ssize_t n = S_ISREG(st.st_mode) ? read(fd, text, FILE_MAX_BYTES) : -1;
    if (n < 0 || n != st.st_size)
        status = problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                             "--headers: %s is no file of at most 64 KiB that can be read", path);
    else if ((st.st_mode & 07) != 0)
        status = problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                             "--headers: others may read %s; chmod o= it", path);
    else
        status = lines_take(headers, path, text, why);
    close(fd);
    explicit_bzero(text, sizeof text);
    return status;
}

/* ---- a variable ---- */

static bool member_take(struct headers *headers, const char *member, size_t len)
{
    trim(&member, &len);
    if (len == 0)
        return true;
    const char *const equals = memchr(member, '=', len);
    if (equals == NULL)
        return false;
    const char *name = member, *value = equals + 1;
    size_t name_len = (size_t)(equals - member), value_len = len - name_len - 1;
    trim(&name, &name_len);
    trim(&value, &value_len);
    char *const copy = memory_get(value_len + 1);
    memcpy(copy, value, value_len);
    const bool is_good =
        percent_decode(copy, &value_len) && header_add(headers, name, name_len, copy, value_len);
    explicit_bzero(copy, value_len);
    free(copy);
    return is_good;
}

enum status headers_take_variable(struct headers *headers, const char *name, const char *value,
                                  struct problem *why)
{
    while (*value != '\0') {
        const size_t len = strcspn(value, ",");
        if (!member_take(headers, value, len))
            return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                               "%s wants name=value,name=value, values percent-encoded", name);
        value += len + (value[len] == ',');
    }
    return STATUS_OK;
}

void headers_clear(struct headers *headers)
{
    for (size_t i = 0; i < headers->n; i++) {
        explicit_bzero(headers->lines[i], strlen(headers->lines[i]));
        free(headers->lines[i]);
    }
    free(headers->lines);
    *headers = (struct headers){0};
}
