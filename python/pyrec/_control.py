# SPDX-License-Identifier: MIT
"""start() and stop(): what is being recorded from this interpreter."""
import _thread
import atexit
import os
import sys
from typing import List, Optional, Tuple, Union

from . import _sources
from ._agent import Agent
from ._door import DONE, END, FLUSH, WHERE, Answer, Door
from ._error import Error
from ._recording import Recording

Path = Union[str, "os.PathLike[str]"]
Number = Union[int, float, str]


class _Session:
    """A recording between start() and stop()."""

    def __init__(self, door: Door, is_joined: bool, recording: Recording) -> None:
        self.door, self.is_joined, self.recording = door, is_joined, recording
        self.pid = os.getpid()


class _State:
    """Of one process: a child of fork() gets another one."""

    def __init__(self, inherited: Optional[_Session]) -> None:
        self.pid = os.getpid()
        self.lock = _thread.allocate_lock()
        self.session: Optional[_Session] = None
        self.inherited = inherited


_state = _State(None)
_agent: Optional[Agent] = None


def _now() -> _State:
    global _state
    if _state.pid != os.getpid():
        _state = _State(_state.session or _state.inherited)
    return _state


def _loaded() -> Agent:
    global _agent
    if _agent is None:
        _agent = Agent()
    return _agent


def options_of(output: str, rate: Number, children: bool, max_depth: Optional[int], cumulative: bool,
               max_overhead: Optional[Number], duration: Optional[Number],
               keep: Optional[str], awaits: bool) -> List[str]:
    """What they are on pyrec's command line, which is to judge them."""
    options = ["--quiet", f"--output={output}", f"--rate={_plain(rate)}"]
    if not children:
        options.append("--no-children")
    if not cumulative:
        options.append("--no-cumulative")
    if not awaits:
        options.append("--no-awaits")
    for name, value in (("max-depth", max_depth), ("max-overhead", max_overhead),
                        ("duration", duration), ("keep", keep)):
        if value is not None:
            options.append(f"--{name}={_plain(value)}")
    return options


def _plain(value: Number) -> str:
    """1e-05 is no number there, 0.00001 is one."""
    return f"{value:f}" if isinstance(value, float) else str(value)


def _absolute(output: Path) -> str:
    name = os.fsdecode(output)
    if not name or "\0" in name:
        raise Error(f"{name!r} is no name of a file to record into")
    try:
        return os.path.abspath(name)
    except OSError as error:
        raise Error(f"{name}: the working directory is gone ({error.strerror}): name a whole path"
                    ) from None


def begin(output: Path, rate: Number, children: bool, max_depth: Optional[int], cumulative: bool,
          max_overhead: Optional[Number], duration: Optional[Number],
          keep: Optional[str], awaits: bool = True) -> Recording:
    """Begin to record, or join the recording that this process is in."""
    path = _absolute(output)
    state = _now()
    with state.lock:
        if state.session is not None:
            raise Error(f"this process is being recorded already, into {state.session.recording.path}: "
                        "call pyrec.stop() first")
        agent = _loaded()
        door = agent.door()
        if door is not None:
            state.session = _join(door)
        elif agent.is_recorded():
            raise Error("this process is being recorded already, by another pyrec that has brought its "
                        "own libpyrec.so: wait for its end")
        else:
            options = options_of(path, rate, children, max_depth, cumulative, max_overhead, duration,
                                 keep, awaits)
            door = agent.collect(options)
            _attach(agent, door, path)
            state.session = _Session(door, False, Recording(path))
        state.session.recording._door = door
        return state.session.recording


def _join(door: Door) -> _Session:
    said = door.ask(WHERE)
    if said is None:
        raise Error("this process is being recorded by a pyrec that does not answer: is it of another "
                    "version than this package?")
    if said.is_split:
        raise Error(f"this process is being recorded already, into several files ({said.path}): read "
                    "them with pyanalyze, or record without --rotate")
    recording = Recording(said.path)
    recording.begin_s = said.time_ns / 1e9
    return _Session(door, True, recording)


def _attach(agent: Agent, door: Door, path: str) -> None:
    try:
        agent.attach(door)
    except Error:
        door.ask(END)
        try:
            os.unlink(path)  # nothing is in it
        except OSError:
            pass
        raise


def leave() -> None:
    """At the end of a block: as end(), but a child of fork() that comes there, too, just goes on."""
    state = _now()
    if state.session is None and state.inherited is not None and _lives(state.inherited.pid):
        return
    end()


def end() -> Recording:
    """Complete what start() has begun."""
    state = _now()
    with state.lock:
        session, state.session = state.session, None
        if session is None:
            session = _orphaned(state)
        session.recording._door = None
        return _left(session) if session.is_joined else _ended(session)


def _orphaned(state: _State) -> _Session:
    """A daemon ends what its parent began before it went away."""
    session = state.inherited
    if session is None:
        raise Error("nothing is being recorded: call pyrec.start() first")
    if _lives(session.pid):
        raise Error(f"pyrec.start() was called in process {session.pid}, which this one was forked from: "
                    "call pyrec.stop() there")
    state.inherited = None
    return session


def _lives(pid: int) -> bool:
    """A zombie does not."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False


def _left(session: _Session) -> Recording:
    """Someone else's recording goes on; all of it up to now is to be read."""
    recording = session.recording
    _sources.hand_over(session.door)
    said, why = _asked(session.door, FLUSH)
    if said is not None and said.outcome == DONE:
        recording.path = said.path
        recording.end_s = said.time_ns / 1e9
    else:
        recording._ends_early(why)
    return recording


def _ended(session: _Session) -> Recording:
    recording = session.recording
    _sources.hand_over(session.door)
    _loaded().leave()
    said, why = _asked(session.door, END)
    if said is not None or not _lives(session.door.pid):
        _bury(session.door.pid)
    if said is not None and said.outcome == DONE:
        recording.summary = said.text
    else:
        recording._ends_early(why)
    return recording


def _asked(door: Door, what: int) -> Tuple[Optional[Answer], str]:
    """What pyrec answers, and what is wrong where it is not done. Nothing is raised: what happens to a
    recorder is no reason for the program to fail."""
    try:
        said = door.ask(what)
    except Error as error:
        return None, str(error)
    if said is not None:
        return said, said.text
    if _lives(door.pid):
        return None, f"pyrec (process {door.pid}) cannot be reached any more"
    return None, f"pyrec (process {door.pid}) is gone: it was told to end, was killed, or has crashed"


def _bury(pid: int) -> None:
    """Where all orphans are this process's children (process 1), so is pyrec, which ends now or has
    ended; else this does nothing."""
    try:
        os.waitpid(pid, 0)
    except OSError:
        pass


def is_recording() -> bool:
    """Whether start() was called in this interpreter, and not stop() since."""
    return _now().session is not None


def _at_exit() -> None:
    state = _now()
    if state.session is None or state.session.is_joined:
        return
    try:
        wrong = end().problem
    except Error as error:
        wrong = str(error)
    if wrong is not None and sys.stderr is not None:
        sys.stderr.write(f"pyrec: {wrong}\n")


# Registered here, and not by start(): what was registered before goes on being recorded, and the
# order of the others is what the program has made it.
atexit.register(_at_exit)
