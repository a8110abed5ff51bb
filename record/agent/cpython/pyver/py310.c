/* SPDX-License-Identifier: MIT */
/* CPython 3.10. See pyver.h. */
#include "record/agent/cpython/pyver.h"

extern const struct pyver pyver_3_10;
const struct pyver pyver_3_10 = {
    .minor = 10,
    .frames = FRAMES_OBJECTS,
    .instr = INSTR_INDEX_UNITS,
    .table = WIRE_TABLE_LINES,
    .tag_mask = 0,
    .object_shift = 0,
    .runtime = {.interpreters_head = 32, .finalizing = 16, .gil = 352, .gc_collecting = PYVER_NONE},
    .interp = {
        .next = 0, .threads_head = 8, .id = 24, .gil_pointer = PYVER_NONE, .gc_collecting = 816,
        .modules = 856, .stop_world = PYVER_NONE,
    },
    .thread = {
        .prev = 0, .next = 8, .interp = 16, .frame = 24, .base_frame = PYVER_NONE, .thread_id = 176,
        .native_id = PYVER_NONE, .id = 256, .chunk = PYVER_NONE, .chunk_top = PYVER_NONE, .cframe = 48, .root_cframe = 264, .running_task = PYVER_NONE,
        .dict = 152, .running_loop = PYVER_NONE, .tasks = PYVER_NONE,
        .state = PYVER_NONE, .critical_section = PYVER_NONE,
    },
    .cframe = {.current = PYVER_NONE, .previous = 8},
    .chunk = {.previous = PYVER_NONE, .top = PYVER_NONE, .data = PYVER_NONE},
    .frame = {
        .previous = 24, .code = 32, .instr = 96, .owner = PYVER_NONE, .is_entry = PYVER_NONE,
        .gen = 88, .tlbc_index = PYVER_NONE,
    },
    .code = {
        .first_line = 40, .filename = 104, .name = 112, .table = 120, .bytecode = 48,
        .first_traceable = PYVER_NONE, .size = PYVER_NONE, .tlbc = PYVER_NONE, .flags = 36,
    },
    .gil = {.last_holder = 8, .locked = 16, .switches = 24, .len = 224},
    .object = {.type = 8, .size = 16},
    .type = {
        .name = 24, .dealloc = 48, .flags = 168, .dict_offset = 288, .basic_size = 32,
        .cached_keys = 872,
    },
    .dict = {.keys = 32, .values = 40, .managed = PYVER_NONE, .instance = INSTANCE_DICT},
    .number = {.size = 16, .digits = 24, .size_shift = 0},
    .tuple = {.items = 24},
    .bytes = {.data = 32},
    .str = {.length = 16, .state = 32, .ascii = 48, .compact = 72, .pointer = 72, .kind_shift = 2},
    .gen = {
        .iframe = PYVER_NONE, .qualname = 48, .frame = 16, .state = 108, .wrapped = 16, .states = GEN_SIGNED,
    },
    .task = {.coro = 160, .name = 168, .context = 176, .waiter = 152, .node = PYVER_NONE},
    .future = {.loop = 16, .state = 88},
    .await_stack = {.kind = STACK_DEPTH, .base = 64, .at = 80, .above = 0},
    .set = {.used = 24, .mask = 32, .table = 40},
    .weakref = {.object = 16},
};
