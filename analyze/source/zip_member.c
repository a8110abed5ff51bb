/* SPDX-License-Identifier: MIT */
#include "zip_member.h"

#include "analyze/base/memory.h"
#include "format/bytes.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define ARCHIVE_LIMIT (256u << 20)
#define END_LEN       22u
#define ENTRY_LEN     46u
#define LOCAL_LEN     30u
#define COMMENT_MAX   65535u
#define ENCRYPTED     1u

enum { STORED = 0, DEFLATED = 8 };

/* What the directory says of a member. */
struct member {
    uint32_t packed, size, crc;
    size_t local; /* where its own header is */
    unsigned flags, method;
};

static unsigned get16(const char *at)
{
    return (unsigned)(unsigned char)at[0] | (unsigned)(unsigned char)at[1] << 8;
}

static uint32_t get32(const char *at)
{
    return bytes_get32((const uint8_t *)at);
}

size_t zip_archive_length(const char *path)
{
    char part[PATH_MAX];
    struct stat info;
    const size_t len = strlen(path);
    for (size_t i = 1; i < len && i < sizeof part; i++) {
        if (path[i] != '/')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (stat(part, &info) != 0)
            return 0;
        if (S_ISREG(info.st_mode))
            return i;
    }
    return 0;
}

/* The directory's end stands behind it, before a comment; NULL = this is no archive. */
static const char *find_end(const struct plain_file *zip)
{
    for (size_t back = END_LEN; back <= zip->len && back <= END_LEN + COMMENT_MAX; back++) {
        const char *const at = zip->bytes + zip->len - back;
        if (memcmp(at, "PK\5\6", 4) == 0)
            return at;
    }
    return NULL;
}

/* Offsets count from where the archive begins, which may be behind something: a #! line. */
static bool find_member(const struct plain_file *zip, const char *name, struct member *member)
{
    const char *const end = find_end(zip);
    const size_t len = strlen(name);
    if (end == NULL)
        return false;
    const size_t end_at = (size_t)(end - zip->bytes), directory = get32(end + 12);
    const size_t said = get32(end + 16);
    if (directory > end_at || said > end_at - directory)
        return false;
    const size_t before = end_at - directory - said;
    for (const char *at = end - directory; (size_t)(end - at) >= ENTRY_LEN;) {
        const size_t name_len = get16(at + 28), rest = get16(at + 30) + (size_t)get16(at + 32);
        if (memcmp(at, "PK\1\2", 4) != 0 || (size_t)(end - at) - ENTRY_LEN < name_len + rest)
            return false;
        if (name_len == len && memcmp(at + ENTRY_LEN, name, len) == 0) {
            *member = (struct member){.packed = get32(at + 20),
                                      .size = get32(at + 24),
                                      .crc = get32(at + 16),
                                      .local = before + get32(at + 42),
                                      .flags = get16(at + 8),
                                      .method = get16(at + 10)};
            return true;
        }
        at += ENTRY_LEN + name_len + rest;
    }
    return false;
}

static bool inflate_all(const char *from, const struct member *member, char *to)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)from,
                       .avail_in = member->packed,
                       .next_out = (Bytef *)to,
                       .avail_out = member->size};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        memory_fail();
    const int result = inflate(&stream, Z_FINISH);
    const bool whole = result == Z_STREAM_END && stream.total_out == member->size;
    inflateEnd(&stream);
    return whole;
}

static bool take_member(const struct plain_file *zip, const struct member *member, char *to)
{
    if (member->local > zip->len || zip->len - member->local < LOCAL_LEN)
        return false;
    const char *const local = zip->bytes + member->local;
    const size_t head = LOCAL_LEN + get16(local + 26) + (size_t)get16(local + 28);
    const size_t left = zip->len - member->local;
    if (memcmp(local, "PK\3\4", 4) != 0 || head > left || member->packed > left - head)
        return false;
    if (member->method == STORED && member->packed == member->size)
        memcpy(to, local + head, member->size);
    else if (member->method != DEFLATED || !inflate_all(local + head, member, to))
        return false;
    return crc32(crc32(0, NULL, 0), (const Bytef *)to, member->size) == member->crc;
}

enum status zip_member_read(struct plain_file *file, const char *path, size_t limit,
                            struct problem *why)
{
    const size_t len = zip_archive_length(path);
    struct plain_file zip;
    struct member member;
    const char *wrong = NULL;
    char archive[PATH_MAX];
    memcpy(archive, path, len);
    archive[len] = '\0';
    *file = (struct plain_file){0};
    TRY(plain_file_read(&zip, archive, ARCHIVE_LIMIT, "zip archive", why));
    if (!find_member(&zip, path + len + 1, &member)) {
        wrong = find_end(&zip) == NULL ? "is no folder, and no zip archive" : "is not in it";
    } else if (member.size > limit) {
        wrong = "is too large for a source file";
    } else if (member.flags & ENCRYPTED) {
        wrong = "is encrypted";
    } else {
        file->bytes = memory_get((size_t)member.size + 1);
        file->len = member.size;
        file->changed_unix_ns = zip.changed_unix_ns;
        if (!take_member(&zip, &member, file->bytes))
            wrong = "is damaged, or packed in a way that is not known";
    }
    const bool is_zip = find_end(&zip) != NULL;
    free(zip.bytes);
    if (wrong == NULL)
        return STATUS_OK;
    free(file->bytes);
    *file = (struct plain_file){0};
    return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%s: %s%s%s", archive,
                       is_zip ? path + len + 1 : "", is_zip ? " " : "", wrong);
}
