/* SPDX-License-Identifier: MIT */
#include "chunk_read.h"
#include "chunk_index.h"
#include "chunk_order.h"
#include "chunk_scan.h"
#include "crc32c.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

/* How many headers are compared with an index before all of it is believed. */
#define INDEX_PROBES 64u

struct chunk_file {
    int fd;
    char *path;
    struct chunk_scan scan;
};

void chunk_buffer_clear(struct chunk_buffer *buffer)
{
    free(buffer->comp);
    free(buffer->raw);
    ZSTD_freeDCtx(buffer->context);
    *buffer = (struct chunk_buffer){0};
}

static bool bytes_reserve(uint8_t **bytes, size_t *size, size_t wanted)
{
    if (wanted <= *size)
        return true;
    /* What is in it is not needed any more: free and malloc copy nothing. */
    free(*bytes);
    *size = 0;
    *bytes = malloc(wanted);
    if (*bytes == NULL)
        return false;
    *size = wanted;
    return true;
}

static bool buffer_reserve(struct chunk_buffer *buffer, const struct chunk_header *header)
{
    if (buffer->context == NULL)
        buffer->context = ZSTD_createDCtx();
    return buffer->context != NULL &&
           bytes_reserve(&buffer->comp, &buffer->comp_size,
                         CHUNK_HEADER_LEN + (size_t)header->comp_len) &&
           bytes_reserve(&buffer->raw, &buffer->raw_size, (size_t)header->raw_len + 1);
}

/* Exactly one frame, exactly raw_len bytes. The output is the window: no memory but raw. */
static bool payload_decompress(struct chunk_buffer *buffer, const struct chunk_header *header)
{
    const uint8_t *const comp = buffer->comp + CHUNK_HEADER_LEN;

    if (ZSTD_findFrameCompressedSize(comp, header->comp_len) != header->comp_len)
        return false;
    return ZSTD_decompressDCtx(buffer->context, buffer->raw, header->raw_len, comp,
                               header->comp_len) == header->raw_len;
}

static enum status place_load(int fd, const struct chunk_place *place, struct chunk_buffer *buffer,
                              struct problem *why)
{
    const struct chunk_header *const header = &place->header;
    const size_t len = CHUNK_HEADER_LEN + (size_t)header->comp_len;
    uint8_t expected[CHUNK_HEADER_LEN];

    buffer->raw_len = 0;
    if (!buffer_reserve(buffer, header))
        return problem_set(why, STATUS_NO_MEMORY, place->offset, "chunk %u", header->seq);
    const int64_t n = chunk_scan_read(fd, buffer->comp, len, place->offset);
    if (n < 0)
        return problem_set(why, STATUS_IO, place->offset, "chunk %u: %s", header->seq,
                           strerror(errno));
    if (n < (int64_t)len)
        return problem_set(why, STATUS_TRUNCATED, place->offset, "chunk %u: the file has shrunk",
                           header->seq);
    chunk_header_write(header, expected);
    if (memcmp(expected, buffer->comp, CHUNK_HEADER_LEN) != 0)
        return problem_set(why, STATUS_DAMAGED, place->offset, "chunk %u: its header is damaged",
                           header->seq);
    if (crc32c_add(0, buffer->comp + CHUNK_HEADER_LEN, header->comp_len) != header->payload_crc)
        return problem_set(why, STATUS_DAMAGED, place->offset, "chunk %u: checksum mismatch",
                           header->seq);
    if (!payload_decompress(buffer, header))
        return problem_set(why, STATUS_DAMAGED, place->offset, "chunk %u: does not decompress",
                           header->seq);
    buffer->raw_len = header->raw_len;
    return STATUS_OK;
}

enum status chunk_file_load(const struct chunk_file *file, size_t i, struct chunk_buffer *buffer,
                            struct problem *why)
{
    return place_load(file->fd, chunk_file_get(file, i), buffer, why);
}

bool chunk_file_intact(const struct chunk_file *file, size_t i)
{
    return chunk_scan_payload_good(&file->scan, chunk_file_get(file, i));
}

/* The trailer and the chunk that it points at; false unless both fit each other and the file. */
static bool trailer_find(struct chunk_scan *scan, struct chunk_place *place)
{
    struct chunk_header unused;

    if (scan->size < TRAILER_LEN + CHUNK_HEADER_LEN ||
        chunk_scan_look(scan, scan->size - TRAILER_LEN, &unused, &scan->trailer) != LOOK_TRAILER ||
        scan->trailer.file_size != scan->size)
        return false;
    struct chunk_trailer no_trailer;
    place->offset = scan->trailer.index_offset;
    return chunk_scan_look(scan, place->offset, &place->header, &no_trailer) == LOOK_CHUNK &&
           place->header.tag == scan->trailer.tag && place->header.flags & CHUNK_INDEX &&
           place->offset + CHUNK_HEADER_LEN + place->header.comp_len + TRAILER_LEN == scan->size;
}

/* Do some headers say what the list says? If not, hopping finds what can be had and says the rest.
 */
static bool index_probe(struct chunk_scan *scan, const struct chunk_place *places, size_t n)
{
    const size_t n_probes = n < INDEX_PROBES ? n : INDEX_PROBES;

    for (size_t i = 0; i < n_probes; i++) {
        const struct chunk_place *const place = &places[i * n / n_probes];
        struct chunk_header header;
        struct chunk_trailer trailer;
        uint8_t expected[CHUNK_HEADER_LEN], found[CHUNK_HEADER_LEN];
        if (chunk_scan_look(scan, place->offset, &header, &trailer) != LOOK_CHUNK)
            return false;
        chunk_header_write(&place->header, expected);
        chunk_header_write(&header, found);
        if (memcmp(expected, found, CHUNK_HEADER_LEN) != 0)
            return false;
    }
    return true;
}

static enum status index_parse(const uint8_t *raw, size_t raw_len, const struct chunk_place *self,
                               struct chunk_place **places, size_t *n)
{
    struct proto_column payload = {raw, raw + raw_len}, body;
    uint32_t field;
    enum status status;

    while (packet_next(&payload, &field, &body, &status))
        if (field == 5)
            return chunk_index_parse(body, self, places, n);
    return STATUS_DAMAGED;
}

/*
 * Take the list of chunks from the index. False where there is none, or none to be believed; the
 * file is then scanned, which needs no index and reports what is wrong with it.
 */
static bool index_read(struct chunk_file *file)
{
    struct chunk_scan *const scan = &file->scan;
    struct chunk_buffer buffer = {0};
    struct chunk_place self, *places = NULL;
    size_t n = 0;
    struct problem ignored;

    if (!trailer_find(scan, &self))
        return false;
    bool good = place_load(file->fd, &self, &buffer, &ignored) == STATUS_OK &&
                index_parse(buffer.raw, buffer.raw_len, &self, &places, &n) == STATUS_OK;
    chunk_buffer_clear(&buffer);
    good = good && n == scan->trailer.n_chunks && index_probe(scan, places, n);
    if (!good) {
        free(places);
        return false;
    }
    scan->places = places;
    scan->n = scan->room = n;
    scan->tag_known = scan->closed = true;
    scan->tag = self.header.tag;
    scan->at = scan->size;
    return true;
}

static enum status file_look(struct chunk_file *file, struct problem *why)
{
    struct stat st;

    if (fstat(file->fd, &st) != 0)
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%s: %s", file->path,
                           strerror(errno));
    if (!S_ISREG(st.st_mode))
        return problem_set(why, STATUS_NOT_A_TRACE, PROBLEM_NO_OFFSET, "%s is not a regular file",
                           file->path);
    if (st.st_size == 0)
        return problem_set(why, STATUS_NOT_A_TRACE, PROBLEM_NO_OFFSET, "%s is empty", file->path);
    file->scan.fd = file->fd;
    file->scan.size = (uint64_t)st.st_size;
    return STATUS_OK;
}

/* What to type for a file that was packed; NULL when it was not. A trace begins otherwise. */
static const char *unpacker_of(int fd)
{
    static const struct {
        const char *magic, *command;
    } packers[] = {
        {"\x1f\x8b", "gzip -dc"},
        {"\x28\xb5\x2f\xfd", "zstd -dc"},
        {"\xfd"
         "7zXZ",
         "xz -dc"},
        {"BZh", "bzip2 -dc"},
    };
    char begin[8] = {0};
    if (pread(fd, begin, sizeof begin, 0) < 0)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(packers); i++) {
        if (memcmp(begin, packers[i].magic, strlen(packers[i].magic)) == 0)
            return packers[i].command;
    }
    return NULL;
}

static enum status chunks_find(struct chunk_file *file, struct problem *why)
{
    const bool by_index = index_read(file);
    const enum status status = by_index ? STATUS_OK : chunk_scan_run(&file->scan, why);
    if (status == STATUS_TOO_NEW)
        return problem_set(why, status, PROBLEM_NO_OFFSET,
                           "%s is written in version %u of the format, and this program knows %u "
                           "and older: a newer one is needed",
                           file->path, file->scan.newer_version, CHUNK_VERSION);
    if (status != STATUS_OK)
        return status;
    chunk_order_settle(&file->scan);
    if (!file->scan.tag_known && file->scan.io_error != 0)
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%s: %s", file->path,
                           strerror(file->scan.io_error));
    const char *const unpack = file->scan.tag_known ? NULL : unpacker_of(file->fd);
    if (unpack != NULL)
        return problem_set(why, STATUS_NOT_A_TRACE, PROBLEM_NO_OFFSET,
                           "%s is packed (%s FILE | pyanalyze COMMAND -)", file->path, unpack);
    if (!file->scan.tag_known)
        return problem_set(why, STATUS_NOT_A_TRACE, PROBLEM_NO_OFFSET, "%s has no chunk header",
                           file->path);
    return STATUS_OK;
}

enum status chunk_file_adopt(struct chunk_file **out, int fd, const char *path, damage_fn *report,
                             void *closure, struct problem *why)
{
    *out = NULL;
    struct chunk_file *const file = calloc(1, sizeof(*file));
    if (file == NULL || (file->path = strdup(path)) == NULL) {
        free(file);
        close(fd);
        return problem_set(why, STATUS_NO_MEMORY, PROBLEM_NO_OFFSET, "%s", path);
    }
    file->fd = fd;
    file->scan.report = report;
    file->scan.closure = closure;
    enum status status = file_look(file, why);
    if (status == STATUS_OK)
        status = chunks_find(file, why);
    if (status != STATUS_OK) {
        chunk_file_close(file);
        return status;
    }
    *out = file;
    return STATUS_OK;
}

enum status chunk_file_open(struct chunk_file **out, const char *path, damage_fn *report,
                            void *closure, struct problem *why)
{
    *out = NULL;
    /* O_NONBLOCK: opening a pipe must not wait for its writer. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return problem_set(why, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO, PROBLEM_NO_OFFSET,
                           "%s: %s", path, strerror(errno));
    return chunk_file_adopt(out, fd, path, report, closure, why);
}

void chunk_file_close(struct chunk_file *file)
{
    if (file == NULL)
        return;
    chunk_scan_clear(&file->scan);
    close(file->fd);
    free(file->path);
    free(file);
}

size_t chunk_file_count(const struct chunk_file *file)
{
    return file->scan.n;
}

const struct chunk_place *chunk_file_get(const struct chunk_file *file, size_t i)
{
    assert(i < file->scan.n);
    return &file->scan.places[i];
}

const char *chunk_file_path(const struct chunk_file *file)
{
    return file->path;
}

uint64_t chunk_file_size(const struct chunk_file *file)
{
    return file->scan.size;
}

bool chunk_file_closed(const struct chunk_file *file)
{
    return file->scan.closed;
}

enum chunk_growth chunk_file_grow(struct chunk_file *file)
{
    struct chunk_scan *const scan = &file->scan;
    struct stat st;

    if (fstat(file->fd, &st) != 0 || (uint64_t)st.st_size < scan->size)
        return CHUNK_GROWTH_OTHER;
    if ((uint64_t)st.st_size == scan->size)
        return CHUNK_GROWTH_NONE;
    return scan->closed ? CHUNK_GROWTH_OTHER : chunk_scan_more(scan, (uint64_t)st.st_size);
}

bool chunk_file_is(const struct chunk_file *file, const struct stat *info)
{
    struct stat own;
    return fstat(file->fd, &own) == 0 && own.st_dev == info->st_dev && own.st_ino == info->st_ino;
}
