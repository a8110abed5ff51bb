/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as what `pyanalyze symbols` wrote beside a trace: names are taken, or refused with a
 * reason. As one Symbols message, and as the payload of a chunk with a good checksum.
 */
#include "analyze/names/names_file.h"
#include "format/chunk_write.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void object_check(const struct debug_names *names, const struct debug_object *object)
{
    size_t n, texts = 0;
    ALWAYS(debug_names_find(names, object->build_id) == object);
    for (size_t i = 0; i < object->n_functions; i++) {
        const struct debug_function *const f = &object->functions[i];
        ALWAYS(i == 0 || f[-1].address < f->address);
        ALWAYS(debug_object_function(object, f->address) == f);
        texts += strlen(f->name) + strlen(f->file);
    }
    for (size_t i = 0; i < object->n_places; i++) {
        const struct debug_place *const place = &object->places[i];
        const struct debug_frame *const frames = debug_object_place(object, place->address, &n);
        ALWAYS(i == 0 || place[-1].address < place->address);
        ALWAYS(n > 0 && n == place->n_frames && place->first_frame + n <= object->n_frames);
        for (size_t k = 0; k < n; k++)
            texts += strlen(frames[k].name) + strlen(frames[k].file);
    }
    ALWAYS(texts < SIZE_MAX / 2);
}

static void names_check(struct debug_names *names)
{
    for (size_t i = 0; i < names->n_objects; i++)
        object_check(names, &names->objects[i]);
    debug_names_clear(names);
}

static void count(void *closure, const char *path, const struct damage *damage)
{
    ALWAYS(path != NULL && damage->text[0] != '\0');
    (*(size_t *)closure)++;
}

static void file_check(const uint8_t *data, size_t size)
{
    char trace[64], side[80];
    struct debug_names names = {0};
    struct chunk_writer *writer;
    const struct chunk chunk = {.flags = CHUNK_SYMBOLS, .raw = data, .raw_len = size};
    size_t n_damages = 0;
    snprintf(trace, sizeof trace, "/tmp/fuzz_names.%d", (int)getpid());
    snprintf(side, sizeof side, "%s.symbols", trace);
    ALWAYS(chunk_writer_open(&writer, side, 7, 0, NULL) == STATUS_OK);
    ALWAYS(chunk_writer_append(writer, &chunk, NULL) == STATUS_OK);
    chunk_writer_abandon(writer);
    names_file_take_beside(&names, trace, count, &n_damages);
    unlink(side);
    names_check(&names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct debug_names names = {0};
    struct problem why = {0};
    const enum status status = debug_names_add(&names, data, size, &why);
    ALWAYS(status == STATUS_OK || why.detail[0] != '\0');
    ALWAYS(status == STATUS_OK || names.n_objects == 0);
    names_check(&names);
    file_check(data, size);
    return 0;
}
