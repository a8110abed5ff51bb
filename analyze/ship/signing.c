/* SPDX-License-Identifier: MIT */
#include "signing.h"

#include "sha256.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define METHOD   "AWS4-HMAC-SHA256"
#define TIME_LEN 16 /* 20130524T000000Z, the day first */
#define DAY_LEN  8

static const char *variable(const char *name)
{
    const char *const value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* It becomes part of a header's line; keys have no blanks, and no ':', which ends a key. */
static bool is_word(const char *text, const char *never)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text >= 0x7f || strchr(never, *text) != NULL)
            return false;
    return true;
}

enum status signing_take(struct signing *signing, struct problem *why)
{
    const struct {
        const char *name, **to, *never;
        bool is_wanted;
    } variables[] = {
        {"AWS_ACCESS_KEY_ID", &signing->key, ":/,=", true},
        {"AWS_SECRET_ACCESS_KEY", &signing->secret, "", true},
        {"AWS_SESSION_TOKEN", &signing->token, "", false},
        {"AWS_DEFAULT_REGION", &signing->region, ":/,=", false},
        {"AWS_REGION", &signing->region, ":/,=", false},
    };
    *signing = (struct signing){.region = "us-east-1"};
    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        const char *const value = variable(variables[i].name);
        if (value == NULL && variables[i].is_wanted)
            return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                               "--s3 wants %s in the environment", variables[i].name);
        if (value != NULL && !is_word(value, variables[i].never))
            return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                               "--s3: %s holds characters that cannot be in one",
                               variables[i].name);
        if (value != NULL)
            *variables[i].to = value;
    }
    return STATUS_OK;
}

/* ---- a signature ---- */

static void hash_add(struct buffer *to, const void *bytes, size_t len)
{
    uint8_t digest[SHA256_LEN];
    sha256(bytes, len, digest);
    buffer_add_hex(to, digest, SHA256_LEN);
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~/%", c) != NULL);
}

/* Host as libcurl sends it: without the port that goes without saying. */
static void host_add(struct buffer *to, const char *url)
{
    const char *const host = strstr(url, "://") + 3;
    size_t len = strcspn(host, "/");
    const char *const port = strncmp(url, "https:", 6) == 0 ? ":443" : ":80";
    const size_t port_len = strlen(port);
    if (len > port_len && strncmp(host + len - port_len, port, port_len) == 0)
        len -= port_len;
    buffer_add(to, host, len);
}

static void path_add(struct buffer *to, const char *url)
{
    const char *const path = strchr(strstr(url, "://") + 3, '/');
    buffer_add_percent(to, path != NULL ? path : "/", is_unreserved);
}

/* Headers of the request, in order of their names, as they are signed; `names` gets these. */
static void headers_add(const struct signing *signing, const struct signing_request *request,
                        const char *time, const char *hash, struct buffer *to, struct buffer *names)
{
    buffer_print(to, "content-type:%s\nhost:", request->type);
    host_add(to, request->url);
    buffer_print(to, "\nx-amz-content-sha256:%s\nx-amz-date:%s\n", hash, time);
    buffer_add_text(names, "content-type;host;x-amz-content-sha256;x-amz-date");
    if (signing->token == NULL)
        return;
    buffer_print(to, "x-amz-security-token:%s\n", signing->token);
    buffer_add_text(names, ";x-amz-security-token");
}

/* A key of its own for each day, region and service: what could be guessed of it is no other's. */
static void text_sign(const struct signing *signing, const char *time, const struct buffer *text,
                      uint8_t digest[SHA256_LEN])
{
    struct buffer secret = {0};
    char day[DAY_LEN + 1];
    snprintf(day, sizeof day, "%.*s", DAY_LEN, time);
    buffer_print(&secret, "AWS4%s", signing->secret);
    sha256_hmac((const uint8_t *)secret.text, secret.len, day, strlen(day), digest);
    sha256_hmac(digest, SHA256_LEN, signing->region, strlen(signing->region), digest);
    sha256_hmac(digest, SHA256_LEN, "s3", 2, digest);
    sha256_hmac(digest, SHA256_LEN, "aws4_request", strlen("aws4_request"), digest);
    sha256_hmac(digest, SHA256_LEN, text->text, text->len, digest);
    explicit_bzero(secret.text, secret.len);
    buffer_clear(&secret);
}

void signing_add(const struct signing *signing, const struct signing_request *request,
                 struct buffer *lines)
{
    struct buffer hash = {0}, canonical = {0}, names = {0}, scope = {0}, text = {0};
    const time_t at = (time_t)request->time_unix_s;
    uint8_t digest[SHA256_LEN];
    char time[TIME_LEN + 1] = "";
    struct tm tm;
    (void)strftime(time, sizeof time, "%Y%m%dT%H%M%SZ", gmtime_r(&at, &tm));
    hash_add(&hash, request->bytes, request->len);
    buffer_print(&canonical, "%s\n", request->method);
    path_add(&canonical, request->url);
    buffer_add_text(&canonical, "\n\n"); /* no query */
    headers_add(signing, request, time, hash.text, &canonical, &names);
    buffer_print(&canonical, "\n%s\n%s", names.text, hash.text);
    buffer_print(&scope, "%.*s/%s/s3/aws4_request", DAY_LEN, time, signing->region);
    buffer_print(&text, METHOD "\n%s\n%s\n", time, scope.text);
    hash_add(&text, canonical.text, canonical.len);
    text_sign(signing, time, &text, digest);
    buffer_print(lines, "x-amz-content-sha256: %s\nx-amz-date: %s\n", hash.text, time);
    if (signing->token != NULL)
        buffer_print(lines, "x-amz-security-token: %s\n", signing->token);
    buffer_print(lines, "Authorization: " METHOD " Credential=%s/%s, SignedHeaders=%s, Signature=",
                 signing->key, scope.text, names.text);
    buffer_add_hex(lines, digest, SHA256_LEN);
    buffer_add_text(lines, "\n");
    explicit_bzero(canonical.text, canonical.len);
    buffer_clear(&hash);
    buffer_clear(&canonical);
    buffer_clear(&names);
    buffer_clear(&scope);
    buffer_clear(&text);
}
