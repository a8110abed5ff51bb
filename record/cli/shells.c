/* SPDX-License-Identifier: MIT */
#include "shells.h"

#include <string.h>

enum shell shell_find(const char *name)
{
    static const char *const names[SHELL_COUNT] = {"bash", "zsh", "fish"};
    int i = 0;
    while (i < SHELL_COUNT && strcmp(names[i], name) != 0)
        i++;
    return (enum shell)i;
}
