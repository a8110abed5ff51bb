/* SPDX-License-Identifier: MIT */
/* CPython 3.13. See pyver.h. */
#include "record/agent/cpython/pyver.h"

extern const struct pyver pyver_3_13;
const struct pyver pyver_3_13 = {
    .minor = 13,
    .frames = FRAMES_DIRECT,
    .instr = INSTR_POINTER,
    .table = WIRE_TABLE_LOCATIONS,
    .tag_mask = 0,
    .object_shift = 0,
    .runtime = {
        .interpreters_head = 632, .finalizing = 608, .gil = PYVER_NONE, .gc_collecting = PYVER_NONE,
    },
    .interp = {
        .next = 7264, .threads_head = 7344, .id = 7272, .gil_pointer = 16, .gc_collecting = 7600,
        .modules = 7656, .stop_world = 10744,
    },
    .thread = {
        .prev = 0, .next = 8, .interp = 16, .frame = 72, .base_frame = PYVER_NONE, .thread_id = 152,
        .native_id = 160, .id = 224, .chunk = 232, .chunk_top = 240, .cframe = PYVER_NONE, .root_cframe = PYVER_NONE, .running_task = PYVER_NONE,
        .dict = PYVER_NONE, .running_loop = 304, .tasks = PYVER_NONE,
        .state = 40, .critical_section = 176,
    },
    .cframe = {.current = PYVER_NONE, .previous = PYVER_NONE},
    .chunk = {.previous = 0, .top = 16, .data = 24},
    .frame = {
        .previous = 8, .code = 0, .instr = 56, .owner = 70, .is_entry = PYVER_NONE,
        .gen = PYVER_NONE, .tlbc_index = PYVER_NONE,
    },
    .code = {
        .first_line = 68, .filename = 112, .name = 128, .table = 136, .bytecode = 200,
        .first_traceable = 184, .size = 16, .tlbc = PYVER_NONE, .flags = 48,
    },
    .gil = {.last_holder = 8, .locked = 16, .switches = 24, .len = 224},
    .object = {.type = 8, .size = 16},
    .type = {
        .name = 24, .dealloc = 48, .flags = 168, .dict_offset = 288, .basic_size = 32,
        .cached_keys = 880,
    },
    .dict = {.keys = 32, .values = 40, .managed = 24, .instance = INSTANCE_INLINE},
    .number = {.size = 16, .digits = 24, .size_shift = 3},
    .tuple = {.items = 24},
    .bytes = {.data = 32},
    .str = {.length = 16, .state = 32, .ascii = 40, .compact = 56, .pointer = 56, .kind_shift = 2},
    .gen = {
        .iframe = 72, .qualname = 32, .frame = PYVER_NONE, .state = 67, .wrapped = 16, .states = GEN_AWAITING,
    },
    .task = {.coro = 120, .name = 128, .context = 136, .waiter = 112, .node = PYVER_NONE},
    .future = {.loop = 16, .state = 96},
    .await_stack = {.kind = STACK_INLINE, .base = 72, .at = 64, .above = 0},
    .set = {.used = 24, .mask = 32, .table = 40},
    .weakref = {.object = 16},
};
