/* SPDX-License-Identifier: MIT */
#include "chunk_write.h"
#include "chunk_index.h"
#include "crc32c.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

/* Level 1 is 2 % larger, level 9 is 1 % smaller and three times slower (measured). */
#define ZSTD_LEVEL 3
/* A new block per column gives each its own statistics; below this its headers cost more. */
#define CUT_MIN_RAW_LEN 4096u
#define OPEN_ATTEMPTS   10
#define COPY_BYTES      (256u << 10)

struct chunk_writer {
    int fd;
    bool is_regular;
    uint32_t tag;
    uint32_t seq;
    uint64_t bytes; /* whole chunks in the file */
    ZSTD_CCtx *context;
    uint8_t *frame; /* header and payload of the chunk that is being made */
    size_t frame_size;
    struct chunk_index index;
};

/* Whatever stands at `path` must be gone, or be no regular file: then it is opened as it is. */
static int file_create(const char *path)
{
    for (int attempt = 0; attempt < OPEN_ATTEMPTS; attempt++) {
        struct stat st;
        if (lstat(path, &st) == 0) {
            if (!S_ISREG(st.st_mode))
                return open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
            if (unlink(path) != 0 && errno != ENOENT)
                return -1;
        }
        const int fd =
            open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0 || (errno != EEXIST && errno != EINTR))
            return fd;
    }
    return -1;
}

static enum status file_open(int *fd, const char *path, struct problem *why)
{
    struct stat st;

    *fd = file_create(path);
    if (*fd < 0)
        return problem_set(why, status_of_errno(errno), PROBLEM_NO_OFFSET, "cannot create %s: %s",
                           path, errno == ELOOP ? "it is a symbolic link" : strerror(errno));
    if (fstat(*fd, &st) == 0 && S_ISFIFO(st.st_mode) && st.st_uid != geteuid() && st.st_uid != 0) {
        close(*fd);
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET,
                           "cannot create %s: it is another user's pipe", path);
    }
    return STATUS_OK;
}

enum status chunk_writer_begin(struct chunk_writer **out, int fd, uint32_t tag, uint32_t first_seq,
                               struct problem *why)
{
    struct stat st;

    *out = NULL;
    struct chunk_writer *const writer = calloc(1, sizeof(*writer));
    if (writer == NULL) {
        close(fd);
        return problem_set(why, STATUS_NO_MEMORY, PROBLEM_NO_OFFSET, "chunk writer");
    }
    writer->fd = fd;
    writer->is_regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    writer->tag = tag;
    writer->seq = first_seq;
    writer->context = ZSTD_createCCtx();
    if (writer->context == NULL ||
        ZSTD_isError(
            ZSTD_CCtx_setParameter(writer->context, ZSTD_c_compressionLevel, ZSTD_LEVEL)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(writer->context, ZSTD_c_checksumFlag, 1))) {
        chunk_writer_abandon(writer);
        return problem_set(why, STATUS_NO_MEMORY, PROBLEM_NO_OFFSET, "compressor");
    }
    *out = writer;
    return STATUS_OK;
}

enum status chunk_writer_open(struct chunk_writer **out, const char *path, uint32_t tag,
                              uint32_t first_seq, struct problem *why)
{
    int fd;

    *out = NULL;
    TRY(file_open(&fd, path, why));
    return chunk_writer_begin(out, fd, tag, first_seq, why);
}

static enum status frame_reserve(struct chunk_writer *writer, size_t size)
{
    if (size <= writer->frame_size)
        return STATUS_OK;
    uint8_t *const larger = realloc(writer->frame, size);
    if (larger == NULL)
        return STATUS_NO_MEMORY;
    writer->frame = larger;
    writer->frame_size = size;
    return STATUS_OK;
}

static bool piece_compress(struct chunk_writer *writer, ZSTD_outBuffer *out, const uint8_t *piece,
                           size_t len, ZSTD_EndDirective directive)
{
    ZSTD_inBuffer in = {piece, len, 0};
    size_t left;
    do
        left = ZSTD_compressStream2(writer->context, out, &in, directive);
    while (!ZSTD_isError(left) && left > 0 && out->pos < out->size);
    return left == 0 && in.pos == in.size;
}

/* One zstd frame into writer->frame, behind the room for the header. */
static enum status payload_compress(struct chunk_writer *writer, const struct chunk *chunk,
                                    size_t *comp_len, struct problem *why)
{
    const size_t n_cuts = chunk->raw_len >= CUT_MIN_RAW_LEN ? chunk->n_cuts : 0;
    /* A header, and the largest frame that chunk->raw, cut in pieces, can become. */
    const size_t size =
        CHUNK_HEADER_LEN + ZSTD_compressBound(chunk->raw_len) + n_cuts * ZSTD_compressBound(0);
    size_t from = 0;

    if (frame_reserve(writer, size) != STATUS_OK)
        return problem_set(why, STATUS_NO_MEMORY, writer->bytes, "chunk %u", writer->seq);
    ZSTD_outBuffer out = {writer->frame, writer->frame_size, CHUNK_HEADER_LEN};
    bool good = !ZSTD_isError(ZSTD_CCtx_reset(writer->context, ZSTD_reset_session_only)) &&
                !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(writer->context, chunk->raw_len));
    for (size_t i = 0; i < n_cuts && good; i++) {
        const size_t to = chunk->cuts[i];
        assert(to >= from && to <= chunk->raw_len);
        if (to <= from || to >= chunk->raw_len)
            continue;
        good = piece_compress(writer, &out, chunk->raw + from, to - from, ZSTD_e_flush);
        from = to;
    }
    good = good && piece_compress(writer, &out, chunk->raw_len > 0 ? chunk->raw + from : NULL,
                                  chunk->raw_len - from, ZSTD_e_end);
    if (!good)
        return problem_set(why, STATUS_NO_MEMORY, writer->bytes, "chunk %u: compression failed",
                           writer->seq);
    *comp_len = out.pos - CHUNK_HEADER_LEN;
    if (*comp_len > CHUNK_COMP_MAX)
        return problem_set(why, STATUS_LIMIT, writer->bytes, "chunk %u: %zu bytes compressed",
                           writer->seq, *comp_len);
    return STATUS_OK;
}

/* Take back what was written of a chunk that did not fit. */
static enum status write_failed(struct chunk_writer *writer, int error, struct problem *why)
{
    int cut;
    do
        cut = writer->is_regular ? ftruncate(writer->fd, (off_t)writer->bytes) : 0;
    while (cut != 0 && errno == EINTR);
    return problem_set(why, status_of_errno(error), writer->bytes, "%s%s", strerror(error),
                       cut != 0 ? "; the cut chunk could not be removed" : "");
}

static enum status bytes_append(struct chunk_writer *writer, const uint8_t *bytes, size_t len,
                                struct problem *why)
{
    for (size_t done = 0; done < len;) {
        const ssize_t n = write(writer->fd, bytes + done, len - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            return write_failed(writer, n == 0 ? ENOSPC : errno, why);
    }
    writer->bytes += len;
    return STATUS_OK;
}

/* Put the header before the payload in writer->frame, and both into the file. */
static enum status frame_append(struct chunk_writer *writer, const struct chunk_header *header,
                                struct problem *why)
{
    const uint64_t offset = writer->bytes;

    if (chunk_index_reserve(&writer->index) != STATUS_OK)
        return problem_set(why, STATUS_NO_MEMORY, offset, "index");
    chunk_header_write(header, writer->frame);
    TRY(bytes_append(writer, writer->frame, CHUNK_HEADER_LEN + (size_t)header->comp_len, why));
    chunk_index_add(&writer->index, offset, header);
    writer->seq++;
    return STATUS_OK;
}

enum status chunk_writer_append(struct chunk_writer *writer, const struct chunk *chunk,
                                struct problem *why)
{
    const uint64_t offset = writer->bytes;
    size_t comp_len = 0;

    if (chunk->raw_len > CHUNK_RAW_MAX)
        return problem_set(why, STATUS_LIMIT, offset, "chunk %u: %zu bytes", writer->seq,
                           chunk->raw_len);
    if (chunk->t_last_ns < chunk->t_first_ns || chunk->process > LIMIT_PROCESSES)
        return problem_set(why, STATUS_USAGE, offset, "chunk %u: times or process", writer->seq);
    TRY(payload_compress(writer, chunk, &comp_len, why));

    const struct chunk_header header = {
        .tag = writer->tag,
        .version = CHUNK_VERSION,
        .flags = chunk->flags,
        .seq = writer->seq,
        .process = chunk->process,
        .generation = chunk->generation,
        .comp_len = (uint32_t)comp_len,
        .raw_len = (uint32_t)chunk->raw_len,
        .payload_crc = crc32c_add(0, writer->frame + CHUNK_HEADER_LEN, comp_len),
        .t_first_ns = chunk->t_first_ns,
        .t_last_ns = chunk->t_last_ns,
    };
    return frame_append(writer, &header, why);
}

enum status chunk_writer_adopt(struct chunk_writer *writer, const struct chunk_header *header,
                               const uint8_t *payload, struct problem *why)
{
    struct chunk_header own = *header;

    if (frame_reserve(writer, CHUNK_HEADER_LEN + (size_t)header->comp_len) != STATUS_OK)
        return problem_set(why, STATUS_NO_MEMORY, writer->bytes, "chunk %u", writer->seq);
    memcpy(writer->frame + CHUNK_HEADER_LEN, payload, header->comp_len);
    own.tag = writer->tag;
    own.seq = writer->seq;
    return frame_append(writer, &own, why);
}

/* ---- copies ---- */

/* The bytes of `from` from `offset` on, behind those of `writer`. */
static enum status bytes_copy(struct chunk_writer *writer, const struct chunk_writer *from,
                              uint64_t offset, struct problem *why)
{
    enum status status = STATUS_OK;
    uint8_t *const buffer = malloc(COPY_BYTES);
    if (buffer == NULL)
        return problem_set(why, STATUS_NO_MEMORY, writer->bytes, "copy");
    while (offset < from->bytes && status == STATUS_OK) {
        const uint64_t left = from->bytes - offset;
        const ssize_t n =
            pread(from->fd, buffer, left < COPY_BYTES ? left : COPY_BYTES, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            status = problem_set(why, STATUS_IO, offset, "cannot read it again: %s",
                                 n < 0 ? strerror(errno) : "it has become shorter");
        else
            status = bytes_append(writer, buffer, (size_t)n, why);
        offset += n > 0 ? (uint64_t)n : 0;
    }
    free(buffer);
    return status;
}

/* Which of its chunks begins at `offset`; their number when none does. */
static size_t chunk_at(const struct chunk_writer *writer, uint64_t offset)
{
    size_t i = 0;
    while (i < writer->index.n && writer->index.places[i].offset != offset)
        i++;
    return i;
}

static enum status copy_fill(struct chunk_writer *writer, const struct chunk_writer *from,
                             size_t first, const struct chunk *meta, struct problem *why)
{
    const struct chunk_place *const places = from->index.places;
    if (meta != NULL)
        TRY(chunk_writer_append(writer, meta, why));
    const uint64_t before = writer->bytes;
    TRY(bytes_copy(writer, from, places[first].offset, why));
    for (size_t i = first; i < from->index.n; i++) {
        if (chunk_index_reserve(&writer->index) != STATUS_OK)
            return problem_set(why, STATUS_NO_MEMORY, PROBLEM_NO_OFFSET, "index");
        chunk_index_add(&writer->index, places[i].offset - places[first].offset + before,
                        &places[i].header);
    }
    writer->seq = from->seq;
    return STATUS_OK;
}

enum status chunk_writer_copy(struct chunk_writer **out, const char *path,
                              const struct chunk_writer *from, uint64_t offset,
                              const struct chunk *meta, struct problem *why)
{
    const size_t first = chunk_at(from, offset);
    *out = NULL;
    if (first == from->index.n || (meta != NULL && first == 0))
        return problem_set(why, STATUS_USAGE, offset, "no chunk to copy from");
    const uint32_t seq = from->index.places[first].header.seq - (meta != NULL);
    TRY(chunk_writer_open(out, path, from->tag, seq, why));
    const enum status status = copy_fill(*out, from, first, meta, why);
    if (status != STATUS_OK) {
        chunk_writer_abandon(*out);
        *out = NULL;
    }
    return status;
}

uint64_t chunk_writer_bytes(const struct chunk_writer *writer)
{
    return writer->bytes;
}

uint32_t chunk_writer_seq(const struct chunk_writer *writer)
{
    return writer->seq;
}

static enum status last_append(struct chunk_writer *writer, const struct chunk *last,
                               struct problem *why)
{
    struct chunk with_index = *last;
    uint8_t *raw;

    if (chunk_index_pack(&writer->index, last->raw, last->raw_len, &raw, &with_index.raw_len) !=
        STATUS_OK)
        return problem_set(why, STATUS_NO_MEMORY, writer->bytes, "index");
    with_index.raw = raw;
    with_index.flags |= CHUNK_INDEX;
    const enum status status = chunk_writer_append(writer, &with_index, why);
    free(raw);
    /* After millions of chunks the index may be over the limit; readers do without it. */
    return status == STATUS_LIMIT ? chunk_writer_append(writer, last, why) : status;
}

static enum status trailer_append(struct chunk_writer *writer, uint64_t index_offset,
                                  struct problem *why)
{
    uint8_t bytes[TRAILER_LEN];
    const struct chunk_trailer trailer = {
        .tag = writer->tag,
        .n_chunks = (uint32_t)writer->index.n,
        .index_offset = index_offset,
        .file_size = writer->bytes + TRAILER_LEN,
    };
    chunk_trailer_write(&trailer, bytes);
    return bytes_append(writer, bytes, TRAILER_LEN, why);
}

enum status chunk_writer_close(struct chunk_writer *writer, const struct chunk *last,
                               struct problem *why)
{
    const uint64_t index_offset = writer->bytes;
    enum status status = last_append(writer, last, why);
    if (status == STATUS_OK)
        status = trailer_append(writer, index_offset, why);
    /* Network file systems report here what write() could not know. EINTR closes as well. */
    if (close(writer->fd) != 0 && errno != EINTR && status == STATUS_OK)
        status = problem_set(why, status_of_errno(errno), PROBLEM_NO_OFFSET, "%s", strerror(errno));
    writer->fd = -1;
    chunk_writer_abandon(writer);
    return status;
}

void chunk_writer_abandon(struct chunk_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->fd >= 0)
        close(writer->fd);
    ZSTD_freeCCtx(writer->context);
    chunk_index_clear(&writer->index);
    free(writer->frame);
    free(writer);
}
