/* SPDX-License-Identifier: MIT */
/* A program that AddressSanitizer's library has to be the first one in. */
#include <stdio.h>

int main(void)
{
    return puts("sanitized") < 0;
}
