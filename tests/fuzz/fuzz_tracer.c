/* SPDX-License-Identifier: MIT */
/* Any bytes as the profile of a tracer, in both forms: what is read is whole, the rest refused. */
#include "analyze/compare/tracer.h"
#include "fuzz.h"

#include <math.h>
#include <string.h>

static void check(struct tracer *tracer, enum status status, const struct problem *why)
{
    ALWAYS(status == STATUS_OK || (status == STATUS_DAMAGED && why->detail[0] != '\0'));
    for (size_t i = 0; status == STATUS_OK && i < tracer->n; i++) {
        const struct tracer_function *const f = &tracer->functions[i];
        ALWAYS(strlen(f->name) + strlen(f->file) < SIZE_MAX / 2);
        ALWAYS(isfinite(f->self_s) && isfinite(f->cum_s) && isfinite(f->called_s));
        ALWAYS(f->primitive <= f->calls && f->is_python == (f->line > 0));
        for (size_t c = 0; c < f->n_callers; c++)
            ALWAYS(f->callers[c].caller < tracer->n);
    }
    tracer_clear(tracer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tracer tracer = {0};
    struct problem why = {0};
    check(&tracer, tracer_parse_pstats(&tracer, data, size, &why), &why);
    check(&tracer, tracer_parse_callgrind(&tracer, (const char *)data, size, &why), &why);
    return 0;
}
