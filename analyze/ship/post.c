/* SPDX-License-Identifier: MIT */
#include "post.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#ifdef PYREC_CURL
#include "analyze/web/curl_calls.h"

#include <strings.h>
#endif

#define BODY_MAX 65536

void post_answer_clear(struct post_answer *answer)
{
    buffer_clear(&answer->body);
}

#ifdef PYREC_CURL

/* More than is kept is read and forgotten: the answer is whole all the same. */
static size_t body_take(char *bytes, size_t size, size_t n, void *closure)
{
    struct post_answer *const answer = closure;
    const size_t len = size * n;
    const size_t room = BODY_MAX - answer->body.len;
    buffer_add(&answer->body, bytes, len < room ? len : room);
    return len;
}

/* A line of the answer's head, without a NUL behind it. Each answer begins with its status. */
static size_t header_take(char *bytes, size_t size, size_t n, void *closure)
{
    static const char name[] = "Retry-After:";
    struct post_answer *const answer = closure;
    const size_t len = size * n, name_len = sizeof name - 1;
    if (len > 5 && memcmp(bytes, "HTTP/", 5) == 0)
        answer->retry_after[0] = '\0';
    if (len > name_len && strncasecmp(bytes, name, name_len) == 0)
        snprintf(answer->retry_after, sizeof answer->retry_after, "%.*s", (int)(len - name_len),
                 bytes + name_len);
    return len;
}

static int progress_look(void *closure, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct post *const post = closure;
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(post->settings.stop);
}

/* The headers that sign it. */
static struct curl_slist *signature_add(struct curl_slist *list, const struct signing *signing,
                                        const struct post_request *request)
{
    const struct signing_request it = {
        .method = request->method,
        .url = request->url,
        .type = request->type,
        .bytes = request->bytes,
        .len = request->len,
        .time_unix_s = time(NULL),
    };
    struct buffer lines = {0};
    signing_add(signing, &it, &lines);
    for (char *line = lines.text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        list = curl->slist_append(list, line);
    }
    explicit_bzero(lines.text, lines.len);
    buffer_clear(&lines);
    return list;
}

/* Of this request: the credentials of all, what its content is, no waiting for "100 continue". */
static struct curl_slist *headers_list(const struct post *post, const struct post_request *request)
{
    struct curl_slist *list = curl->slist_append(NULL, "Expect:");
    char line[256];
    snprintf(line, sizeof line, "Content-Type: %s", request->type);
    list = curl->slist_append(list, line);
    if (request->encoding != NULL) {
        snprintf(line, sizeof line, "Content-Encoding: %s", request->encoding);
        list = curl->slist_append(list, line);
    }
    for (size_t i = 0; i < post->settings.headers->n; i++)
        list = curl->slist_append(list, post->settings.headers->lines[i]);
    if (post->settings.signing->key != NULL)
        list = signature_add(list, post->settings.signing, request);
    return list;
}

static void settle(struct post *post)
{
    CURL *const handle = post->handle;
    const struct post_settings *const s = &post->settings;
    curl->easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)s->timeout_ms);
    curl->easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
    curl->easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
    curl->easy_setopt(handle, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl->easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl->easy_setopt(handle, CURLOPT_PROTOCOLS_STR, s->to->is_encrypted ? "https" : "http");
#endif
    if (s->authorities != NULL) {
        curl->easy_setopt(handle, CURLOPT_CAINFO, s->authorities);
        curl->easy_setopt(handle, CURLOPT_CAPATH, NULL);
    }
    if (s->to->is_near)
        curl->easy_setopt(handle, CURLOPT_PROXY, "");
    curl->easy_setopt(handle, CURLOPT_WRITEFUNCTION, body_take);
    curl->easy_setopt(handle, CURLOPT_HEADERFUNCTION, header_take);
    curl->easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl->easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, progress_look);
    curl->easy_setopt(handle, CURLOPT_XFERINFODATA, post);
}

enum status post_open(struct post *post, const struct post_settings *settings, struct problem *why)
{
    post->settings = *settings;
    if ((post->handle = curl_open(why)) == NULL)
        return why->status;
    settle(post);
    return STATUS_OK;
}

void post_close(struct post *post)
{
    if (post->handle == NULL)
        return;
    curl->easy_cleanup(post->handle);
    curl->global_cleanup();
    post->handle = NULL;
}

void post_send(struct post *post, const struct post_request *request, struct post_answer *answer)
{
    CURL *const handle = post->handle;
    char detail[CURL_ERROR_SIZE] = "";
    struct curl_slist *const list = headers_list(post, request);
    *answer = (struct post_answer){.status = 0};
    curl->easy_setopt(handle, CURLOPT_URL, request->url);
    curl->easy_setopt(handle, CURLOPT_POST, 1L);
    curl->easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request->method);
    curl->easy_setopt(handle, CURLOPT_HTTPHEADER, list);
    curl->easy_setopt(handle, CURLOPT_POSTFIELDS, request->bytes);
    curl->easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->len);
    curl->easy_setopt(handle, CURLOPT_WRITEDATA, answer);
    curl->easy_setopt(handle, CURLOPT_HEADERDATA, answer);
    curl->easy_setopt(handle, CURLOPT_ERRORBUFFER, detail);
    const CURLcode code = curl->easy_perform(handle);
    if (code == CURLE_OK)
        curl->easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer->status);
    else
        snprintf(answer->problem, sizeof answer->problem, "%s",
                 detail[0] != '\0' ? detail : curl->easy_strerror(code));
    curl->easy_setopt(handle, CURLOPT_ERRORBUFFER, NULL);
    curl->easy_setopt(handle, CURLOPT_HTTPHEADER, NULL);
    curl->slist_free_all(list);
}

#else

enum status post_open(struct post *post, const struct post_settings *settings, struct problem *why)
{
    post->settings = *settings;
    return problem_set(
        why, STATUS_USAGE, PROBLEM_NO_OFFSET,
        "this pyanalyze was built without libcurl (Debian: libcurl4-openssl-dev), and "
        "ships into directories only");
}

void post_close(struct post *post)
{
    (void)post;
}

void post_send(struct post *post, const struct post_request *request, struct post_answer *answer)
{
    (void)post, (void)request;
    *answer = (struct post_answer){.problem = "built without libcurl"};
}

#endif
