/* SPDX-License-Identifier: MIT */
/* CPython 3.15. See pyver.h. */
#include "record/agent/cpython/pyver.h"

extern const struct pyver pyver_3_15;
const struct pyver pyver_3_15 = {
    .minor = 15,
    .frames = FRAMES_BASED,
    .instr = INSTR_POINTER,
    .table = WIRE_TABLE_LOCATIONS,
    .tag_mask = 3,
    .object_shift = 0,
    .runtime = {
        .interpreters_head = 936, .finalizing = 912, .gil = PYVER_NONE, .gc_collecting = PYVER_NONE,
    },
    .interp = {
        .next = 7264, .threads_head = 7336, .id = 7272, .gil_pointer = 16, .gc_collecting = 7512,
        .modules = 7592, .stop_world = 10800,
    },
    .thread = {
        .prev = 0, .next = 8, .interp = 16, .frame = 72, .base_frame = 80, .thread_id = 176,
        .native_id = 184, .id = 248, .chunk = 256, .chunk_top = 264, .cframe = PYVER_NONE, .root_cframe = PYVER_NONE, .running_task = 1032,
        .dict = PYVER_NONE, .running_loop = 1024, .tasks = 1048,
        .state = 48, .critical_section = 200,
    },
    .cframe = {.current = PYVER_NONE, .previous = PYVER_NONE},
    .chunk = {.previous = 0, .top = 16, .data = 24},
    .frame = {
        .previous = 8, .code = 0, .instr = 56, .owner = 74, .is_entry = PYVER_NONE,
        .gen = PYVER_NONE, .tlbc_index = PYVER_NONE,
    },
    .code = {
        .first_line = 68, .filename = 112, .name = 128, .table = 136, .bytecode = 208,
        .first_traceable = 192, .size = 16, .tlbc = PYVER_NONE, .flags = 48,
    },
    .gil = {.last_holder = 8, .locked = 16, .switches = 24, .len = 224},
    .object = {.type = 8, .size = 16},
    .type = {
        .name = 24, .dealloc = 48, .flags = 168, .dict_offset = 288, .basic_size = 32,
        .cached_keys = 888,
    },
    .dict = {.keys = 32, .values = 40, .managed = 24, .instance = INSTANCE_INLINE},
    .number = {.size = 16, .digits = 24, .size_shift = 3},
    .tuple = {.items = 32}, /* behind its hash */
    .bytes = {.data = 32},
    .str = {.length = 16, .state = 32, .ascii = 40, .compact = 56, .pointer = 56, .kind_shift = 2},
    .gen = {
        .iframe = 72, .qualname = 32, .frame = PYVER_NONE, .state = 67, .wrapped = 16, .states = GEN_COUNTED,
    },
    .task = {.coro = 128, .name = 136, .context = 144, .waiter = 120, .node = 152},
    .future = {.loop = 16, .state = 104},
    .await_stack = {.kind = STACK_POINTER, .base = PYVER_NONE, .at = 64, .above = 1},
    .set = {.used = 24, .mask = 32, .table = 40},
    .weakref = {.object = 16},
};
