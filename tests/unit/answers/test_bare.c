/* SPDX-License-Identifier: MIT */
/* A thread's life, cut into units anywhere, against the plain definition on the whole of it. */
#include "analyze/weigh/bare.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <stdlib.h>

#define LIFE_MAX 60

struct life {
    enum stack_kind kinds[LIFE_MAX];
    uint64_t walls[LIFE_MAX];
    int n;
};

static struct life make_life(unsigned seed)
{
    struct life life = {.n = 1 + (int)(seed * 7 % LIFE_MAX)};
    srandom(seed);
    const long programs = random() % 3; /* some lives have none */
    for (int i = 0; i < life.n; i++) {
        const long dice = random() % 10;
        life.kinds[i] = dice < 5                 ? STACK_BARE
                        : dice < 8               ? STACK_FRAMED
                        : dice == 8 || !programs ? STACK_UNKNOWN
                                                 : STACK_PROGRAM;
        life.walls[i] = 1 + (uint64_t)random() % 1000;
    }
    return life;
}

/* The plain definition. */
static void ends_of(const struct life *life, uint64_t *before, uint64_t *behind)
{
    enum stack_kind wanted = STACK_FRAMED;
    int first = -1, last = -1;
    for (int i = 0; i < life->n; i++)
        wanted = life->kinds[i] == STACK_PROGRAM ? STACK_PROGRAM : wanted;
    for (int i = 0; i < life->n; i++) {
        if (life->kinds[i] != wanted)
            continue;
        first = first < 0 ? i : first;
        last = i;
    }
    *before = *behind = 0;
    for (int i = 0; i < life->n && first >= 0; i++) {
        if (life->kinds[i] == STACK_BARE && i < first)
            *before += life->walls[i];
        if (life->kinds[i] == STACK_BARE && i > last)
            *behind += life->walls[i];
    }
}

START_TEST(cut_anywhere)
{
    const struct life life = make_life((unsigned)_i + 1);
    struct arena arena = {0};
    struct bare whole = {0};
    uint64_t wanted_before, wanted_behind;
    for (int i = 0; i < life.n;) {
        struct bare unit = {0};
        const int end = i + 1 + (int)(random() % 9);
        for (; i < life.n && i < end; i++) {
            const struct weight w = {1, 1, life.walls[i], 0};
            if (life.kinds[i] == STACK_BARE)
                bare_add(&unit, &arena, CLASS_BLOCKED, &w);
            else if (!unit.settled)
                bare_see(&unit, life.kinds[i]);
        }
        bare_join(&whole, &arena, &unit, 3);
    }
    struct weights before, behind;
    bare_ends(&whole, &before, &behind);
    ends_of(&life, &wanted_before, &wanted_behind);
    ck_assert_uint_eq(weights_sum(&before).wall, 3 * wanted_before);
    ck_assert_uint_eq(weights_sum(&behind).wall, 3 * wanted_behind);
    arena_clear(&arena);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("bare");
    TCase *const tests = tcase_create("bare");
    tcase_add_loop_test(tests, cut_anywhere, 0, 300);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
