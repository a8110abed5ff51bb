/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the memory of another process: a list of mappings (up to a zero byte), then what is
 * at 64 KiB in it. Whatever is found lies in the image, and every search ends.
 */
#include "fuzz.h"
#include "record/remote/remote_memory.h"

#include <stdlib.h>
#include <string.h>

#define BASE      0x10000u
#define READS_MAX 300000u /* for one input: the tables' limits times the names asked for */

struct memory {
    const uint8_t *data;
    size_t size;
    unsigned n_reads;
};

static bool memory_read(void *closure, uint64_t at, void *to, size_t n)
{
    struct memory *const memory = closure;
    ALWAYS(++memory->n_reads < READS_MAX);
    if (at < BASE || at - BASE > memory->size || n > memory->size - (at - BASE))
        return false;
    memcpy(to, memory->data + (at - BASE), n);
    return true;
}

static void names_look(const struct remote_images *images, const struct remote *remote)
{
    static const char *const names[] = {"main", "PyCode_Type", ""};
    for (uint32_t i = 0; i < images->n; i++) {
        const struct remote_image *const image = &images->list[i];
        ALWAYS(image->n_segments <= REMOTE_HEADERS_MAX && strlen(remote_image_name(image)) < 65536);
        for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
            uint64_t size = 0;
            const uint64_t at = remote_image_find(image, remote, names[n], &size);
            ALWAYS(at == 0 || (at >= image->from && at < image->to));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct remote_maps maps;
    struct remote_images images;
    const size_t text_len = strnlen((const char *)data, size);
    const size_t begin = text_len < size ? text_len + 1 : size;
    struct memory memory = {data + begin, size - begin, 0};
    const struct remote remote = {.read = memory_read, .closure = &memory};
    char *const text = strndup((const char *)data, text_len);
    if (text == NULL || text_len > 4096) {
        free(text);
        return 0;
    }
    if (remote_maps_parse(&maps, text) == 0) {
        maps.n = maps.n < 4 ? maps.n : 4;
        if (remote_images_read(&images, &remote, &maps))
            names_look(&images, &remote);
        remote_images_clear(&images);
    }
    remote_maps_clear(&maps);
    return 0;
}
