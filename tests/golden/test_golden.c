/* SPDX-License-Identifier: MIT */
/* GOLDEN_DIR is this folder in the source tree. */
#include "digest.h"
#include "golden.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *golden_path(const char *name, const char *suffix)
{
    static char path[2][600];
    static unsigned next;
    char *const result = path[next++ % 2];
    snprintf(result, sizeof(path[0]), "%s/%s%s", GOLDEN_DIR, name, suffix);
    return result;
}

static char *digest_of(const char *path)
{
    char *text = NULL;
    size_t len = 0;
    FILE *const to = open_memstream(&text, &len);
    digest_write(path, to);
    fclose(to);
    return text;
}

static char *text_read(const char *path)
{
    struct bytes bytes = scratch_read(path);
    bytes_add(&bytes, "", 1);
    return (char *)bytes.at;
}

/* Line by line, so that a failure shows the line. */
static void text_compare(const char *name, const char *a, const char *b)
{
    while (*a != 0 || *b != 0) {
        const int len_a = (int)strcspn(a, "\n"), len_b = (int)strcspn(b, "\n");
        ck_assert_msg(len_a == len_b && memcmp(a, b, (size_t)len_a) == 0, "%s:\n%.*s\n%.*s", name,
                      len_a, a, len_b, b);
        a += len_a + (a[len_a] != 0);
        b += len_b + (b[len_b] != 0);
    }
}

/* What was written once is read for ever. */
START_TEST(old_files_read_the_same)
{
    const char *const name = goldens[_i].name;
    char *const expected = text_read(golden_path(name, ".txt"));
    char *const found = digest_of(golden_path(goldens[_i].file, ""));
    text_compare(name, expected, found);
    free(expected);
    free(found);
}
END_TEST

/* And the writer still says the same; its files may differ, as zstd moves on. */
START_TEST(writer_says_the_same)
{
    static const char *const names[] = {"v1-tiny",    "v1-full",   "v1-busy",  "v1-native",
                                        "v1-symbols", "v1-awaits", "v1-phases"};
    const char *const path = scratch_path("new.trace");

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t k = 0;
        while (strcmp(goldens[k].name, names[i]) != 0)
            k++;
        goldens[k].write(path);
        char *const expected = digest_of(golden_path(goldens[k].file, ""));
        char *const found = digest_of(path);
        text_compare(names[i], expected, found);
        free(expected);
        free(found);
    }
}
END_TEST

/* ---- the reference encoder and decoder ---- */

enum { MAX_THREADS = 6, MAX_TICKS = 60 };

struct random_watch {
    uint64_t number[MAX_TICKS], time_q[MAX_TICKS], gap_q[MAX_TICKS];
    uint32_t missed[MAX_TICKS], holder[MAX_TICKS];
    struct watched threads[MAX_THREADS];
    struct seen seen[MAX_THREADS][MAX_TICKS];
};

static void random_ticks(struct random_watch *r, struct watch *watch, uint64_t *random)
{
    uint64_t last_q = watch->before_q;
    uint64_t number = scratch_random(random) % 1000;
    for (uint32_t k = 0; k < watch->n_ticks; k++) {
        r->missed[k] = scratch_random(random) % 4 ? 0 : (uint32_t)(scratch_random(random) % 9);
        r->number[k] = k == 0 ? number : r->number[k - 1] + 1 + r->missed[k];
        r->time_q[k] = tick_due_ns(watch->origin_ns, watch->interval_ns, r->number[k]) / 1000 +
                       scratch_random(random) % 300;
        r->gap_q[k] = scratch_random(random) % 5 ? 0 : scratch_random(random) % 3;
        r->holder[k] = (uint32_t)(scratch_random(random) % 3);
        ck_assert_uint_ge(r->time_q[k], last_q);
        last_q = r->time_q[k];
    }
}

static void random_thread(struct random_watch *r, uint32_t i, struct watch *watch, uint64_t *random)
{
    struct watched *const thread = &r->threads[i];
    struct seen now = {0, (uint32_t)(scratch_random(random) % 50), 0, 0};

    thread->id = (i > 0 ? thread[-1].id : 0) + 1 + (uint32_t)(scratch_random(random) % 3);
    thread->begin =
        scratch_random(random) % 2 ? 0 : (uint32_t)(scratch_random(random) % (watch->n_ticks + 1));
    thread->end = watch->n_ticks -
                  (scratch_random(random) % 2
                       ? 0
                       : (uint32_t)(scratch_random(random) % (watch->n_ticks - thread->begin + 1)));
    thread->before = now;
    thread->seen = r->seen[i];
    for (uint32_t k = thread->begin; k < thread->end; k++) {
        if (scratch_random(random) % 2)
            now.cpu_q += scratch_random(random) % 20000;
        if (scratch_random(random) % 3 == 0)
            now.stack = (uint32_t)(scratch_random(random) % 50);
        if (scratch_random(random) % 3 == 0)
            now.state = (uint32_t)(scratch_random(random) % 128);
        if (scratch_random(random) % 5 == 0)
            now.call = (uint32_t)(scratch_random(random) % 3);
        thread->seen[k - thread->begin] = now;
    }
}

static void watches_compare(const struct watch *a, const struct watch *b)
{
    require(a->n_ticks == b->n_ticks && a->n_threads == b->n_threads);
    require(a->before_q == b->before_q);
    for (uint32_t k = 0; k < a->n_ticks; k++) {
        require(a->number[k] == b->number[k] && a->time_q[k] == b->time_q[k]);
        require(a->missed[k] == b->missed[k] && a->gap_q[k] == b->gap_q[k]);
        require(a->holder[k] == b->holder[k]);
    }
    for (uint32_t i = 0; i < a->n_threads; i++) {
        const struct watched *const x = &a->threads[i], *const y = &b->threads[i];
        require(x->id == y->id && x->begin == y->begin && x->end == y->end);
        for (uint32_t k = 0; k < x->end - x->begin; k++) {
            require(x->seen[k].cpu_q == y->seen[k].cpu_q && x->seen[k].stack == y->seen[k].stack);
            require(x->seen[k].state == y->seen[k].state && x->seen[k].call == y->seen[k].call);
        }
    }
}

START_TEST(columns_mean_what_was_seen)
{
    uint64_t random = 12;

    for (int round = 0; round < 2000; round++) {
        struct random_watch r;
        struct watch watch = {.origin_ns = scratch_random(&random) % 1000000000,
                              .interval_ns = 1000000,
                              .quantum_ns = 1000,
                              .n_ticks = 1 + (uint32_t)(scratch_random(&random) % MAX_TICKS),
                              .number = r.number,
                              .time_q = r.time_q,
                              .missed = r.missed,
                              .gap_q = r.gap_q,
                              .holder = r.holder,
                              .n_threads = (uint32_t)(scratch_random(&random) % MAX_THREADS),
                              .threads = r.threads},
                     back;
        Pyrec__V1__Samples samples;

        random_ticks(&r, &watch, &random);
        for (uint32_t i = 0; i < watch.n_threads; i++)
            random_thread(&r, i, &watch, &random);
        watch_build(&watch, &samples);
        const size_t len = pyrec__v1__samples__get_packed_size(&samples);
        uint8_t *const packed = malloc(len + 1);
        pyrec__v1__samples__pack(&samples, packed);
        require(watch_read(&back, (struct proto_column){packed, packed + len}, 1000));
        watches_compare(&watch, &back);
        watch_clear(&back);
        free(packed);
        watch_samples_clear(&samples);
    }
}
END_TEST

int main(void)
{
    int n = 0;
    while (goldens[n].name != NULL)
        n++;
    Suite *const suite = suite_create("golden");
    TCase *const tests = tcase_create("golden");
    tcase_add_loop_test(tests, old_files_read_the_same, 0, n);
    tcase_add_test(tests, writer_says_the_same);
    tcase_add_test(tests, columns_mean_what_was_seen);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
