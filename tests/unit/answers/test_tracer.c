/* SPDX-License-Identifier: MIT */
/* Profiles of tracers, real ones by bytes, and what must not harm: every cut, every bit turned. */
#include "analyze/compare/marshal.h"
#include "analyze/compare/tracer.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static enum status parse(const void *bytes, size_t len, struct marshal_value **value,
                         struct arena *arena, struct problem *why)
{
    /* exactly as long as the input, so that the sanitizer sees a byte too many */
    void *const copy = malloc(len > 0 ? len : 1);
    if (len > 0)
        memcpy(copy, bytes, len);
    const enum status status = marshal_read(value, arena, copy, len, why);
    free(copy);
    return status;
}

#define PARSE(text, value, arena, why) parse(text, sizeof text - 1, value, arena, why)

START_TEST(numbers)
{
    struct arena arena = {0};
    struct marshal_value *v;
    struct problem why = {0};
    double x;
    ck_assert_int_eq(PARSE("i\xfe\xff\xff\xff", &v, &arena, &why), STATUS_OK);
    ck_assert_int_eq(v->n, -2);
    ck_assert_int_eq(PARSE("I\x01\x00\x00\x00\x00\x00\x00\x80", &v, &arena, &why), STATUS_OK);
    ck_assert_int_eq(v->n, INT64_MIN + 1);
    /* 2**31 + 5 = 2 * 2**30 + 5, and its negative */
    ck_assert_int_eq(PARSE("l\x03\x00\x00\x00\x05\x00\x00\x00\x02\x00", &v, &arena, &why),
                     STATUS_OK);
    ck_assert_int_eq(v->n, (INT64_C(1) << 31) + 5);
    ck_assert_int_eq(PARSE("l\xfd\xff\xff\xff\x05\x00\x00\x00\x02\x00", &v, &arena, &why),
                     STATUS_OK);
    ck_assert_int_eq(v->n, -(INT64_C(1) << 31) - 5);
    /* 2**90 is more than any count */
    ck_assert_int_eq(
        PARSE("l\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00", &v,
              &arena, &why),
        STATUS_OK);
    ck_assert_int_eq(v->n, INT64_MAX);
    ck_assert_int_eq(PARSE("g\x00\x00\x00\x00\x00\x00\xf8\x3f", &v, &arena, &why), STATUS_OK);
    ck_assert(marshal_number(v, &x) && x == 1.5);
    ck_assert_int_eq(PARSE("f\x03"
                           "2.5",
                           &v, &arena, &why),
                     STATUS_OK);
    ck_assert(marshal_number(v, &x) && x == 2.5);
    ck_assert_int_eq(PARSE("N", &v, &arena, &why), STATUS_OK);
    ck_assert(!marshal_number(v, &x));
    arena_clear(&arena);
}
END_TEST

START_TEST(texts_and_references)
{
    struct arena arena = {0};
    struct marshal_value *v;
    struct problem why = {0};
    /* Python 3: ("ab", the same) by a flagged short text */
    ck_assert_int_eq(PARSE(")\x02\xda\x02"
                           "abr\x00\x00\x00\x00",
                           &v, &arena, &why),
                     STATUS_OK);
    ck_assert_uint_eq(v->n_items, 2);
    ck_assert_str_eq(v->items[0]->text, "ab");
    ck_assert_ptr_eq(v->items[0], v->items[1]);
    /* Python 2: an interned text, and R for it */
    ck_assert_int_eq(
        PARSE("(\x02\x00\x00\x00t\x01\x00\x00\x00xR\x00\x00\x00\x00", &v, &arena, &why), STATUS_OK);
    ck_assert_ptr_eq(v->items[0], v->items[1]);
    /* what is no UTF-8, and a NUL */
    ck_assert_int_eq(PARSE("s\x05\x00\x00\x00"
                           "a\xff\x00\xc3\xa4",
                           &v, &arena, &why),
                     STATUS_OK);
    ck_assert_str_eq(v->text, "a??\xc3\xa4");
    arena_clear(&arena);
}
END_TEST

START_TEST(wrong)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
#define CASE(text) {text, sizeof text - 1}
        CASE(""),
        CASE("i\x01\x02"),
        CASE("?"),
        CASE("c\x00\x00\x00\x00"), /* a code object */
        CASE("r\x00\x00\x00\x00"), /* to nothing */
        CASE("r\xff\xff\xff\xff"),
        CASE("R\x05\x00\x00\x00"),
        CASE("\xa9\x01r\x00\x00\x00\x00"), /* a tuple in itself */
        CASE("\xfb"
             "i\x01\x00\x00\x00r\x00\x00\x00\x00"
             "0"),                 /* a dict in itself */
        CASE("(\xff\xff\xff\x7f"), /* two thousand million items */
        CASE("(\xff\xff\xff\xff"), /* less than none */
        CASE("s\xff\xff\xff\x7f"
             "a"),
        CASE("l\x00\x00\x00\x80"),
        CASE("f\x02xy"),
        CASE("{i\x01\x00\x00\x00"), /* a key without a value */
        CASE("{i\x01\x00\x00\x00"
             "0"),
#undef CASE
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena = {0};
        struct marshal_value *v;
        struct problem why = {0};
        ck_assert_msg(parse(cases[i].bytes, cases[i].len, &v, &arena, &why) == STATUS_DAMAGED,
                      "case %zu", i);
        ck_assert_uint_le(why.offset, cases[i].len);
        ck_assert(strstr(why.detail, "at byte ") == why.detail);
        arena_clear(&arena);
    }
    char deep[400]; /* tuples in tuples */
    struct arena arena = {0};
    struct marshal_value *v;
    struct problem why = {0};
    for (size_t i = 0; i < sizeof deep; i += 2)
        memcpy(deep + i, ")\x01", 2);
    ck_assert_int_eq(parse(deep, sizeof deep, &v, &arena, &why), STATUS_DAMAGED);
    ck_assert(strstr(why.detail, "too deep") != NULL);
    arena_clear(&arena);
}
END_TEST

static void add_text(struct bytes *to, const char *text)
{
    const uint8_t head[2] = {'z', (uint8_t)strlen(text)};
    bytes_add(to, head, 2);
    bytes_add(to, text, strlen(text));
}

static void add_int(struct bytes *to, int32_t n)
{
    bytes_add(to, "i", 1);
    bytes_add(to, &n, 4);
}

static void add_float(struct bytes *to, double x)
{
    bytes_add(to, "g", 1);
    bytes_add(to, &x, 8);
}

static void add_key(struct bytes *to, const char *file, int32_t line, const char *name)
{
    bytes_add(to, ")\x03", 2);
    add_text(to, file);
    add_int(to, line);
    add_text(to, name);
}

static void add_numbers(struct bytes *to, int n_items, int32_t cc, int32_t nc, double tt, double ct)
{
    const uint8_t head[2] = {')', (uint8_t)n_items};
    bytes_add(to, head, 2);
    add_int(to, cc);
    add_int(to, nc);
    add_float(to, tt);
    add_float(to, ct);
}

/* main calls fib, which calls itself, and append; `swap` as yappi does. */
static struct bytes make_pstats(bool swap)
{
    struct bytes b = {0};
    bytes_add(&b, "{", 1);
    add_key(&b, "p.py", 1, "<module>");
    add_numbers(&b, 5, 1, 1, 0.25, 2.0);
    bytes_add(&b, "{0", 2);
    add_key(&b, "p.py", 15, "fib");
    add_numbers(&b, 5, swap ? 100 : 1, swap ? 1 : 100, 1.0, 1.75);
    bytes_add(&b, "{", 1);
    add_key(&b, "p.py", 1, "<module>");
    add_numbers(&b, 4, 1, 1, 0.5, 1.75);
    add_key(&b, "p.py", 15, "fib");
    add_numbers(&b, 4, 99, 99, 0.5, 1.5);
    bytes_add(&b, "0", 1);
    add_key(&b, "~", 0, "<method 'append' of 'list' objects>");
    add_numbers(&b, 5, 40, 40, 0.75, 0.75);
    bytes_add(&b, "{", 1);
    add_key(&b, "p.py", 15, "fib");
    add_numbers(&b, 4, 40, 40, 0.75, 0.75);
    bytes_add(&b, "00", 2);
    return b;
}

static void check_tracer(const struct tracer *t, bool swapped)
{
    ck_assert_uint_eq(t->n, 3);
    ck_assert_double_eq(t->total_s, 2.0);
    ck_assert_uint_eq(t->calls, 141);
    ck_assert(t->swapped == swapped);
    ck_assert_str_eq(t->functions[1].name, "fib");
    ck_assert_uint_eq(t->functions[1].line, 15);
    ck_assert_uint_eq(t->functions[1].calls, 100);
    ck_assert_uint_eq(t->functions[1].primitive, 1);
    ck_assert_double_eq(t->functions[1].self_s, 1.0);
    ck_assert_double_eq(t->functions[1].called_s, 0.75);
    ck_assert_double_eq(t->functions[0].called_s, 0);
    ck_assert(!t->functions[2].is_python);
    ck_assert_uint_eq(t->functions[2].n_callers, 1);
    ck_assert_uint_eq(t->functions[2].callers[0].caller, 1);
}

START_TEST(pstats)
{
    for (int swap = 0; swap < 2; swap++) {
        struct tracer t = {0};
        struct problem why = {0};
        struct bytes b = make_pstats(swap != 0);
        ck_assert_msg(tracer_parse_pstats(&t, b.at, b.len, &why) == STATUS_OK, "%s", why.detail);
        check_tracer(&t, swap != 0);
        tracer_clear(&t);
        bytes_free(&b);
    }
}
END_TEST

static enum status parse_any(const uint8_t *bytes, size_t len, bool callgrind, struct problem *why)
{
    struct tracer t = {0};
    uint8_t *const copy = malloc(len + 1);
    memcpy(copy, bytes, len);
    const enum status status = callgrind ? tracer_parse_callgrind(&t, (char *)copy, len, why)
                                         : tracer_parse_pstats(&t, copy, len, why);
    for (size_t i = 0; status == STATUS_OK && i < t.n; i++) {
        require(t.functions[i].name != NULL && isfinite(t.functions[i].self_s));
        for (size_t c = 0; c < t.functions[i].n_callers; c++)
            require(t.functions[i].callers[c].caller < t.n);
    }
    tracer_clear(&t);
    free(copy);
    return status;
}

/* No bytes do harm; what is refused is refused with words. */
static void attack(const struct bytes *b, bool callgrind)
{
    unsigned n_good = 0;
    for (size_t len = 0; len < b->len; len++) {
        struct problem why = {0};
        const enum status status = parse_any(b->at, len, callgrind, &why);
        require(callgrind || status == STATUS_DAMAGED); /* a text may end anywhere */
        require(status == STATUS_OK || why.detail[0] != '\0');
    }
    for (size_t bit = 0; bit < 8 * b->len; bit++) {
        struct problem why = {0};
        b->at[bit / 8] ^= (uint8_t)(1u << bit % 8);
        const enum status status = parse_any(b->at, b->len, callgrind, &why);
        require(status == STATUS_OK || (status == STATUS_DAMAGED && why.detail[0] != '\0'));
        n_good += status == STATUS_OK;
        b->at[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    ck_assert_uint_gt(n_good, 0); /* a bit in a time is a time */
    uint64_t random = 77;
    for (int i = 0; i < 20000; i++) {
        uint8_t *const copy = malloc(b->len);
        memcpy(copy, b->at, b->len);
        for (unsigned k = 0; k < 1 + (unsigned)i % 8; k++)
            copy[scratch_random(&random) % b->len] = (uint8_t)(scratch_random(&random) >> 20);
        const size_t len = b->len - (i % 3 == 0 ? scratch_random(&random) % b->len : 0);
        (void)parse_any(copy, len, callgrind, &(struct problem){0});
        free(copy);
    }
}

START_TEST(pstats_under_attack)
{
    struct bytes b = make_pstats(false);
    attack(&b, false);
    bytes_free(&b);
}
END_TEST

static const char callgrind_text[] =
    "version: 1\ncreator: yappi\npid: 1\ncmd:  p.py\npart: 1\n\n"
    "events: Ticks\n\nfl=(8) p.py\nfl=(11) my dir/p.py\n\n"
    "fn=(8) <module> p.py:1\nfn=(11) fib my dir/p.py:15\n"
    "fn=(12) <dict comp> p.py:3\n\n"
    "fl=(8)\nfn=(8)\n1 97\ncfl=(11)\ncfn=(11)\ncalls=1 0\n0 83378\n\n"
    "fl=(11)\nfn=(11)\n15 83378\ncfl=(11)\ncfn=(11)\n"
    "calls=57312 0\n0 83375\n";

START_TEST(callgrind)
{
    struct tracer t = {0};
    struct problem why = {0};
    ck_assert_msg(tracer_parse_callgrind(&t, callgrind_text, sizeof callgrind_text - 1, &why) ==
                      STATUS_OK,
                  "%s", why.detail);
    ck_assert_uint_eq(t.n, 3);
    ck_assert_str_eq(t.functions[1].name, "fib");
    ck_assert_str_eq(t.functions[1].file, "my dir/p.py");
    ck_assert_uint_eq(t.functions[1].line, 15);
    ck_assert_uint_eq(t.functions[1].calls, 57313);
    ck_assert_uint_eq(t.functions[1].primitive, 1);
    ck_assert_double_eq_tol(t.functions[1].self_s, 0.083378, 1e-12);
    ck_assert_double_eq_tol(t.functions[1].cum_s, 0.083378, 1e-12); /* not twice */
    ck_assert_double_eq_tol(t.functions[0].cum_s, 0.083475, 1e-12);
    ck_assert_str_eq(t.functions[2].name, "<dict comp>");
    tracer_clear(&t);
}
END_TEST

/* With C functions, and a function numbered 0. */
START_TEST(callgrind_builtins)
{
    static const char text[] = "version: 1\ncreator: yappi\nevents: Ticks\n\n"
                               "fn=(0) f p.py:15\nfn=(1) g p.py:25\n"
                               "fn=(15) <method 'append' of 'list' objects> __builtin__:0\n\n"
                               "fn=(0)\n15 1000\ncfn=(15)\ncalls=30 0\n0 600\n\n"
                               "fn=(1)\n25 500\ncfn=(15)\ncalls=10 0\n0 200\n\n"
                               "fn=(15)\n0 800\n";
    struct tracer t = {0};
    struct problem why = {0};
    ck_assert_msg(tracer_parse_callgrind(&t, text, sizeof text - 1, &why) == STATUS_OK, "%s",
                  why.detail);
    ck_assert_str_eq(t.functions[2].name, "<method 'append' of 'list' objects>");
    ck_assert(!t.functions[2].is_python);
    ck_assert_uint_eq(t.functions[2].calls, 40);
    ck_assert_double_eq_tol(t.functions[0].called_s, 600e-6, 1e-12);
    ck_assert_double_eq_tol(t.functions[1].called_s, 200e-6, 1e-12);
    ck_assert_uint_eq(t.functions[1].called, 10);
    ck_assert_double_eq_tol(t.total_s, 2300e-6, 1e-12);
    tracer_clear(&t);
}
END_TEST

/* yappi joins functions of the same name, and leaves calls of one that it names nowhere. */
START_TEST(callgrind_dangling)
{
    static const char text[] = "version: 1\ncreator: yappi\nevents: Ticks\n\n"
                               "fn=(1) a p.py:5\nfn=(2) leaf p.py:1\n\n"
                               "fn=(1)\n5 100\ncfn=(66)\ncalls=50 0\n0 700\ncfn=(2)\n"
                               "calls=3 0\n0 30\n\nfn=(2)\n1 30\n";
    struct tracer t = {0};
    struct problem why = {0};
    ck_assert_msg(tracer_parse_callgrind(&t, text, sizeof text - 1, &why) == STATUS_OK, "%s",
                  why.detail);
    ck_assert_uint_eq(t.n, 3);
    ck_assert_double_eq_tol(t.functions[0].cum_s, 830e-6, 1e-12);
    ck_assert_uint_eq(t.functions[1].calls, 3);
    ck_assert_str_eq(t.functions[2].name, "<number 66, which has no name>");
    ck_assert(!t.functions[2].is_python);
    ck_assert_uint_eq(t.functions[2].calls, 50);
    tracer_clear(&t);
}
END_TEST

/* As lsprofcalltree and bzr write it: names as they are, ticks of a millisecond. */
START_TEST(callgrind_lsprof)
{
    static const char text[] = "events: Ticks\nsummary: 30\nfi=~\nfn=<built-in method len>\n0 4\n\n"
                               "fi=/p/a.py\nfn=run /p/a.py:7\n7 10\ncfi=~\n"
                               "cfn=<built-in method len>\ncalls=9 0\n7 4\ncfi=/p/b.py\n"
                               "cfn=run /p/b.py:7\ncalls=2 7\n7 16\n\n"
                               "fi=/p/b.py\nfn=run /p/b.py:7\n7 16\n";
    struct tracer t = {0};
    struct problem why = {0};
    ck_assert_msg(tracer_parse_callgrind(&t, text, sizeof text - 1, &why) == STATUS_OK, "%s",
                  why.detail);
    ck_assert_uint_eq(t.n, 3);
    ck_assert_str_eq(t.functions[0].name, "<built-in method len>");
    ck_assert(!t.functions[0].is_python && t.functions[0].calls == 9);
    ck_assert_str_eq(t.functions[1].file, "/p/a.py");
    ck_assert_double_eq_tol(t.functions[1].cum_s, 30e-3, 1e-12);
    ck_assert_str_eq(t.functions[2].file, "/p/b.py");
    ck_assert(t.functions[2].calls == 2 && t.functions[2].line == 7);
    tracer_clear(&t);
}
END_TEST

/* As pyprof2calltree writes it: the file is fl's, the line where the costs are; and more events. */
START_TEST(callgrind_bare_names)
{
    static const char text[] =
        "event: ns : Nanoseconds\nevents: Calls ns\n\nfl=(1) /p/a.py\nfn=(1) run\n7 1 1000\n"
        "cfl=(2) /p/b.py\ncfn=(1)\ncalls=2 9\n8 2 3000\n\nfl=(2)\nfn=(1)\n9 2 3000\n";
    struct tracer t = {0};
    struct problem why = {0};
    ck_assert_msg(tracer_parse_callgrind(&t, text, sizeof text - 1, &why) == STATUS_OK, "%s",
                  why.detail);
    ck_assert_uint_eq(t.n, 2);
    ck_assert_str_eq(t.functions[0].file, "/p/a.py");
    ck_assert_uint_eq(t.functions[0].line, 7);
    ck_assert_double_eq_tol(t.functions[0].cum_s, 4e-6, 1e-15);
    ck_assert_str_eq(t.functions[1].file, "/p/b.py");
    ck_assert(t.functions[1].line == 9 && t.functions[1].is_python && t.functions[1].calls == 2);
    tracer_clear(&t);
}
END_TEST

START_TEST(callgrind_under_attack)
{
    struct bytes b = {0};
    bytes_add(&b, callgrind_text, sizeof callgrind_text - 1);
    attack(&b, true);
    bytes_free(&b);
}
END_TEST

START_TEST(callgrind_wrong)
{
    static const char *const cases[] = {
        "1 2\n",
        "calls=1 0\n",
        "",
        "fn=(99999999) f p:1\n",
        "fn=(1 f p:1\n",
        "events: Ticks\n",
        "fn=\n",
        "fn=f p.py:1\n1\n",
        "fn=f p.py:1\n1 x\n",
        "fn=f p.py:1\nnonsense\n",
        "events: Ir\nfn=f p.py:1\n1 2\n",
        "creator: pyrec 0.1\nevents: cpu\nfn=f p.py:1\n1 2\n",
        "events: Ir ns\nfn=f p.py:1\n1 2\n",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tracer t = {0};
        struct problem why = {0};
        ck_assert_msg(tracer_parse_callgrind(&t, cases[i], strlen(cases[i]), &why) ==
                          STATUS_DAMAGED,
                      "case %zu", i);
        tracer_clear(&t);
    }
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("tracer");
    TCase *const tests = tcase_create("tracer");
    tcase_add_test(tests, numbers);
    tcase_add_test(tests, texts_and_references);
    tcase_add_test(tests, wrong);
    tcase_add_test(tests, pstats);
    tcase_add_test(tests, pstats_under_attack);
    tcase_add_test(tests, callgrind);
    tcase_add_test(tests, callgrind_builtins);
    tcase_add_test(tests, callgrind_dangling);
    tcase_add_test(tests, callgrind_lsprof);
    tcase_add_test(tests, callgrind_bare_names);
    tcase_add_test(tests, callgrind_under_attack);
    tcase_add_test(tests, callgrind_wrong);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
