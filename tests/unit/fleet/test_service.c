/* SPDX-License-Identifier: MIT */
/* service: OpenTelemetry's variables as its specification has them, who comes first, what is left
 * out. */
#include "record/cli/service.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct service service;
static struct problem why;

/* "name|version|key=value;key=value", "-" where nobody said it. */
static const char *all(void)
{
    static char text[4096];
    int len =
        snprintf(text, sizeof text, "%s|%s|", service.who.name != NULL ? service.who.name : "-",
                 service.who.version != NULL ? service.who.version : "-");
    for (size_t i = 0; i < service.who.n_labels; i++)
        len += snprintf(text + len, sizeof text - (size_t)len, "%s%s=%s", i > 0 ? ";" : "",
                        service.who.labels[i].key, service.who.labels[i].value);
    return text;
}

static enum status take(const char *name, const char *attributes)
{
    why.detail[0] = '\0';
    return service_take_variables(&service, name, attributes, &why);
}

static const struct {
    const char *name, *attributes, *wanted, *wrong;
} rows[] = {
    {NULL, NULL, "-|-|", NULL},
    {"", "", "-|-|", NULL},
    {"api", NULL, "api|-|", NULL},
    {NULL, "service.name=shop", "shop|-|", NULL},
    {"api", "service.name=shop", "api|-|", NULL},
    {"50%", "a=b", "50%|-|a=b", NULL}, /* a name is as it is, only attributes are encoded */
    {NULL, "service.version=1.2,zone=eu", "-|1.2|zone=eu", NULL},
    {NULL, " a = b , c=d\t", "-|-|a=b;c=d", NULL},
    {NULL, "a=b%2Cc%3Dd%25,e%20f=%c3%A4", "-|-|a=b,c=d%;e f=\xc3\xa4", NULL},
    {NULL, "a=b=c;d", "-|-|a=b=c;d", NULL},
    {NULL, "a=1,a=2", "-|-|a=2", NULL},
    {NULL, ",a=b,,", "-|-|a=b", NULL},
    {NULL, "a=,service.name=", "-|-|", NULL}, /* an empty one says nothing */
    {NULL, "a", "-|-|", "a key without ="},
    {NULL, "a=b,c", "-|-|", "a key without ="},
    {NULL, "a=b,=c", "-|-|", "a value without key"},
    {"api", "a=b,c=%4", "api|-|", "hexadecimal"},
    {NULL, "a=%", "-|-|", "hexadecimal"},
    {NULL, "a=%g1", "-|-|", "hexadecimal"},
    {NULL, "a=%00", "-|-|", "UTF-8"},
    {NULL, "a=%ff", "-|-|", "UTF-8"},
    {NULL, "a=\xff", "-|-|", "UTF-8"},
};

START_TEST(variables)
{
    service = (struct service){.text_len = 0};
    const enum status status = take(rows[_i].name, rows[_i].attributes);
    ck_assert_str_eq(all(), rows[_i].wanted);
    ck_assert_int_eq(status, rows[_i].wrong == NULL ? STATUS_OK : STATUS_DAMAGED);
    if (rows[_i].wrong != NULL)
        ck_assert_msg(strstr(why.detail, rows[_i].wrong) != NULL &&
                          strstr(why.detail, "OTEL_RESOURCE_ATTRIBUTES is left out") != NULL,
                      "%s", why.detail);
}
END_TEST

/* Options, then the first variables, then those that follow. */
START_TEST(first_come)
{
    service = (struct service){.text_len = 0};
    service.who.version = "3";
    ck_assert(service_set_label(&service, "zone=a=b"));
    ck_assert(service_set_label(&service, "zone=eu%2"));
    ck_assert_int_eq(take(NULL, "zone=us,service.version=4,rack=7"), STATUS_OK);
    ck_assert_int_eq(take("api", "rack=8,row=9"), STATUS_OK);
    ck_assert_str_eq(all(), "api|3|zone=eu%2;rack=7;row=9");
    ck_assert(service_set_label(&service, "service.name=other"));
    ck_assert_str_eq(service.who.name, "other");
    ck_assert(!service_set_label(&service, "=x"));
    ck_assert(!service_set_label(&service, "x"));
}
END_TEST

/* What there is no room for is left out as a whole, and what was there stays. */
START_TEST(too_much)
{
    char text[SERVICE_TEXT + 16];
    size_t len = 0;
    service = (struct service){.text_len = 0};
    ck_assert(service_set_label(&service, "zone=eu"));
    memset(text, 'x', sizeof text);
    text[1] = '=';
    text[sizeof text - 1] = '\0';
    ck_assert_int_eq(take(NULL, text), STATUS_DAMAGED);
    text[SERVICE_TEXT - 4] = '\0'; /* fits by itself, not beside what is there */
    ck_assert_int_eq(take(NULL, text), STATUS_DAMAGED);
    ck_assert_str_eq(all(), "-|-|zone=eu");
    for (int i = 0; i < SERVICE_LABELS + 1; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "k%d=v,", i);
    ck_assert_int_eq(take(NULL, text), STATUS_DAMAGED);
    ck_assert_str_eq(all(), "-|-|zone=eu");
    text[len - strlen("k64=v,")] = '\0';
    ck_assert_int_eq(take(NULL, text), STATUS_DAMAGED); /* 64 and one that is there */
    ck_assert_uint_eq(service.who.n_labels, 1);
}
END_TEST

/* Whatever stands there: no read outside, and what is kept is UTF-8. */
START_TEST(noise)
{
    static const char letters[] = "a=,% 4g\xc3\xa4;";
    unsigned seed = 11;
    for (int round = 0; round < 50000; round++) {
        char text[24];
        const size_t len = (size_t)rand_r(&seed) % sizeof text;
        for (size_t i = 0; i < len; i++)
            text[i] = letters[(size_t)rand_r(&seed) % (sizeof letters - 1)];
        text[len < sizeof text ? len : sizeof text - 1] = '\0';
        char *const exact = strdup(text);
        service = (struct service){.text_len = 0};
        const enum status status = take(NULL, exact);
        ck_assert(status == STATUS_OK || service.who.n_labels == 0);
        free(exact);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("service");
    TCase *tc = tcase_create("service");
    tcase_add_loop_test(tc, variables, 0, sizeof rows / sizeof rows[0]);
    tcase_add_test(tc, first_come);
    tcase_add_test(tc, too_much);
    tcase_add_test(tc, noise);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
