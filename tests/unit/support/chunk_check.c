/* SPDX-License-Identifier: MIT */
#include "chunk_check.h"
#include "format/chunk_write.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void recording_make(struct recording *recording, const char *path, size_t n, size_t raw_len,
                    uint32_t tag, bool closed)
{
    struct chunk_writer *writer;
    struct problem why;
    uint64_t random = tag + 1;

    *recording = (struct recording){.n = n, .closed = closed, .tag = tag};
    require(n <= RECORDING_MAX);
    require(chunk_writer_open(&writer, path, tag, 0, &why) == STATUS_OK);
    for (size_t i = 0; i < n; i++) {
        struct bytes *const raw = &recording->raw[i];
        const size_t len = raw_len / 2 + scratch_random(&random) % (raw_len + 1);
        struct bytes content = {0};
        for (size_t k = 0; k < len; k++) {
            const uint8_t byte = (uint8_t)(scratch_random(&random) >> 40 & (k % 3 ? 0xff : 3));
            bytes_add(&content, &byte, 1);
        }
        bytes_add_packet(raw, content.at, content.len);
        bytes_free(&content);
        const struct chunk chunk = {.flags = i == 0 ? CHUNK_META : CHUNK_SAMPLES,
                                    .process = 1,
                                    .t_first_ns = 1000 * i,
                                    .t_last_ns = 1000 * (i + 1),
                                    .raw = raw->at,
                                    .raw_len = raw->len};
        recording->start[i] = chunk_writer_bytes(writer);
        if (closed && i == n - 1) {
            require(chunk_writer_close(writer, &chunk, &why) == STATUS_OK);
            writer = NULL;
        } else {
            require(chunk_writer_append(writer, &chunk, &why) == STATUS_OK);
            recording->end[i] = chunk_writer_bytes(writer);
        }
    }
    chunk_writer_abandon(writer);
    recording->file = scratch_read(path);
    if (closed)
        recording->end[n - 1] = recording->file.len - TRAILER_LEN;
}

void recording_free(struct recording *recording)
{
    for (size_t i = 0; i < recording->n; i++)
        bytes_free(&recording->raw[i]);
    bytes_free(&recording->file);
}

/* Who has spoken for each byte of the file. */
enum claim { NOBODY, GOOD, DAMAGED };

struct books {
    struct account *account;
    uint8_t *claims;
    size_t len;
};

static void claim(struct books *books, uint64_t from, uint64_t len, enum claim by)
{
    require(from <= books->len);
    require(len <= books->len - from);
    uint8_t *const claims = books->claims + from;
    if (len == 0)
        return;
    require(claims[0] == NOBODY); /* and all others as well */
    require(memcmp(claims, claims + 1, len - 1) == 0);
    memset(claims, (int)by, len);
}

static void name_missing(struct account *account, const char *text)
{
    unsigned first, last;

    if (sscanf(text, "chunks %u to %u are missing", &first, &last) != 2) {
        if (sscanf(text, "chunk %u is missing", &first) != 1)
            return;
        last = first;
    }
    for (unsigned i = first; i <= last && i < RECORDING_MAX; i++)
        account->named[i] = true;
}

static void damage_note(void *closure, const struct damage *damage)
{
    struct books *const books = closure;
    struct account *const account = books->account;

    account->n_damages++;
    account->n_truncated += damage->status == STATUS_TRUNCATED;
    account->n_too_new += damage->status == STATUS_TOO_NEW;
    account->n_limit += damage->status == STATUS_LIMIT;
    account->bytes_damaged += damage->len_bytes;
    require(damage->text[0] != 0);
    if (damage->time_known)
        require(damage->t_last_ns >= damage->t_first_ns);
    claim(books, damage->offset, damage->len_bytes, DAMAGED);
    name_missing(account, damage->text);
}

static void chunk_account(struct books *books, const struct recording *recording,
                          const struct chunk_file *file, size_t i, struct chunk_buffer *buffer)
{
    const struct chunk_place *const place = chunk_file_get(file, i);
    const uint32_t seq = place->header.seq;
    struct problem why = {0};

    require(seq < recording->n);
    if (chunk_file_load(file, i, buffer, &why) == STATUS_OK) {
        const struct bytes *const raw = &recording->raw[seq];
        require(buffer->raw_len >= raw->len);
        require(raw->len == 0 || memcmp(buffer->raw, raw->at, raw->len) == 0);
        require(place->header.t_first_ns == 1000 * seq);
        books->account->good[seq] = true;
        books->account->n_good++;
        claim(books, place->offset, CHUNK_HEADER_LEN + place->header.comp_len, GOOD);
    } else {
        require(why.offset == place->offset);
        require(why.detail[0] != 0);
        books->account->named[seq] = true;
        books->account->n_damages++;
        claim(books, place->offset, CHUNK_HEADER_LEN + place->header.comp_len, DAMAGED);
    }
}

/* Nothing between the first and the last chunk we have is missing without a word. */
static void seqs_check(const struct account *account)
{
    size_t first = 0, last = RECORDING_MAX;

    while (first < RECORDING_MAX && !account->good[first])
        first++;
    while (last > 0 && !account->good[last - 1])
        last--;
    for (size_t i = first; i < last; i++)
        require(account->good[i] || account->named[i]);
}

void account_take(struct account *account, const struct recording *recording, const char *path)
{
    struct bytes bytes = scratch_read(path);
    struct books books = {account, calloc(bytes.len + 1, 1), bytes.len};
    struct chunk_buffer buffer = {0};
    struct chunk_file *file;
    struct problem why;

    *account = (struct account){0};
    account->opened = chunk_file_open(&file, path, damage_note, &books, &why);
    if (account->opened == STATUS_OK) {
        account->closed = chunk_file_closed(file);
        require(chunk_file_size(file) == bytes.len);
        for (size_t i = 0; i < chunk_file_count(file); i++)
            chunk_account(&books, recording, file, i, &buffer);
        if (account->closed)
            claim(&books, bytes.len - TRAILER_LEN, TRAILER_LEN, GOOD);
        require(memchr(books.claims, NOBODY, bytes.len) == NULL);
        seqs_check(account);
    } else {
        require(file == NULL);
    }
    chunk_buffer_clear(&buffer);
    chunk_file_close(file);
    free(books.claims);
    bytes_free(&bytes);
}

void account_expect_survivors(const struct account *account, const struct recording *recording,
                              const struct bytes *file)
{
    for (size_t i = 0; i < recording->n; i++) {
        const size_t len = recording->end[i] - recording->start[i];
        const bool is_there =
            file->len > 0 &&
            memmem(file->at, file->len, recording->file.at + recording->start[i], len) != NULL;
        require(account->good[i] == is_there);
    }
}
