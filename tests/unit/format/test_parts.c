/* SPDX-License-Identifier: MIT */
/* parts: names, a part from its creation to its end, what the dead leave, what may stay. */
#include "format/parts.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define START_NS INT64_C(1764457245123456789) /* 2025-11-29T23:00:45Z */

static struct problem why;
static char directory[300], base[PATH_MAX];

static void begin(void)
{
    char path[PATH_MAX];
    const uint8_t tag[4] = {0x5f, 0x0c, 0x9a, 0x12};
    uint32_t number;
    memcpy(&number, tag, sizeof number);
    snprintf(directory, sizeof directory, "%s", scratch_path("."));
    snprintf(path, sizeof path, "%s/api.trace", directory);
    parts_base_path(base, path, START_NS, number);
}

static const char *part(unsigned number)
{
    static char path[2][PATH_MAX];
    static int turn;
    turn = !turn;
    snprintf(path[turn], PATH_MAX, "%.*s.%06u.trace", (int)(strlen(base) - strlen(".trace")), base,
             number);
    return path[turn];
}

static bool is_there(const char *path, const char *behind)
{
    char whole[PATH_MAX];
    snprintf(whole, sizeof whole, "%s%s", path, behind);
    return access(whole, F_OK) == 0;
}

START_TEST(names)
{
    static const struct {
        const char *name;
        size_t stem_len; /* 0 = it is none */
        bool is_part;
    } rows[] = {
        {"api-20251129T230045Z-5f0c9a12.000007.trace", 3, false},
        {"api-20251129T230045Z-5f0c9a12.000007.trace.part", 3, true},
        {"a-b-20251129T230045Z-5f0c9a12.000007.t", 3, false},
        {"api-20251129T230045Z-5f0c9a12.000007", 3, false},
        {"api-20251129T230045Z-5f0c9a12.0000071.trace", 0, false},
        {"api-20251129T230045Z-5f0c9A12.000007.trace", 0, false},
        {"api-20251129T230045-5f0c9a12.000007.trace", 0, false},
        {"-20251129T230045Z-5f0c9a12.000007.trace", 0, false},
        {"api.000007.trace", 0, false},
        {"", 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct parts_name name = {0, NULL, false};
        const bool is_one = parts_name_parse(rows[i].name, &name);
        ck_assert_msg(is_one == (rows[i].stem_len != 0), "%s", rows[i].name);
        if (is_one) {
            ck_assert_msg(name.is_part == rows[i].is_part, "%s", rows[i].name);
            ck_assert_msg(name.stem_len == rows[i].stem_len, "%s", rows[i].name);
        }
    }
    begin();
    ck_assert_str_eq(strrchr(base, '/'), "/api-20251129T230045Z-5f0c9a12.trace");
}
END_TEST

START_TEST(from_beginning_to_end)
{
    int fd, second;
    begin();
    ck_assert_int_eq(parts_create(&fd, part(0), &why), STATUS_OK);
    ck_assert_int_eq(parts_create(&second, part(0), &why), STATUS_IO); /* never over another */
    ck_assert_int_eq(write(fd, "x", 1), 1);
    ck_assert_uint_eq(parts_adopt(directory, NULL), 0); /* somebody writes it */
    ck_assert(is_there(part(0), ".part") && !is_there(part(0), ""));
    close(fd);
    ck_assert_int_eq(parts_finish(part(0), &why), STATUS_OK);
    ck_assert(is_there(part(0), "") && !is_there(part(0), ".part"));
    ck_assert_int_eq(parts_finish(part(0), &why), STATUS_IO);
}
END_TEST

START_TEST(left_by_the_dead)
{
    int fd;
    begin();
    ck_assert_int_eq(parts_create(&fd, part(1), &why), STATUS_OK);
    ck_assert_int_eq(write(fd, "x", 1), 1);
    close(fd); /* as the kernel does it when a process is killed */
    ck_assert_int_eq(parts_create(&fd, part(2), &why), STATUS_OK);
    close(fd); /* without a byte */
    ck_assert_uint_eq(parts_adopt(directory, "other"), 0);
    ck_assert_uint_eq(parts_adopt(directory, "api"), 1);
    ck_assert(is_there(part(1), "") && !is_there(part(1), ".part"));
    ck_assert(!is_there(part(2), "") && !is_there(part(2), ".part"));
}
END_TEST

static void make(unsigned number, size_t bytes, int64_t end_s)
{
    static const uint8_t zeros[64];
    const struct timespec times[2] = {{(time_t)end_s, 0}, {(time_t)end_s, 0}};
    scratch_write(part(number), zeros, bytes);
    ck_assert_int_eq(utimensat(AT_FDCWD, part(number), times, 0), 0);
}

START_TEST(what_stays)
{
    const int64_t second_ns = 1000000000;
    char path[PATH_MAX], other[PATH_MAX];
    begin();
    for (unsigned i = 0; i < 6; i++)
        make(i, 10, 1000 + 10 * i);
    snprintf(path, sizeof path, "%s/api.trace", directory);
    snprintf(other, sizeof other, "%s/apis-20251129T230045Z-5f0c9a12.000000.trace", directory);
    scratch_write(other, "x", 1);
    const struct parts_keep time = {.limit_ns = 25 * (uint64_t)second_ns};
    parts_drop(path, &time, 1050 * second_ns); /* of ends 1000, 1010, .., 1050 */
    for (unsigned i = 0; i < 6; i++)
        ck_assert_int_eq(is_there(part(i), ""), i >= 3);
    const struct parts_keep size = {.limit_bytes = 20};
    parts_drop(path, &size, 0); /* a clock that was set back removes nothing by age */
    for (unsigned i = 0; i < 6; i++)
        ck_assert_int_eq(is_there(part(i), ""), i >= 4);
    const struct parts_keep all = {.limit_ns = 0};
    parts_drop(path, &all, 9999 * second_ns);
    ck_assert(is_there(part(4), "") && is_there(other, ""));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("parts");
    TCase *tc = tcase_create("parts");
    tcase_add_test(tc, names);
    tcase_add_test(tc, from_beginning_to_end);
    tcase_add_test(tc, left_by_the_dead);
    tcase_add_test(tc, what_stays);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
