/* SPDX-License-Identifier: MIT */
/*
 * tables - csv compressed by zstd, a folder per table and in it a file per recording.
 *
 * Fields are quoted as in RFC 4180, lines end in LF, what is not known is empty. The folder takes
 * its place when all of it is written.
 */
#include "analyze/cli/output.h"
#include "analyze/star/star.h"
#include "analyze/star/whole_folder.h"
#include "analyze/star/zst_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct tables_to {
    struct star_to to; /* first: the same address */
    struct whole_folder folder;
    struct zst_file file;
    bool is_open, in_row;
};

static enum status close_file(struct tables_to *tables, struct problem *why)
{
    if (!tables->is_open || (tables->is_open = false, zst_file_end(&tables->file)))
        return STATUS_OK;
    return problem_set(why, errno == ENOSPC ? STATUS_DISK_FULL : STATUS_IO, PROBLEM_NO_OFFSET,
                       "%s: %s", tables->folder.target, strerror(errno));
}

static void separate(struct tables_to *tables)
{
    if (tables->in_row)
        zst_file_add(&tables->file, ",", 1);
    tables->in_row = true;
}

static void write_text(struct star_to *to, const char *text)
{
    struct tables_to *const tables = (struct tables_to *)to;
    struct zst_file *const file = &tables->file;
    separate(tables);
    if (strpbrk(text, ",\"\r\n") == NULL) {
        zst_file_add(file, text, strlen(text));
        return;
    }
    zst_file_add(file, "\"", 1);
    for (size_t len; *text != '\0'; text += len) {
        len = strcspn(text, "\"");
        zst_file_add(file, text, len);
        if (text[len] == '"') {
            zst_file_add(file, "\"\"", 2);
            len++;
        }
    }
    zst_file_add(file, "\"", 1);
}

static void write_number(struct star_to *to, int64_t value)
{
    struct tables_to *const tables = (struct tables_to *)to;
    char digits[24];
    size_t at = sizeof digits;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    separate(tables);
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0)
        digits[--at] = '-';
    zst_file_add(&tables->file, digits + at, sizeof digits - at);
}

static void write_nothing(struct star_to *to)
{
    separate((struct tables_to *)to);
}

static void end_row(struct star_to *to)
{
    struct tables_to *const tables = (struct tables_to *)to;
    zst_file_add(&tables->file, "\n", 1);
    tables->in_row = false;
}

static enum status open_file(struct star_to *to, const struct star_layout *layout,
                             const char *recording, struct problem *why)
{
    struct tables_to *const tables = (struct tables_to *)to;
    struct buffer name = {0};
    TRY(close_file(tables, why));
    buffer_print(&name, "%s.csv.zst", recording);
    const int fd = whole_folder_create(&tables->folder, layout->name, name.text);
    if (fd < 0)
        problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%s: %s/%s: %s", tables->folder.target,
                    layout->name, name.text, strerror(errno));
    buffer_clear(&name);
    if (fd < 0)
        return STATUS_IO;
    zst_file_begin(&tables->file, fd);
    tables->is_open = true;
    for (size_t i = 0; i < layout->n_columns; i++)
        write_text(to, layout->columns[i].name);
    end_row(to);
    return STATUS_OK;
}

static enum status tables_write(struct sink *to, const struct view *view, struct problem *why)
{
    struct tables_to tables = {
        .to = {open_file, write_number, write_text, write_nothing, end_row},
    };
    TRY(whole_folder_open(&tables.folder, to->path, why));
    enum status status = star_write(view->star, &tables.to, why);
    const enum status closed = close_file(&tables, status == STATUS_OK ? why : NULL);
    status = status == STATUS_OK ? closed : status;
    if (status == STATUS_OK)
        return whole_folder_keep(&tables.folder, why);
    whole_folder_drop(&tables.folder);
    return status;
}

const struct output output_tables = {
    .name = "tables",
    .help = "a directory of zstd-compressed csv for databases: docs/TABLES.md",
    .accepts = SHAPE_STAR,
    .machine = true,
    .binary = true,
    .folder = true,
    .write = tables_write,
};
