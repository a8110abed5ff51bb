# SPDX-License-Identifier: MIT
"""Record where this program spends its time, from its own code.

    import pyrec
    with pyrec.record("run.trace") as recording:
        work()
    recording.print()

start() and stop() do the same in two calls, @pyrec.record() for each call of a function. All
threads are recorded, and the processes that this one starts. Nothing is imported into the program, no
signal and no descriptor of its is used: a pyrec process of its own collects what is seen.
`docs/PYTHON.md` has the rest; `python -m pyrec` records whole programs.
"""
from typing import TYPE_CHECKING, Any, Optional, overload

from . import _control
from ._control import Number, Path, is_recording
from ._error import Error
from ._phases import mark, phase, set_label
from ._record import F, Recorder
from ._recording import Recording, Row, Stall
from ._version import VERSION as __version__

if TYPE_CHECKING:
    from ._notebook import Shell

__all__ = ["Error", "Recorder", "Recording", "Row", "Stall", "is_recording", "mark", "phase", "record",
           "set_label", "start", "stop"]


def start(output: Path = "run.trace", rate: Number = 100, *, children: bool = True,
          max_depth: Optional[int] = None, cumulative: bool = True,
          max_overhead: Optional[Number] = None, duration: Optional[Number] = None,
          keep: Optional[str] = None, awaits: bool = True) -> Recording:
    """Begin to record this process into the file `output`, which is replaced.

    `rate` is in samples per second (`"1k"`, 1 to 10,000). The others are pyrec's options: what it
    starts is recorded, too, unless `children` is False; `max_overhead` is in percent of a CPU;
    `duration` ends it by itself ("10s"); `keep="10m"` is a flight recorder; without `awaits` nobody
    looks at what suspended tasks of asyncio wait for.

    Where the process is being recorded already, by `pyrec --` or since before it was forked, that
    recording is joined: what stop() returns is the part of it in between, and options are those of
    whoever began. Raises Error: start() twice, no ctypes, a file that cannot be written ..
    """
    return _control.begin(output, rate, children, max_depth, cumulative, max_overhead, duration, keep,
                          awaits)


def stop() -> Recording:
    """End what start() began, of children too, and return it when its file is complete. Has it ended
    before, as when the disk was full, its `problem` says why, and what there is of it."""
    return _control.end()


@overload
def record(output: F) -> F: ...
@overload
def record(output: Path = "run.trace", rate: Number = 100, *, children: bool = True,
           max_depth: Optional[int] = None, cumulative: bool = True,
           max_overhead: Optional[Number] = None, duration: Optional[Number] = None,
           keep: Optional[str] = None, awaits: bool = True) -> Recorder: ...


def record(output: Any = "run.trace", rate: Number = 100, *, children: bool = True,
           max_depth: Optional[int] = None, cumulative: bool = True,
           max_overhead: Optional[Number] = None, duration: Optional[Number] = None,
           keep: Optional[str] = None, awaits: bool = True) -> Any:
    """start() and stop() as `with pyrec.record(..) as recording:`, or as `@pyrec.record(..)` or plain
    `@pyrec.record` in front of a function.

    A function's every call is a recording, which replaces the one before. Of calls inside of each
    other, or of several threads at once, the outermost is recorded. Coroutines and generators are
    recorded until they end.
    """
    if callable(output):
        return Recorder(("run.trace", 100, True, None, True, None, None, None, True))(output)
    return Recorder((output, rate, children, max_depth, cumulative, max_overhead, duration, keep,
                     awaits))


def load_ipython_extension(ipython: "Shell") -> None:
    """%load_ext pyrec: %%pyrec records a cell."""
    from . import _notebook  # of no use elsewhere
    _notebook.load(ipython)
