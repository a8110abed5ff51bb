/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <string.h>

static const struct output *const outputs[] = {
#define OUTPUT_ROW(name) &output_##name,
    OUTPUT_LIST(OUTPUT_ROW)
#undef OUTPUT_ROW
};

const struct output *output_get(size_t i)
{
    return i < ARRAY_LEN(outputs) ? outputs[i] : NULL;
}

const char *output_name(size_t i)
{
    return i < ARRAY_LEN(outputs) ? outputs[i]->name : NULL;
}

const struct output *output_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(outputs); i++) {
        if (strcmp(outputs[i]->name, name) == 0)
            return outputs[i];
    }
    return NULL;
}
