/* SPDX-License-Identifier: MIT */
/* CPython 3.11. See pyver.h. */
#include "record/agent/cpython/pyver.h"

extern const struct pyver pyver_3_11;
const struct pyver pyver_3_11 = {
    .minor = 11,
    .frames = FRAMES_CFRAME_ENTRY,
    .instr = INSTR_POINTER,
    .table = WIRE_TABLE_LOCATIONS,
    .tag_mask = 0,
    .object_shift = 0,
    .runtime = {.interpreters_head = 40, .finalizing = 24, .gil = 360, .gc_collecting = PYVER_NONE},
    .interp = {
        .next = 0, .threads_head = 16, .id = 48, .gil_pointer = PYVER_NONE, .gc_collecting = 848,
        .modules = 888, .stop_world = PYVER_NONE,
    },
    .thread = {
        .prev = 0, .next = 8, .interp = 16, .frame = 56, .base_frame = PYVER_NONE, .thread_id = 152,
        .native_id = 160, .id = 240, .chunk = 296, .chunk_top = 304, .cframe = 56, .root_cframe = 336, .running_task = PYVER_NONE,
        .dict = 128, .running_loop = PYVER_NONE, .tasks = PYVER_NONE,
        .state = PYVER_NONE, .critical_section = PYVER_NONE,
    },
    .cframe = {.current = 8, .previous = 16},
    .chunk = {.previous = 0, .top = 16, .data = 24},
    .frame = {
        .previous = 48, .code = 32, .instr = 56, .owner = 69, .is_entry = 68, .gen = PYVER_NONE,
        .tlbc_index = PYVER_NONE,
    },
    .code = {
        .first_line = 72, .filename = 112, .name = 128, .table = 136, .bytecode = 184,
        .first_traceable = 168, .size = 16, .tlbc = PYVER_NONE, .flags = 48,
    },
    .gil = {.last_holder = 8, .locked = 16, .switches = 24, .len = 224},
    .object = {.type = 8, .size = 16},
    .type = {
        .name = 24, .dealloc = 48, .flags = 168, .dict_offset = 288, .basic_size = 32,
        .cached_keys = 872,
    },
    .dict = {.keys = 32, .values = 40, .managed = 24, .instance = INSTANCE_VALUES},
    .number = {.size = 16, .digits = 24, .size_shift = 0},
    .tuple = {.items = 24},
    .bytes = {.data = 32},
    .str = {.length = 16, .state = 32, .ascii = 48, .compact = 72, .pointer = 72, .kind_shift = 2},
    .gen = {
        .iframe = 80, .qualname = 40, .frame = PYVER_NONE, .state = 75, .wrapped = 16, .states = GEN_SIGNED,
    },
    .task = {.coro = 136, .name = 144, .context = 152, .waiter = 128, .node = PYVER_NONE},
    .future = {.loop = 16, .state = 88},
    .await_stack = {.kind = STACK_INLINE, .base = 72, .at = 64, .above = 0},
    .set = {.used = 24, .mask = 32, .table = 40},
    .weakref = {.object = 16},
};
