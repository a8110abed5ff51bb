# SPDX-License-Identifier: MIT
"""phase(), set_label() and mark(): what the program says of itself (record/agent/marks.h).

What is in force is kept in a ContextVar, so it belongs to the thread or the asyncio task. Each phase
and label has a number; the agent reads that of the current context along with the stack.
"""
import _thread
import itertools
import os
import sys
from contextvars import ContextVar
from struct import Struct
from types import TracebackType
from typing import Any, Callable, Dict, List, Optional, Tuple, Type

from . import _layout, _programs
from ._error import Error

_LABEL = 1 << 31  # MARKS_LABEL
_OTHERS = 1       # the number of all names for which there was no room
_NAME_BYTES = 252
_pack = Struct("=QQII").pack  # struct marks_context


class _Context:
    """A phase or a label in force. The first slot is read by the agent."""

    __slots__ = ("_a", "before", "ended", "number", "owner")
    _a: bytes
    before: "_Context"
    ended: bool
    number: int
    owner: int                  # id() of the phase object: nothing refers to itself here
    phase: Optional["_Context"] = None  # that a label is in; None: it is a phase itself

    def __del__(self) -> None:
        """Nobody can end it any more: its thread or task is gone, or the label has been replaced."""
        try:
            if not self.ended:
                _end(self._a)
        except Exception:  # it was not complete, or the interpreter is about to end
            pass


class _Root(_Context):
    """Nothing is in force."""

    __slots__ = ()

    def __init__(self) -> None:
        self._a, self.number, self.ended, self.owner = _pack(0, 0, 0, 0), 0, False, 0
        self.before = self

    def __del__(self) -> None:
        pass


_ROOT = _Root()
_current: "ContextVar[_Context]" = ContextVar("pyrec_phase", default=_ROOT)


def _nothing(said: object) -> int:
    return 0


_begin: Callable[[bytes], int] = _nothing
_end: Callable[[bytes], int] = _nothing
_point: Callable[[int], int] = _nothing
_intern: Callable[[bytes, int], int] = lambda text, length: 0
_next: Callable[[], int] = itertools.count(1).__next__
_names: Dict[str, int] = {"": 0}


def _name(text: object) -> int:
    """The number of a name. Of those for which there is no room nothing is kept."""
    if not isinstance(text, str):
        try:
            text = str(text)
        except Exception:  # the program's own code: it is not to fail for being looked at
            text = "<a name that cannot be told>"
    if text in _names:
        return _names[text]
    raw = text.replace("\0", " ").encode("utf-8", "replace")
    if len(raw) > _NAME_BYTES:
        raw = raw[:_NAME_BYTES - 3].decode("utf-8", "ignore").encode() + "…".encode()
    number = _intern(raw, len(raw))
    if number > _OTHERS:
        _names[text] = number
    return number


def _live(at: _Context) -> _Context:
    """The innermost one that is still in force: a task may have been made in a phase that is over."""
    while True:
        around = at.phase or at
        if not around.ended:
            return at
        at = around.before


class phase:
    """with pyrec.phase("request", "GET /users"): what is done meanwhile by this thread, or by this
    asyncio task and those that it makes, is part of it. May be used again, and inside of itself."""

    __slots__ = ("name", "detail", "_last")

    def __init__(self, name: str, detail: str = "") -> None:
        self.name, self.detail = name, detail
        self._last: Optional[_Context] = None

    def __enter__(self) -> "phase":
        if _is_new:
            _connect()
        try:
            name, detail = _names[self.name], _names[self.detail]
        except (KeyError, TypeError):
            name, detail = _name(self.name), _name(self.detail)
        before = _current.get()
        if before.ended or before.phase is not None:
            before = _live(before)
        number = _next()
        said = _pack(number, before.number, name, detail)
        if _begin(said):
            self._last = one = _Context()
            one._a = said
            one.before = before
            one.number = number
            one.owner = id(self)
            one.ended = False
            _current.set(one)
        return self

    def __exit__(self, kind: Optional[Type[BaseException]] = None,
                 value: Optional[BaseException] = None, trace: Optional[TracebackType] = None) -> None:
        at = _current.get()
        if at is self._last and not at.ended:  # as it is nearly always
            _end(at._a)
            at.ended = True
            self._last = None
            before = at.before
            _current.set(_live(before) if before.ended or before.phase is not None else before)
            return
        one = at if at.owner == id(self) and not at.ended else _inside(at, id(self)) or self._last
        if one is None or one.ended:
            return
        _end(one._a)
        one.ended = True
        if one is self._last:
            self._last = None
        # labels within it go, phases stay
        if at.ended or at.phase is not None:
            _current.set(_live(at))


def _inside(at: _Context, owner: int) -> Optional[_Context]:
    """The innermost one that is the owner's: others may have begun since, or it is another context's."""
    while at is not _ROOT:
        if at.owner == owner and not at.ended:
            return at
        at = at.before
    return None


class _Label(_Context):
    __slots__ = ("key", "value", "phase")

    def __init__(self, key: str, value: str, before: _Context) -> None:
        self.key, self.value, self.before, self.owner = key, value, before, 0
        self.phase, self.number = before.phase or before, _next()
        self._a = _pack(self.number, before.number, _name(key) | _LABEL, _name(value))
        self.ended = not _begin(self._a)


def set_label(key: str, value: Optional[str]) -> None:
    """Until the phase around it ends, what this thread or asyncio task does has this label. None takes
    it away again, another value replaces it."""
    if _is_new:
        _connect()
    at = _live(_current.get())
    above: List[Tuple[str, str]] = []
    below = at
    while isinstance(below, _Label):
        if below.key == key:
            at = below.before
            for one in reversed(above):
                at = _Label(*one, at)
            break
        above.append((below.key, below.value))
        below = below.before
    if value is not None:
        label = _Label(key, value, at)
        if label.ended:
            return
        at = label
    _current.set(at)


def mark(name: str) -> None:
    """Something has happened at this moment: a mark on the time axis."""
    if _is_new:
        _connect()
    _point(_name(name))


# ---- the agent ----

_is_new = True
_lock: Any = getattr(_thread, "RLock")()  # a handler of a signal may come here while its own thread is here
_is_connecting = False


def _connect() -> None:
    """Once; whoever comes meanwhile waits, for what it says is to be heard."""
    global _is_new, _is_connecting
    with _lock:
        if _is_new and not _is_connecting:
            _is_connecting = True
            try:
                _find_agent()
            finally:
                _is_new = _is_connecting = False


def _find_agent() -> None:
    """The one that was preloaded, or the one that start() would load. A program that nobody records and
    where none is installed goes on without."""
    global _begin, _end, _point, _intern, _next
    try:
        import ctypes
        library = ctypes.PyDLL(None)
        if not hasattr(library, "pyrec_context_begin"):
            library = ctypes.PyDLL(_programs.find_library(_programs.find("pyrec")))
        slow = library.pyrec_context_begin, library.pyrec_context_end
        point, intern = library.pyrec_mark, library.pyrec_name
        now, variable = library.pyrec_context_now, library.pyrec_context_variable
        layout, numbers = library.pyrec_context_layout, library.pyrec_numbers
    except (ImportError, OSError, AttributeError, Error):
        return
    # bytes and small numbers are passed as they are, which is quicker than what argtypes do
    whole = ctypes.c_uint64
    intern.restype, intern.argtypes = ctypes.c_uint32, [ctypes.c_char_p, ctypes.c_size_t]
    now.restype, now.argtypes = whole, [whole]
    variable.argtypes, layout.argtypes = [whole, whole], [ctypes.c_void_p]
    numbers.restype = whole
    _show_context(layout, variable, now)
    _next = itertools.count(numbers()).__next__
    _begin, _end = _methods(library) or slow
    _point, _intern = point, intern


def _methods(library: Any) -> Optional[Tuple[Callable[[bytes], int], Callable[[bytes], int]]]:
    """The two that are called most as functions of Python's own: a call by ctypes costs ten times as much.
    Where bytes are not as they were in all versions so far, it is ctypes."""
    import ctypes
    words = ctypes.c_uint64 * 5
    counted = sys.version_info < (3, 12)
    data = bytes.__basicsize__ - 1
    if data != 32 or not hasattr(library, "pyrec_methods") or hasattr(sys, "getobjects"):
        return None
    library.pyrec_methods(words(id(bytes), data, id(True), id(False), counted))
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    begin, end = (make(ctypes.addressof(ctypes.c_char.in_dll(library, f"pyrec_method_{name}")), None, None)
                  for name in ("begin", "end"))
    return (begin, end) if begin(b"") is False and end(b"") is False else None  # this is no struct


_PROBE = 0x70797265630001


def _show_context(layout: Callable[[object], int], variable: Callable[[int, int], int],
                  now: Callable[[int], int]) -> None:
    """Tell the agent where to look, and try it: where it sees something else, it shall not look."""
    import ctypes
    probe = _Root()
    probe._a = _pack(_PROBE, 0, 0, 0)
    fields = _layout.find(probe, probe._a, _current)
    if fields is None or not layout((ctypes.c_uint64 * len(fields))(*fields)):
        return
    if not variable(id(_current), hash(_current) & (1 << 64) - 1):
        return
    if not _layout.holds(now, _current, probe, _PROBE):
        layout(None)


def _after_fork() -> None:
    """A child begins in no phase; nobody else is here who could be connecting."""
    global _lock, _is_connecting
    _lock, _is_connecting = getattr(_thread, "RLock")(), False
    _current.set(_ROOT)


os.register_at_fork(after_in_child=_after_fork)
