/* SPDX-License-Identifier: MIT */
/*
 * TARGET FILE-OR-DIRECTORY.. - give a fuzz target each of the files once.
 */
#include "fuzz.h"
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

static void file_run(const char *path, long len)
{
    FILE *const file = fopen(path, "rb");
    /* Exactly as long as the input, so that the sanitizer sees a byte too many. */
    uint8_t *const data = malloc(len > 0 ? (size_t)len : 1);
    ALWAYS(file != NULL && data != NULL);
    ALWAYS(fread(data, 1, (size_t)len, file) == (size_t)len);
    fclose(file);
    (void)LLVMFuzzerTestOneInput(data, (size_t)len);
    free(data);
}

static unsigned path_run(const char *path)
{
    struct stat st;
    unsigned n = 0;

    ALWAYS(stat(path, &st) == 0);
    if (!S_ISDIR(st.st_mode)) {
        file_run(path, (long)st.st_size);
        return 1;
    }
    DIR *const dir = opendir(path);
    ALWAYS(dir != NULL);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char inner[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
        n += path_run(inner);
    }
    closedir(dir);
    return n;
}

int main(int argc, char **argv)
{
    unsigned n = 0;
    for (int i = 1; i < argc; i++)
        n += path_run(argv[i]);
    printf("%s: %u inputs\n", strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[0],
           n);
    return n > 0 ? 0 : 1;
}
