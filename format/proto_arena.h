/* SPDX-License-Identifier: MIT */
/*
 * proto_arena - memory for one unpacked protobuf-c message, with a lid on it.
 *
 * On the line:  payload -> [proto_arena] -> Meta, Defs, Account, Summary, Events as structs
 * Threads:      one at a time.
 * Memory:       struct proto_arena is the caller's storage, zeroed before the first use, and must
 *               not be moved while a message in it is alive. Messages die with the next
 *               proto_arena_reset or with proto_arena_clear; never free them one by one.
 * Loss:         at the lid an allocation fails and unpacking returns NULL. No message a recorder
 *               writes comes near it; see tests/unit/format/test_proto_arena.c.
 *
 * Always true:  used <= lid = 16 * (bytes to unpack) + 64 KiB.
 */
#ifndef PYREC_FORMAT_PROTO_ARENA_H
#define PYREC_FORMAT_PROTO_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

struct proto_arena {
    ProtobufCAllocator allocator;
    uint8_t *block;
    size_t size; /* of the block; it is kept for the next message */
    size_t lid;
    size_t used;
};

/*
 * Forget what was unpacked before and be ready for messages of `raw_len` bytes in all. The result
 * is the first argument of an unpack function; it is good until the next reset or clear.
 */
ProtobufCAllocator *proto_arena_reset(struct proto_arena *arena, size_t raw_len);

void proto_arena_clear(struct proto_arena *arena);

#endif
