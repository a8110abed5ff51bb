# SPDX-License-Identifier: MIT
"""Where CPython keeps the context that a thread runs in (record/agent/cpython/context.h).

Nothing of it is in a table: it is looked for in the memory of objects made for that, with the garbage
collector's word for what refers to what, and tried. Where it is not found, phases have their counts
and durations, but no samples.
"""
import contextvars
import gc
from typing import Any, Callable, List, Optional

_WORD = 8
_TSTATE_WORDS = 256
_OBJECT_WORDS = 12
_MANY = 64  # variables in one context: more than one node of the map has


def _word_of(at: int) -> int:
    from ctypes import c_uint64
    return int(c_uint64.from_address(at).value)


def _offset_of(owner: int, value: int, words: int) -> Optional[int]:
    for i in range(words):
        if _word_of(owner + _WORD * i) == value:
            return _WORD * i
    return None


def _thread_state() -> int:
    import ctypes
    get = ctypes.PyDLL(None).PyThreadState_Get
    get.restype, get.argtypes = ctypes.c_void_p, []
    return int(get())


def _type_of(root: object) -> int:
    return id(type(root))


def _map_of(context: contextvars.Context) -> object:
    return next(one for one in gc.get_referents(context) if type(one).__name__ == "hamt")


def _many(first: "contextvars.ContextVar[Any]") -> contextvars.Context:
    """A context with `first` and so many others that its map has nodes of both kinds."""
    context = contextvars.Context()
    for i in range(_MANY):
        other: "contextvars.ContextVar[Any]" = contextvars.ContextVar(f"pyrec_{i}")
        context.run(other.set, None)
    context.run(first.set, None)
    return context


def find(value: object, number: bytes, variable: "contextvars.ContextVar[Any]") -> Optional[List[int]]:
    """The fields of struct context_layout; `number` is in a slot of `value`. None: not found."""
    empty = contextvars.Context()
    empty.run(variable.set, value)
    small = _map_of(empty)
    root = next(iter(gc.get_referents(small)))
    array = next(iter(gc.get_referents(_map_of(_many(variable)))))
    head = object.__basicsize__
    found = [
        empty.run(lambda: _offset_of(_thread_state(), id(empty), _TSTATE_WORDS)),
        _offset_of(id(empty), id(small), _OBJECT_WORDS),
        _offset_of(id(small), id(root), _OBJECT_WORDS),
        head, _type_of(root), _type_of(array),
        _offset_of(id(value), id(number), _OBJECT_WORDS),
        id(bytes), bytes.__basicsize__ - 1]
    fields = [field for field in found if field is not None]
    if len(fields) != len(found) or _word_of(id(value) + head - _WORD) != id(type(value)):
        return None
    return [_WORD * (len(fields) + 1), *fields]


def holds(now: Callable[[int], int], variable: "contextvars.ContextVar[Any]", value: object,
          number: int) -> bool:
    """Whether the agent reads it as it is: in a small map, in a large one, and none where none is."""
    def read() -> int:
        return now(_thread_state())

    def among(context: contextvars.Context) -> int:
        context.run(variable.set, value)
        return context.run(read)
    return (among(contextvars.Context()) == number and among(_many(variable)) == number
            and contextvars.Context().run(read) == 0)
