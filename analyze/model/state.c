/* SPDX-License-Identifier: MIT */
#include "state.h"

#include "format/status.h"

#include <string.h>

static const struct {
    uint16_t bit;
    const char *text;
} names[] = {
#define STATE_NAME(name, text, help) {STATE_##name, text},
    STATE_LIST(STATE_NAME)
#undef STATE_NAME
};

static const struct {
    const char *name;
    enum state_class class;
    uint16_t bit;
} filters[] = {
#define FILTER_ROW(name, class, bit) {name, class, bit},
    STATE_NAME_LIST(FILTER_ROW)
#undef FILTER_ROW
};

const char *state_name(size_t i)
{
    return i < ARRAY_LEN(filters) ? filters[i].name : NULL;
}

const char *state_class_name(enum state_class class)
{
    if (class == CLASS_KERNEL || class == CLASS_EITHER)
        class = CLASS_ON_CPU;
    size_t i = 0;
    while (filters[i].class != class)
        i++;
    return filters[i].name;
}

static const struct {
    const char *name, *words, *doing;
} halts[HALT_COUNT] = {{"", "", ""},
#define HALT_ROW(name, text, words, doing) {text, words, doing},
                       STATE_HALT_LIST(HALT_ROW)
#undef HALT_ROW
};

const char *state_halt_name(enum state_halt halt)
{
    return halts[halt].name;
}

const char *state_halt_words(enum state_halt halt)
{
    return halts[halt].words;
}

const char *state_halt_doing(const char *call)
{
    for (int halt = HALT_NONE + 1; halt < HALT_COUNT; halt++) {
        if (strcmp(halts[halt].name, call) == 0)
            return halts[halt].doing;
    }
    return NULL;
}

const char *state_new_name(const char *old)
{
#define STATE_OLD_ROW(name, now)                                                                   \
    if (strcmp(old, name) == 0)                                                                    \
        return now;
    STATE_OLD_NAME_LIST(STATE_OLD_ROW)
#undef STATE_OLD_ROW
    return NULL;
}

bool state_add_name(const char *name, uint8_t *classes, uint16_t *bits)
{
    for (size_t i = 0; state_name(i) != NULL; i++) {
        if (strcmp(filters[i].name, name) != 0)
            continue;
        if (filters[i].class < CLASS_COUNT)
            *classes |= (uint8_t)(1u << filters[i].class);
        *bits |= filters[i].bit;
        return true;
    }
    return false;
}

void state_print(struct buffer *buffer, uint16_t state)
{
    const char *between = "";
    if (state_class(state) == CLASS_BLOCKED) {
        buffer_add_text(buffer, "blocked");
        between = "+";
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!(state & names[i].bit))
            continue;
        buffer_add_text(buffer, between);
        buffer_add_text(buffer, names[i].text);
        between = "+";
    }
}

void weights_add(struct weights *to, const struct weights *more)
{
    for (int c = 0; c < CLASS_COUNT; c++)
        weight_add(&to->by[c], &more->by[c]);
}

struct weight weights_on_cpu(const struct weights *weights)
{
    struct weight sum = weights->by[CLASS_ON_CPU];
    weight_add(&sum, &weights->by[CLASS_KERNEL]);
    weight_add(&sum, &weights->by[CLASS_EITHER]);
    return sum;
}

struct weight weights_sum(const struct weights *weights)
{
    struct weight sum = {0};
    for (int c = 0; c < CLASS_COUNT; c++)
        weight_add(&sum, &weights->by[c]);
    return sum;
}
