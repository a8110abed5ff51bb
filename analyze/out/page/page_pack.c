/* SPDX-License-Identifier: MIT */
#include "page_pack.h"

#include "analyze/base/memory.h"
#include "page_diff_json.h"
#include "page_json.h"

#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#define LEVEL     6 /* 9 is 1 % smaller and takes ten times as long */
#define AT_ONCE   (1u << 30)
#define NOTES_LEN 2000u /* of a page, at most: they are written when its size is known */

/* A piece of a stream: no byte of it looks back behind its beginning, so pieces can be put one
 * behind the other. The last one ends the stream. */
static void deflate_piece(struct buffer *out, const char *bytes, size_t len, int strategy,
                          bool last)
{
    z_stream stream = {0};
    char room[1u << 14];
    if (deflateInit2(&stream, LEVEL, Z_DEFLATED, -MAX_WBITS, 8, strategy) != Z_OK)
        memory_fail();
    for (size_t at = 0, n; at <= len; at += n) {
        n = len - at < AT_ONCE ? len - at : AT_ONCE;
        const bool is_end = at + n == len;
        stream.next_in = (const Bytef *)bytes + at;
        stream.avail_in = (unsigned)n;
        do {
            stream.next_out = (Bytef *)room;
            stream.avail_out = sizeof room;
            deflate(&stream, !is_end ? Z_NO_FLUSH : last ? Z_FINISH : Z_SYNC_FLUSH);
            buffer_add(out, room, sizeof room - stream.avail_out);
        } while (stream.avail_out == 0);
        if (is_end)
            break;
    }
    deflateEnd(&stream);
}

static void add_shorter(struct buffer *blob, const char *bytes, size_t len)
{
    struct buffer repeats = {0}, plain = {0};
    if (len == 0)
        return;
    deflate_piece(&repeats, bytes, len, Z_DEFAULT_STRATEGY, false);
    deflate_piece(&plain, bytes, len, Z_HUFFMAN_ONLY, false);
    const struct buffer *const shorter = plain.len < repeats.len ? &plain : &repeats;
    buffer_add(blob, shorter->text, shorter->len);
    buffer_clear(&repeats);
    buffer_clear(&plain);
}

void page_pack(struct buffer *blob, const struct page *page)
{
    struct report_columns columns = {0};
    char *json;
    size_t len;
    struct sink memory = {.file = open_memstream(&json, &len)};
    if (memory.file == NULL)
        memory_fail();
    sink_text(&memory, "    "); /* where the length goes */
    if (page->diff != NULL) {
        page_diff_json_write(&memory, page);
    } else {
        report_columns_build(&columns, page->report);
        page_json_write(&memory, page, &columns);
    }
    if (fclose(memory.file) != 0)
        memory_fail();
    for (int i = 0; i < 4; i++)
        json[i] = (char)((len - 4) >> (8 * i));
    add_shorter(blob, json, len);
    for (int i = 0; i < REPORT_COLUMN_COUNT; i++)
        add_shorter(blob, columns.columns[i].text, columns.columns[i].len);
    deflate_piece(blob, "", 0, Z_DEFAULT_STRATEGY, true);
    free(json);
    report_columns_clear(&columns);
}

size_t page_size(const struct page *page)
{
    size_t size = page_template_len + NOTES_LEN + page->blob->len / 3 * 4;
    for (size_t i = 0; i < page->n_texts; i++)
        size += page->texts[i].len;
    return size;
}
