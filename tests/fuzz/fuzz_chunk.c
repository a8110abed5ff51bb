/* SPDX-License-Identifier: MIT */
/* Any bytes as a file: every byte must be accounted for, whatever it is. */
#include "format/chunk_read.h"
#include "fuzz.h"
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Who has spoken for each byte. */
struct books {
    uint8_t *claims;
    size_t len;
    size_t n_damages;
};

static void claim(struct books *books, uint64_t from, uint64_t len)
{
    ALWAYS(from <= books->len && len <= books->len - from);
    for (uint64_t i = from; i < from + len; i++)
        ALWAYS(books->claims[i]++ == 0);
}

static void damage_note(void *closure, const struct damage *damage)
{
    struct books *const books = closure;
    books->n_damages++;
    ALWAYS(damage->status != STATUS_OK && damage->text[0] != 0);
    ALWAYS(memchr(damage->text, 0, sizeof(damage->text)) != NULL);
    ALWAYS(!damage->time_known || damage->t_first_ns <= damage->t_last_ns);
    claim(books, damage->offset, damage->len_bytes);
}

static void chunk_check(struct books *books, const struct chunk_file *file, size_t i,
                        struct chunk_buffer *buffer)
{
    const struct chunk_place *const place = chunk_file_get(file, i);
    struct problem why;

    ALWAYS(i == 0 || place->header.seq > place[-1].header.seq);
    ALWAYS(place->header.comp_len <= CHUNK_COMP_MAX && place->header.raw_len <= CHUNK_RAW_MAX);
    claim(books, place->offset, CHUNK_HEADER_LEN + (uint64_t)place->header.comp_len);
    if (chunk_file_load(file, i, buffer, &why) == STATUS_OK)
        ALWAYS(buffer->raw_len == place->header.raw_len);
    else
        ALWAYS(buffer->raw_len == 0 && why.offset == place->offset);
}

static void whole_check(const char *path, size_t size, struct chunk_buffer *buffer)
{
    struct books books = {calloc(size + 1, 1), size, 0};
    struct chunk_file *file;
    struct problem why;

    if (chunk_file_open(&file, path, damage_note, &books, &why) == STATUS_OK) {
        for (size_t i = 0; i < chunk_file_count(file); i++)
            chunk_check(&books, file, i, buffer);
        if (chunk_file_closed(file))
            claim(&books, size - TRAILER_LEN, TRAILER_LEN);
        for (size_t i = 0; i < size; i++)
            ALWAYS(books.claims[i] == 1);
    }
    chunk_file_close(file);
    free(books.claims);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chunk_buffer buffer = {0};
    char path[64];

    const int fd = memfd_create("fuzz", MFD_CLOEXEC);
    ALWAYS(fd >= 0);
    ALWAYS(pwrite(fd, data, size, 0) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    whole_check(path, size, &buffer);
    chunk_buffer_clear(&buffer);
    close(fd);
    return 0;
}
