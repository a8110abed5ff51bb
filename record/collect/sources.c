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

static uint64_t hash_of(const char *name, uint32_t name_len, const char *text, uint32_t text_len)
{
    const uint64_t seed = 0;
    return (uint64_t)hash_bytes(seed, name, name_len) << 32 | hash_bytes(seed, text, text_len);
}

static void section_enter(struct sources *sources, uint32_t section)
{
    if (sources->section == section)
        return;
    sources->section = section;
    sources->n = sources->n_bytes = 0;
    sources->told = 0;
}

/* Into the process's next chunk, unless the section has it. False: there is no room. */
static bool source_add(struct sources *sources, struct stream *stream,
                       const struct wire_source *head, const char *name, uint64_t now_q)
{
    const char *const text = name + head->name_len;
    const uint64_t hash = hash_of(name, head->name_len, text, head->text_len);
    if (is_known(sources, hash))
        return true;
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
        return false;
    }
    memcpy(event.source, text, head->text_len);
    stream->batch.raw_bytes += head->text_len;
    sources->known[sources->n++] = hash;
    sources->n_bytes += head->text_len;
    return true;
}

/* Say how many are missing, where that has changed. */
static void left_out_tell(struct sources *sources, struct stream *stream, uint64_t now_q)
{
    const uint64_t all = sources->left_out + sources->left_out_told;
    const struct batch_event event = {
        .time_q = now_q, .type = PYREC__V1__EVENT__TYPE__SOURCES_LEFT_OUT, .value = (int64_t)all};
    if (all != sources->told && batch_add_event(&stream->batch, &event))
        sources->told = all;
}

/* ---- what is handed over ---- */

static void source_take(struct sources *sources, struct stream *stream,
                        const struct wire_source *head, const char *name, uint64_t now_q)
{
    const bool is_used =
        stream->generation > 0 || intern_has_string(&stream->intern, name, head->name_len);
    if (is_used && !source_add(sources, stream, head, name, now_q))
        sources->left_out++;
}

void sources_take(struct sources *sources, struct stream *stream, int memfd, uint32_t section,
                  uint64_t now_q)
{
    struct wire_source head;
    size_t len = 0;
    section_enter(sources, section);
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
    left_out_tell(sources, stream, now_q);
}

/* ---- what the agent tells ---- */

/* For later sections. */
static bool source_keep(struct sources *sources, const struct wire_source *head, const char *name)
{
    const size_t len = head->name_len + (size_t)head->text_len;
    if (sources->kept == NULL)
        sources->kept = calloc(SOURCES_MAX, sizeof sources->kept[0]);
    if (sources->kept == NULL || sources->n_kept == SOURCES_MAX ||
        head->text_len > SOURCES_BYTES - sources->n_kept_bytes)
        return false;
    char *const bytes = malloc(len);
    if (bytes == NULL)
        return false;
    memcpy(bytes, name, len);
    sources->kept[sources->n_kept++] = (struct source_kept){bytes, head->name_len, head->text_len};
    sources->n_kept_bytes += head->text_len;
    return true;
}

static bool is_kept(const struct sources *sources, const struct wire_source *head, const char *name)
{
    for (uint32_t i = 0; i < sources->n_kept; i++) {
        const struct source_kept *kept = &sources->kept[i];
        if (kept->name_len == head->name_len && kept->text_len == head->text_len &&
            memcmp(kept->bytes, name, head->name_len + (size_t)head->text_len) == 0)
            return true;
    }
    return false;
}

bool sources_tell(struct sources *sources, struct stream *stream,
                  const struct wire_source_told *record, uint32_t section, uint64_t now_q)
{
    const struct wire_source *const head = &record->source;
    const size_t room = record->record.len - sizeof *record;
    if (head->name_len > room || head->text_len > room - head->name_len)
        return false;
    section_enter(sources, section);
    sources->left_out_told += head->left_out;
    if (head->name_len > 0 && !is_kept(sources, head, record->bytes)) {
        const bool has_room = source_keep(sources, head, record->bytes);
        if (!source_add(sources, stream, head, record->bytes, now_q) || !has_room)
            sources->left_out_told++;
    }
    left_out_tell(sources, stream, now_q);
    return true;
}

void sources_repeat(struct sources *sources, struct stream *stream, uint32_t section,
                    uint64_t now_q)
{
    section_enter(sources, section);
    for (uint32_t i = 0; i < sources->n_kept; i++) {
        const struct source_kept *kept = &sources->kept[i];
        const struct wire_source head = {kept->name_len, kept->text_len, 0};
        if (!source_add(sources, stream, &head, kept->bytes, now_q))
            sources->left_out_told++;
    }
    left_out_tell(sources, stream, now_q);
}

void sources_clear(struct sources *sources)
{
    for (uint32_t i = 0; i < sources->n_kept; i++)
        free(sources->kept[i].bytes);
    free(sources->kept);
    *sources = (struct sources){0};
}
