/* SPDX-License-Identifier: MIT */
#include "metric.h"

#include <string.h>

#define METRIC_FUNCTION(id, by, name, unit, weight, help, word, amount)                            \
    static uint64_t of_##id(const struct weights *w)                                               \
    {                                                                                              \
        return weight;                                                                             \
    }
METRIC_LIST(METRIC_FUNCTION)

const struct metric metrics[METRIC_COUNT] = {
#define METRIC_ROW(id, by, name, unit, weight, help, word, amount)                                 \
    {by, name, help, word, amount, unit, of_##id},
    METRIC_LIST(METRIC_ROW)
#undef METRIC_ROW
};

const struct metric *metric_find(const char *name)
{
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        if (strcmp(metrics[i].by, name) == 0)
            return &metrics[i];
    }
    return NULL;
}

const char *metric_name(size_t i)
{
    return i < METRIC_COUNT ? metrics[i].by : NULL;
}
