/* SPDX-License-Identifier: MIT */
#include "curl_calls.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#define CONNECT_MS 20000L

/* With OpenSSL, or with GnuTLS; the number of its interface since 2006. Where neither is here, the
   first is asked for again, so that it is the one that is missing. */
static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4", "libcurl.so.4"};

static const struct {
    const char *name;
    size_t at;
} calls[] = {
#define CALL_AT(name) {"curl_" #name, offsetof(struct curl_calls, name)},
    CURL_CALLS(CALL_AT)
#undef CALL_AT
};

const struct curl_calls *curl;

/* dlerror() says what is missing where that is so. */
static bool load(void)
{
    static struct curl_calls all;
    static void *library;
    for (size_t i = 0; i < sizeof names / sizeof *names && library == NULL; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; i < sizeof calls / sizeof *calls && library != NULL; i++) {
        void *const call = dlsym(library, calls[i].name);
        if (call == NULL)
            library = NULL;
        memcpy((char *)&all + calls[i].at, &call, sizeof call);
    }
    curl = library != NULL ? &all : NULL;
    return curl != NULL;
}

CURL *curl_open(struct problem *why)
{
    CURL *handle = NULL;
    if (!load()) {
        problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                    "libcurl has to be installed (Debian: libcurl4): %s", dlerror());
        return NULL;
    }
    if (curl->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        (handle = curl->easy_init()) == NULL) {
        problem_set(why, STATUS_NO_MEMORY, PROBLEM_NO_OFFSET, "libcurl");
        return NULL;
    }
    curl->easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl->easy_setopt(handle, CURLOPT_USERAGENT, "pyanalyze/" PYREC_VERSION);
    curl->easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    return handle;
}
