/* SPDX-License-Identifier: MIT */
/* ship: what a destination may be, how long is waited, what answers and headers say, the ledger. */
#include "analyze/ship/destination.h"
#include "analyze/ship/headers.h"
#include "analyze/ship/ledger.h"
#include "analyze/ship/retry.h"
#include "analyze/ship/sha256.h"
#include "analyze/ship/signing.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

static struct problem why;

/* ---- destination ---- */

static const struct {
    const char *to, *format, *address; /* address NULL: refused, and `said` is in why */
    const char *said;
    bool is_near, is_encrypted;
} targets[] = {
    {"https://a.example", NULL, "https://a.example/v1development/profiles", NULL, false, true},
    {"https://a.example:4318/", NULL, "https://a.example:4318/v1development/profiles", NULL, false,
     true},
    {"http://127.0.0.1:1/x/", "otlp", "http://127.0.0.1:1/x", NULL, true, false},
    {"http://[::1]:80/p", "pyroscope", "http://[::1]:80/p/ingest", NULL, true, false},
    {"http://localhost/ingest", "pyroscope", "http://localhost/ingest", NULL, true, false},
    {"http://127.0.0.1.evil.example", "tables", "http://127.0.0.1.evil.example", NULL, false,
     false},
    {"some/dir", NULL, "some/dir", NULL, false, false},
    {"some/dir", "otlp", NULL, "wants a URL", false, false},
    {"", NULL, NULL, "wants a URL or a directory", false, false},
    {"http://", NULL, NULL, "http[s]://HOST", false, false},
    {"http:///x", NULL, NULL, "http[s]://HOST", false, false},
    {"http://h:0/", NULL, NULL, "http[s]://HOST", false, false},
    {"http://h:65536/", NULL, NULL, "http[s]://HOST", false, false},
    {"http://h:8x/", NULL, NULL, "http[s]://HOST", false, false},
    {"http://[::1", NULL, NULL, "http[s]://HOST", false, false},
    {"https://u:secret@h/", NULL, NULL, "no user or password", false, false},
    {"https://h/?a", NULL, NULL, "without '?'", false, false},
    {"https://h/a b", NULL, NULL, "no blanks", false, false},
    {"ftp://h/", NULL, NULL, "takes http://", false, false},
    {"https://h/", "csv", NULL, "--format wants", false, false},
};

START_TEST(destinations)
{
    struct destination d = {.is_near = false};
    const enum status status = destination_take(&d, targets[_i].to, targets[_i].format, &why);
    if (targets[_i].address == NULL) {
        ck_assert_int_eq(status, STATUS_USAGE);
        ck_assert_msg(strstr(why.detail, targets[_i].said) != NULL, "%s", why.detail);
        ck_assert_ptr_null(strstr(why.detail, "secret"));
    } else {
        ck_assert_int_eq(status, STATUS_OK);
        ck_assert_str_eq(d.address.text, targets[_i].address);
        ck_assert(d.is_near == targets[_i].is_near && d.is_encrypted == targets[_i].is_encrypted);
    }
    destination_clear(&d);
}
END_TEST

START_TEST(encoded)
{
    struct buffer to = {0};
    url_add_encoded(&to, "a.b-c_d~{x=\"\xc3\xa4/ 1}");
    ck_assert_str_eq(to.text, "a.b-c_d~%7Bx%3D%22%C3%A4%2F%201%7D");
    buffer_clear(&to);
}
END_TEST

/* ---- retry ---- */

START_TEST(verdicts)
{
    static const long later[] = {408, 429, 502, 503, 504},
                      refused[] = {301, 400, 401, 403, 404, 413, 501, 505};
    ck_assert_int_eq(verdict_of(SHIP_OTLP, 200), VERDICT_TAKEN);
    ck_assert_int_eq(verdict_of(SHIP_TABLES, 201), VERDICT_TAKEN);
    for (size_t i = 0; i < ARRAY_LEN(later); i++)
        ck_assert_int_eq(verdict_of(SHIP_OTLP, later[i]), VERDICT_LATER);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        ck_assert_int_eq(verdict_of(SHIP_PYROSCOPE, refused[i]), VERDICT_REFUSED);
    ck_assert_int_eq(verdict_of(SHIP_OTLP, 500), VERDICT_REFUSED);
    ck_assert_int_eq(verdict_of(SHIP_TABLES, 500), VERDICT_LATER);
}
END_TEST

/* From nothing up to twice the wait before, up to a limit; not before the server wants it. */
START_TEST(waits)
{
    for (unsigned attempt = 1; attempt < 200; attempt++) {
        const unsigned steps = attempt - 1 < RETRY_STEPS_MAX ? attempt - 1 : RETRY_STEPS_MAX;
        const uint64_t most = SECOND << steps;
        ck_assert_uint_eq(retry_wait_ns(SECOND, attempt, 0, 0), 0);
        ck_assert_uint_eq(retry_wait_ns(SECOND, attempt, most, 0), most);
        ck_assert_uint_le(retry_wait_ns(SECOND, attempt, UINT64_MAX, 0), most);
        ck_assert_uint_ge(retry_wait_ns(SECOND, attempt, 0, 7 * SECOND), 7 * SECOND);
    }
    ck_assert_uint_eq(retry_wait_ns(0, 5, 99, 0), 0);
    ck_assert_uint_eq(retry_wait_ns(SECOND, 1, 0, UINT64_MAX), RETRY_ASKED_MAX_NS);
}
END_TEST

START_TEST(retry_after)
{
    static const struct {
        const char *text;
        uint64_t seconds;
    } rows[] = {
        {"120", 120},
        {" 5 \r\n", 5},
        {"0", 0},
        {"", 0},
        {"soon", 0},
        {"-5", 0},
        {"5x", 0},
        {"1.5", 0},
        {"99999999999999999999999999", 3600},
        {"Sun, 06 Nov 1994 08:49:37 GMT\r\n", 37}, /* now is 08:49:00 */
        {"Sunday, 06-Nov-94 08:50:00 GMT", 60},
        {"Sun Nov  6 08:49:10 1994", 10},
        {"Sun, 06 Nov 1994 08:48:00 GMT", 0},
        {"Sun, 06 Nov 2094 08:48:00 GMT", 3600},
        {"Sun, 06 Nov 1994 08:49:37 GMT, please", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ck_assert_msg(retry_after_ns(rows[i].text, 784111740) == rows[i].seconds * SECOND, "%s",
                      rows[i].text);
}
END_TEST

START_TEST(partial)
{
    struct buffer words = {0};
    uint64_t rejected;
    const char some[] = "\x0a\x07\x08\x02\x12\x03why";
    const char later[] = "\x12\x01x\x0a\x02\x08\x01"; /* a field that is not known, first */
    ck_assert(partial_success(some, sizeof some - 1, &rejected, &words));
    ck_assert_uint_eq(rejected, 2);
    ck_assert_str_eq(words.text, "why");
    ck_assert(partial_success(later, sizeof later - 1, &rejected, &words));
    ck_assert_uint_eq(rejected, 1);
    ck_assert_uint_eq(words.len, 0);
    ck_assert(partial_success("", 0, &rejected, &words) && rejected == 0);
    for (size_t len = 1; len < sizeof some - 1; len++)
        ck_assert(!partial_success(some, len, &rejected, &words));
    ck_assert(!partial_success("<html>", 6, &rejected, &words));
    buffer_clear(&words);
}
END_TEST

/* What a server says may be anything. */
START_TEST(noise)
{
    static const char letters[] = "Sun,06 Nov194:GMT-\x0a\x12\x08\xff\x80=%;: ";
    struct buffer words = {0};
    unsigned seed = 5;
    for (int round = 0; round < 100000; round++) {
        uint64_t rejected;
        char text[40];
        const size_t len = (size_t)rand_r(&seed) % (sizeof text - 1);
        for (size_t i = 0; i < len; i++)
            text[i] = rand_r(&seed) % 4 == 0
                          ? (char)(1 + rand_r(&seed) % 255)
                          : letters[(size_t)rand_r(&seed) % (sizeof letters - 1)];
        text[len] = '\0';
        char *const exact = strndup(text, len);
        ck_assert_uint_le(retry_after_ns(exact, 784111740), RETRY_ASKED_MAX_NS);
        (void)partial_success(exact, len, &rejected, &words);
        struct headers headers = {0};
        if (headers_take_variable(&headers, "IT", exact, &why) != STATUS_OK)
            ck_assert_ptr_nonnull(strstr(why.detail, "IT wants"));
        for (size_t i = 0; i < headers.n; i++)
            ck_assert_ptr_null(strpbrk(headers.lines[i], "\r\n"));
        headers_clear(&headers);
        struct destination d = {.is_near = false};
        if (destination_take(&d, exact, NULL, &why) == STATUS_OK)
            ck_assert_uint_gt(d.address.len, 0);
        destination_clear(&d);
        struct ledger ledger = {.lock = -1};
        (void)ledger_parse(&ledger, exact);
        ledger_close(&ledger);
        free(exact);
    }
    buffer_clear(&words);
}
END_TEST

/* ---- headers ---- */

START_TEST(header_lines)
{
    struct headers headers = {0};
    const char *const path = scratch_path("headers");
    static const char text[] = "# of ours\n\nAuthorization:  Bearer s3cret \r\nX-Scope-OrgID: 7";
    scratch_write(path, (const uint8_t *)text, sizeof text - 1);
    ck_assert_int_eq(chmod(path, 0604), 0);
    ck_assert_int_eq(headers_take_file(&headers, path, &why), STATUS_USAGE);
    ck_assert_ptr_nonnull(strstr(why.detail, "others may read"));
    ck_assert_int_eq(chmod(path, 0640), 0);
    ck_assert_int_eq(headers_take_file(&headers, path, &why), STATUS_OK);
    ck_assert_uint_eq(headers.n, 2);
    ck_assert_str_eq(headers.lines[0], "Authorization: Bearer s3cret");
    ck_assert_str_eq(headers.lines[1], "X-Scope-OrgID: 7");
    headers_clear(&headers);
    ck_assert_int_eq(
        headers_take_variable(&headers, "V", "a=b%20c, authorization = Basic%20s3cret=,", &why),
        STATUS_OK);
    ck_assert_str_eq(headers.lines[0], "a: b c");
    ck_assert_str_eq(headers.lines[1], "authorization: Basic s3cret=");
    static const char *const wrong[] = {
        "s3cret", "=s3cret", "a=", "a b=s3cret", "a=s3cret%0a", "a=%4"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        ck_assert_int_eq(headers_take_variable(&headers, "V", wrong[i], &why), STATUS_USAGE);
        ck_assert_ptr_null(strstr(why.detail, "s3cret"));
    }
    headers_clear(&headers);
}
END_TEST

/* ---- ledger ---- */

static struct part_id part_of(const char *name, uint64_t size)
{
    static uint8_t bytes[100];
    struct stat st;
    char *const path = strdup(scratch_path(name));
    scratch_write(path, bytes, (size_t)size);
    ck_assert_int_eq(stat(path, &st), 0);
    return (struct part_id){path, size,
                            st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec};
}

START_TEST(marks_stay)
{
    struct ledger ledger = {.lock = -1}, other = {.lock = -1};
    char directory[300];
    snprintf(directory, sizeof directory, "%s", scratch_path("."));
    struct part_id a = part_of("a b.trace", 10), b = part_of("b.trace", 20);
    ck_assert_int_eq(ledger_open(&ledger, directory, "there", &why), STATUS_OK);
    ck_assert_int_eq(ledger_find(&ledger, &a), OUTCOME_NONE);
    ck_assert_int_eq(ledger_mark(&ledger, &a, OUTCOME_SENT, &why), STATUS_OK);
    ck_assert_int_eq(ledger_mark(&ledger, &b, OUTCOME_ASIDE, &why), STATUS_OK);
    ck_assert_int_eq(ledger_open(&other, directory, "there", &why), STATUS_USAGE);
    ck_assert_ptr_nonnull(strstr(why.detail, "another pyanalyze ship"));
    ledger_close(&other);
    ledger_close(&ledger);
    ck_assert_int_eq(ledger_open(&other, directory, "elsewhere", &why), STATUS_OK);
    ck_assert_int_eq(ledger_find(&other, &a), OUTCOME_NONE);
    ledger_close(&other);
    ck_assert_int_eq(ledger_open(&ledger, directory, "there", &why), STATUS_OK);
    ck_assert_int_eq(ledger_find(&ledger, &a), OUTCOME_SENT);
    ck_assert_int_eq(ledger_find(&ledger, &b), OUTCOME_ASIDE);
    b.size++; /* another file has taken its place */
    ck_assert_int_eq(ledger_find(&ledger, &b), OUTCOME_NONE);
    ck_assert_int_eq(unlink(a.path), 0); /* what is gone is forgotten */
    ck_assert_int_eq(ledger_mark(&ledger, &b, OUTCOME_SENT, &why), STATUS_OK);
    ck_assert_uint_eq(ledger.n, 1);
    char *const file = strdup(ledger.path.text);
    ledger_close(&ledger);
    scratch_write(file, (const uint8_t *)"pyanalyze ship 1\nsent 5", 23);
    ck_assert_int_eq(ledger_open(&ledger, directory, "there", &why), STATUS_DAMAGED);
    ck_assert_ptr_nonnull(strstr(why.detail, "is not what ship wrote"));
    ledger_close(&ledger);
    free(file);
    free(a.path);
    free(b.path);
}
END_TEST

/* As many as a day has parts: each is found, and those that are gone are not. */
START_TEST(many_marks)
{
    struct ledger ledger = {.lock = -1};
    struct buffer text = {0};
    char path[64];
    buffer_add_text(&text, "pyanalyze ship 1\n");
    for (int i = 0; i < 3000; i++)
        buffer_print(&text, "%s %d 7 /parts/%d\n", i % 3 == 0 ? "aside" : "sent", i, i % 1500);
    ck_assert(ledger_parse(&ledger, text.text));
    ck_assert_uint_eq(ledger.n, 1500); /* the last line of a path holds */
    for (int i = 0; i < 2000; i++) {
        snprintf(path, sizeof path, "/parts/%d", i);
        const struct part_id part = {path, (uint64_t)i + 1500, 7};
        ck_assert_int_eq(ledger_find(&ledger, &part), i >= 1500             ? OUTCOME_NONE
                                                      : (i + 1500) % 3 == 0 ? OUTCOME_ASIDE
                                                                            : OUTCOME_SENT);
    }
    ledger_close(&ledger);
    buffer_clear(&text);
}
END_TEST

/* ---- signatures ---- */

static const char *hex(const uint8_t *digest)
{
    static char text[2 * SHA256_LEN + 1];
    for (size_t i = 0; i < SHA256_LEN; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return text;
}

/* Examples of FIPS 180-4 and RFC 4231. */
START_TEST(hashes)
{
    static char many[1000000];
    uint8_t digest[SHA256_LEN], key[131];
    const char *const two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    sha256("", 0, digest);
    ck_assert_str_eq(hex(digest),
                     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256("abc", 3, digest);
    ck_assert_str_eq(hex(digest),
                     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256(two_blocks, strlen(two_blocks), digest);
    ck_assert_str_eq(hex(digest),
                     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    memset(many, 'a', sizeof many);
    sha256(many, sizeof many, digest);
    ck_assert_str_eq(hex(digest),
                     "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    sha256_hmac((const uint8_t *)"Jefe", 4, "what do ya want for nothing?", 28, digest);
    ck_assert_str_eq(hex(digest),
                     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key); /* longer than a block */
    sha256_hmac(key, sizeof key, "Test Using Larger Than Block-Size Key - Hash Key First", 54,
                digest);
    ck_assert_str_eq(hex(digest),
                     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}
END_TEST

/* What is signed is what is sent: the host without its usual port, a path encoded once. */
START_TEST(signatures)
{
    const struct signing signing = {"AKID", "secret", NULL, "eu-west-3"};
    struct signing_request request = {
        "PUT", "https://b.example:443/a%20b/c", "application/zstd", "abc", 3, 1369353600};
    struct buffer one = {0}, two = {0};
    signing_add(&signing, &request, &one);
    ck_assert_ptr_nonnull(strstr(one.text, "x-amz-date: 20130524T000000Z\n"));
    ck_assert_ptr_nonnull(strstr(one.text, "Credential=AKID/20130524/eu-west-3/s3/aws4_request,"));
    ck_assert_ptr_nonnull(
        strstr(one.text, "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date,"));
    ck_assert_ptr_null(strstr(one.text, "secret"));
    request.url = "https://b.example/a%20b/c";
    signing_add(&signing, &request, &two);
    ck_assert_str_eq(one.text, two.text);
    request.url = "https://b.example:80/a%20b/c";
    buffer_reset(&two);
    signing_add(&signing, &request, &two);
    ck_assert_str_ne(one.text, two.text);
    buffer_clear(&one);
    buffer_clear(&two);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ship");
    TCase *tc = tcase_create("ship");
    tcase_add_loop_test(tc, destinations, 0, ARRAY_LEN(targets));
    tcase_add_test(tc, encoded);
    tcase_add_test(tc, verdicts);
    tcase_add_test(tc, waits);
    tcase_add_test(tc, retry_after);
    tcase_add_test(tc, partial);
    tcase_add_test(tc, noise);
    tcase_add_test(tc, header_lines);
    tcase_add_test(tc, marks_stay);
    tcase_add_test(tc, many_marks);
    tcase_add_test(tc, hashes);
    tcase_add_test(tc, signatures);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
