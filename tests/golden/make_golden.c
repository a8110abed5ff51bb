/* SPDX-License-Identifier: MIT */
/*
 * make_golden DIRECTORY - write v1-*.trace, a side file and v1-*.txt into it.
 *
 * What is in the source tree stays as it is; this is for a new file, or to compare.
 */
#include "digest.h"
#include "golden.h"
#include <stdio.h>

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: make_golden DIRECTORY\n");
        return 2;
    }
    for (size_t i = 0; goldens[i].name != NULL; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", argv[1], goldens[i].file);
        goldens[i].write(path);
        char text_path[4096];
        snprintf(text_path, sizeof(text_path), "%s/%s.txt", argv[1], goldens[i].name);
        FILE *const text = fopen(text_path, "w");
        if (text == NULL) {
            perror(text_path);
            return 1;
        }
        digest_write(path, text);
        fclose(text);
    }
    return 0;
}
