/* SPDX-License-Identifier: MIT */
/* marks: the queue (order, full, half-written, many threads), and what becomes of what is said. */
#include "format/chunk.h"
#include "record/decode/stream.h"
#include "record/wire/mark_queue.h"
#include "tests/unit/support/suite.h"

#include <pthread.h>
#include <string.h>

static struct mark_queue *queue_new(void)
{
    struct mark_queue *queue = aligned_alloc(64, (sizeof *queue + 63) / 64 * 64);
    memset(queue, 0, sizeof *queue);
    return queue;
}

static bool push(struct mark_queue *queue, uint64_t number)
{
    struct mark mark = {.kind = MARK_PHASE, .name = (uint32_t)(number % 7)};
    mark.context = number;
    mark.up = ~number;
    return mark_queue_push(queue, &mark);
}

START_TEST(test_order_and_full)
{
    struct mark_queue *queue = queue_new();
    struct mark mark;
    uint64_t in = 0, out = 0;
    for (int round = 0; round < 3; round++) {
        while (push(queue, in))
            in++;
        ck_assert_uint_eq(in - out, MARK_QUEUE_SLOTS);
        ck_assert_uint_eq(queue->lost, (uint64_t)round + 1);
        for (uint64_t n = 0; n < MARK_QUEUE_SLOTS - 5; n++, out++) {
            ck_assert(mark_queue_take(queue, &mark, false));
            ck_assert_uint_eq(mark.context, out);
            ck_assert_uint_eq(mark.up, ~out);
        }
    }
    free(queue);
}
END_TEST

/* A writer that was stopped between taking a slot and filling it. */
START_TEST(test_half_written)
{
    struct mark_queue *queue = queue_new();
    struct mark mark;
    push(queue, 1);
    queue->head++;
    push(queue, 3);
    ck_assert(mark_queue_take(queue, &mark, false) && mark.context == 1);
    ck_assert(!mark_queue_take(queue, &mark, false));
    ck_assert(mark_queue_take(queue, &mark, true) && mark.context == 3);
    ck_assert_uint_eq(queue->lost, 1);
    ck_assert(!mark_queue_take(queue, &mark, true));
    queue->head = queue->tail + MARK_QUEUE_SLOTS + 9; /* nobody honest */
    ck_assert(!mark_queue_take(queue, &mark, true));
    free(queue);
}
END_TEST

#define WRITERS 3u
#define EACH    60000u

struct writer {
    struct mark_queue *queue;
    uint64_t first;
};

static void *write_all(void *opaque)
{
    struct writer *writer = opaque;
    for (uint64_t i = 0; i < EACH; i++)
        push(writer->queue, writer->first + i);
    return NULL;
}

/* What was not counted as lost comes once, whole, and each writer's in its order. */
START_TEST(test_many_threads)
{
    struct mark_queue *queue = queue_new();
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];
    uint64_t last[WRITERS] = {0}, n = 0;
    struct mark mark;
    for (uint64_t i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){queue, (i + 1) << 32};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, write_all, &writers[i]), 0);
    }
    for (bool is_over = false;;) {
        if (mark_queue_take(queue, &mark, is_over)) {
            const uint64_t of = (mark.context >> 32) - 1;
            ck_assert(of < WRITERS && mark.context > last[of] && mark.up == ~mark.context);
            last[of] = mark.context;
            n++;
        } else if (is_over) {
            break;
        } else if (n + queue->lost == (uint64_t)WRITERS * EACH) {
            for (uint64_t i = 0; i < WRITERS; i++)
                pthread_join(threads[i], NULL);
            is_over = true;
        }
    }
    ck_assert_uint_eq(n + queue->lost, (uint64_t)WRITERS * EACH);
    free(queue);
}
END_TEST

/* ---- what it means ---- */

static struct problem why;

static void say(struct stream *stream, uint32_t kind, uint64_t number, uint64_t up, uint64_t ns)
{
    struct mark mark = {.kind = kind, .name = 2};
    mark.context = number;
    mark.up = up;
    mark.time_ns = ns;
    mark.value = 3;
    ck_assert_int_eq(stream_apply_mark(stream, &mark, 1000000, &why), STATUS_OK);
}

START_TEST(test_meaning)
{
    struct stream stream;
    stream_init(&stream, (struct stream_clock){1000, 1000}, 1000, 1000, 1000000);
    struct mark name = {.kind = MARK_NAME, .name = 2};
    name.len = 40;
    memset(name.text, 'a', sizeof name.text);
    ck_assert_int_eq(stream_apply_mark(&stream, &name, 1000000, &why), STATUS_OK);
    name.at = MARK_PIECE;
    memset(name.text, 'b', sizeof name.text);
    ck_assert_int_eq(stream_apply_mark(&stream, &name, 1000000, &why), STATUS_OK);
    ck_assert_str_eq(contexts_name(&stream.contexts, 2),
                     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbb");
    ck_assert_str_eq(contexts_name(&stream.contexts, 3), "<name not known>");

    say(&stream, MARK_PHASE, 5, 9, 5000); /* in one that comes later: in none */
    say(&stream, MARK_PHASE, 7, 5, 7000);
    say(&stream, MARK_LABEL, 6, 5, 6000);
    say(&stream, MARK_PHASE, 7, 0, 8000); /* said twice */
    say(&stream, MARK_END, 99, 0, 8000);
    say(&stream, MARK_END, 7, 0, 6000); /* before its beginning */
    say(&stream, MARK_END, 6, 0, UINT64_MAX);
    say(&stream, 77, 1, 0, 0);
    ck_assert_uint_eq(stream.contexts.n, 3);
    ck_assert_uint_eq(stream.contexts.lost, 2);
    ck_assert_uint_eq(contexts_find(&stream.contexts, 5)->up, 0);
    ck_assert_uint_eq(contexts_find(&stream.contexts, 7)->up, 5);
    ck_assert_uint_eq(contexts_find(&stream.contexts, 7)->end_q, 6);
    ck_assert(contexts_find(&stream.contexts, 6)->is_label);
    ck_assert_uint_eq(contexts_find(&stream.contexts, 6)->end_q, 999);

    /* written; kept for a chunk more where it has ended, and told again in a new generation */
    stream_intern_names(&stream);
    stream_restart_batch(&stream);
    ck_assert_uint_eq(contexts_bytes(&stream.contexts), 0);
    ck_assert_uint_eq(stream.contexts.n, 3);
    ck_assert_int_eq(stream_restart_generation(&stream, &why), STATUS_OK);
    ck_assert_uint_ne(contexts_bytes(&stream.contexts), 0);
    stream_restart_batch(&stream);
    stream_restart_batch(&stream);
    ck_assert_uint_eq(stream.contexts.n, 1);
    stream_clear(&stream);
}
END_TEST

/* Whatever is said, and however much of it. */
START_TEST(test_limits)
{
    struct stream stream;
    stream_init(&stream, (struct stream_clock){1000, 1000}, 1000, 1000, 1000000);
    for (uint64_t i = 1; i <= CONTEXTS_MAX + 10; i++)
        say(&stream, MARK_PHASE, i, i - 1, 5000);
    ck_assert_uint_eq(stream.contexts.n, CONTEXTS_MAX);
    ck_assert_uint_eq(stream.contexts.lost, 10);
    for (uint32_t i = 0; i < CONTEXTS_POINTS + 10; i++)
        say(&stream, MARK_POINT, 0, 0, 5000);
    ck_assert_uint_eq(stream.batch.n_events, CONTEXTS_POINTS);
    ck_assert_uint_eq(stream.contexts.lost, 20);
    stream_clear(&stream);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("marks");
    TCase *tc = tcase_create("marks");
    tcase_add_test(tc, test_order_and_full);
    tcase_add_test(tc, test_half_written);
    tcase_add_test(tc, test_many_threads);
    tcase_add_test(tc, test_meaning);
    tcase_add_test(tc, test_limits);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
