/* SPDX-License-Identifier: MIT */
/* opened - a trace that a test has made, opened; the test fails where that is not possible. */
#ifndef PYREC_TESTS_OPENED_H
#define PYREC_TESTS_OPENED_H

#include "analyze/read/trace.h"

#include <check.h>

/* `damage` as trace_open's; NULL = nobody asks for it. */
static inline struct trace *opened(const char *path, trace_damage_fn *damage)
{
    struct trace *trace;
    struct problem why = {0};
    const enum status status = trace_open(&trace, &path, 1, damage, NULL, &why);
    ck_assert_msg(status == STATUS_OK, "%s", why.detail);
    return trace;
}

#endif
