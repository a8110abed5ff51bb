/* SPDX-License-Identifier: MIT */
/*
 * A recording with C frames, of two libraries: "work" calls C that calls "key", which is in C, too;
 * of the last sample the C frames are not known.
 */
#include "golden.h"

static uint8_t build_id[] = {0xc5, 0x61, 0xf3, 0xaa, 0x72, 0x32, 0xf2, 0xbd, 0x6a, 0xc6,
                             0xd5, 0x6b, 0xd4, 0x75, 0xf1, 0xc1, 0x54, 0xa0, 0x04, 0x86};

static void modules_fill(Pyrec__V1__Module *modules, Pyrec__V1__Module **list)
{
    for (uint32_t i = 0; i < 3; i++) {
        pyrec__v1__module__init(&modules[i]);
        modules[i].id = i + 1;
        modules[i].path = 6 + i;
        list[i] = &modules[i];
    }
    modules[0].build_id.data = build_id;
    modules[0].build_id.len = sizeof build_id;
    modules[2].kind = PYREC__V1__MODULE__KIND__VDSO;
}

static void defs_add(struct bytes *raw)
{
    enum { PYTHON, NATIVE = PYREC__V1__DEFS__KIND__NATIVE, GAP = PYREC__V1__DEFS__KIND__GAP };
    Pyrec__V1__Defs defs;
    Pyrec__V1__Thread thread;
    Pyrec__V1__Thread *threads[] = {&thread};
    Pyrec__V1__Module modules[3], *module_list[3];
    char *strings[] = {golden_text("work"),
                       golden_text("demo.py"),
                       golden_text("list.sort"),
                       golden_text("key"),
                       golden_text("_ZN1n4hashEPKcm"),
                       golden_text("/usr/bin/python3.11"),
                       golden_text("/usr/lib/libn.so.2"),
                       golden_text("[vdso]"),
                       golden_text("C frames not known"),
                       golden_text("MainThread")};
    uint32_t name[] = {1, 3, 4, 5, 9}, file[] = {2, 6, 2, 7, 0}, line[] = {1, 0, 10, 0, 0};
    uint32_t kind[] = {PYTHON, NATIVE, PYTHON, NATIVE, GAP}, module[] = {0, 1, 0, 2, 0};
    uint64_t address[] = {0, 0x5a080, 0, 0x1200, 0};
    uint32_t function[] = {1, 2, 3, 4, 5}, up[] = {1, 1, 1, 1, 4}, location[] = {1, 2, 3, 4, 5};
    int32_t offset[] = {1, 0, 2, 0, 0};

    pyrec__v1__defs__init(&defs);
    pyrec__v1__thread__init(&thread);
    modules_fill(modules, module_list);
    defs.first_string = 1, defs.n_string = 10, defs.string = strings;
    defs.first_function = defs.first_location = defs.first_stack = 1;
    defs.n_function_name = defs.n_function_file = defs.n_function_line = 5;
    defs.function_name = name, defs.function_file = file, defs.function_line = line;
    defs.n_function_kind = defs.n_function_module = defs.n_function_address = 5;
    defs.function_kind = kind, defs.function_module = module, defs.function_address = address;
    defs.n_location_function = defs.n_location_line = 5;
    defs.location_function = function, defs.location_line = offset;
    defs.n_stack_up = defs.n_stack_location = 5;
    defs.stack_up = up, defs.stack_location = location;
    defs.n_module = 3, defs.module = module_list;
    thread.id = 1;
    thread.os_tid = 4242;
    thread.name = 10;
    thread.start_q = 1000;
    thread.cpu_q = 8600;
    thread.main = 1;
    defs.n_thread = 1, defs.thread = threads;
    golden_add(raw, PYREC__V1__PACKET__BODY_DEFS, &defs);
}

static void account_fill(Pyrec__V1__Account *account)
{
    static Pyrec__V1__Failure missing, *list[] = {&missing};
    pyrec__v1__failure__init(&missing);
    missing.reason = golden_text("it was not asked");
    missing.count = 1;
    account->native_whole = 2;
    account->native_none = 1;
    account->n_native_missing = 1, account->native_missing = list;
}

void golden_native(const char *path)
{
    golden_demo(path, &(struct golden_demo){
                          .defs_add = defs_add,
                          .account_fill = account_fill,
                          .seen = {{9500, 2, 3, 0}, {18900, 4, 3, 0}, {24000, 5, 3, 0}},
                          .holder = {1, 1, 1},
                      });
}

void golden_symbols(const char *path)
{
    char *strings[] = {golden_text("sort_impl"), golden_text("Objects/listobject.c")};
    uint64_t address[] = {0x5a080};
    uint32_t name[] = {1}, file[] = {2}, line[] = {2207};
    struct chunk_writer *writer;
    struct problem why;
    struct bytes raw = {0};
    struct chunk start = {.flags = CHUNK_META}, symbols_chunk = {.flags = CHUNK_SYMBOLS};
    struct chunk end = {.flags = CHUNK_SUMMARY};
    Pyrec__V1__Meta meta;
    Pyrec__V1__Symbols symbols;
    Pyrec__V1__Summary summary;

    require(chunk_writer_open(&writer, path, GOLDEN_TAG, 0, &why) == STATUS_OK);
    golden_meta(&meta, 0);
    golden_add(&raw, PYREC__V1__PACKET__BODY_META, &meta);
    golden_append(writer, &start, &raw);
    pyrec__v1__symbols__init(&symbols);
    symbols.build_id.data = build_id, symbols.build_id.len = sizeof build_id;
    symbols.source = golden_text("/usr/lib/debug/python3.11.debug");
    symbols.n_string = 2, symbols.string = strings;
    symbols.n_function_address = symbols.n_function_name = symbols.n_function_file = 1;
    symbols.n_function_line = 1;
    symbols.function_address = address, symbols.function_name = name;
    symbols.function_file = file, symbols.function_line = line;
    golden_add(&raw, PYREC__V1__PACKET__BODY_SYMBOLS, &symbols);
    golden_append(writer, &symbols_chunk, &raw);
    pyrec__v1__summary__init(&summary);
    golden_add(&raw, PYREC__V1__PACKET__BODY_SUMMARY, &summary);
    golden_close(writer, &end, &raw);
}
