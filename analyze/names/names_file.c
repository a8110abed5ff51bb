/* SPDX-License-Identifier: MIT */
#include "names_file.h"

#include "analyze/base/memory.h"
#include "analyze/base/whole_file.h"
#include "format/chunk_write.h"
#include "format/columns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct names_reading {
    struct debug_names *names;
    names_file_damage_fn *report;
    void *closure;
    const char *path;
    struct chunk_buffer buffer;
};

static void report(void *closure, const struct damage *damage)
{
    const struct names_reading *const reading = closure;
    reading->report(reading->closure, reading->path, damage);
}

static enum status take_chunk(struct names_reading *reading, const struct chunk_file *file,
                              size_t i, struct problem *why)
{
    struct proto_column payload, body;
    uint32_t field;
    enum status status = STATUS_OK;
    TRY(chunk_file_load(file, i, &reading->buffer, why));
    payload =
        (struct proto_column){reading->buffer.raw, reading->buffer.raw + reading->buffer.raw_len};
    while (packet_next(&payload, &field, &body, &status))
        if (field == PYREC__V1__PACKET__BODY_SYMBOLS)
            TRY(debug_names_add(reading->names, body.at, (size_t)(body.end - body.at), why));
    return status == STATUS_OK
               ? STATUS_OK
               : problem_set(why, status, PROBLEM_NO_OFFSET, "the payload does not parse");
}

static void take_chunks(struct names_reading *reading, const struct chunk_file *file)
{
    for (size_t i = 0; i < chunk_file_count(file); i++) {
        const struct chunk_place *const place = chunk_file_get(file, i);
        struct problem why = {0};
        if (!(place->header.flags & CHUNK_SYMBOLS) ||
            take_chunk(reading, file, i, &why) == STATUS_OK)
            continue;
        struct damage damage = {.status = why.status, .offset = place->offset};
        damage.len_bytes = CHUNK_HEADER_LEN + (uint64_t)place->header.comp_len;
        snprintf(damage.text, sizeof damage.text, "%.*s", (int)sizeof damage.text - 1, why.detail);
        report(reading, &damage);
    }
    chunk_buffer_clear(&reading->buffer);
}

void names_file_take(struct debug_names *names, const struct chunk_file *file,
                     names_file_damage_fn *report_to, void *closure)
{
    struct names_reading reading = {
        .names = names, .report = report_to, .closure = closure, .path = chunk_file_path(file)};
    take_chunks(&reading, file);
}

char *names_file_beside(const char *path)
{
    const size_t len = strlen(path);
    char *const beside = memory_get(len + sizeof NAMES_FILE_ENDING);
    memcpy(beside, path, len);
    memcpy(beside + len, NAMES_FILE_ENDING, sizeof NAMES_FILE_ENDING);
    return beside;
}

static void take_beside(struct names_reading *reading)
{
    struct chunk_file *file;
    struct problem why = {0};
    struct stat info;
    if (stat(reading->path, &info) != 0 || !S_ISREG(info.st_mode))
        return;
    const enum status status = chunk_file_open(&file, reading->path, report, reading, &why);
    if (status == STATUS_OK) {
        take_chunks(reading, file);
        chunk_file_close(file);
        return;
    }
    struct damage damage = {.status = status};
    snprintf(damage.text, sizeof damage.text, "names of C functions cannot be read from it: %.*s",
             (int)sizeof damage.text - 60,
             why.detail[0] != '\0' ? why.detail : status_text(status));
    report(reading, &damage);
}

void names_file_take_beside(struct debug_names *names, const char *path,
                            names_file_damage_fn *report_to, void *closure)
{
    char *const beside = names_file_beside(path);
    struct names_reading reading = {
        .names = names, .report = report_to, .closure = closure, .path = beside};
    take_beside(&reading);
    free(beside);
}

/* ---- writing ---- */

static enum status append(struct chunk_writer *writer, uint16_t flags, uint32_t field,
                          const uint8_t *body, size_t len, struct problem *why)
{
    struct buffer payload = {0};
    names_file_packet(&payload, field, body, len);
    const struct chunk chunk = {
        .flags = flags, .raw = (const uint8_t *)payload.text, .raw_len = payload.len};
    const enum status status = chunk_writer_append(writer, &chunk, why);
    buffer_clear(&payload);
    return status;
}

static enum status write_all(struct chunk_writer *writer, const struct debug_names *names,
                             uint32_t tag, struct problem *why)
{
    uint8_t uuid[16] = {0}, bytes[256];
    char recorder[] = "pyanalyze " PYREC_VERSION;
    Pyrec__V1__Meta meta = PYREC__V1__META__INIT;
    for (size_t i = 0; i < 4; i++)
        uuid[i] = (uint8_t)(tag >> 8 * i);
    meta.recorder = recorder;
    meta.trace_uuid = (ProtobufCBinaryData){sizeof uuid, uuid};
    meta.quantum_ns = 1;
    TRY(append(writer, CHUNK_META, PYREC__V1__PACKET__BODY_META, bytes,
               pyrec__v1__meta__pack(&meta, bytes), why));
    for (size_t i = 0; i < names->n_objects; i++)
        TRY(append(writer, CHUNK_SYMBOLS, PYREC__V1__PACKET__BODY_SYMBOLS, names->objects[i].bytes,
                   names->objects[i].n_bytes, why));
    return STATUS_OK;
}

static enum status write_end(struct chunk_writer *writer, struct problem *why)
{
    struct buffer payload = {0};
    names_file_packet(&payload, PYREC__V1__PACKET__BODY_SUMMARY, NULL, 0);
    const struct chunk last = {
        .flags = CHUNK_SUMMARY, .raw = (const uint8_t *)payload.text, .raw_len = payload.len};
    const enum status status = chunk_writer_close(writer, &last, why);
    buffer_clear(&payload);
    return status;
}

static enum status fill(int fd, const struct debug_names *names, uint32_t tag, struct problem *why)
{
    struct chunk_writer *writer;
    TRY(chunk_writer_begin(&writer, fd, tag, 0, why));
    const enum status status = write_all(writer, names, tag, why);
    if (status == STATUS_OK)
        return write_end(writer, why);
    chunk_writer_abandon(writer);
    return status;
}

void names_file_packet(struct buffer *payload, uint32_t field, const uint8_t *body, size_t len)
{
    uint8_t inner[2 * VARINT_MAX], outer[2 * VARINT_MAX];
    size_t n_inner = varint_write(inner, (uint64_t)field << 3 | 2);
    n_inner += varint_write(inner + n_inner, len);
    size_t n_outer = varint_write(outer, 1 << 3 | 2);
    n_outer += varint_write(outer + n_outer, n_inner + len);
    buffer_add(payload, (const char *)outer, n_outer);
    buffer_add(payload, (const char *)inner, n_inner);
    if (len > 0)
        buffer_add(payload, (const char *)body, len);
}

enum status names_file_write(const struct debug_names *names, const char *path, uint32_t tag,
                             struct problem *why)
{
    struct whole_file file;
    if (!whole_file_open(&file, path))
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%s: %s", path, strerror(errno));
    const int fd = file.fd;
    enum status status = fill(dup(fd), names, tag, why);
    (void)fchmod(fd, 0600); /* as a trace */
    if (status != STATUS_OK)
        whole_file_drop(&file);
    else if (!whole_file_keep(&file))
        status = problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%s: %s", path, strerror(errno));
    close(fd);
    return status;
}
