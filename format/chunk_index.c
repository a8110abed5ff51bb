/* SPDX-License-Identifier: MIT */
#include "chunk_index.h"
#include "format/trace.pb-c.h"
#include <stdlib.h>
#include <string.h>

enum status chunk_index_reserve(struct chunk_index *index)
{
    if (index->n < index->room)
        return STATUS_OK;
    const size_t room = index->room + index->room / 2 + 64;
    struct chunk_place *const larger = realloc(index->places, room * sizeof(*larger));
    if (larger == NULL)
        return STATUS_NO_MEMORY;
    index->places = larger;
    index->room = room;
    return STATUS_OK;
}

void chunk_index_add(struct chunk_index *index, uint64_t offset, const struct chunk_header *header)
{
    index->places[index->n++] = (struct chunk_place){offset, *header};
}

void chunk_index_clear(struct chunk_index *index)
{
    free(index->places);
    *index = (struct chunk_index){0};
}

/* The columns of a message are slices of one block: n entries of 8 bytes five times, of 4 bytes
 * three times. */
static void *columns_new(Pyrec__V1__Index *message, size_t n)
{
    uint64_t *const wide = malloc(n * (5 * sizeof(uint64_t) + 3 * sizeof(uint32_t)) + 1);
    if (wide == NULL)
        return NULL;
    int64_t *const wide_signed = (int64_t *)wide + 2 * n;
    uint32_t *const narrow = (uint32_t *)(void *)(wide + 5 * n);

    message->n_offset = message->n_process = message->n_generation = message->n_first_ns = n;
    message->n_span_ns = message->n_content = message->n_raw_len = message->n_payload_crc = n;
    message->offset = wide;
    message->span_ns = wide + n;
    message->process = wide_signed;
    message->generation = wide_signed + n;
    message->first_ns = wide_signed + 2 * n;
    message->content = narrow;
    message->raw_len = narrow + n;
    message->payload_crc = narrow + 2 * n;
    return wide;
}

static void columns_fill(Pyrec__V1__Index *message, const struct chunk_index *index)
{
    struct chunk_place last = {0};

    for (size_t i = 0; i < index->n; i++) {
        const struct chunk_place *const place = &index->places[i];
        const struct chunk_header *const header = &place->header;
        message->offset[i] = place->offset - last.offset;
        message->process[i] = (int64_t)header->process - last.header.process;
        message->generation[i] = (int64_t)header->generation - last.header.generation;
        message->first_ns[i] = (int64_t)(header->t_first_ns - last.header.t_first_ns);
        message->span_ns[i] = header->t_last_ns - header->t_first_ns;
        message->content[i] = header->flags;
        message->raw_len[i] = header->raw_len;
        message->payload_crc[i] = header->payload_crc;
        last = *place;
    }
}

enum status chunk_index_pack(const struct chunk_index *index, const uint8_t *before,
                             size_t before_len, uint8_t **out, size_t *out_len)
{
    Pyrec__V1__Index message = PYREC__V1__INDEX__INIT;
    Pyrec__V1__Packet packet = PYREC__V1__PACKET__INIT;
    Pyrec__V1__Packet *packets[] = {&packet};
    Pyrec__V1__Trace trace = PYREC__V1__TRACE__INIT;

    void *const columns = columns_new(&message, index->n);
    if (columns == NULL)
        return STATUS_NO_MEMORY;
    columns_fill(&message, index);
    packet.body_case = PYREC__V1__PACKET__BODY_INDEX;
    packet.index = &message;
    trace.n_packet = 1;
    trace.packet = packets;

    const size_t len = pyrec__v1__trace__get_packed_size(&trace);
    uint8_t *const bytes = malloc(before_len + len);
    if (bytes != NULL) {
        if (before_len > 0)
            memcpy(bytes, before, before_len);
        pyrec__v1__trace__pack(&trace, bytes + before_len);
        *out = bytes;
        *out_len = before_len + len;
    }
    free(columns);
    return bytes != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

/* The columns of an Index message, by field number. */
enum { OFFSET = 1, PROCESS, GENERATION, FIRST_NS, SPAN_NS, CONTENT, RAW_LEN, PAYLOAD_CRC, COLUMNS };

static enum status columns_take(struct proto_column body, struct proto_column columns[COLUMNS])
{
    struct proto_column bytes;
    uint32_t number;
    unsigned wire_type;
    uint64_t value;
    enum status status;

    for (int i = 0; i < COLUMNS; i++)
        columns[i] = (struct proto_column){NULL, NULL};
    while (field_next(&body, &number, &wire_type, &value, &bytes, &status)) {
        if (number >= COLUMNS)
            continue;
        if (wire_type != 2 || !column_empty(&columns[number]))
            return STATUS_DAMAGED;
        columns[number] = bytes;
    }
    return status;
}

/* Add a delta that must not leave 0 .. 2^32 - 1. */
static bool step32(struct proto_column *c, uint32_t *value)
{
    int64_t delta;
    if (!column_next_signed(c, &delta) || delta < -(int64_t)UINT32_MAX || delta > UINT32_MAX)
        return false;
    const int64_t sum = (int64_t)*value + delta;
    *value = (uint32_t)sum;
    return sum >= 0 && sum <= UINT32_MAX;
}

static bool next32(struct proto_column *c, uint32_t max, uint32_t *value)
{
    uint64_t wide;
    if (!column_next(c, &wide) || wide > max)
        return false;
    *value = (uint32_t)wide;
    return true;
}

static bool next_fixed32(struct proto_column *c, uint32_t *value)
{
    if (c->end - c->at < 4)
        return false;
    *value = (uint32_t)c->at[0] | (uint32_t)c->at[1] << 8 | (uint32_t)c->at[2] << 16 |
             (uint32_t)c->at[3] << 24;
    c->at += 4;
    return true;
}

/* `place` holds the chunk before (zeroed for the first) and is moved on to the next. */
static bool place_step(struct proto_column columns[COLUMNS], struct chunk_place *place)
{
    struct chunk_header *const header = &place->header;
    uint32_t flags;
    uint64_t offset, span_ns;
    int64_t first_ns;

    if (!column_next(&columns[OFFSET], &offset) || !step32(&columns[PROCESS], &header->process) ||
        !step32(&columns[GENERATION], &header->generation) ||
        !column_next_signed(&columns[FIRST_NS], &first_ns) ||
        !column_next(&columns[SPAN_NS], &span_ns) ||
        !next32(&columns[CONTENT], UINT16_MAX, &flags) ||
        !next32(&columns[RAW_LEN], CHUNK_RAW_MAX, &header->raw_len) ||
        !next_fixed32(&columns[PAYLOAD_CRC], &header->payload_crc))
        return false;
    place->offset += offset;
    header->flags = (uint16_t)flags;
    header->t_first_ns += (uint64_t)first_ns;
    header->t_last_ns = header->t_first_ns + span_ns;
    return offset < INT64_MAX && place->offset < INT64_MAX &&
           header->t_last_ns >= header->t_first_ns;
}

/* A chunk ends where the next one begins: that gives its length. */
static bool lengths_fill(struct chunk_place *places, size_t n)
{
    if (places[0].offset != 0)
        return false;
    for (size_t i = 0; i + 1 < n; i++) {
        const uint64_t end = places[i + 1].offset;
        if (end <= places[i].offset + CHUNK_HEADER_LEN ||
            end - places[i].offset > CHUNK_HEADER_LEN + CHUNK_COMP_MAX)
            return false;
        places[i].header.comp_len = (uint32_t)(end - places[i].offset - CHUNK_HEADER_LEN);
    }
    return true;
}

enum status chunk_index_parse(struct proto_column body, const struct chunk_place *self,
                              struct chunk_place **places, size_t *n)
{
    struct proto_column columns[COLUMNS];
    TRY(columns_take(body, columns));

    const size_t listed = column_count(&columns[OFFSET]);
    if (listed > self->header.seq) /* it is the newest chunk, so there are not that many before */
        return STATUS_DAMAGED;
    struct chunk_place *const list = malloc((listed + 1) * sizeof(*list));
    if (list == NULL)
        return STATUS_NO_MEMORY;

    struct chunk_place place = {.header = {.tag = self->header.tag,
                                           .version = self->header.version,
                                           .seq = self->header.seq - (uint32_t)listed}};
    bool good = true;
    for (size_t i = 0; i < listed && good; i++, place.header.seq++) {
        good = place_step(columns, &place);
        list[i] = place;
    }
    for (int i = 1; i < COLUMNS; i++)
        good = good && column_empty(&columns[i]);
    list[listed] = *self;
    if (!good || !lengths_fill(list, listed + 1)) {
        free(list);
        return STATUS_DAMAGED;
    }
    *places = list;
    *n = listed + 1;
    return STATUS_OK;
}
