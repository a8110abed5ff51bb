/* SPDX-License-Identifier: MIT */
#include "describe.h"
#include "record/agent/base/peek.h"

/* One code point as UTF-8; lone surrogates (undecodable file names) as three bytes, too. */
static size_t utf8_put(char *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | (c >> 18 & 7));
    to[1] = (char)(0x80 | (c >> 12 & 0x3f));
    to[2] = (char)(0x80 | (c >> 6 & 0x3f));
    to[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* Where a str keeps its characters. */
struct text {
    uintptr_t data;
    uint64_t length;
    unsigned kind; /* bytes per character */
    bool ascii;
};

static bool text_find(const struct pyver *ver, uintptr_t str, struct text *text)
{
    uint32_t bad = 0;
    const uint32_t state = peek_u32(str + ver->str.state, &bad);
    const unsigned shift = ver->str.kind_shift;
    text->kind = state >> shift & 7;
    text->ascii = state >> (shift + 4) & 1;
    text->length = peek(str + ver->str.length, &bad);
    const bool compact = state >> (shift + 3) & 1;
    if (compact)
        text->data = str + (text->ascii ? ver->str.ascii : ver->str.compact);
    else
        text->data = peek(str + ver->str.pointer, &bad);
    return !bad && (text->kind == 1 || text->kind == 2 || text->kind == 4) &&
           text->length < 1u << 30;
}

int32_t describe_text(const struct pyver *ver, uintptr_t str, char *to, uint32_t max)
{
    struct text text;
    if (str == 0 || (str & 7) || !text_find(ver, str, &text))
        return -1;
    if (text.ascii) {
        const uint32_t len = text.length < max ? (uint32_t)text.length : max;
        return peek_bytes(to, text.data, len) ? (int32_t)len : -1;
    }
    uint32_t len = 0;
    for (uint64_t i = 0; i < text.length && len + 4 <= max; i++) {
        uint32_t c = 0;
        if (!peek_bytes(&c, text.data + i * text.kind, text.kind)) /* both sides little-endian */
            return -1;
        len += (uint32_t)utf8_put(to + len, c);
    }
    return (int32_t)len;
}

bool describe_code(const struct interp *interp, uintptr_t code, char *buffer, size_t size,
                   struct description *out)
{
    const struct pyver *ver = &interp->ver;
    uint32_t bad = 0;
    const uintptr_t name = peek(code + ver->code.name, &bad);
    const uintptr_t file = peek(code + ver->code.filename, &bad);
    const uintptr_t table = peek(code + ver->code.table, &bad);
    out->first_line = (int32_t)peek_u32(code + ver->code.first_line, &bad);
    if (bad || peek(code + ver->object.type, &bad) != interp->code_type)
        return false;
    out->bytes = buffer;
    const int32_t name_len = describe_text(ver, name, buffer, DESCRIBE_NAME_MAX);
    if (name_len < 0)
        return false;
    const int32_t file_len = describe_text(ver, file, buffer + name_len, DESCRIBE_NAME_MAX);
    if (file_len < 0)
        return false;
    out->name_len = (uint32_t)name_len;
    out->file_len = (uint32_t)file_len;
    const size_t used = (size_t)name_len + (size_t)file_len;
    const uint64_t len = peek(table + ver->object.size, &bad);
    if (bad || len > UINT32_MAX)
        return false;
    out->table_len = (uint32_t)(len < size - used ? len : size - used);
    return peek_bytes(buffer + used, table + ver->bytes.data, out->table_len);
}
