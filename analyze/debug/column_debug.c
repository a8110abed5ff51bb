/* SPDX-License-Identifier: MIT */
/* Columns of files with C functions. */
#include "analyze/view/column.h"
#include "debug_line.h"

static struct cell get_object(const struct row *row)
{
    return cell_text(row->object->path);
}

static struct cell get_build_id(const struct row *row)
{
    return row->object->build_id[0] != '\0' ? cell_text(row->object->build_id) : cell_none();
}

#define COUNT(member)                                                                              \
    static struct cell get_##member(const struct row *row)                                         \
    {                                                                                              \
        return cell_number(UNIT_COUNT, (int64_t)row->object->member);                              \
    }
COUNT(n_functions)
COUNT(n_named_before)
COUNT(n_named)
COUNT(n_places)
COUNT(n_lines)
COUNT(n_inlined)
#undef COUNT

static struct cell get_text(const struct row *row)
{
    return cell_text(row->object->text);
}

static const struct column columns[] = {
    {.name = "object",
     .title = "object",
     .help = "file that C functions are in, as the program saw it",
     .rows = ROW_OBJECT,
     .unit = UNIT_TEXT,
     .get = get_object},
    {.name = "build_id",
     .title = "build-id",
     .help = "its build-id",
     .rows = ROW_OBJECT,
     .unit = UNIT_TEXT,
     .get = get_build_id},
    {.name = "c_functions",
     .title = "functions",
     .help = "functions of it in the trace",
     .rows = ROW_OBJECT,
     .unit = UNIT_COUNT,
     .get = get_n_functions},
    {.name = "named_before",
     .title = "had names",
     .help = "of these, how many the recorder knew the names of",
     .rows = ROW_OBJECT,
     .unit = UNIT_COUNT,
     .get = get_n_named_before},
    {.name = "named",
     .title = "have names",
     .help = "how many have names now",
     .rows = ROW_OBJECT,
     .unit = UNIT_COUNT,
     .get = get_n_named},
    {.name = "places",
     .title = "places",
     .help = "addresses within its functions in the trace; pyrec --native-lines records them",
     .rows = ROW_OBJECT,
     .unit = UNIT_COUNT,
     .only_if_any = true,
     .get = get_n_places},
    {.name = "with_line",
     .title = "with line",
     .help = "of these, how many a line is known of",
     .rows = ROW_OBJECT,
     .unit = UNIT_COUNT,
     .only_if_any = true,
     .get = get_n_lines},
    {.name = "inlined",
     .title = "inlined",
     .help = "of these, how many are in functions that the compiler has put into others",
     .rows = ROW_OBJECT,
     .unit = UNIT_COUNT,
     .only_if_any = true,
     .get = get_n_inlined},
    {.name = "debug_file",
     .title = "from",
     .help = "file with the symbols or debug information that was read, or why there is none",
     .rows = ROW_OBJECT,
     .unit = UNIT_TEXT,
     .get = get_text},
};

const struct column *column_debug_get(size_t i)
{
    return i < sizeof columns / sizeof *columns ? &columns[i] : NULL;
}
