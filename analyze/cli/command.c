/* SPDX-License-Identifier: MIT */
#include "command.h"

#include <string.h>

static const struct command *const commands[] = {
#define COMMAND_ROW(name) &command_##name,
    COMMAND_LIST(COMMAND_ROW)
#undef COMMAND_ROW
};

const struct command *command_get(size_t i)
{
    return i < ARRAY_LEN(commands) ? commands[i] : NULL;
}

const char *command_name(size_t i)
{
    return i < ARRAY_LEN(commands) ? commands[i]->name : NULL;
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

const struct command_style *command_style(const struct command *command, const char *name)
{
    const struct command_style *style = command->styles;
    while (style != NULL && name != NULL && style->name != NULL) {
        if (strcmp(style->name, name) == 0)
            return style;
        style++;
    }
    return NULL;
}

const struct option *command_option(const struct command *command, size_t i)
{
    const struct option *own = command->options, *common;
    for (; own != NULL && own->name != NULL; own++) {
        if (i-- == 0)
            return own;
    }
    for (size_t k = 0; (common = option_common(k)) != NULL; k++) {
        if ((command->takes | TAKES_ALWAYS) & common->group && i-- == 0)
            return common;
    }
    return NULL;
}
