/* SPDX-License-Identifier: MIT */
#include "vec.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 16u

bool vec_room(void *array, uint32_t *capacity, uint64_t need, size_t item_bytes)
{
    if (need <= *capacity)
        return true;
    uint64_t more = *capacity < FIRST_CAPACITY ? FIRST_CAPACITY : 2 * (uint64_t)*capacity;
    if (more < need)
        more = need;
    if (more > UINT32_MAX || more > SIZE_MAX / 2 / item_bytes)
        return false;
    void *items; /* the caller's pointer has its own type: copied, not cast */
    memcpy(&items, array, sizeof items);
    items = realloc(items, (size_t)more * item_bytes);
    if (items == NULL)
        return false;
    memcpy(array, &items, sizeof items);
    *capacity = (uint32_t)more;
    return true;
}
