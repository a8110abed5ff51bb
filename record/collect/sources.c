/* SPDX-License-Identifier: MIT */
#include "sources.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BYTES_MAX (SOURCES_BYTES * 2) /* of what is handed over: names, heads and some too many */

/* What the memfd holds when it is read; it may change meanwhile, the copy does not. */
static char *bytes_read(int memfd, size_t *len)
{
    struct stat is;
    if (fstat(memfd, &is) != 0 || is.st_size <= 0 || is.st_size > (off_t)BYTES_MAX)
        return NULL;
    char *const bytes = malloc((size_t)is.st_size);
    if (bytes == NULL)
        return NULL;
    const ssize_t n = pread(memfd, bytes, (size_t)is.st_size, 0);
    *len = n > 0 ? (size_t)n : 0;
    return bytes;
}

static bool is_known(const struct sources *sources, uint64_t hash)
{
    for (uint32_t i = 0; i < sources->n; i++)
        if (sources->known[i] == hash)
            return true;
    return false;
}

static void source_take(struct sources *sources, struct stream *stream,
                        const struct wire_source *head, const char *name, uint64_t now_q)
{
    const uint64_t seed = 0;
    const char *const text = name + head->name_len;
    const uint64_t hash = (uint64_t)hash_bytes(seed, name, head->name_len) << 32 |
                          hash_bytes(seed, text, head->text_len);
    const bool is_used =
        stream->generation > 0 || intern_has_string(&stream->intern, name, head->name_len);
    if (!is_used || is_known(sources, hash))
        return;
    struct batch_event event = {.time_q = now_q,
                                .type = PYREC__V1__EVENT__TYPE__SOURCE,
                                .text = strndup(name, head->name_len),
                                .source = malloc(head->text_len + 1u),
                                .source_len = head->text_len};
    const bool has_room =
        sources->n < SOURCES_MAX && head->text_len <= SOURCES_BYTES - sources->n_bytes;
    if (!has_room || event.text == NULL || event.source == NULL ||
        !batch_add_event(&stream->batch, &event)) {
        free(event.text);
        free(event.source);
        sources->left_out++;
        return;
    }
    memcpy(event.source, text, head->text_len);
    stream->batch.raw_bytes += head->text_len;
    sources->known[sources->n++] = hash;
    sources->n_bytes += head->text_len;
}

void sources_take(struct sources *sources, struct stream *stream, int memfd, uint32_t section,
                  uint64_t now_q)
{
    struct wire_source head;
    size_t len = 0;
    if (sources->section != section)
        *sources = (struct sources){.section = section};
    sources->left_out = 0;
    char *const bytes = bytes_read(memfd, &len);
    for (size_t at = 0; at < len;) {
        if (len - at < sizeof head) {
            sources->left_out++;
            break;
        }
        memcpy(&head, bytes + at, sizeof head);
        at += sizeof head;
        sources->left_out += head.left_out;
        if (head.name_len > len - at || head.text_len > len - at - head.name_len) {
            sources->left_out++;
            break;
        }
        if (head.name_len > 0)
            source_take(sources, stream, &head, bytes + at, now_q);
        at += head.name_len + (size_t)head.text_len;
    }
    free(bytes);
    const struct batch_event event = {.time_q = now_q,
                                      .type = PYREC__V1__EVENT__TYPE__SOURCES_LEFT_OUT,
                                      .value = (int64_t)sources->left_out};
    if (sources->left_out != sources->told && batch_add_event(&stream->batch, &event))
        sources->told = sources->left_out;
}
