# SPDX-License-Identifier: MIT
"""with pyrec.record(..) and @pyrec.record(..)."""
import functools
import inspect
import os
from types import TracebackType
from typing import Awaitable, Callable, Dict, Generator, Optional, Tuple, Type, TypeVar, cast

from . import _control
from ._control import Number, Path
from ._error import Error
from ._recording import Recording

Made = Generator[object, object, object]
F = TypeVar("F", bound=Callable[..., object])
Arguments = Tuple[Path, Number, bool, Optional[int], bool, Optional[Number], Optional[Number],
                  Optional[str], bool]


class Recorder:
    """Records what is inside of `with`, or each call of a function."""

    def __init__(self, arguments: Arguments) -> None:
        self._arguments = arguments
        #: The last one.
        self.recording: Optional[Recording] = None
        self._inside: Dict[int, object] = {}  # the call that is recorded, of this process

    def __enter__(self) -> Recording:
        self.recording = _control.begin(*self._arguments)
        return self.recording

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        try:
            _control.leave()
        except Error:
            if value is None:  # else that one is what the program wants to see
                raise

    def _enter_call(self) -> bool:
        """False: this very function is being recorded already, by its caller or another thread."""
        call = object()
        if self._inside.setdefault(os.getpid(), call) is not call:  # no thread comes in between
            return False
        try:
            self.__enter__()
        except BaseException:
            self._inside.clear()
            raise
        return True

    def _exit_call(self) -> None:
        try:
            self.__exit__(None, None, None)
        finally:
            self._inside.clear()

    def __call__(self, function: F) -> F:
        """The same function; of calls inside of each other the outermost is recorded. It gets the
        attribute `recorder`, whose `recording` is the last one."""
        kind: object = function
        if inspect.isclass(kind) or not callable(kind):
            raise Error(f"@pyrec.record is for functions, not for {kind!r}")
        if inspect.isasyncgenfunction(kind):
            raise Error(f"{function.__qualname__}() is an asynchronous generator, which cannot be "
                        "recorded call by call: use `with pyrec.record(..)` where it is consumed")
        wrapper = self._wrapper(function)
        setattr(wrapper, "recorder", self)
        return cast(F, wrapper)

    def _wrapper(self, function: Callable[..., object]) -> Callable[..., object]:
        kind: object = function
        if inspect.iscoroutinefunction(kind):
            @functools.wraps(function)
            async def coroutine(*args: object, **more: object) -> object:
                is_ours = self._enter_call()
                try:
                    return await cast(Awaitable[object], function(*args, **more))
                finally:
                    if is_ours:
                        self._exit_call()
            return coroutine
        if inspect.isgeneratorfunction(kind):
            @functools.wraps(function)
            def generator(*args: object, **more: object) -> Made:
                is_ours = self._enter_call()
                try:
                    return (yield from cast(Made, function(*args, **more)))
                finally:
                    if is_ours:
                        self._exit_call()
            return generator

        @functools.wraps(function)
        def plain(*args: object, **more: object) -> object:
            is_ours = self._enter_call()
            try:
                return function(*args, **more)
            finally:
                if is_ours:
                    self._exit_call()
        return plain
