/* SPDX-License-Identifier: MIT */
#include "marshal.h"

#include "analyze/base/memory.h"
#include "analyze/base/unicode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A profile nests four deep. */
#define DEPTH_MAX 32u
/* A module has some thousand code objects; trying more is no use. */
#define CODES_MAX 20000u
/* The type byte says that the object will be referred to. */
#define FLAG_REF 0x80u

/* A list of values that is known by its numbers: what was flagged, or Python 2's texts. */
struct references {
    struct marshal_value **values;
    size_t n, size;
};

struct reader {
    struct arena *arena;
    const uint8_t *start, *at, *end;
    struct references objects, texts;
    size_t code_form;    /* of the code object that was read last: the next one will be the same */
    unsigned codes_left; /* so many may still be tried */
    struct problem *why;
};

static enum status read_value(struct reader *r, unsigned depth, struct marshal_value **value);

static enum status damaged(const struct reader *r, const char *what)
{
    return problem_set(r->why, STATUS_DAMAGED, (uint64_t)(r->at - r->start), "at byte %zu: %s",
                       (size_t)(r->at - r->start), what);
}

static size_t left(const struct reader *r)
{
    return (size_t)(r->end - r->at);
}

static enum status take(struct reader *r, size_t n, const uint8_t **bytes)
{
    if (left(r) < n)
        return damaged(r, "the file ends too soon");
    *bytes = r->at;
    r->at += n;
    return STATUS_OK;
}

/* A little-endian number of so many bytes, with a sign. */
static enum status take_integer(struct reader *r, size_t n_bytes, int64_t *n)
{
    const uint8_t *bytes = NULL;
    uint64_t bits = 0;
    TRY(take(r, n_bytes, &bytes));
    for (size_t i = 0; i < n_bytes; i++)
        bits |= (uint64_t)bytes[i] << (8 * i);
    const uint64_t sign = UINT64_C(1) << (8 * n_bytes - 1);
    *n = (int64_t)((bits ^ sign) - sign);
    return STATUS_OK;
}

/* How many items follow, each of at least one byte. */
static enum status take_count(struct reader *r, size_t n_bytes, size_t *count)
{
    int64_t n = 0;
    TRY(take_integer(r, n_bytes, &n));
    n = n_bytes == 1 ? (int64_t)(uint8_t)n : n;
    if (n < 0 || (uint64_t)n > left(r))
        return damaged(r, "a size is larger than the file");
    *count = (size_t)n;
    return STATUS_OK;
}

static struct marshal_value *new_value(struct reader *r, enum marshal_kind kind)
{
    struct marshal_value *const value = arena_get(r->arena, sizeof *value);
    value->kind = kind;
    value->whole = true;
    return value;
}

static void add_reference(struct references *list, struct marshal_value *value)
{
    list->values =
        memory_grow(list->values, &list->size, list->n + 1, sizeof(struct marshal_value *));
    list->values[list->n++] = value;
}

static enum status read_reference(struct reader *r, const struct references *list,
                                  struct marshal_value **value)
{
    int64_t n = 0;
    TRY(take_integer(r, 4, &n));
    if (n < 0 || (uint64_t)n >= list->n)
        return damaged(r, "a reference to nothing");
    *value = list->values[n];
    if (!(*value)->whole)
        return damaged(r, "an object that contains itself");
    return STATUS_OK;
}

static enum status read_text(struct reader *r, size_t size_bytes, struct marshal_value *value)
{
    const uint8_t *bytes = NULL;
    size_t n = 0;
    TRY(take_count(r, size_bytes, &n));
    TRY(take(r, n, &bytes));
    char *const text = arena_copy(r->arena, (const char *)bytes, n);
    for (char *at = text; at < text + n;) {
        uint32_t c;
        const size_t len = *at != '\0' ? unicode_next(at, &c) : 0;
        if (len == 0)
            *at = '?';
        at += len > 0 ? len : 1;
    }
    value->kind = MARSHAL_TEXT;
    value->text = text;
    return STATUS_OK;
}

/* Python's long: 15 bits in each two bytes, the sign in the count. */
static enum status read_long(struct reader *r, struct marshal_value *value)
{
    int64_t count = 0;
    uint64_t n = 0;
    bool over = false;
    TRY(take_integer(r, 4, &count));
    const uint64_t digits = (uint64_t)(count < 0 ? -count : count);
    const uint8_t *bytes = NULL;
    if (digits > left(r) / 2)
        return damaged(r, "a number is longer than the file");
    TRY(take(r, (size_t)digits * 2, &bytes));
    for (uint64_t i = digits; i-- > 0;) {
        over = over || n >> 48 != 0;
        n = n << 15 | ((uint64_t)bytes[2 * i] | (uint64_t)(bytes[2 * i + 1] & 0x7f) << 8);
    }
    if (over || n > INT64_MAX)
        n = INT64_MAX;
    value->kind = MARSHAL_INTEGER;
    value->n = count < 0 ? -(int64_t)n : (int64_t)n;
    return STATUS_OK;
}

static enum status read_float_text(struct reader *r, struct marshal_value *value)
{
    char text[64];
    const uint8_t *bytes = NULL;
    size_t n = 0;
    TRY(take_count(r, 1, &n));
    TRY(take(r, n, &bytes));
    if (n >= sizeof text)
        return damaged(r, "a number is too long");
    memcpy(text, bytes, n);
    text[n] = '\0';
    char *end;
    value->kind = MARSHAL_FLOAT;
    value->number = strtod(text, &end);
    return *end == '\0' && n > 0 ? STATUS_OK : damaged(r, "a number that is none");
}

static enum status read_float(struct reader *r, struct marshal_value *value)
{
    int64_t bits = 0;
    TRY(take_integer(r, 8, &bits));
    value->kind = MARSHAL_FLOAT;
    memcpy(&value->number, &bits, sizeof bits);
    return STATUS_OK;
}

static enum status read_tuple(struct reader *r, size_t size_bytes, unsigned depth,
                              struct marshal_value *value)
{
    size_t n = 0;
    value->kind = MARSHAL_TUPLE;
    value->whole = false;
    TRY(take_count(r, size_bytes, &n));
    value->items = arena_get(r->arena, n * sizeof(struct marshal_value *));
    for (size_t i = 0; i < n; i++)
        TRY(read_value(r, depth + 1, &value->items[i]));
    value->n_items = n;
    value->whole = true;
    return STATUS_OK;
}

/* Pairs up to a key that is '0', which is no object. */
static enum status read_dict(struct reader *r, unsigned depth, struct marshal_value *value)
{
    struct references items = {0};
    enum status status = STATUS_OK;
    value->kind = MARSHAL_DICT;
    value->whole = false;
    while (status == STATUS_OK) {
        struct marshal_value *key = NULL, *item = NULL;
        if (left(r) > 0 && *r->at == '0') {
            r->at++;
            break;
        }
        status = read_value(r, depth + 1, &key);
        if (status == STATUS_OK)
            status = read_value(r, depth + 1, &item);
        if (status == STATUS_OK) {
            add_reference(&items, key);
            add_reference(&items, item);
        }
    }
    if (status == STATUS_OK) {
        value->items = arena_get(r->arena, items.n * sizeof(struct marshal_value *));
        if (items.n > 0)
            memcpy(value->items, items.values, items.n * sizeof(struct marshal_value *));
        value->n_items = items.n;
        value->whole = true;
    }
    free(items.values);
    return status;
}

/* So many values, which nobody asks for. */
static enum status skip_values(struct reader *r, size_t n, unsigned depth)
{
    struct marshal_value *value = NULL;
    for (size_t i = 0; i < n; i++)
        TRY(read_value(r, depth + 1, &value));
    return STATUS_OK;
}

static enum status skip_bytes(struct reader *r, size_t n)
{
    const uint8_t *bytes = NULL;
    return take(r, n, &bytes);
}

/* ---- code objects ---- */

/*
 * What a code object consists of, which nothing in the file says: numbers of 32 bits, objects of
 * these kinds, the number of its first line, and one or two objects more.
 *   ( a tuple   s a text or bytes   n its name
 */
static const struct code_form {
    size_t n_numbers;
    const char *objects, *more;
} code_forms[] = {
    {5, "s(((ssns",
     "ss"}, /* 3.11 on: .. names of all variables, their kinds, file, name, qualified */
    {6, "s(((((sn", "s"}, /* 3.8 to 3.10 */
    {5, "s(((((sn", "s"}, /* 3.0 to 3.7 */
    {4, "s(((((sn", "s"}, /* 2 */
};

static enum status read_code_objects(struct reader *r, const char *kinds, unsigned depth,
                                     struct marshal_value *value)
{
    for (const char *kind = kinds; *kind != '\0'; kind++) {
        struct marshal_value *item = NULL;
        TRY(read_value(r, depth + 1, &item));
        if (item->kind != (*kind == '(' ? MARSHAL_TUPLE : MARSHAL_TEXT))
            return damaged(r, "a code object of no known version");
        if (*kind == 'n')
            value->text = item->text;
    }
    return STATUS_OK;
}

static enum status read_code_as(struct reader *r, const struct code_form *form, unsigned depth,
                                struct marshal_value *value)
{
    int64_t first_line = 0;
    TRY(skip_bytes(r, 4 * form->n_numbers));
    TRY(read_code_objects(r, form->objects, depth, value));
    TRY(take_integer(r, 4, &first_line));
    TRY(read_code_objects(r, form->more, depth, value));
    return first_line >= 0 ? STATUS_OK : damaged(r, "a code object of no known version");
}

/* The form that fits; at first that of the code object before. */
static enum status read_code(struct reader *r, unsigned depth, struct marshal_value *value)
{
    const uint8_t *const at = r->at;
    const size_t n_objects = r->objects.n, n_texts = r->texts.n, first = r->code_form;
    enum status status = STATUS_DAMAGED;
    for (size_t i = 0; i < ARRAY_LEN(code_forms) && status != STATUS_OK; i++) {
        const size_t form = (first + i) % ARRAY_LEN(code_forms);
        if (r->codes_left == 0)
            return damaged(r, "too many code objects for a profile");
        r->codes_left--;
        r->at = at;
        r->objects.n = n_objects;
        r->texts.n = n_texts;
        r->code_form = form;
        status = read_code_as(r, &code_forms[form], depth, value);
    }
    value->kind = MARSHAL_CODE;
    if (status == STATUS_OK)
        value->text = arena_print(r->arena, "<code object %s>", value->text);
    return status;
}

static enum status read_body(struct reader *r, uint8_t type, unsigned depth,
                             struct marshal_value *value)
{
    switch (type) {
    case 'N':
    case 'T':
    case 'F':
    case 'S':
    case '.':
        return STATUS_OK;
    case 'i':
        value->kind = MARSHAL_INTEGER;
        return take_integer(r, 4, &value->n);
    case 'I':
        value->kind = MARSHAL_INTEGER;
        return take_integer(r, 8, &value->n);
    case 'l':
        return read_long(r, value);
    case 'f':
        return read_float_text(r, value);
    case 'g':
        return read_float(r, value);
    case 's':
    case 't':
    case 'u':
    case 'a':
    case 'A':
        return read_text(r, 4, value);
    case 'z':
    case 'Z':
        return read_text(r, 1, value);
    case '(':
    case '[':
        return read_tuple(r, 4, depth, value);
    case ')':
        return read_tuple(r, 1, depth, value);
    case '{':
        return read_dict(r, depth, value);
    case '<':
    case '>':
        return read_tuple(r, 4, depth, value);
    case 'c':
        return read_code(r, depth, value);
    case 'x':
        TRY(read_float_text(r, value));
        return read_float_text(r, value);
    case 'y':
        return skip_bytes(r, 16);
    case ':':
        return skip_values(r, 3, depth);
    default:
        return damaged(r, "no marshalled profile: an object of a kind that is in none");
    }
}

static enum status read_value(struct reader *r, unsigned depth, struct marshal_value **value)
{
    const uint8_t *byte = NULL;
    if (depth > DEPTH_MAX)
        return damaged(r, "objects in objects, too deep");
    TRY(take(r, 1, &byte));
    const uint8_t type = *byte & (uint8_t)~FLAG_REF;
    if (type == 'r')
        return read_reference(r, &r->objects, value);
    if (type == 'R')
        return read_reference(r, &r->texts, value);
    *value = new_value(r, MARSHAL_NOTHING);
    if (*byte & FLAG_REF)
        add_reference(&r->objects, *value);
    TRY(read_body(r, type, depth, *value));
    /* Python 2 numbers its interned texts; Python 3 says so by the flag */
    if (*byte == 't')
        add_reference(&r->texts, *value);
    return STATUS_OK;
}

enum status marshal_read(struct marshal_value **value, struct arena *arena, const void *bytes,
                         size_t len, struct problem *why)
{
    struct reader r = {
        .arena = arena, .start = bytes, .at = bytes, .codes_left = CODES_MAX, .why = why};
    r.end = r.start + len;
    const enum status status = read_value(&r, 0, value);
    free(r.objects.values);
    free(r.texts.values);
    return status;
}

bool marshal_number(const struct marshal_value *value, double *number)
{
    if (value->kind == MARSHAL_INTEGER)
        *number = (double)value->n;
    else if (value->kind == MARSHAL_FLOAT)
        *number = value->number;
    else
        return false;
    return true;
}
