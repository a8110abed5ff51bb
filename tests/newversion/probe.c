/* SPDX-License-Identifier: MIT */
/*
 * probe - prints the fields of record/agent/cpython/pyver.h for the CPython whose headers this is
 * compiled with, one "group.field value" a line, and of its _Py_DebugOffsets what stands where ("at
 * thread 22") and says what ("word 22 824"). A field that its headers do not tell is left out.
 *
 * Compiled and run by tests/newversion.sh; links with nothing of Python's.
 */
#define Py_BUILD_CORE 1
#include "Python.h"
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#if PY_VERSION_HEX < 0x030b0000
#include "code.h"
#include "frameobject.h"
#include "genobject.h"
#endif
#if PY_VERSION_HEX < 0x03090000
#include "internal/pycore_pymem.h"
#else
#include "internal/pycore_interp.h"
#endif
#include "internal/pycore_pystate.h"
#if PY_VERSION_HEX >= 0x03090000
#include "internal/pycore_gc.h"
#include "internal/pycore_runtime.h"
#endif
#if PY_VERSION_HEX >= 0x030b0000
#include "internal/pycore_code.h"
#include "internal/pycore_frame.h"
#endif
#if PY_VERSION_HEX >= 0x030d0000
#include "internal/pycore_genobject.h"
#include "internal/pycore_tstate.h"
#endif
#if PY_VERSION_HEX >= 0x030e0000
#include "internal/pycore_debug_offsets.h"
#include "internal/pycore_interpframe.h"
#include "internal/pycore_stackref.h"
#endif

#define NONE                 0xffff
#define SAY(name, value)     printf("%s %ld\n", name, (long)(value))
#define AT(name, type, what) SAY(name, offsetof(type, what))
#define NO(name)             SAY(name, NONE)

static void say_states(void)
{
    AT("runtime.interpreters_head", _PyRuntimeState, interpreters.head);
#if PY_VERSION_HEX < 0x03090000
    AT("runtime.finalizing", _PyRuntimeState, finalizing);
    AT("runtime.gc_collecting", _PyRuntimeState, gc.collecting);
    NO("interp.gc_collecting");
#else
    AT("runtime.finalizing", _PyRuntimeState, _finalizing);
    NO("runtime.gc_collecting");
    AT("interp.gc_collecting", PyInterpreterState, gc.collecting);
#endif
#if PY_VERSION_HEX < 0x030c0000
    AT("runtime.gil", _PyRuntimeState, ceval.gil);
    NO("interp.gil_pointer");
    AT("interp.modules", PyInterpreterState, modules);
#else
    NO("runtime.gil");
    AT("interp.gil_pointer", PyInterpreterState, ceval.gil);
    AT("interp.modules", PyInterpreterState, imports.modules);
#endif
    AT("interp.next", PyInterpreterState, next);
    AT("interp.id", PyInterpreterState, id);
#if PY_VERSION_HEX < 0x030b0000
    AT("interp.threads_head", PyInterpreterState, tstate_head);
#else
    AT("interp.threads_head", PyInterpreterState, threads.head);
#endif
    AT("gil.last_holder", struct _gil_runtime_state, last_holder);
    AT("gil.locked", struct _gil_runtime_state, locked);
    AT("gil.switches", struct _gil_runtime_state, switch_number);
}

static void say_threads(void)
{
    AT("thread.prev", PyThreadState, prev);
    AT("thread.next", PyThreadState, next);
    AT("thread.interp", PyThreadState, interp);
    AT("thread.thread_id", PyThreadState, thread_id);
    AT("thread.id", PyThreadState, id);
#if PY_VERSION_HEX < 0x030b0000
    AT("thread.frame", PyThreadState, frame);
    NO("thread.native_id");
    NO("thread.chunk");
    NO("thread.chunk_top");
    NO("chunk.previous");
    NO("chunk.top");
    NO("chunk.data");
#else
    AT("thread.native_id", PyThreadState, native_thread_id);
    AT("thread.chunk", PyThreadState, datastack_chunk);
    AT("thread.chunk_top", PyThreadState, datastack_top);
    AT("chunk.previous", _PyStackChunk, previous);
    AT("chunk.top", _PyStackChunk, top);
    AT("chunk.data", _PyStackChunk, data);
#endif
#if PY_VERSION_HEX < 0x030a0000 || PY_VERSION_HEX >= 0x030d0000
    NO("thread.cframe");
    NO("thread.root_cframe");
    NO("cframe.current");
    NO("cframe.previous");
#else
    AT("thread.cframe", PyThreadState, cframe);
    AT("thread.root_cframe", PyThreadState, root_cframe);
#if PY_VERSION_HEX < 0x030b0000
    NO("cframe.current");
    AT("cframe.previous", CFrame, previous);
#else
    AT("thread.frame", PyThreadState, cframe);
    AT("cframe.current", _PyCFrame, current_frame);
    AT("cframe.previous", _PyCFrame, previous);
#endif
#endif
#if PY_VERSION_HEX >= 0x030d0000
    AT("thread.frame", PyThreadState, current_frame);
#endif
#if PY_VERSION_HEX >= 0x030e0000
    AT("thread.running_task", _PyThreadStateImpl, asyncio_running_task);
#else
    NO("thread.running_task");
#endif
#if PY_VERSION_HEX >= 0x030f0000
    AT("thread.base_frame", PyThreadState, base_frame);
#else
    NO("thread.base_frame");
#endif
}

/* Where the running loop of asyncio is, and how a thread waits and stands without a GIL. */
static void say_loops(void)
{
#if PY_VERSION_HEX < 0x030e0000
    NO("thread.tasks");
#else
    AT("thread.tasks", _PyThreadStateImpl, asyncio_tasks_head);
#endif
#if PY_VERSION_HEX < 0x030d0000
    AT("thread.dict", PyThreadState, dict);
    NO("thread.running_loop");
    NO("thread.state");
    NO("thread.critical_section");
    NO("interp.stop_world");
#else
    NO("thread.dict");
    AT("thread.running_loop", _PyThreadStateImpl, asyncio_running_loop);
    AT("thread.state", PyThreadState, state);
    AT("thread.critical_section", PyThreadState, critical_section);
#ifdef Py_GIL_DISABLED
    AT("interp.stop_world", PyInterpreterState, stoptheworld);
#endif
#endif
}

static void say_frames(void)
{
#if PY_VERSION_HEX < 0x030b0000
    AT("frame.previous", PyFrameObject, f_back);
    AT("frame.code", PyFrameObject, f_code);
    AT("frame.instr", PyFrameObject, f_lasti);
    AT("frame.gen", PyFrameObject, f_gen);
    NO("frame.owner");
    NO("gen.iframe");
#else
    AT("frame.previous", _PyInterpreterFrame, previous);
    AT("frame.owner", _PyInterpreterFrame, owner);
    NO("frame.gen");
    AT("gen.iframe", PyGenObject, gi_iframe);
#if PY_VERSION_HEX < 0x030d0000
    AT("frame.code", _PyInterpreterFrame, f_code);
    AT("frame.instr", _PyInterpreterFrame, prev_instr);
#else
    AT("frame.code", _PyInterpreterFrame, f_executable);
    AT("frame.instr", _PyInterpreterFrame, instr_ptr);
#endif
#endif
#if PY_VERSION_HEX >= 0x030b0000 && PY_VERSION_HEX < 0x030c0000
    AT("frame.is_entry", _PyInterpreterFrame, is_entry);
#else
    NO("frame.is_entry");
#endif
#if PY_VERSION_HEX >= 0x030e0000 && defined Py_GIL_DISABLED
    AT("frame.tlbc_index", _PyInterpreterFrame, tlbc_index);
    AT("code.tlbc", PyCodeObject, co_tlbc);
#else
    NO("frame.tlbc_index");
    NO("code.tlbc");
#endif
#ifdef Py_TAG_BITS
    SAY("tag_mask", Py_TAG_BITS);
#endif
}

/* Of suspended coroutines and tasks. */
static void say_awaits(void)
{
#if PY_VERSION_HEX < 0x030b0000
    AT("gen.frame", PyGenObject, gi_frame);
    AT("await_stack.base", PyFrameObject, f_valuestack);
#else
    NO("gen.frame");
    AT("gen.state", PyGenObject, gi_frame_state);
#endif
#if PY_VERSION_HEX < 0x030a0000
    NO("gen.state");
    AT("await_stack.at", PyFrameObject, f_stacktop);
#elif PY_VERSION_HEX < 0x030b0000
    AT("gen.state", PyFrameObject, f_state);
    AT("await_stack.at", PyFrameObject, f_stackdepth);
#elif PY_VERSION_HEX < 0x030e0000
    AT("await_stack.base", _PyInterpreterFrame, localsplus);
    AT("await_stack.at", _PyInterpreterFrame, stacktop);
#else
    NO("await_stack.base");
    AT("await_stack.at", _PyInterpreterFrame, stackpointer);
#endif
    AT("set.used", PySetObject, used);
    AT("set.mask", PySetObject, mask);
    AT("set.table", PySetObject, table);
    AT("weakref.object", PyWeakReference, wr_object);
}

static void say_code(void)
{
    AT("code.first_line", PyCodeObject, co_firstlineno);
    AT("code.filename", PyCodeObject, co_filename);
    AT("code.flags", PyCodeObject, co_flags);
#if PY_VERSION_HEX < 0x030b0000
    AT("code.name", PyCodeObject, co_name);
    AT("code.bytecode", PyCodeObject, co_code);
    NO("code.first_traceable");
    NO("code.size");
#if PY_VERSION_HEX < 0x030a0000
    AT("code.table", PyCodeObject, co_lnotab);
#else
    AT("code.table", PyCodeObject, co_linetable);
#endif
#else
    AT("code.name", PyCodeObject, co_qualname);
    AT("code.table", PyCodeObject, co_linetable);
    AT("code.bytecode", PyCodeObject, co_code_adaptive);
    AT("code.first_traceable", PyCodeObject, _co_firsttraceable);
    AT("code.size", PyVarObject, ob_size);
#endif
}

static void say_objects(void)
{
    AT("object.type", PyObject, ob_type);
    AT("object.size", PyVarObject, ob_size);
    AT("type.name", PyTypeObject, tp_name);
    AT("type.dealloc", PyTypeObject, tp_dealloc);
    AT("type.flags", PyTypeObject, tp_flags);
    AT("type.dict_offset", PyTypeObject, tp_dictoffset);
    AT("type.basic_size", PyTypeObject, tp_basicsize);
    AT("type.cached_keys", PyHeapTypeObject, ht_cached_keys);
    AT("dict.keys", PyDictObject, ma_keys);
    AT("dict.values", PyDictObject, ma_values);
    AT("tuple.items", PyTupleObject, ob_item);
    AT("bytes.data", PyBytesObject, ob_sval);
    AT("gen.qualname", PyGenObject, gi_qualname);
#if PY_VERSION_HEX < 0x030c0000
    AT("number.size", PyVarObject, ob_size);
    AT("number.digits", struct _longobject, ob_digit);
#else
    AT("number.size", PyLongObject, long_value.lv_tag);
    AT("number.digits", PyLongObject, long_value.ob_digit);
#endif
}

static void say_str(void)
{
    PyASCIIObject text;
    uint32_t state;
    memset(&text, 0, sizeof text);
    text.state.kind = 1;
    memcpy(&state, (const char *)&text + offsetof(PyASCIIObject, state), sizeof state);
    SAY("str.kind_shift", __builtin_ctz(state));
    AT("str.length", PyASCIIObject, length);
    AT("str.state", PyASCIIObject, state);
    SAY("str.ascii", sizeof(PyASCIIObject));
    SAY("str.compact", sizeof(PyCompactUnicodeObject));
    AT("str.pointer", PyUnicodeObject, data);
}

#if PY_VERSION_HEX >= 0x030d0000
#define GROUP(name, member) SAY("at " name, offsetof(_Py_DebugOffsets, member) / 8)
#define WITHIN(name, group, member)                                                                \
    SAY("at " name,                                                                                \
        (offsetof(_Py_DebugOffsets, group.member) - offsetof(_Py_DebugOffsets, group)) / 8)

static void say_description(void)
{
    GROUP("thread", thread_state);
    GROUP("frame", interpreter_frame);
    GROUP("code", code_object);
    GROUP("object", pyobject);
    GROUP("type", type_object);
    GROUP("bytes", bytes_object);
    GROUP("unicode", unicode_object);
    GROUP("gc", gc);
    WITHIN("thread_id", thread_state, thread_id);
    WITHIN("native_id", thread_state, native_thread_id);
    WITHIN("chunk", thread_state, datastack_chunk);
#if PY_VERSION_HEX >= 0x030f0000
    WITHIN("base_frame", thread_state, base_frame);
#endif
#if PY_VERSION_HEX >= 0x030e0000
    WITHIN("tlbc_index", interpreter_frame, tlbc_index);
    WITHIN("co_tlbc", code_object, co_tlbc);
#endif
#ifdef _Py_DebugOffsets_INIT
    static const _Py_DebugOffsets said = _Py_DebugOffsets_INIT(_Py_Debug_Cookie);
    for (size_t i = 0; i < sizeof said / 8; i++) {
        uint64_t word;
        memcpy(&word, (const char *)&said + 8 * i, sizeof word);
        printf("word %zu %llu\n", i, (unsigned long long)word);
    }
#endif
}
#else
static void say_description(void)
{
}
#endif

int main(void)
{
    SAY("version", PY_VERSION_HEX);
    say_states();
    say_threads();
    say_loops();
    say_frames();
    say_awaits();
    say_code();
    say_objects();
    say_str();
    say_description();
    return 0;
}
