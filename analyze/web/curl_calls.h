/* SPDX-License-Identifier: MIT */
#ifndef ANALYZE_WEB_CURL_CALLS_H
#define ANALYZE_WEB_CURL_CALLS_H

#include "format/status.h"

#include <curl/curl.h>

/*
 * libcurl, loaded when something is first asked of a server. Linked with the program it would be
 * loaded with each command, and with it the thirty libraries that it has for TLS, Kerberos, LDAP:
 * 25 of the 34 ms that `pyanalyze --version` took.
 *
 * Threads: open the first handle before others use it.
 * Memory: it stays loaded; who has a handle ends it.
 */

/* The names that follow curl_ in <curl/curl.h>. */
#define CURL_CALLS(CALL)                                                                           \
    CALL(global_init)                                                                              \
    CALL(global_cleanup)                                                                           \
    CALL(easy_init)                                                                                \
    CALL(easy_cleanup)                                                                             \
    CALL(easy_setopt)                                                                              \
    CALL(easy_getinfo)                                                                             \
    CALL(easy_perform)                                                                             \
    CALL(easy_strerror)                                                                            \
    CALL(slist_append)                                                                             \
    CALL(slist_free_all)

struct curl_calls {
#define CURL_CALLS_MEMBER(name) __typeof__(curl_##name) *name;
    CURL_CALLS(CURL_CALLS_MEMBER)
#undef CURL_CALLS_MEMBER
};

extern const struct curl_calls *curl; /* by curl_open(); NULL before */

/*
 * A handle, with what all requests have: who asks, no signals, how long it takes to connect. NULL:
 * STATUS_USAGE where the library is not installed, which `why` names, else STATUS_NO_MEMORY.
 */
CURL *curl_open(struct problem *why);

#endif
