/* SPDX-License-Identifier: MIT */
#include "zst_file.h"

#include "analyze/base/memory.h"
#include "analyze/base/whole_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

/*
 * zstd's own level, but with room to find what stood in the bin before: numbers of stacks, which
 * are 19 digits as good as random. A quarter less of bytes for a tenth more of time, and a window
 * that every reader takes by default.
 */
#define LEVEL       3
#define WINDOW_LOG  23
#define MATCHES_LOG 20

void zst_file_begin(struct zst_file *file, int fd)
{
    *file = (struct zst_file){
        .fd = fd, .in_size = ZSTD_CStreamInSize(), .out_size = ZSTD_CStreamOutSize()};
    file->stream = ZSTD_createCCtx();
    if (file->stream == NULL)
        memory_fail();
    (void)ZSTD_CCtx_setParameter(file->stream, ZSTD_c_compressionLevel, LEVEL);
    (void)ZSTD_CCtx_setParameter(file->stream, ZSTD_c_windowLog, WINDOW_LOG);
    (void)ZSTD_CCtx_setParameter(file->stream, ZSTD_c_hashLog, MATCHES_LOG);
    (void)ZSTD_CCtx_setParameter(file->stream, ZSTD_c_chainLog, MATCHES_LOG);
    (void)ZSTD_CCtx_setParameter(file->stream, ZSTD_c_checksumFlag, 1);
    file->in = memory_get(file->in_size);
    file->out = memory_get(file->out_size);
}

static void write_out(struct zst_file *file, size_t len)
{
    if (file->error == 0 && !whole_write(file->fd, file->out, len))
        file->error = errno;
}

static void compress_in(struct zst_file *file, ZSTD_EndDirective how)
{
    ZSTD_inBuffer in = {file->in, file->n_in, 0};
    size_t left;
    do {
        ZSTD_outBuffer out = {file->out, file->out_size, 0};
        left = ZSTD_compressStream2(file->stream, &out, &in, how);
        if (ZSTD_isError(left))
            memory_fail(); /* there is no other reason */
        write_out(file, out.pos);
    } while (in.pos < in.size || (how == ZSTD_e_end && left > 0));
    file->n_in = 0;
}

void zst_file_add(struct zst_file *file, const char *bytes, size_t len)
{
    while (len > 0) {
        if (file->n_in == file->in_size)
            compress_in(file, ZSTD_e_continue);
        const size_t room = file->in_size - file->n_in, n = len < room ? len : room;
        memcpy(file->in + file->n_in, bytes, n);
        file->n_in += n;
        bytes += n;
        len -= n;
    }
}

bool zst_file_end(struct zst_file *file)
{
    compress_in(file, ZSTD_e_end);
    ZSTD_freeCCtx(file->stream);
    free(file->in);
    free(file->out);
    if (close(file->fd) != 0 && file->error == 0)
        file->error = errno;
    errno = file->error;
    *file = (struct zst_file){.fd = -1};
    return errno == 0;
}
