/* SPDX-License-Identifier: MIT */
#include "codebook.h"

#include "account.h"
#include "linetable.h"
#include "record/tables/vec.h"

#include <stdlib.h>
#include <string.h>

void codebook_init(struct codebook *book)
{
    *book = (struct codebook){.seed = hash_new_seed()};
}

static size_t code_bytes(const struct codebook_code *code)
{
    return sizeof *code + code->name_len + code->file_len + code->table_len;
}

void codebook_clear(struct codebook *book)
{
    for (uint32_t i = 0; i < book->n_codes; i++)
        free(book->codes[i].bytes);
    free(book->codes);
    free(book->locations);
    idmap_clear(&book->code_map);
    idmap_clear(&book->location_map);
    *book = (struct codebook){.seed = book->seed};
}

static struct codebook_code *code_find(const struct codebook *book, uint32_t code)
{
    const uint32_t hash = hash_pair(book->seed, code, 0);
    for (uint32_t probe = hash, id; idmap_next(&book->code_map, hash, &probe, &id);)
        if (book->codes[id - 1].code == code)
            return &book->codes[id - 1];
    return NULL;
}

/* ---- descriptions ---- */

/* The description of a record's code, with room for the whole table; NULL when there is no room. */
static struct codebook_code *code_new(struct codebook *book, const struct wire_code *record)
{
    struct codebook_code new = {
        .code = record->code,
        .first_line = record->first_line < 0 ? 0 : record->first_line,
        .table_kind = record->table_kind,
        .table_len = record->table_len,
        .name_len = record->name_len,
        .file_len = record->file_len,
        .is_used = true, /* it comes because somebody is about to need it */
    };
    if (new.table_len > CODEBOOK_TABLE_MAX) { /* no such function was ever seen: do without */
        new.table_kind = WIRE_TABLE_NONE;
        new.table_len = 0;
    }
    if (book->bytes + code_bytes(&new) > CODEBOOK_HARD_BYTES ||
        !vec_room(&book->codes, &book->code_capacity, book->n_codes + 1ull, sizeof new))
        return NULL;
    new.bytes = malloc((size_t) new.name_len + new.file_len + new.table_len + 1);
    if (new.bytes == NULL ||
        !idmap_add(&book->code_map, hash_pair(book->seed, new.code, 0), book->n_codes + 1)) {
        free(new.bytes);
        return NULL;
    }
    book->bytes += code_bytes(&new);
    book->codes[book->n_codes] = new;
    return &book->codes[book->n_codes++];
}

static void table_append(struct codebook_code *code, const void *bytes, uint32_t len)
{
    const uint32_t room = code->table_len - code->table_have;
    const uint32_t n = len < room ? len : room;
    memcpy(code->bytes + code->name_len + code->file_len + code->table_have, bytes, n);
    code->table_have += n;
}

bool codebook_add_code(struct codebook *book, const struct wire_code *record)
{
    const uint64_t len =
        sizeof *record + (uint64_t)record->name_len + record->file_len + record->table_here;
    if (len > record->record.len || record->table_here > record->table_len || record->code == 0)
        return false;
    if (code_find(book, record->code) != NULL) /* said twice: the first one counts */
        return true;
    struct codebook_code *code = code_new(book, record);
    if (code == NULL) {
        book->refused++;
        return true;
    }
    memcpy(code->bytes, record->bytes, (size_t)record->name_len + record->file_len);
    table_append(code, record->bytes + record->name_len + record->file_len, record->table_here);
    return true;
}

bool codebook_add_table(struct codebook *book, const struct wire_code_table *record)
{
    if (sizeof *record + (uint64_t)record->len > record->record.len)
        return false;
    struct codebook_code *code = code_find(book, record->code);
    if (code != NULL && record->offset == code->table_have) /* else a piece is missing for good */
        table_append(code, record->bytes, record->len);
    return true;
}

void codebook_free_code(struct codebook *book, uint32_t code)
{
    struct codebook_code *known = code_find(book, code);
    if (known != NULL)
        known->is_freed = true;
}

/* ---- locations ---- */

static uint32_t function_get(struct codebook_code *code, struct intern *in)
{
    if (code->function == 0) {
        const char *name = (const char *)code->bytes;
        const struct intern_function function = {
            .name = intern_string(in, name, code->name_len),
            .file = intern_string(in, name + code->name_len, code->file_len),
            .line = (uint32_t)code->first_line,
            .kind = INTERN_PYTHON,
        };
        code->function = intern_function(in, &function);
    }
    return code->function;
}

/*
 * Instructions without a line of their own (the prologue of closures and modules, clean-up after
 * exceptions) count for the line where the function begins.
 */
static uint32_t location_make(struct codebook_code *code, struct intern *in, int32_t instr)
{
    const bool is_whole = code->table_have == code->table_len;
    const struct linetable table = {
        .kind = is_whole ? code->table_kind : WIRE_TABLE_NONE,
        .first_line = code->first_line,
        .bytes = code->bytes + code->name_len + code->file_len,
        .len = code->table_have,
    };
    struct linetable_position position;
    if (!linetable_find(&table, instr, &position) || position.line == 0)
        position = (struct linetable_position){code->first_line, code->first_line, -1, -1};
    const struct intern_location location = {
        .function = function_get(code, in),
        .line = position.line,
        .end_line = position.end_line < position.line ? position.line : position.end_line,
        .column = position.column,
        .end_column = position.end_column,
    };
    return intern_location(in, &location);
}

static uint32_t location_unknown(struct intern *in)
{
    return intern_marker(in, INTERN_FAILED, account_failure_text(WIRE_FAIL_CODE_GONE));
}

uint32_t codebook_get_location(struct codebook *book, struct intern *in, struct wire_frame frame)
{
    const uint32_t hash = hash_pair(book->seed, frame.code, (uint32_t)frame.instr);
    for (uint32_t probe = hash, id; idmap_next(&book->location_map, hash, &probe, &id);) {
        const struct codebook_location *known = &book->locations[id - 1];
        if (known->code == frame.code && known->instr == frame.instr)
            return known->location;
    }
    struct codebook_code *code = code_find(book, frame.code);
    if (code == NULL)
        return location_unknown(in);
    code->is_used = true;
    const uint32_t location = location_make(code, in, frame.instr);
    /* Only a cache: what is not put into it is found again the long way. */
    if (location != 0 && code->table_have == code->table_len &&
        vec_room(&book->locations, &book->location_capacity, book->n_locations + 1ull,
                 sizeof *book->locations) &&
        idmap_add(&book->location_map, hash, book->n_locations + 1))
        book->locations[book->n_locations++] =
            (struct codebook_location){frame.code, frame.instr, location};
    return location;
}

/* ---- generations ---- */

static bool code_is_needed(const struct codebook *book, const struct codebook_code *code)
{
    return code->is_used || (!code->is_freed && book->bytes <= CODEBOOK_SOFT_BYTES);
}

/*
 * Stacks of living threads are interned again at the start of each generation, so that what
 * they need is "used" in every one of them, however long the thread sleeps.
 */
void codebook_restart(struct codebook *book)
{
    uint32_t n = 0;
    idmap_clear(&book->location_map);
    free(book->locations);
    book->locations = NULL;
    book->n_locations = book->location_capacity = 0;
    idmap_reset(&book->code_map);
    for (uint32_t i = 0; i < book->n_codes; i++) {
        struct codebook_code *code = &book->codes[i];
        if (!code_is_needed(book, code) ||
            !idmap_add(&book->code_map, hash_pair(book->seed, code->code, 0), n + 1)) {
            book->bytes -= code_bytes(code);
            free(code->bytes);
            continue;
        }
        code->is_used = false;
        code->function = 0;
        book->codes[n++] = *code;
    }
    book->n_codes = n;
}
