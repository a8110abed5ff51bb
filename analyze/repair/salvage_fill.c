/* SPDX-License-Identifier: MIT */
/* Which definitions a chunk needs, and a stand-in for those that are lost. */
#include "salvage_parts.h"

#include "analyze/base/memory.h"
#include "analyze/model/dict.h"
#include "analyze/names/names_file.h"
#include "analyze/read/range.h"

#include <stdlib.h>
#include <string.h>

/* So many strings may say in words that they are lost; more say nothing. */
#define LOST_WORDS_MAX 65536u

void payload_add(struct buffer *payload, const Pyrec__V1__Packet *packet)
{
    Pyrec__V1__Packet copy = *packet, *packets[] = {&copy};
    Pyrec__V1__Trace trace = PYREC__V1__TRACE__INIT;
    trace.n_packet = 1;
    trace.packet = packets;
    const size_t len = pyrec__v1__trace__get_packed_size(&trace);
    uint8_t *const bytes = memory_get(len + 1);
    pyrec__v1__trace__pack(&trace, bytes);
    buffer_add(payload, (const char *)bytes, len);
    free(bytes);
}

void payload_copy(struct buffer *payload, uint32_t field, struct proto_column body)
{
    names_file_packet(payload, field, body.at, (size_t)(body.end - body.at));
}

static bool raise_to(struct unit_ids *ids, enum id_kind kind, uint32_t next)
{
    if (next <= ids->next[kind] || next <= 1 || next > LIMIT_IDS)
        return false;
    ids->next[kind] = next;
    return true;
}

/*
 * Ids of a kind that are referred to, where the message defines some from `first` on (n of them):
 * those before are needed. Where it defines none, those up to the highest.
 */
static bool need(struct unit_ids *ids, enum id_kind kind, uint32_t first, size_t n,
                 uint32_t highest)
{
    if (n > 0)
        return raise_to(ids, kind, first);
    return highest < UINT32_MAX && raise_to(ids, kind, highest + 1);
}

static uint32_t highest_of(uint32_t highest, const uint32_t *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (values[i] > highest)
            highest = values[i];
    }
    return highest;
}

static uint32_t highest_in(uint32_t highest, struct proto_column column)
{
    uint64_t value;
    while (column_next(&column, &value)) {
        if (value > highest && value < UINT32_MAX)
            highest = (uint32_t)value;
    }
    return highest;
}

static bool need_defs(struct unit_ids *ids, const Pyrec__V1__Defs *d)
{
    uint32_t string = highest_of(0, d->function_name, d->n_function_name);
    string = highest_of(string, d->function_file, d->n_function_file);
    for (size_t i = 0; i < d->n_thread; i++)
        string = highest_of(string, &d->thread[i]->name, 1);
    const uint32_t function = highest_of(0, d->location_function, d->n_location_function);
    const uint32_t location = highest_of(0, d->stack_location, d->n_stack_location);
    bool any = need(ids, ID_STRING, d->first_string, d->n_string, string);
    any |= need(ids, ID_FUNCTION, d->first_function, d->n_function_name, function);
    any |= need(ids, ID_LOCATION, d->first_location, d->n_location_function, location);
    return need(ids, ID_STACK, d->first_stack, d->n_stack_up, 0) || any;
}

/* `defined`: what the chunk's own definitions reach to. */
static bool need_samples(struct unit_ids *ids, const struct unit_ids *defined,
                         struct proto_column body, uint64_t quantum_ns)
{
    const struct dict everything = {.stack_ids = {.n = UINT32_MAX, .is_same = true}};
    struct range range = {0};
    struct range_thread thread = {0};
    struct span spans[64];
    uint32_t stack = 0, string = 0;
    bool any = false;
    if (range_open(&range, body, quantum_ns, &everything, NULL) == STATUS_OK) {
        string = highest_in(string, range.columns.thread_call);
        string = highest_in(string, range.columns.call);
        string = highest_in(string, range.columns.task);
        string = highest_in(string, range.tasks_before);
        while (range_next_thread(&range, &thread)) {
            size_t n;
            while ((n = range_spans(&range, &thread, spans, ARRAY_LEN(spans))) > 0) {
                for (size_t i = 0; i < n; i++)
                    stack = spans[i].stack < UINT32_MAX && spans[i].stack > stack ? spans[i].stack
                                                                                  : stack;
            }
        }
    }
    range_clear(&range);
    /* Beyond what the chunk itself defines nothing can be put in. */
    if (defined->next[ID_STACK] <= ids->next[ID_STACK])
        any = need(ids, ID_STACK, 0, 0, stack);
    if (defined->next[ID_STRING] <= ids->next[ID_STRING])
        any = need(ids, ID_STRING, 0, 0, string) || any;
    return any;
}

/* Where nothing is defined, the first id says nothing. */
static void defined_by(struct unit_ids *ids, const Pyrec__V1__Defs *d)
{
    if (d->n_string > 0)
        raise_to(ids, ID_STRING, d->first_string + (uint32_t)d->n_string);
    if (d->n_function_name > 0)
        raise_to(ids, ID_FUNCTION, d->first_function + (uint32_t)d->n_function_name);
    if (d->n_location_function > 0)
        raise_to(ids, ID_LOCATION, d->first_location + (uint32_t)d->n_location_function);
    if (d->n_stack_up > 0)
        raise_to(ids, ID_STACK, d->first_stack + (uint32_t)d->n_stack_up);
}

bool unit_ids_need(struct unit_ids *ids, struct proto_column payload, uint64_t quantum_ns,
                   struct proto_arena *arena)
{
    struct unit_ids defined = *ids;
    struct proto_column body;
    uint32_t field;
    enum status status;
    bool any = false;
    while (packet_next(&payload, &field, &body, &status)) {
        const size_t len = (size_t)(body.end - body.at);
        if (field == PYREC__V1__PACKET__BODY_DEFS) {
            const Pyrec__V1__Defs *const defs =
                pyrec__v1__defs__unpack(proto_arena_reset(arena, len), len, body.at);
            if (defs == NULL)
                continue;
            any |= need_defs(ids, defs);
            defined_by(&defined, defs);
        } else if (field == PYREC__V1__PACKET__BODY_SAMPLES) {
            any |= need_samples(ids, &defined, body, quantum_ns);
        }
    }
    return any;
}

void unit_ids_add(struct unit_ids *ids, struct proto_column payload, struct proto_arena *arena)
{
    struct proto_column body;
    uint32_t field;
    enum status status;
    while (packet_next(&payload, &field, &body, &status)) {
        const size_t len = (size_t)(body.end - body.at);
        if (field != PYREC__V1__PACKET__BODY_DEFS)
            continue;
        const Pyrec__V1__Defs *const defs =
            pyrec__v1__defs__unpack(proto_arena_reset(arena, len), len, body.at);
        if (defs != NULL)
            defined_by(ids, defs);
    }
}

/* From which id on, how many. */
static uint32_t missing(const struct unit_ids *from, const struct unit_ids *to, enum id_kind kind,
                        uint32_t *first)
{
    *first = from->next[kind] > 0 ? from->next[kind] : 1;
    return to->next[kind] > *first ? to->next[kind] - *first : 0;
}

void payload_add_lost(struct buffer *payload, const struct unit_ids *from,
                      const struct unit_ids *to)
{
    static char words[] = DICT_LOST_NAME, nothing[] = "";
    Pyrec__V1__Defs defs = PYREC__V1__DEFS__INIT;
    const size_t n_strings = missing(from, to, ID_STRING, &defs.first_string);
    const size_t n_functions = missing(from, to, ID_FUNCTION, &defs.first_function);
    const size_t n_locations = missing(from, to, ID_LOCATION, &defs.first_location);
    const size_t n_stacks = missing(from, to, ID_STACK, &defs.first_stack);
    const size_t n_zeros = n_functions > n_locations ? n_functions : n_locations;
    char **const strings = memory_get((n_strings + 1) * sizeof *strings);
    uint32_t *const kinds = memory_get((n_functions + 1) * sizeof *kinds);
    uint32_t *const ups = memory_get((n_stacks + 1) * sizeof *ups);
    /* No name, no file, no line; no function; no location: 0 is the lost one. */
    uint32_t *const zeros =
        memory_get(((n_zeros > n_stacks ? n_zeros : n_stacks) + 1) * sizeof *zeros);
    for (size_t i = 0; i < n_strings; i++)
        strings[i] = n_strings <= LOST_WORDS_MAX ? words : nothing;
    for (size_t i = 0; i < n_functions; i++)
        kinds[i] = PYREC__V1__DEFS__KIND__LOST;
    for (size_t i = 0; i < n_stacks; i++)
        ups[i] = defs.first_stack + (uint32_t)i; /* no parent */
    defs.n_string = n_strings;
    defs.string = strings;
    defs.n_function_name = defs.n_function_file = defs.n_function_line = n_functions;
    defs.n_function_kind = n_functions;
    defs.function_name = defs.function_file = defs.function_line = zeros;
    defs.function_kind = kinds;
    defs.n_location_function = defs.n_location_line = defs.n_location_end_line = n_locations;
    defs.n_location_column = defs.n_location_end_column = n_locations;
    defs.location_function = defs.location_end_line = zeros;
    defs.location_column = defs.location_end_column = zeros;
    defs.location_line = (int32_t *)zeros;
    defs.n_stack_up = defs.n_stack_location = n_stacks;
    defs.stack_up = ups;
    defs.stack_location = zeros;
    Pyrec__V1__Packet packet = PYREC__V1__PACKET__INIT;
    packet.body_case = PYREC__V1__PACKET__BODY_DEFS;
    packet.defs = &defs;
    payload_add(payload, &packet);
    free(strings);
    free(kinds);
    free(ups);
    free(zeros);
}
