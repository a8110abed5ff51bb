/* SPDX-License-Identifier: MIT */
#include "plain.h"
#include "ps.h"

#include <jansson.h>

#define LEFT_COLUMNS 50u /* of all columns but the command */
#define COMMAND_MIN  20u

static void cpu_text(double seconds, char *to, size_t size)
{
    if (seconds < 1000)
        snprintf(to, size, "%.2fs", seconds);
    else if (seconds < 100 * 3600)
        snprintf(to, size, "%.0fm", seconds / 60);
    else
        snprintf(to, size, "%.0fh", seconds / 3600);
}

void ps_write_text(FILE *to, const struct ps *ps, unsigned columns)
{
    const unsigned room = columns == 0                           ? 0
                          : columns > LEFT_COLUMNS + COMMAND_MIN ? columns - LEFT_COLUMNS
                                                                 : COMMAND_MIN;
    fprintf(to, "%7s %-8s %-8s %4s %7s  %-9s %s\n", "PID", "USER", "PYTHON", "THR", "CPU", "ATTACH",
            "COMMAND");
    for (uint32_t i = 0; i < ps->n; i++) {
        const struct ps_row *const row = &ps->rows[i];
        char cpu[32];
        cpu_text(row->cpu_seconds, cpu, sizeof cpu);
        fprintf(to, "%7d %-8.8s %-8.8s %4u %7s  %-9s ", row->pid, row->user,
                row->version[0] != '\0' ? row->version : "?", row->n_threads, cpu, row->mark);
        plain_write(to, row->command, room);
        fputc('\n', to);
    }
}

static json_t *row_json(const struct ps_row *row)
{
    return json_pack("{s:i, s:I, s:s, s:s?, s:I, s:f, s:s, s:b, s:b, s:s?}", "pid", row->pid, "uid",
                     (json_int_t)row->uid, "user", row->user, "python",
                     row->version[0] != '\0' ? row->version : NULL, "threads",
                     (json_int_t)row->n_threads, "cpu_seconds", row->cpu_seconds, "command",
                     row->command, "can_attach", row->can_attach, "can_dump", row->can_dump,
                     "why_not", row->reason[0] != '\0' ? row->reason : NULL);
}

enum status ps_write_json(FILE *to, const struct ps *ps, struct problem *why)
{
    json_t *const rows = json_array();
    for (uint32_t i = 0; i < ps->n; i++)
        json_array_append_new(rows, row_json(&ps->rows[i]));
    const bool is_written =
        json_array_size(rows) == ps->n && json_dumpf(rows, to, JSON_INDENT(1)) == 0;
    json_decref(rows);
    fputc('\n', to);
    return is_written ? STATUS_OK
                      : problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET,
                                    "the document could not be written");
}
