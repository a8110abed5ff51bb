/* SPDX-License-Identifier: MIT */
#include "parcel.h"

#include "analyze/base/memory.h"
#include "analyze/base/whole_file.h"
#include "analyze/star/whole_folder.h"
#include "pyroscope.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 24
#define BYTES_MAX (1u << 30)

extern char **environ;

enum { CHILD_SAYS = 2 }; /* the standard error of who exports */

/* What pyanalyze ends with. */
enum export_code { EXPORT_GOOD = 0, EXPORT_DAMAGE = 3, EXPORT_EMPTY = 5 };

static enum status fail(const char *path, struct problem *why)
{
    return problem_set(why, status_of_errno(errno), PROBLEM_NO_OFFSET, "%s: %s", path,
                       strerror(errno));
}

static char *path_join(const char *directory, const char *name)
{
    char *path;
    if (asprintf(&path, "%s/%s", directory, name) < 0)
        memory_fail();
    return path;
}

/* ---- a directory of ours ---- */

/* A folder_name_fn. */
static bool name_remove(void *closure, int folder, const char *name)
{
    if (unlinkat(folder, name, 0) != 0 && folder_walk(folder, name, name_remove, closure))
        (void)unlinkat(folder, name, AT_REMOVEDIR);
    return true;
}

void folder_empty(const char *path)
{
    (void)folder_walk(AT_FDCWD, path, name_remove, NULL);
}

static void item_add(struct parcel *parcel, char *url, char *path)
{
    parcel->items = memory_grow(parcel->items, &parcel->size, parcel->n + 1, sizeof *parcel->items);
    parcel->items[parcel->n++] = (struct parcel_item){url, path};
}

static int compare_items(const void *left, const void *right)
{
    return strcmp(((const struct parcel_item *)left)->path,
                  ((const struct parcel_item *)right)->path);
}

/* ADDRESS/TABLE/FILE for each that was made. */
static void tables_list(struct parcel *parcel, const struct destination *to, const char *tables)
{
    struct dirent *table, *file;
    DIR *const all = opendir(tables);
    while (all != NULL && (table = readdir(all)) != NULL) {
        if (table->d_name[0] == '.')
            continue;
        char *const folder = path_join(tables, table->d_name);
        DIR *const one = opendir(folder);
        while (one != NULL && (file = readdir(one)) != NULL) {
            if (file->d_name[0] == '.')
                continue;
            char *const behind = path_join(table->d_name, file->d_name);
            item_add(parcel, path_join(to->address.text, behind), path_join(tables, behind));
            free(behind);
        }
        if (one != NULL)
            closedir(one);
        free(folder);
    }
    if (all != NULL)
        closedir(all);
    if (parcel->n > 0)
        qsort(parcel->items, parcel->n, sizeof *parcel->items, compare_items);
}

/* ---- the process that makes it ---- */

struct words {
    char *list[WORDS_MAX];
    size_t n;
};

static void word_add(struct words *words, const char *option, const char *value)
{
    if (option != NULL && value == NULL)
        return;
    if (option != NULL)
        words->list[words->n++] = (char *)(uintptr_t)option;
    words->list[words->n++] = (char *)(uintptr_t)value;
}

/* Standard output and error go into files of ours. */
static int spawn_export(struct words *words, const char *said, int *status)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    int code = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (code == 0)
        code = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (code == 0)
        code = posix_spawn_file_actions_addopen(&actions, CHILD_SAYS, said,
                                                O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (code == 0)
        code = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, words->list, environ);
    posix_spawn_file_actions_destroy(&actions);
    while (code == 0 && waitpid(pid, status, 0) < 0) {
        if (errno != EINTR)
            code = errno;
    }
    return code;
}

/* The first line that it said, without the name of the program. */
static void problem_take(struct parcel *parcel, const char *said, int status)
{
    char line[280] = "";
    FILE *const file = fopen(said, "re");
    if (file != NULL && fgets(line, sizeof line, file) == NULL)
        line[0] = '\0';
    if (file != NULL)
        fclose(file);
    line[strcspn(line, "\n")] = '\0';
    const char *const colon = strstr(line, ": ");
    if (WIFSIGNALED(status))
        snprintf(parcel->problem, sizeof parcel->problem, "reading it ended with signal %d",
                 WTERMSIG(status));
    else
        snprintf(parcel->problem, sizeof parcel->problem, "%s",
                 colon != NULL     ? colon + 2
                 : line[0] != '\0' ? line
                                   : "it cannot be read");
}

enum status parcel_make(struct parcel *parcel, const char *path,
                        const struct parcel_settings *settings, struct problem *why)
{
    static const char *const formats[SHIP_FORMATS] = {"otlp", "pprof", "tables"};
    const enum ship_format format = settings->to->format;
    struct words words = {.n = 0};
    int status = 0;
    if (mkdir(settings->work, 0700) != 0 && errno != EEXIST)
        return fail(settings->work, why);
    folder_empty(settings->work);
    char *const body = path_join(settings->work, "body"), *const said =
                                                              path_join(settings->work, "said");
    word_add(&words, NULL, "pyanalyze");
    word_add(&words, NULL, "export");
    word_add(&words, "--format", formats[format]);
    word_add(&words, "--jobs", "1");
    word_add(&words, "--redact", settings->redact);
    word_add(&words, "--redact-key", settings->redact_key);
    word_add(&words, "--bin", settings->bin);
    word_add(&words, "--output", body);
    word_add(&words, "--", path);
    const int code = spawn_export(&words, said, &status);
    const int exited = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    enum status result = STATUS_OK;
    parcel->is_empty = code == 0 && exited == EXPORT_EMPTY;
    errno = code;
    if (code != 0)
        result = fail("pyanalyze export", why);
    else if (exited != EXPORT_GOOD && exited != EXPORT_DAMAGE && exited != EXPORT_EMPTY)
        problem_take(parcel, said, status);
    else if (!parcel->is_empty && format == SHIP_TABLES)
        tables_list(parcel, settings->to, body);
    else if (!parcel->is_empty && format == SHIP_PYROSCOPE)
        item_add(parcel, pyroscope_url(settings->to, path), strdup(body));
    else if (!parcel->is_empty)
        item_add(parcel, strdup(settings->to->address.text), strdup(body));
    free(body);
    free(said);
    return result;
}

void parcel_clear(struct parcel *parcel)
{
    for (size_t i = 0; i < parcel->n; i++) {
        free(parcel->items[i].url);
        free(parcel->items[i].path);
    }
    free(parcel->items);
    *parcel = (struct parcel){0};
}

/* ---- its bytes ---- */

static enum status file_read(const char *path, struct buffer *bytes, struct problem *why)
{
    char block[65536];
    ssize_t n;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(path, why);
    while ((n = read(fd, block, sizeof block)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || bytes->len > BYTES_MAX)
            break;
        buffer_add(bytes, block, (size_t)n);
    }
    if (n > 0)
        errno = EFBIG;
    const enum status status = n == 0 ? STATUS_OK : fail(path, why);
    close(fd);
    return status;
}

const char *parcel_type(enum ship_format format)
{
    static const char *const types[SHIP_FORMATS] = {"application/x-protobuf", PYROSCOPE_TYPE,
                                                    "application/zstd"};
    return types[format];
}

enum status parcel_read(const struct parcel_item *item, enum ship_format format,
                        struct buffer *bytes, struct problem *why)
{
    if (format != SHIP_PYROSCOPE)
        return file_read(item->path, bytes, why);
    pyroscope_begin(bytes);
    TRY(file_read(item->path, bytes, why));
    pyroscope_end(bytes);
    return STATUS_OK;
}

enum status parcel_copy(const struct parcel_item *item, struct problem *why)
{
    struct buffer bytes = {0};
    struct whole_file file;
    TRY(file_read(item->path, &bytes, why));
    (void)whole_file_folders(item->url, 0777);
    bool is_good = whole_file_open(&file, item->url);
    if (!is_good) {
        buffer_clear(&bytes);
        return fail(item->url, why);
    }
    const int fd = file.fd;
    is_good = whole_write(fd, bytes.text, bytes.len) && fsync(fd) == 0;
    const int code = errno;
    if (!is_good)
        whole_file_drop(&file);
    errno = code;
    is_good = is_good && whole_file_keep(&file);
    const enum status status = is_good ? STATUS_OK : fail(item->url, why);
    close(fd);
    buffer_clear(&bytes);
    return status;
}
