# SPDX-License-Identifier: MIT
"""pytest --pyrec: which tests are heavy, and in which line.

Each test is a phase "test", its setup, call and teardown are phases within it, and so is each fixture,
wherever it is made. Workers of pytest-xdist are recorded into the same file.
"""
import importlib
import os
from typing import Any, Dict, Iterator, List, Optional, cast

from . import _control
from ._error import Error
from ._phases import phase
from ._recording import Recording

pytest: Any = importlib.import_module("pytest")
TESTS, FIXTURES = 10, 5
FILE, PAGE = "pytest.trace", "pytest.html"
BARE = {"--pyrec": FILE, "--pyrec-report": PAGE}


def pytest_addoption(parser: Any) -> None:
    group = parser.getgroup("pyrec", "recording where tests spend their time")
    group.addoption("--pyrec", nargs="?", const=FILE, default=None, metavar="FILE",
                    help=f"record the tests into FILE (default {FILE}) and tell the heaviest ones")
    group.addoption("--pyrec-rate", default="1k", metavar="HZ",
                    help="samples per second, 1 to 10000 (default 1k)")
    group.addoption("--pyrec-report", nargs="?", const=PAGE, default=None, metavar="FILE",
                    help=f"write the page of pyanalyze report, too (default {PAGE})")


@pytest.hookimpl(tryfirst=True)  # type: ignore
def pytest_load_initial_conftests(args: List[str]) -> None:
    """A file is named behind "=" only: in `pytest --pyrec tests` the tests are not the file."""
    for i, word in enumerate(args):
        if word == "--":
            break
        if word in BARE:
            args[i] = f"{word}={BARE[word]}"


def _check_file(option: str, path: Optional[str]) -> None:
    """Where that hook is not called, in a plugin that is loaded late, a test is not to be replaced."""
    if path is not None and (path.endswith((".py", ".txt", ".rst")) or "::" in path or os.path.isdir(path)):
        raise pytest.UsageError(f"{option}={path}: this is no file to write to; say {option}=FILE {path}")


def pytest_configure(config: Any) -> None:
    path = config.getoption("--pyrec")
    for option in BARE:
        _check_file(option, config.getoption(option))
    if path is None and config.getoption("--pyrec-report") is not None:
        path = FILE
    if path is None:
        return
    if hasattr(config, "workerinput"):  # the process that has started this one records it
        config.pluginmanager.register(_Phases(), "pyrec-phases")
        return
    try:
        recording = _control.begin(path, config.getoption("--pyrec-rate"), True, None, True, None, None,
                                   None)
    except Error as error:
        raise pytest.UsageError(f"--pyrec: {error}") from None
    config.pluginmanager.register(_Phases(), "pyrec-phases")
    config.pluginmanager.register(_Session(config, recording), "pyrec-session")


class _Phases:
    """In each process that runs tests."""

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)  # type: ignore
    def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
        with phase("test", item.nodeid):
            yield

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)  # type: ignore
    def pytest_runtest_setup(self) -> Iterator[None]:
        with phase("setup"):
            yield

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)  # type: ignore
    def pytest_runtest_call(self) -> Iterator[None]:
        with phase("call"):
            yield

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)  # type: ignore
    def pytest_runtest_teardown(self) -> Iterator[None]:
        with phase("teardown"):
            yield

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)  # type: ignore
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        with phase("fixture", f"{fixturedef.baseid}::{fixturedef.argname}".lstrip(":")):
            yield


class _Session:
    """In the process that was started: from its beginning to the summary."""

    def __init__(self, config: Any, recording: Recording) -> None:
        self.config, self.recording = config, recording
        self.failed: Optional[str] = None

    @pytest.hookimpl(hookwrapper=True, trylast=True)  # type: ignore
    def pytest_sessionfinish(self) -> Iterator[None]:
        yield
        self.end()

    def end(self) -> None:
        if self.recording._door is None:
            return
        try:
            self.recording = _control.end()
        except Error as error:
            self.failed = str(error)

    def pytest_unconfigure(self) -> None:
        self.end()

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        report = self.config.getoption("--pyrec-report")
        terminalreporter.section("pyrec")
        try:
            if self.failed is not None:
                raise Error(self.failed)
            for line in _told(self.recording):
                terminalreporter.write_line(line)
            if report is not None:
                terminalreporter.write_line(f"page: {self.recording.report(report)}")
        except Error as error:
            terminalreporter.write_line(f"nothing can be told: {error}")


# ---- what is told ----

def _pattern(text: str) -> str:
    """As --phase takes it: for itself and nothing else."""
    return "".join(f"[{letter}]" if letter in "*?[" else "\\\\" if letter == "\\" else letter for letter in text)


def _heaviest(rows: List[Dict[str, Any]], name: str, most: int) -> List[Dict[str, Any]]:
    merged: Dict[str, Dict[str, Any]] = {}
    for row in rows:  # one per process: a fixture may be made in each worker
        if row["phase"] != name:
            continue
        into = merged.setdefault(str(row["detail"]), {"detail": row["detail"], "count": 0, "total": 0.0,
                                                      "cpu_time": 0.0, "blocked": 0.0, "samples": 0})
        for column in ("count", "total", "cpu_time", "blocked", "samples"):
            into[column] += row[column]
    return sorted(merged.values(), key=lambda row: -float(row["total"]))[:most]


def _hottest(recording: Recording, row: Dict[str, Any]) -> str:
    """Where its CPU went; of one that mostly waits, where it did."""
    waits = row["blocked"] > row["total"] / 2
    rows = recording.lines(phase=f"test={_pattern(row['detail'])}", merge_threads=True, limit=1,
                           by="wall" if waits else "cpu", columns="share,error,file,line,function")
    return _line_of(cast(Dict[str, Any], rows[0]), "the time" if waits else "CPU") if rows else "-"


def _line_of(row: Dict[str, Any], of: str) -> str:
    file = "/".join(row["file"].split("/")[-2:])
    return (f"{row['share'] * 100:.0f} % ±{row['error'] * 100:.0f} of {of} in {file}:{row['line']} "
            f"{row['function']}")


def _told(recording: Recording) -> Iterator[str]:
    if recording.problem is not None and not os.path.exists(recording.path):
        yield recording.problem
        return
    rows = recording._rows("phases", {"by": "detail"})
    tests = _heaviest(rows, "test", TESTS)
    if not tests:
        yield recording.problem or "no test was run"
        return
    yield "   wall     cpu  samples  test: its heaviest line"
    for row in tests:
        yield f"{row['total']:7.3f} {row['cpu_time']:7.3f} {row['samples']:8d}  {row['detail']}"
        if row["samples"] > 0:
            yield f"{'':26}{_hottest(recording, row)}"
    fixtures = _heaviest(rows, "fixture", FIXTURES)
    if fixtures:
        yield "   wall     cpu   made    fixture"
        for row in fixtures:
            yield f"{row['total']:7.3f} {row['cpu_time']:7.3f} {row['count']:6d}    {row['detail']}"
    yield recording.summary
