/* SPDX-License-Identifier: MIT */
#include "debug_fetch.h"

#ifdef PYREC_CURL

#include "analyze/base/whole_file.h"
#include "analyze/web/curl_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOW_SECONDS  60L
#define REDIRECTS_MAX 5L

bool debug_fetch_is_there(void)
{
    return true;
}

/* False: there is none. One in /tmp could be another user's. */
static bool print_cache(struct buffer *out)
{
    const char *const own = getenv("DEBUGINFOD_CACHE_PATH");
    const char *const cache = getenv("XDG_CACHE_HOME"), *const home = getenv("HOME");
    if (own != NULL && own[0] == '/')
        buffer_add_text(out, own);
    else if (cache != NULL && cache[0] == '/')
        buffer_print(out, "%s/debuginfod_client", cache);
    else if (home != NULL && home[0] == '/')
        buffer_print(out, "%s/.cache/debuginfod_client", home);
    return out->len > 0;
}

static void settle(CURL *handle, const char *url, FILE *to, char *detail)
{
    curl->easy_setopt(handle, CURLOPT_URL, url);
    curl->easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl->easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, SLOW_SECONDS);
    curl->easy_setopt(handle, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)FETCH_BYTES_MAX);
    curl->easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
    curl->easy_setopt(handle, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl->easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl->easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
    curl->easy_setopt(handle, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
    curl->easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    curl->easy_setopt(handle, CURLOPT_FAILONERROR, 1L);
    curl->easy_setopt(handle, CURLOPT_ACCEPT_ENCODING, "");
    curl->easy_setopt(handle, CURLOPT_ERRORBUFFER, detail);
    curl->easy_setopt(handle, CURLOPT_WRITEDATA, to);
}

/* What goes wrong is said in `why`; false then. */
static bool download(CURL *handle, const char *url, const char *path, struct buffer *why)
{
    char detail[CURL_ERROR_SIZE] = "";
    struct whole_file file;
    CURLcode code = CURLE_WRITE_ERROR;
    bool good = whole_file_open(&file, path);
    FILE *const to = good ? fdopen(file.fd, "w") : NULL;
    if (to != NULL) {
        settle(handle, url, to, detail);
        code = curl->easy_perform(handle);
        (void)fchmod(file.fd, 0600);
        if (fflush(to) != 0 && code == CURLE_OK)
            code = CURLE_WRITE_ERROR;
    } else if (good) {
        close(file.fd);
    }
    if (good && code != CURLE_OK)
        whole_file_drop(&file);
    good = good && code == CURLE_OK && whole_file_keep(&file);
    if (to != NULL)
        fclose(to);
    buffer_reset(why);
    if (!good)
        buffer_print(why, "%s: %s", url, detail[0] != '\0' ? detail : curl->easy_strerror(code));
    return good;
}

static bool ask_all(CURL *handle, const char *servers, const char *build_id, const char *path,
                    struct buffer *why)
{
    struct buffer url = {0};
    bool good = false;
    buffer_reset(why);
    buffer_add_text(why, "no server was named");
    for (const char *at = servers + strspn(servers, " \t\n"); *at != '\0' && !good;
         at += strspn(at, " \t\n")) {
        const size_t len = strcspn(at, " \t\n");
        const bool slash = at[len - 1] == '/';
        buffer_reset(&url);
        buffer_print(&url, "%.*s%sbuildid/%s/debuginfo", (int)len, at, slash ? "" : "/", build_id);
        good = download(handle, url.text, path, why);
        at += len;
    }
    buffer_clear(&url);
    return good;
}

bool debug_fetch(const char *servers, const char *build_id, struct buffer *path)
{
    struct buffer why = {0};
    struct stat info;
    buffer_reset(path);
    if (!print_cache(path)) {
        buffer_add_text(path, "no folder to keep what servers send: set DEBUGINFOD_CACHE_PATH");
        return false;
    }
    buffer_print(path, "/%s/", build_id);
    if (!whole_file_folders(path->text, 0700)) {
        buffer_print(&why, "%.*s: %s", (int)path->len - 1, path->text, strerror(errno));
        buffer_reset(path);
        buffer_add_text(path, why.text);
        buffer_clear(&why);
        return false;
    }
    buffer_add_text(path, "debuginfo");
    if (stat(path->text, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0)
        return true;
    struct problem problem;
    CURL *const handle = curl_open(&problem);
    if (handle == NULL)
        buffer_add_text(&why, problem.detail);
    const bool good = handle != NULL && ask_all(handle, servers, build_id, path->text, &why);
    if (handle != NULL)
        curl->easy_cleanup(handle);
    if (!good) {
        buffer_reset(path);
        buffer_add_text(path, why.text);
    }
    buffer_clear(&why);
    return good;
}

#else

bool debug_fetch_is_there(void)
{
    return false;
}

bool debug_fetch(const char *servers, const char *build_id, struct buffer *path)
{
    (void)servers, (void)build_id;
    buffer_reset(path);
    buffer_add_text(path, "built without libcurl");
    return false;
}

#endif
