/* SPDX-License-Identifier: MIT */
/*
 * Scopes of a page: what is in force for a sample, and how little is lost where there are more
 * names than a page has room for.
 */
#include "analyze/report/report_scope.h"

#include "analyze/read/unit.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define MANY 20000u

/* A generation whose dictionary is filled by hand; ticks of it are at time 100. */
static struct dict dict;
static struct dict_context contexts[MANY + 1];
static const char *strings[2 * MANY + 1];
static char texts[2 * MANY + 1][300];
static uint64_t time_q[2] = {0, 100};
static struct unit_reader reader;
static struct scene scene;
static struct report_scopes scopes;

static void setup(void)
{
    dict = (struct dict){.strings = strings, .contexts = contexts, .n_contexts = 1};
    reader = (struct unit_reader){.dict = dict};
    reader.range = (struct range){.dict = &reader.dict, .time_q = time_q};
    scene = (struct scene){.reader = &reader};
    strings[0] = "";
    reader.dict.n_strings = 1;
    scopes = (struct report_scopes){0};
}

static void teardown(void)
{
    report_scope_clear(&scopes);
}

static uint32_t string(const char *text)
{
    const uint32_t n = (uint32_t)reader.dict.n_strings++;
    snprintf(texts[n], sizeof texts[n], "%s", text);
    strings[n] = texts[n];
    return n;
}

static uint32_t context(bool label, const char *name, const char *value, uint32_t up)
{
    const uint32_t n = (uint32_t)reader.dict.n_contexts++;
    contexts[n] = (struct dict_context){.number = n,
                                        .end_q = DICT_CONTEXT_OPEN,
                                        .up = up,
                                        .name = string(name),
                                        .value = string(value),
                                        .label = label};
    return n;
}

static uint32_t scope_of(uint32_t at, uint32_t task)
{
    const struct span span = {.context = at, .task = task};
    const uint32_t n = report_scope_of(&scopes, &scene, &span);
    ck_assert_uint_lt(n, REPORT_SCOPES_MAX);
    return n;
}

/* "name=value" of all that is in it, innermost first; ? = there was no room. */
static const char *words(uint32_t scope)
{
    static char text[2000];
    const struct report_scope *const s = &scopes.scopes[scope];
    size_t at = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < s->n; i++) {
        const struct report_said *const said = &scopes.said[scopes.members[s->first + i]];
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s%s%s", i > 0 ? " " : "",
                               scopes.texts[said->name], said->label ? ":" : "=",
                               said->value == REPORT_ANY ? "?" : scopes.texts[said->value]);
    }
    if (s->task != 0)
        snprintf(text + at, sizeof text - at, " in %s",
                 s->task == REPORT_ANY ? "?" : scopes.texts[s->task - 1]);
    return text;
}

START_TEST(has_what_is_in_force)
{
    const uint32_t outer = context(false, "outer", "1", 0), key = context(true, "user", "a", outer);
    const uint32_t other = context(true, "user", "b", key),
                   again = context(false, "outer", "1", other);
    const uint32_t over = context(false, "over", "", again), fetch = string("fetch");
    contexts[over].end_q = 50;
    report_scope_enter(&scopes, &scene);
    ck_assert_uint_eq(scope_of(0, 0), REPORT_SCOPE_NONE);
    ck_assert_uint_eq(scopes.n_scopes, 0);
    ck_assert_str_eq(words(scope_of(outer, 0)), "outer=1");
    ck_assert_str_eq(words(scope_of(key, 0)), "user:a outer=1");
    ck_assert_str_eq(words(scope_of(other, 0)),
                     "user:b outer=1"); /* of a key the innermost holds */
    ck_assert_str_eq(words(scope_of(again, 0)), "outer=1 user:b"); /* once for a name */
    ck_assert_uint_eq(scope_of(over, 0), scope_of(again, 0)); /* what is over is not in force */
    ck_assert_str_eq(words(scope_of(again, fetch)), "outer=1 user:b in fetch");
    ck_assert_str_eq(words(scope_of(0, fetch)), " in fetch");
}
END_TEST

START_TEST(is_nothing_when_all_is_over)
{
    const uint32_t at = context(false, "over", "", 0);
    contexts[at].end_q = 50;
    report_scope_enter(&scopes, &scene);
    ck_assert_uint_eq(scope_of(at, 0), REPORT_SCOPE_NONE);
}
END_TEST

/* Details are given up, names are not; what was kept stays what it was. */
START_TEST(keeps_names_of_many_details)
{
    char value[40];
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(value, sizeof value, "GET /%u", i);
        context(false, "request", value, 0);
    }
    report_scope_enter(&scopes, &scene);
    ck_assert_str_eq(words(scope_of(1, 0)), "request=GET /0");
    for (uint32_t i = 1; i < MANY; i++)
        scope_of(i + 1, 0);
    ck_assert_str_eq(words(scope_of(1, 0)), "request=GET /0");
    ck_assert_str_eq(words(scope_of(MANY, 0)), "request=?");
    ck_assert_uint_le(scopes.n_scopes, REPORT_SCOPES_MAX);
}
END_TEST

/* Whose name there is no room for is in REPORT_SCOPE_MORE, which says nothing of it. */
START_TEST(says_what_it_does_not_know)
{
    char name[40];
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "phase %u", i);
        context(false, name, "", 0);
    }
    report_scope_enter(&scopes, &scene);
    for (uint32_t i = 0; i < MANY; i++)
        scope_of(i + 1, 0);
    ck_assert_str_eq(words(scope_of(1, 0)), "phase 0=");
    ck_assert_uint_eq(scope_of(MANY, 0), REPORT_SCOPE_MORE);
    ck_assert_str_eq(words(REPORT_SCOPE_MORE), "");
}
END_TEST

/* Many tasks: which one ran is given up before the phase is. */
START_TEST(keeps_phases_of_many_tasks)
{
    char name[40];
    const uint32_t at = context(false, "serve", "", 0);
    uint32_t last = 0;
    report_scope_enter(&scopes, &scene);
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "task %u", i);
        last = scope_of(at, string(name));
    }
    ck_assert_str_eq(words(last), "serve=? in ?");
}
END_TEST

/* The texts are bounded, too, and so is how deep they are inside of each other. */
START_TEST(is_bounded)
{
    static char name[290];
    uint32_t at = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        memset(name, 'x', sizeof name - 1);
        snprintf(name, 10, "%08u", i);
        name[8] = 'x';
        at = context(false, name, "", i % 100 == 0 ? 0 : at);
    }
    report_scope_enter(&scopes, &scene);
    for (uint32_t i = 0; i < MANY; i++)
        scope_of(i + 1, 0);
    ck_assert_uint_le(scopes.text_bytes, 1u << 20);
    ck_assert_uint_eq(scope_of(100, 0), REPORT_SCOPE_MORE); /* a hundred of them */
    ck_assert_uint_gt(scope_of(10, 0), REPORT_SCOPE_MORE);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("report_scope");
    TCase *const tests = tcase_create("report_scope");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, has_what_is_in_force);
    tcase_add_test(tests, is_nothing_when_all_is_over);
    tcase_add_test(tests, keeps_names_of_many_details);
    tcase_add_test(tests, says_what_it_does_not_know);
    tcase_add_test(tests, keeps_phases_of_many_tasks);
    tcase_add_test(tests, is_bounded);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
