/* SPDX-License-Identifier: MIT */
/*
 * Damaged files through all of the analysis: what is in a chunk that is still there counts, what is
 * not is reported with its time, and repair makes a whole file of the rest.
 */
#include "analyze/repair/audit.h"
#include "analyze/repair/salvage.h"
#include "tests/unit/support/make_trace.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include "format/chunk.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNKS_MAX  32
#define DAMAGES_MAX 64

struct place {
    size_t at, len;
    struct chunk_header header;
    uint64_t samples;
};

static struct bytes whole;
static struct place places[CHUNKS_MAX];
static size_t n_places;
static char path[256], repaired[256];
static uint64_t total;

static struct damage damages[DAMAGES_MAX];
static size_t n_damages;

static void note(void *closure, const char *file, const struct damage *damage)
{
    (void)closure;
    (void)file;
    require(damage->text[0] != '\0');
    require(!damage->time_known || damage->t_last_ns >= damage->t_first_ns);
    if (n_damages < DAMAGES_MAX)
        damages[n_damages++] = *damage;
}

/* Two processes, three generations, all kinds of definitions. */
static void make_whole(const char *to)
{
    static const char *const argv[] = {"python3", "demo.py", NULL};
    static const struct maker_frame frames[] = {
        {"f", "/x/a.py", 1, 2, 0}, {"g", "/x/b.py", 5, 6, 0}, {"h", "/x/c.py", 9, 11, 0}};
    struct maker *const m = maker_open(to, NULL);
    const uint32_t p[2] = {maker_process(m, 10, 1, argv), maker_process(m, 11, 10, argv)};
    const uint32_t t[2] = {maker_thread(m, p[0], 10, "MainThread", 0),
                           maker_thread(m, p[1], 11, "Worker", 0)};
    uint32_t stacks[2] = {0, 0};
    for (unsigned chunk = 0; chunk < 6; chunk++) {
        for (int i = 0; i < 2; i++) {
            stacks[i] =
                maker_stack_push(m, p[i], chunk % 3 == 0 ? 0 : stacks[i], &frames[chunk % 3]);
            for (unsigned tick = 0; tick < 4 + chunk; tick++) {
                maker_tick(m, p[i], 0, 0, 0);
                maker_change(m, p[i], t[i],
                             &(struct maker_sample){stacks[i], (uint8_t)(tick % 2),
                                                    (tick % 2) * 9000, tick % 2 ? NULL : "read"});
            }
            if (chunk % 2 == 1)
                maker_generation(m, p[i]);
            else
                maker_flush(m, p[i]);
        }
    }
    maker_process_end(m, p[0], 0);
    maker_process_end(m, p[1], 0);
    maker_close(m, "exited");
}

struct outcome {
    enum status opened;
    struct audit audit;
};

/* Read a file as pyanalyze does. */
static struct outcome read_file(const char *from)
{
    struct outcome outcome = {0};
    struct trace *trace;
    struct problem why = {0};
    n_damages = 0;
    outcome.opened = trace_open(&trace, &from, 1, note, NULL, &why);
    require(outcome.opened == STATUS_OK || why.detail[0] != '\0');
    if (outcome.opened != STATUS_OK)
        return outcome;
    audit_run(&outcome.audit, trace, 1);
    trace_close(trace);
    return outcome;
}

/* Repair it: all that could be read must be in the new file, and nothing be wrong there. */
static void check_repair(const char *from)
{
    struct trace *trace;
    struct salvage_result result;
    struct audit audit;
    if (trace_open(&trace, &from, 1, NULL, NULL, NULL) != STATUS_OK)
        return;
    audit_run(&audit, trace, 1);
    require(salvage_write(trace, &audit, repaired, NULL, &result, NULL) == STATUS_OK);
    trace_close(trace);
    const struct outcome after = read_file(repaired);
    require(after.opened == STATUS_OK);
    require(n_damages == 0);
    require(after.audit.samples == audit.samples);
    require(after.audit.cpu_ns == audit.cpu_ns);
    require(after.audit.n_bad == 0);
}

/* Was it said that something of this time is lost? */
static bool time_was_named(const struct chunk_header *header)
{
    for (size_t i = 0; i < n_damages; i++) {
        const struct damage *const d = &damages[i];
        if (d->time_known && d->t_first_ns <= header->t_first_ns &&
            d->t_last_ns >= header->t_last_ns)
            return true;
    }
    return false;
}

/*
 * All chunks that stand in the file with all their bytes count; the time of all others is named, as
 * far as there are chunks on both sides that tell it. Returns how many samples were read.
 */
static uint64_t check_file(const struct bytes *file, bool names_times)
{
    uint64_t expected = 0;
    bool meta = false, found[CHUNKS_MAX];
    for (size_t i = 0; i < n_places; i++) {
        found[i] = file->len > 0 &&
                   memmem(file->at, file->len, whole.at + places[i].at, places[i].len) != NULL;
        expected += found[i] ? places[i].samples : 0;
        meta = meta || (found[i] && places[i].header.flags & CHUNK_META);
    }
    scratch_write(path, file->at, file->len);
    const struct outcome outcome = read_file(path);
    if (outcome.opened != STATUS_OK) {
        require(!meta);
        return 0;
    }
    require(outcome.audit.samples == (meta ? expected : 0));
    require(outcome.audit.samples == total || n_damages > 0 || file->len < whole.len);
    for (size_t i = 0; i < n_places && names_times && meta; i++)
        require(found[i] || places[i].samples == 0 || time_was_named(&places[i].header));
    return outcome.audit.samples;
}

static void setup(void)
{
    struct chunk_header header;
    snprintf(path, sizeof path, "%s", scratch_path("damaged.trace"));
    snprintf(repaired, sizeof repaired, "%s", scratch_path("repaired.trace"));
    make_whole(path);
    whole = scratch_read(path);
    total = read_file(path).audit.samples;
    ck_assert_uint_eq(n_damages, 0);
    ck_assert_uint_gt(total, 0);
    n_places = 0;
    for (size_t at = 0; at + CHUNK_HEADER_LEN <= whole.len; at += places[n_places++].len) {
        if (!chunk_header_parse(&header, whole.at + at))
            break;
        places[n_places] =
            (struct place){.at = at, .len = CHUNK_HEADER_LEN + header.comp_len, .header = header};
    }
    /* A chunk has as many samples as are gone without it. */
    for (size_t i = 0; i < n_places; i++) {
        const size_t at = places[i].at + places[i].len - 1;
        whole.at[at] ^= 1;
        scratch_write(path, whole.at, whole.len);
        places[i].samples = total - read_file(path).audit.samples;
        whole.at[at] ^= 1;
    }
}

static void teardown(void)
{
    bytes_free(&whole);
}

START_TEST(cut_anywhere)
{
    for (size_t len = 0; len <= whole.len; len++) {
        const struct bytes cut = {whole.at, len, 0};
        size_t border = 0;
        for (size_t i = 0; i < n_places; i++)
            border |= places[i].at + places[i].len == len;
        check_file(&cut, false);
        require(n_damages > 0 || border || len == whole.len || len < CHUNK_HEADER_LEN);
        if (len % 13 == 0)
            check_repair(path);
    }
}
END_TEST

/* A bit of every byte, each time another one; that any bit of a chunk is noticed:
 * test_chunk_damage. */
START_TEST(one_bit_anywhere)
{
    scratch_write(path, whole.at, whole.len);
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    for (size_t at = 0; at < whole.len; at++) {
        const uint8_t bad = whole.at[at] ^ (uint8_t)(1 << (5 * at + at / 8) % 8);
        uint64_t loss = 0;
        for (size_t i = 0; i < n_places; i++) {
            if (at >= places[i].at && at < places[i].at + places[i].len)
                loss = places[i].samples;
        }
        require(pwrite(fd, &bad, 1, (off_t)at) == 1);
        const struct outcome outcome = read_file(path);
        require(outcome.opened == STATUS_OK);
        require(outcome.audit.samples == total - loss);
        require(n_damages > 0);
        for (size_t i = 0; i < n_places && loss > 0; i++)
            require(at < places[i].at || at >= places[i].at + places[i].len ||
                    time_was_named(&places[i].header));
        if (at % 11 == 0)
            check_repair(path);
        require(pwrite(fd, &whole.at[at], 1, (off_t)at) == 1);
    }
    close(fd);
}
END_TEST

static struct bytes copy_of(const struct bytes *bytes)
{
    struct bytes copy = {0};
    bytes_add(&copy, bytes->at, bytes->len);
    return copy;
}

START_TEST(ranges_zeroed_deleted_inserted)
{
    uint64_t random = 4;
    for (int round = 0; round < 600; round++) {
        struct bytes file = {0};
        const size_t at = scratch_random(&random) % whole.len;
        const size_t most = whole.len - at < 900 ? whole.len - at : 900;
        const size_t len = 1 + scratch_random(&random) % most;
        bytes_add(&file, whole.at, at);
        for (size_t i = 0; i < len && round % 3 != 1; i++) {
            const uint8_t byte = round % 3 == 0 ? 0 : (uint8_t)scratch_random(&random);
            bytes_add(&file, &byte, 1);
        }
        const size_t rest = round % 3 == 2 ? at : at + len;
        bytes_add(&file, whole.at + rest, whole.len - rest);
        check_file(&file, false);
        if (round % 10 == 0)
            check_repair(path);
        bytes_free(&file);
    }
}
END_TEST

/* The chunks in another order, some of them several times: nothing is lost, nothing counts twice.
 */
START_TEST(shuffled_and_doubled)
{
    uint64_t random = 5;
    for (int round = 0; round < 100; round++) {
        struct bytes file = {0};
        size_t order[2 * CHUNKS_MAX], n = 0;
        for (size_t i = 0; i < n_places; i++) {
            order[n++] = i;
            if (round % 2 == 1 && scratch_random(&random) % 3 == 0)
                order[n++] = i;
        }
        for (size_t i = n - 1; i > 0; i--) {
            const size_t k = scratch_random(&random) % (i + 1), other = order[k];
            order[k] = order[i];
            order[i] = other;
        }
        for (size_t i = 0; i < n; i++)
            bytes_add(&file, whole.at + places[order[i]].at, places[order[i]].len);
        ck_assert_uint_eq(check_file(&file, true), total);
        ck_assert_uint_eq(n_damages, n - n_places);
        check_repair(path);
        bytes_free(&file);
    }
}
END_TEST

START_TEST(chunks_of_another_recording_between)
{
    const struct maker_settings other = {.tag = 99};
    const char *const foreign = scratch_path("foreign.trace");
    maker_close(maker_open(foreign, &other), "exited");
    struct bytes strange = scratch_read(foreign), file = {0};
    for (size_t i = 0; i < n_places; i++) {
        bytes_add(&file, whole.at + places[i].at, places[i].len);
        bytes_add(&file, strange.at, strange.len);
    }
    ck_assert_uint_eq(check_file(&file, true), total);
    ck_assert_uint_ge(n_damages, n_places);
    check_repair(path);
    bytes_free(&file);
    bytes_free(&strange);
}
END_TEST

/* It has grown, or was cut, since its chunks were listed. */
START_TEST(changes_while_it_is_read)
{
    for (size_t i = 1; i + 1 < n_places; i++) {
        struct trace *trace;
        struct audit audit;
        const char *const from = path;
        uint64_t expected = 0;
        for (size_t k = 0; k <= i; k++)
            expected += places[k].samples;
        n_damages = 0;
        scratch_write(path, whole.at, places[i].at + places[i].len);
        ck_assert_int_eq(trace_open(&trace, &from, 1, note, NULL, NULL), STATUS_OK);
        scratch_append(path, whole.at + places[i + 1].at, places[i + 1].len - 7);
        audit_run(&audit, trace, 2);
        ck_assert_uint_eq(audit.samples, expected);
        ck_assert_uint_eq(n_damages, 0);
        trace_close(trace);

        scratch_write(path, whole.at, places[i].at + places[i].len);
        ck_assert_int_eq(trace_open(&trace, &from, 1, note, NULL, NULL), STATUS_OK);
        ck_assert_int_eq(truncate(path, (off_t)(places[i].at + 80)), 0);
        audit_run(&audit, trace, 2);
        ck_assert_uint_eq(audit.samples, expected - places[i].samples);
        ck_assert_uint_eq(n_damages, 1);
        ck_assert_int_eq(damages[0].status, STATUS_TRUNCATED);
        ck_assert(time_was_named(&places[i].header));
        trace_close(trace);
    }
}
END_TEST

/* Of a chunk that is in two files, the whole one is read, whichever file comes first. */
START_TEST(the_good_one_of_two_copies)
{
    char other[256];
    snprintf(other, sizeof other, "%s", scratch_path("other.trace"));
    struct bytes bad = copy_of(&whole);
    bad.at[places[3].at + CHUNK_HEADER_LEN + 4] ^= 8;
    scratch_write(path, bad.at, bad.len);
    scratch_write(other, whole.at, whole.len);
    for (int first = 0; first < 2; first++) {
        const char *const paths[] = {first ? path : other, first ? other : path};
        struct trace *trace;
        struct audit audit;
        n_damages = 0;
        ck_assert_int_eq(trace_open(&trace, paths, 2, note, NULL, NULL), STATUS_OK);
        audit_run(&audit, trace, 2);
        ck_assert_uint_eq(audit.samples, total);
        ck_assert_uint_eq(audit.n_bad, 0);
        ck_assert_uint_le(n_damages, 1);
        trace_close(trace);
    }
    bytes_free(&bad);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("damage");
    TCase *const tcase = tcase_create("damage");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, cut_anywhere);
    tcase_add_test(tcase, one_bit_anywhere);
    tcase_add_test(tcase, ranges_zeroed_deleted_inserted);
    tcase_add_test(tcase, shuffled_and_doubled);
    tcase_add_test(tcase, chunks_of_another_recording_between);
    tcase_add_test(tcase, changes_while_it_is_read);
    tcase_add_test(tcase, the_good_one_of_two_copies);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
