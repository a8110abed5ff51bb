# SPDX-License-Identifier: MIT
"""What was recorded, as pyanalyze answers it."""
import json
import os
import subprocess
import sys
from typing import Dict, IO, Iterable, List, Optional, Sequence, Tuple, TypedDict, Union, cast

from . import _programs, _sources
from ._door import DONE, FLUSH, Door
from ._error import Error

Option = Union[None, bool, int, float, str, Iterable[str]]
_NO_ROWS = 5  # what pyanalyze exits with when a table has none


class Row(TypedDict, total=False):
    """A row of lines() or functions(); other options give other columns."""
    process: int
    thread: str
    thread_id: int
    cpu_time: float
    cpu_time_cum: float
    ticks: int
    ticks_cum: int
    samples: int
    samples_cum: int
    wall: float
    wall_cum: float
    file: str
    line: int
    function: str


Value = Union[None, bool, int, float, str, List["Value"], Dict[str, "Value"]]
Stall = Dict[str, Value]


class Recording:
    """A trace file. One that is still being written is read as far as it has got.

    Keywords are options of pyanalyze's: `thread="MainThread"`, `limit=10`, `from_="2s"`, `match=..`
    (`pyanalyze help lines`). True is an option without a value, a list is one for each.
    """

    def __init__(self, path: Union[str, "os.PathLike[str]"]) -> None:
        self.path: str = os.path.abspath(os.fsdecode(path))
        #: Of a recording that was joined: what lies between start() and stop(), in seconds of it.
        self.begin_s: Optional[float] = None
        self.end_s: Optional[float] = None
        #: What pyrec says of it when it has ended.
        self.summary: str = ""
        #: Why it has ended before it should, and what is there of it; None: it has not.
        self.problem: Optional[str] = None
        self._door: Optional[Door] = None

    def __repr__(self) -> str:
        return f"pyrec.Recording({self.path!r})"

    def lines(self, **options: Option) -> List[Row]:
        """Where the time went, a row for each line of each thread."""
        return cast(List[Row], self._rows("lines", options))

    def functions(self, **options: Option) -> List[Row]:
        """The same by function."""
        return cast(List[Row], self._rows("functions", options))

    def stalls(self, **options: Option) -> List[Stall]:
        """When a thread did not come back to the place in which it waits for work, and why."""
        return self._stalls(options)[0]

    def stall_threads(self, **options: Option) -> List[Stall]:
        """The threads that stalls() has looked at: where each is idle, or why that is not known."""
        return self._stalls(options)[1]

    def print(self, file: Optional[IO[str]] = None, **options: Option) -> None:
        """The table of lines, as text."""
        options.setdefault("limit", 20)
        text = self._ask("lines", options)
        if self.problem is not None:
            text += f"\n{self.problem}\n"
        (sys.stdout if file is None else file).write(text)

    def report(self, path: Union[str, "os.PathLike[str]"], **options: Option) -> str:
        """Write a page to look at in a browser; returns its path."""
        to = os.path.abspath(os.fsdecode(path))
        self._ask("report", {**options, "output": to})
        return to

    def is_complete(self) -> bool:
        """Whether its recorder came to write its end."""
        try:
            facts = json.loads(self._ask("info", {"format": "json"}, is_ranged=False))
        except Error:
            return False
        recordings = facts.get("recordings")
        return bool(recordings) and all(row.get("stop_reason") for row in recordings)

    # ---- how ----

    def _rows(self, command: str, options: Dict[str, Option]) -> List[Stall]:
        options.setdefault("limit", 0)
        return cast(List[Stall], json.loads(self._ask(command, {**options, "format": "json"})))

    def _lines_of(self, file: str) -> List[Row]:
        """What each line of a file took with all that it called, in all threads and processes together."""
        rows = json.loads(self._ask("annotate", {"format": "json"}, operands=[file]))
        return [row for row in rows if row["column"] is None]

    def _stalls(self, options: Dict[str, Option]) -> Tuple[List[Stall], List[Stall]]:
        found = json.loads(self._ask("stalls", {**options, "format": "json"}))
        return cast(List[Stall], found["stalls"]), cast(List[Stall], found["threads"])

    def _ask(self, command: str, options: Dict[str, Option], is_ranged: bool = True,
             operands: Sequence[str] = ()) -> str:
        self._refresh()
        argv = [_programs.find("pyanalyze"), command]
        if is_ranged and self.begin_s is not None and "from_" not in options:
            argv.append(f"--from={self.begin_s:.6f}s")
        if is_ranged and self.end_s is not None and "to" not in options:
            argv.append(f"--to={self.end_s:.6f}s")
        for name, value in options.items():
            argv += _words_of(name.rstrip("_").replace("_", "-"), value)
        try:
            done = subprocess.run(argv + ["--", *operands, self.path], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_programs.environment())
        except (OSError, RuntimeError) as error:  # the latter in an isolated sub-interpreter
            raise Error(f"{argv[0]} cannot be started: {error}") from None
        if done.returncode not in (0, _NO_ROWS):
            raise Error(_programs.complaint("pyanalyze", done.stderr,
                                            f"pyanalyze has ended with status {done.returncode}"))
        return done.stdout.decode(errors="surrogateescape")

    def _refresh(self) -> None:
        """Have it written down up to now, if it goes on. If it cannot be, what there is answers."""
        door, self._door = self._door, None
        if door is not None:
            _sources.hand_over(door)
        try:
            said = door.ask(FLUSH) if door is not None else None
            if said is not None and said.outcome != DONE:
                self._ends_early(said.text)
        finally:
            self._door = door

    def _ends_early(self, why: str) -> None:
        """It could not be gone on with."""
        self.problem = self.summary = f"{self.path}: the recording has ended early: {why}; {self._kept()}"

    def _kept(self) -> str:
        try:
            facts = json.loads(self._ask("info", {"format": "json"}, is_ranged=False))
            seconds = sum(float(row["duration"]) for row in facts["recordings"])
        except (Error, KeyError, TypeError, ValueError):
            return "nothing of it can be read"
        return f"what was written until then can be read, {seconds:.3g} s of it"


def _words_of(name: str, value: Option) -> List[str]:
    if value is None or value is False:
        return []
    if value is True:
        return [f"--{name}"]
    if isinstance(value, (int, float, str)):
        return [f"--{name}={value}"]
    return [f"--{name}={one}" for one in value]
